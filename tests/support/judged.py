"""Pages and locators made at random, for a browser and for `etl.pages.locators` to judge."""

from __future__ import annotations

import random
from typing import Final

from cssselect import HTMLTranslator

from etl.pages.locators.match import Elements
from etl.pages.locators.tree import Tree
from etl.pages.page import Page


def by_cssselect(page: Page, selector: str) -> list[int]:
    """The elements that cssselect and lxml find for a whole selector, in the tree that XPaths are
    evaluated on.
    """
    tree = Tree(Elements(page))
    found = tree.root.xpath(HTMLTranslator().css_to_xpath(selector, prefix="descendant-or-self::"))
    indices = {tree.index(item) for item in found}
    return sorted(index for index in indices if index is not None)


_IDS: Final = ["a", "A", "b", "1-tab", "x:y", "é", "", "main"]
_CLASSES: Final = ["on", "ON", "off", "w-1/2", "md:flex", "on off", " on\n", "", "x_y", "2x"]
_TEXTS: Final = ["Find", " Find\n", "Save all", "", " ", "\n", "x", "é", "a&amp;b", "10", "&nbsp;"]
_TYPES: Final = (
    "text SUBMIT submit checkbox radio hidden Radio number range color email file reset button"
).split()
_ATTRIBUTES: Final[dict[str, list[str]]] = {
    "id": _IDS,
    "class": _CLASSES,
    "title": ["Say &quot;hi&quot;", "find", "Find", "en-GB", "en", ""],
    "data-x": ["Go", "go", "go on", "", "1"],
    "lang": ["en", "EN-gb", "de"],
    "rel": ["Next", "next"],
    "name": ["q", "Q", "user[email]"],
    "href": ["/in", "#", ""],
    "xlink:href": ["#g", "#G"],
    "type": _TYPES,
    "viewbox": ["0 0 9 9"],
    "@click": ["go"],
    "v-on:x": ["y"],
    "dir": ["LTR"],
    "value": ["1", "Find"],
    "disabled": [""], "checked": [""], "selected": [""], "required": [""], "multiple": [""],
    "size": ["3", "1", "x"],
}  # fmt: skip
_INLINE: Final = ["span", "b", "i", "a", "label", "button", "my-el"]
_INPUTS: Final = ["input", "input", "textarea", "select", "img", "br"]


class Pages:
    """Pages whose elements a browser makes as they are written."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def page(self) -> str:
        """A whole page, with one of several document types."""
        kind = self.chance.choice(
            ["<!DOCTYPE html>"] * 3 + ["", '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 3.2//EN">']
        )
        body = "".join(self.block(4) for _ in range(self.chance.randint(2, 5)))
        head = f"<html{self.attributes()}><head><title>Stock</title></head>"
        return f"{kind}{head}<body{self.attributes()}>{body}</body></html>"

    def attributes(self, *wanted: str) -> str:
        names = list(wanted)
        names += self.chance.sample(list(_ATTRIBUTES), self.chance.choice([0, 0, 1, 1, 2, 3]))
        return "".join(
            f' {name}="{self.chance.choice(_ATTRIBUTES[name])}"'
            for name in dict.fromkeys(names)
            if self.chance.random() < 0.8
        )

    def text(self) -> str:
        return self.chance.choice(_TEXTS) + (self.chance.choice(["", "", "<!-- c -->", "<!---->"]))

    def block(self, depth: int) -> str:
        if depth == 0:
            return self.text() + self.inline(1)
        kind = self.chance.randrange(11)
        inner = "".join(self.block(depth - 1) for _ in range(self.chance.randint(0, 3)))
        if kind == 0:
            items = "".join(
                f"<li{self.attributes()}>{self.text()}</li>"
                for _ in range(self.chance.randint(0, 5))
            )
            return f"<ul{self.attributes()}>{items}</ul>{self.text()}"
        if kind == 1:
            return f"<p{self.attributes()}>{self.text()}{self.inline(2)}</p>"
        if kind == 2:
            return self.svg(depth)
        if kind == 3:
            legend = (
                f"<legend{self.attributes()}>{self.inline(1)}</legend>"
                if self.chance.random() < 0.5
                else ""
            )
            return (
                f"<fieldset{self.attributes('disabled')}>{legend}{inner}{self.inputs()}</fieldset>"
            )
        if kind == 4:
            return (
                f'<template{self.attributes()}><div id="a" '
                f'class="on"><li></li></div></template>{self.text()}'
            )
        if kind == 5:
            rows = "".join(
                f"<tr{self.attributes()}><td>{self.text()}</td><td{self.attributes()}>{self.inline(1)}</td></tr>"
                for _ in range(self.chance.randint(0, 3))
            )
            return f"<table><tbody>{rows}</tbody></table>"
        if kind == 6:
            tag = "section" if "form" in inner else "form"
            return f"<{tag}{self.attributes()}>{self.inputs()}{inner}</{tag}>"
        tag = self.chance.choice(["div", "div", "section", "nav", "my-el", "x-card"])
        return f"<{tag}{self.attributes()}>{self.text()}{inner}{self.inline(1)}</{tag}>"

    def inline(self, depth: int) -> str:
        tag = self.chance.choice(_INLINE)
        if depth == 0 or tag in ("a", "button", "label"):
            return (
                f"<{tag}{self.attributes('href' if tag == 'a' else 'class')}>{self.text()}</{tag}>"
            )
        return f"<{tag}{self.attributes()}>{self.text()}{self.inline(depth - 1)}</{tag}>"

    def inputs(self) -> str:
        return "".join(self.input() for _ in range(self.chance.randint(0, 4)))

    def input(self) -> str:
        tag = self.chance.choice(_INPUTS)
        if tag == "select":
            group = f"<optgroup{self.attributes('disabled')}>{self.options()}</optgroup>"
            return f"<select{self.attributes('size')}>{self.options()}{group}</select>"
        if tag == "textarea":
            start = f"<textarea{self.attributes('required')}>"
            return f"{start}{self.chance.choice(_TEXTS).strip()}</textarea>"
        if tag == "input":
            wanted = self.chance.sample(["required", "checked", "name", "disabled"], 2)
            return f"<input{self.attributes('type', *wanted)}>"
        return f"<{tag}{self.attributes()}>"

    def options(self) -> str:
        return "".join(
            f"<option{self.attributes('selected')}>{self.chance.choice(_TEXTS)}</option>"
            for _ in range(self.chance.randint(0, 3))
        )

    def svg(self, depth: int) -> str:
        tags = ["g", "path", "linearGradient", "a", "use", "title", "style", "x-card"]
        parts = "".join(
            f"<{tag}{self.attributes('xlink:href')}>{self.chance.choice(['', 'x'])}</{tag}>"
            for tag in self.chance.sample(tags, self.chance.randint(0, 4))
        )
        if self.chance.random() < 0.4:
            parts += f"<foreignObject{self.attributes()}>{self.block(depth - 1)}</foreignObject>"
        if self.chance.random() < 0.3:
            parts += f"<g{self.attributes()}><path{self.attributes('type')}/><path/></g>"
        whole = f"<svg{self.attributes('viewbox', 'type')}>{parts}</svg>"
        return (
            whole
            if self.chance.random() < 0.8
            else f"<math><mi{self.attributes()}>{whole}</mi><mn>1</mn></math>"
        )


_SLIPS: Final = [
    "",
    "[",
    "]",
    ")",
    "(",
    "\\",
    ",",
    "'",
    ":",
    " ",
    "/**/",
    "#",
    "*",
    "|",
    "é",
    "/",
    "@",
    "$x",
]


def slipped(text: str, chance: random.Random) -> str:
    """A text after a slip of the pen."""
    at = chance.randrange(len(text) + 1)
    return text[:at] + chance.choice(_SLIPS) + text[at + chance.randrange(2) :]


_TAGS: Final = (
    "div span li LI ul p a button input option select svg path linearGradient lineargradient "
    "foreignObject g section my-el html body td tr fieldset textarea label use"
).split()
_NAMED: Final = (
    (
        ".on .ON .off #a #A #\\31\\ -tab #main #x\\:y .w-1\\/2 .md\\:flex .\\32\\ x #\\e9 #é .x_y "
        "#\\000061 #1-tab"
    )
    .replace("\\ ", "\0")
    .split(" ")
)
_PSEUDOS: Final = (
    "root empty first-child last-child only-child first-of-type last-of-type only-of-type link "
    "any-link checked disabled enabled required optional scope"
).split()
_COUNTS: Final = "1;2;3;-1;0;odd;even;2n;2n+1;n;-n+2;+n;3n - 1;n+2; 2 ;2N;-2n+3".split(";")
_CSS_NAMES: Final = {"@click": "\\@click", "v-on:x": "v-on\\:x", "xlink:href": "xlink\\:href"}


class Selectors:
    """CSS selectors, most of them valid."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.one = chance.choice

    def selector(self) -> str:
        text = self.list(2)
        return slipped(text, self.chance) if self.chance.random() < 0.1 else text

    def list(self, depth: int) -> str:
        return self.one([", ", ","]).join(
            self.chain(depth) for _ in range(self.one([1, 1, 1, 1, 2]))
        )

    def chain(self, depth: int) -> str:
        text = self.part(depth)
        for _ in range(self.one([0, 0, 1, 1, 2])):
            text += self.one([" ", " > ", ">", " + ", "~", " /* c */ ", "  "]) + self.part(depth)
        return text

    def part(self, depth: int) -> str:
        text = self.one(["", "", "*", "*|*", "*|div", *_TAGS, *_TAGS])
        for _ in range(self.one([0, 1, 1, 2]) if text else self.one([1, 1, 2])):
            text += self.condition(depth)
        return text

    def condition(self, depth: int) -> str:
        kind = self.chance.randrange(4)
        if kind == 0:
            return self.one(_NAMED).replace("\0", " ")
        return self.attribute() if kind == 1 else self.pseudo(depth)

    def attribute(self) -> str:
        name = self.one([*_ATTRIBUTES, "TYPE", "viewBox", "*|href", "|href"])
        name = _CSS_NAMES.get(name, name)
        if self.chance.random() < 0.2:
            return f"[{name}]"
        value = self.one(
            [*_ATTRIBUTES.get(name.lower(), ["go", "#g", "0 0 9 9", "SUBMIT", "y"]), "f", "on", ""]
        )
        value = value.replace("&quot;", '\\"').replace("\n", "\\a ")
        if self.chance.random() < 0.2:
            value = value.upper()
        operator = self.one(["=", "=", "=", "~=", "|=", "^=", "$=", "*=", " = "])
        if value.isalpha() and self.chance.random() < 0.4:
            return f"[{name}{operator}{value}{self.one(['', '', ' i'])}]"
        return f'[{name}{operator}"{value}"{self.one(["", "", "", "", " i", " s", "i", " I"])}]'

    def pseudo(self, depth: int) -> str:
        kind = self.chance.randrange(8)
        if depth == 0 or kind < 3:
            return ":" + self.one(_PSEUDOS)
        if kind == 3:
            of = f" of {self.list(depth - 1)}" if self.chance.random() < 0.3 else ""
            return f":{self.one(['nth-child', 'nth-last-child'])}({self.one(_COUNTS)}{of})"
        if kind == 4:
            return f":{self.one(['nth-of-type', 'nth-last-of-type'])}({self.one(_COUNTS)})"
        if kind == 5:
            return f":has({self.one(['', '> ', '+ ', '~ '])}{self.chain(depth - 1)})"
        return f":{self.one(['not', 'is', 'where'])}({self.list(depth - 1)})"


_AXES: Final = (
    "child descendant parent ancestor following-sibling preceding-sibling following preceding self "
    "descendant-or-self ancestor-or-self"
).split()
_STEPS: Final = (
    "* div DIV span li ul p a button input option select svg path linearGradient my-el My-El body "
    "html node() td section"
).split()
_POSITIONS: Final = "1;2;last();last()-1;position()=2;position() mod 2 = 1;position()>1".split(";")
_TEXT_CONDITIONS: Final = (
    "normalize-space()='Find';text()='Find';contains(.,'Find');contains(text(),'all');.='Save all';"
    "starts-with(normalize-space(.), "
    "'S');string-length()>3;text()[2];normalize-space(text())='';text()='\u00a0';contains(., "
    "'\u00a0');string()='x'"
).split(";")
_NAME_CONDITIONS: Final = (
    "name()='svg';local-name()='svg';local-name()='linearGradient';name()='path';name()='div';name()='DIV';"
    "namespace-uri()='http://www.w3.org/2000/svg';namespace-uri()='http://www.w3.org/1999/xhtml';local-name(..)='g';"
    "name(@*[1])='id';local-name()='foreignObject'"
).split(";")
_OTHER_CONDITIONS: Final = (
    "count(preceding-sibling::*)=1;count(@*)=2;count(ancestor::*)=3;@*='on';count(.|//li[1])=1;sum(@value)=1;id('a');"
    "translate(@class,'ON','on')='on';lower-case(@class)='on';concat(@id,@class)='aon';substring(@class,2)='n';"
    "substring-after(@class,'o')='n';number(@data-x)=1;round(1.5)=2;boolean(@id);count(//comment())>1;"
    "self::li or self::LI;"
    "string(@id);-1;1.0;true();lang('en');@type=@type;floor(count(*) div 2)=1;* > 1;3 > 2 and "
    "1;*;li;@*;text();..;self::div;"
    "not(@id);contains(@id)"
).split(";")
_XPATH_NAMES: Final = (
    "id class title data-x type TYPE Type name href viewBox viewbox VIEWBOX value lang".split()
)


class XPaths:
    """XPaths, most of them valid."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.one = chance.choice

    def path(self) -> str:
        text = " | ".join(self.whole() for _ in range(self.one([1, 1, 1, 1, 2])))
        return slipped(text, self.chance) if self.chance.random() < 0.08 else text

    def whole(self) -> str:
        kind = self.chance.randrange(9)
        if kind == 0:
            ids = self.one(['"a"', "'main'", "'a A  b'", "//@title", "//*[@name]/@value"])
            return f"id({ids})" + self.one(["", "/" + self.steps(1)])
        if kind == 1:
            position = self.one(["1", "2", "last()", "position()<3"])
            return f"({self.start()}{self.steps(1)})[{position}]" + self.one(
                ["", "/" + self.steps(1)]
            )
        if kind == 2:
            tags = [
                self.one(["DIV", "UL", "LI", "P", "SPAN", "*"])
                for _ in range(self.chance.randint(1, 3))
            ]
            return "/HTML[1]/BODY[1]/" + "/".join(
                f"{tag}[{self.chance.randint(1, 2)}]" for tag in tags
            )
        return self.start() + self.steps(2)

    def start(self) -> str:
        return self.one(
            ["//"] * 3 + ["/html/body/", "html/body/", "/html/", ".//", "/", "./", "descendant::"]
        )

    def steps(self, depth: int) -> str:
        return self.one(["/", "/", "//"]).join(
            self.step(depth) for _ in range(self.one([1, 1, 2, 2, 3]))
        )

    def step(self, depth: int) -> str:
        if self.chance.random() < 0.08:
            return self.one(["..", ".", "text()", "node()", "@id", "@*"])
        axis = self.one(_AXES) + "::" if self.chance.random() < 0.3 else ""
        conditions = (f"[{self.condition(depth)}]" for _ in range(self.one([0, 0, 1, 1, 2])))
        return axis + self.one(_STEPS) + "".join(conditions)

    def condition(self, depth: int) -> str:
        kind = self.chance.randrange(12)
        if kind < 2:
            return self.attribute()
        if kind == 2:
            return f"{self.attribute()} {self.one(['and', 'or'])} {self.attribute()}"
        if kind == 3:
            return (
                f"count({self.steps(0)}) {self.one(['=', '>', '<', '!='])} "
                f"{self.chance.randint(0, 3)}"
            )
        if kind == 4:
            return f"not({self.steps(0)})"
        if kind == 5 and depth:
            return self.one(["", "./", ".//", "//", "../", "/html/"]) + self.steps(depth - 1)
        return self.one(
            self.one([_POSITIONS, _TEXT_CONDITIONS, _NAME_CONDITIONS, _OTHER_CONDITIONS])
        )

    def attribute(self) -> str:
        name = self.one(_XPATH_NAMES)
        value = self.one([*_ATTRIBUTES.get(name.lower(), [""]), "on"]).replace("&quot;", "")
        forms = [
            f"@{name}='{value}'",
            f'@{name}="{value}"',
            f"attribute::{name}='{value}'",
            f"@{name}!='{value}'",
        ]
        return self.one(
            [
                *forms,
                f"@{name}",
                f"contains(@{name}, '{value}')",
                f"starts-with(@{name}, '{value}')",
            ]
        )
