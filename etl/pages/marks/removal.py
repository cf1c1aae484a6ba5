"""Taking marks off a page: attributes, classes, declarations, texts, and whole elements.

The page is written anew, with each element where it was, so that node ids and the target stay. An
element that goes gets a tag that no rule keeps, and so do those in it; their texts are left out.
One that holds the target is unwrapped, and of the target itself only the mark goes. An
element of which nothing is left goes too. Comments do not stay.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Annotated, Final, NamedTuple

from etl.pages.doctype import QUIRKS, STANDARDS
from etl.pages.marks.names import declarations, declared, spaced
from etl.pages.marks.outline import Outline, outline
from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.tokens import EMPTY, END, REFERENCE_TAGS, START, Token

GONE: Final = "x-stepmill-gone-"
"""The beginning of the tag of an element that goes; no rule keeps it."""
_BOUND: Final = frozenset(("svg", "math", "template"))
"""Elements that decide how their content is read: they are never unwrapped."""
_DOCTYPES: Final = {STANDARDS: "<!doctype html>", QUIRKS: '<!doctype html public "-//ietf//dtd">'}
_REMEMBERED: Final = 2**16  # start tags and texts whose edits are remembered
_UNWRITABLE: Final = frozenset(" \t\n\f\r\"'<>/=`\0")


@dataclass(frozen=True)
class Marks:
    """Lists of marks (`etl.pages.marks.names`)."""

    attributes: Annotated[
        frozenset[str], "attributes that go: NAME, or NAME=VALUE for those with that value"
    ] = frozenset()
    classes: Annotated[frozenset[str], "words of class that go"] = frozenset()
    styles: Annotated[
        frozenset[str], 'declarations of style that go, such as "outline: 2px solid red"'
    ] = frozenset()
    texts: Annotated[frozenset[str], "texts between two tags that go, each a whole one"] = (
        frozenset()
    )
    beginnings: Annotated[frozenset[str], "words that go where a text begins with them"] = (
        frozenset()
    )
    endings: Annotated[frozenset[str], "words that go where a text ends with them"] = frozenset()
    elements: Annotated[
        frozenset[str],
        "elements that go with their content: those with an attribute NAME or NAME=VALUE, or a "
        "class .WORD",
    ] = frozenset()

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(Marks))


class Cleaned(NamedTuple):
    """A page without marks."""

    # None if there are none on it
    html: str | None
    # the settings and entries that matched: ``texts REC``
    matched: frozenset[str]


class Edit(NamedTuple):
    """What becomes of a start tag or a text."""

    text: str
    matched: tuple[str, ...]
    # the whole element goes
    goes: bool = False
    # no attribute is left
    bare: bool = False


class Remover:
    """Takes the marks of some lists off pages."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._styles = {declared(each) or each: each for each in sorted(marks.styles)}
        self._texts = {spaced(each): each for each in sorted(marks.texts)}
        by_length = sorted(marks.beginnings, key=lambda each: (-len(each), each))
        self._beginnings = [(spaced(each), each) for each in by_length]
        by_length = sorted(marks.endings, key=lambda each: (-len(each), each))
        self._endings = [(spaced(each), each) for each in by_length]
        self._tag = lru_cache(_REMEMBERED)(self._of_tag)
        self.of_text = lru_cache(_REMEMBERED)(self._of_text)

        self._names = _names(marks)

    def may_change(self, utf8: bytes) -> bool:
        """Whether a page may have marks, by the names in its bytes; most pages have none.

        utf8: the page as written. Classes, styles and texts may be written with references, so
        nothing is said of these.
        """
        if self._names is None:
            return True
        small = utf8.lower()
        return any(name in small for name in self._names)

    def clean(self, page: Page, spared: Collection[int] = ()) -> Cleaned:
        """A page without the marks. Takes time linear in the page.

        spared: elements that stay, whatever marks they have: the target.

        Raises:
            ArithmeticError: the page that was written has other elements; a defect of ours.
        """
        tags: dict[int, Edit] = {}
        texts: dict[int, Edit] = {}
        of_texts = bool(self._texts or self._beginnings or self._endings)
        for place, token in enumerate(page.tokens):
            if token.element and (edit := self._tag(token.kind, token.tag, token.markup)):
                tags[place] = edit
            if of_texts and token.raw_text and _is_text(token):
                said = self.of_text(token.text)
                if said is not None:
                    texts[place] = said
        matched = frozenset(
            entry for edit in (*tags.values(), *texts.values()) for entry in edit.matched
        )
        if not matched:
            return Cleaned(None, matched)
        html = _written(page, tags, texts, frozenset(spared))
        if read(html).elements != page.elements:
            raise ArithmeticError("a page that was written without marks has other elements")
        return Cleaned(html, matched)

    def _of_tag(self, kind: int, tag: str, markup: str) -> Edit | None:
        """A start tag without marks; None if it has none."""
        attributes = Token(kind, tag, markup).attributes()
        lists, matched, goes = self._marks, list[str](), False
        left: dict[str, str] = {}
        for name, value in attributes.items():
            said = f"{name}={spaced(value)}"
            own = [each for each in (name, said) if each in lists.attributes]
            of_elements = [each for each in (name, said) if each in lists.elements]
            kept = value
            if name == "class":
                words = value.split()
                own_words = [word for word in words if word in lists.classes]
                for_element = [word for word in words if f".{word}" in lists.elements]
                matched += [f"classes {word}" for word in own_words]
                of_elements += [f".{word}" for word in for_element]
                taken = {*own_words, *for_element}
                if taken:
                    kept = " ".join(word for word in words if word not in taken)
            elif name == "style" and self._styles:
                each = [(one, self._styles.get(declared(one))) for one in declarations(value)]
                if any(entry for _, entry in each):
                    matched += [f"styles {entry}" for _, entry in each if entry]
                    kept = ";".join(one for one, entry in each if not entry).strip()
            matched += [f"attributes {entry}" for entry in own]
            matched += [f"elements {entry}" for entry in of_elements]
            goes = goes or bool(of_elements)
            if not own and not {name, said}.intersection(of_elements) and (kept or not value):
                left[name] = kept
        if not matched:
            return None
        return Edit(_start_tag(kind, tag, left), tuple(dict.fromkeys(matched)), goes, not left)

    def _of_text(self, text: str) -> Edit | None:
        """A text without marks; None if it has none."""
        said = spaced(text)
        if entry := self._texts.get(said):
            return Edit("", (f"texts {entry}",))
        matched: list[str] = []
        for words, entry in self._beginnings:
            if said == words or said.startswith(f"{words} "):
                said = said[len(words) + 1 :]
                matched.append(f"beginnings {entry}")
                break
        for words, entry in self._endings:
            if said == words or said.endswith(f" {words}"):
                said = said[: -len(words) - 1]
                matched.append(f"endings {entry}")
                break
        return Edit(said, tuple(matched)) if matched else None


def _names(marks: Marks) -> tuple[bytes, ...] | None:
    """The names of attributes, one of which is in each page with marks; None if nothing is sure."""
    entries = marks.attributes | marks.elements
    names = sorted({each.partition("=")[0] for each in entries})
    others = marks.classes | marks.styles | marks.texts | marks.beginnings | marks.endings
    if others or not all(name.isascii() and not name.startswith(".") for name in names):
        return None
    return tuple(name.lower().encode() for name in names)


def _written(
    page: Page, tags: Mapping[int, Edit], texts: Mapping[int, Edit], spared: frozenset[int]
) -> str:
    """A page as markup, with these edits by the place of their token."""
    tree = outline(page)
    renamed, silent = _gone(page, tree, tags, texts, spared)
    out: list[str] = [_DOCTYPES.get(page.mode, "")]
    element = -1
    for place, token in enumerate(page.tokens):
        goes = False
        if token.element:
            element += 1
            goes = element in renamed
            if goes:
                out.append(_start_tag(token.kind, GONE + token.tag, {}))
            else:
                out.append(tags[place].text if place in tags else token.markup)
        elif token.kind == END:
            out.append(f"</{GONE if tree.closed[place] in renamed else ''}{token.tag}>")
        elif place:
            out.append("<!---->")
        if tree.owners[place] in silent or (goes and token.opens_raw):
            continue
        out.append(_escape(texts[place].text) if place in texts else _text(token))
    return "".join(out)


def _gone(
    page: Page,
    tree: Outline,
    tags: Mapping[int, Edit],
    texts: Mapping[int, Edit],
    spared: frozenset[int],
) -> tuple[frozenset[int], frozenset[int]]:
    """The elements that get another tag, and those whose text goes too."""
    goes = {page.begun(place) for place, edit in tags.items() if edit.goes}
    for place in tags.keys() | texts.keys():
        token, owner = page.tokens[place], tree.owners[place]
        if token.kind != START or place + 1 >= len(page.tokens):
            continue
        empty = not (texts[place].text if place in texts else token.raw_text.strip())
        bare = tags[place].bare if place in tags else token.is_bare
        if empty and bare and tree.closed[place + 1] == owner:
            goes.add(owner)
    if not goes:
        return frozenset(), frozenset()
    holding = set(spared)
    for each in spared:
        while (each := tree.parents[each]) >= 0:
            holding.add(each)
    silent: set[int] = set()
    for element, parent in enumerate(tree.parents):
        if element not in holding and (parent in silent or element in goes):
            silent.add(element)
    unwrapped = {
        each
        for each in (goes & holding) - spared
        if page.tokens[page.position(each)].tag not in _BOUND
    }
    return frozenset(silent | unwrapped), frozenset(silent)


def _start_tag(kind: int, tag: str, attributes: Mapping[str, str]) -> str:
    """A start tag as markup."""
    written = "".join(
        f' {name}="{_escape(value).replace(chr(34), "&quot;")}"'
        for name, value in attributes.items()
        if _UNWRITABLE.isdisjoint(name)
    )
    return f"<{tag}{written}{'/' if kind == EMPTY else ''}>"


def _is_text(token: Token) -> bool:
    """Whether the text after a token is written as text is elsewhere."""
    return not token.opens_raw or token.tag in REFERENCE_TAGS


def _text(token: Token) -> str:
    """The text after a token as markup."""
    if token.opens_raw and not (token.literal and token.tag in REFERENCE_TAGS):
        return token.raw_text
    return _escape(token.raw_text) if token.literal else token.raw_text


def _escape(text: str) -> str:
    """A text as markup holds it."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace("\r", "&#13;")
