"""Lines of text observations as elements: what of them can be a mark, and how marks come off.

A line has properties, as an element has attributes, and texts: ``[89] button 'Buy', focused``,
``[89] button 'Buy' focused: True``, ``- button "Buy" [active]``, ``[12]<button id=x>Buy</button>``.
What stands in no such form is a text as a whole, and so is what stands between id and role: a
marker before or behind a line is a text, its beginning or its end. Ids are no marks.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final, NamedTuple

from etl.pages.axtree import Tree
from etl.pages.marks.names import declarations, declared, spaced
from etl.pages.marks.removal import Marks, Remover

TAG: Final = "l-"
"""The beginning of the tag of a line's element."""

_QUOTED: Final = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_HEAD: Final = re.compile(
    r"\s*(?:[-*+]\s*|\|[^|\[\]\n]*\|?)*(\[[^\s\[\]]+\]:?|\d{1,9}:(?=\s*<))?\s*"
)
_LATER: Final = re.compile(r"[ \t]+(?=[A-Za-z][\w-]*[ \t]+['\"])")
_ROLE: Final = re.compile(
    rf"([A-Za-z][\w-]*)(?:[ \t]+({_QUOTED}))?(?=,|:?$|[ \t]+(?:\[|[\w-]+(?:=|:[ \t])))"
)
_PROPERTY: Final = re.compile(
    rf",[ \t]*(?P<a>[A-Za-z][\w-]*)(?:=(?P<av>{_QUOTED}|[^\s,]*))?(?=[ \t]*(?:,|$))"
    r"|[ \t]+\[(?P<b>[A-Za-z][\w-]*)(?:=(?P<bv>[^\[\]]*))?\]"
    rf"|[ \t]+(?P<d>[A-Za-z][\w-]*)=(?P<dv>{_QUOTED}|[^\s,]+)(?=[ \t]*(?:,|$)|[ \t])"
    rf"|[ \t]+(?P<c>[A-Za-z][\w-]*):[ \t]+(?P<cv>{_QUOTED}|[\w-]+)(?=[ \t]|$)"
)
_ATTRIBUTE: Final = re.compile(
    rf"\s+(?P<a>[A-Za-z_:][\w:.-]*)(?:=(?P<av>{_QUOTED}|(?:[^\s<>]|[ \t](?![\w:.-]+=|/?$))*))?"
)
_MARKUP: Final = re.compile(r"<(/?)([A-Za-z][\w-]*)([^<>]*)>")
_BETWEEN: Final = "<!---->"
"""What parts two texts of one element."""
_IDS: Final = frozenset(("ref",))


class Property(NamedTuple):
    """A property of a line, and where it stands, with what parts it from what is before."""

    name: str
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Line:
    """A line of a text observation."""

    role: str
    properties: Sequence[Property]
    # where its texts begin and end
    texts: Sequence[tuple[int, int]]


def parsed(line: str) -> Line:
    """What a line says."""
    head = _HEAD.match(line)
    at = head.end() if head else 0
    if _MARKUP.match(line, at) or (head and head[1] and _MARKUP.search(line, at)):
        return _of_markup(line, at)
    role, texts = _ROLE.match(line, at), list[tuple[int, int]]()
    if role is None and head and head[1]:  # something stands before it
        for place in _LATER.finditer(line, at):
            role = role or _ROLE.match(line, place.end())
        texts = [(at, role.start())] if role else []
    if role is None or (role[2] is None and not _is_form(line[role.end() :], head)):
        return Line("text", (), ((at, len(line)),) if at < len(line) else ())
    properties, end = list[Property](), role.end()
    while hit := _PROPERTY.match(line, end):
        kind = hit.lastgroup or ""
        name = next(hit[each] for each in "abcd" if hit[each])
        value = next((hit[each] for each in ("av", "bv", "cv", "dv") if hit[each]), "")
        if name.lower() not in _IDS or kind[:1] != "b":
            properties.append(Property(name.lower(), _bare(value), end, hit.end()))
        end = hit.end()
    texts += [(role.start(2) + 1, role.end(2) - 1)] if role[2] else []
    if line[end:].strip(" :"):
        texts.append((end + len(line[end:]) - len(line[end:].lstrip(" :")), len(line)))
    return Line(role[1].lower(), properties, texts)


def _is_form(rest: str, head: re.Match[str] | None) -> bool:
    """Whether what follows a role without a name says that it is one, and no text."""
    return bool(rest.strip(":")) and bool((head and head[1]) or re.search(r"[=\[]", rest))


def _of_markup(line: str, at: int) -> Line:
    role, properties, texts = "", list[Property](), list[tuple[int, int]]()
    for tag in _MARKUP.finditer(line, at):
        if at < tag.start() and line[at : tag.start()].strip():
            texts.append((at, tag.start()))
        at = tag.end()
        if not tag[1]:
            role = role or tag[2].lower()
            for hit in _ATTRIBUTE.finditer(line, tag.start(3), tag.end(3)):
                value = _bare(hit["av"] or "")
                properties.append(Property(hit["a"].lower(), value, hit.start(), hit.end()))
    if line[at:].strip():
        texts.append((at, len(line)))
    return Line(role, properties, texts)


def _bare(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def as_markup(tree: Tree) -> str:
    """A text observation as a page: an element for each line, in those that are indented less."""
    out: list[str] = []
    opened: list[tuple[int, str]] = []
    for line in tree.lines:
        depth = len(line) - len(line.lstrip())
        while opened and opened[-1][0] >= depth:
            out.append(f"</{opened.pop()[1]}>")
        known = parsed(line)
        attributes = "".join(
            f' {each.name}="{escape(each.value)}"'
            for each in {each.name: each for each in reversed(known.properties)}.values()
        )
        tag = TAG + known.role
        texts = _BETWEEN.join(escape(line[start:end]) for start, end in known.texts)
        out.append(f"<{tag}{attributes}>{texts}")
        opened.append((depth, tag))
    out += [f"</{tag}>" for _, tag in reversed(opened)]
    return "".join(out)


class CleanedText(NamedTuple):
    """A text observation without marks."""

    # None if there are none in it
    text: str | None
    # the settings and entries that matched: ``texts REC``
    matched: frozenset[str]
    # the numbers of the lines that stay
    kept: Sequence[int]


class LineRemover:
    """Takes the marks of some lists off text observations."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._remover = Remover(marks)
        self._styles = {declared(each) or each: each for each in sorted(marks.styles)}

    def clean(self, tree: Tree, spared: Collection[int] = ()) -> CleanedText:
        """A text without the marks.

        A line goes with those that are indented more, unless one of them is spared; and so does a
        line of which nothing is left. spared: numbers of lines that stay: the target.
        """
        lines, matched, gone = list(tree.lines), set[str](), set[int]()
        for number, line in enumerate(tree.lines):
            cleaned, entries, goes = self._of_line(line)
            if not entries:
                continue
            matched.update(entries)
            lines[number] = cleaned.rstrip()
            below = [number, *_below(tree.lines, number)] if goes else [number]
            if (goes or not cleaned.strip()) and not set(below).intersection(spared):
                gone.update(below)
        kept = [n for n in range(len(lines)) if n not in gone and (lines[n] or n in spared)]
        if not matched:
            return CleanedText(None, frozenset(), kept)
        text = "\n".join(lines[n] or tree.lines[n] for n in kept)
        return CleanedText(text, frozenset(matched), kept)

    def _of_line(self, line: str) -> tuple[str, list[str], bool]:
        """A line without marks, the entries that matched, and whether it goes whole."""
        known, marks = parsed(line), self._marks
        edits: list[tuple[int, int, str]] = []
        matched: list[str] = []
        goes = False
        for each in known.properties:
            names = (each.name, f"{each.name}={spaced(each.value)}")
            own = [f"attributes {name}" for name in names if name in marks.attributes]
            whole = [f"elements {name}" for name in names if name in marks.elements]
            goes = goes or bool(whole)
            if own or whole:
                edits.append((each.start, each.end, ""))
            elif each.name in ("class", "style"):
                value, own, whole = self._within(each)
                goes = goes or bool(whole)
                if (own or whole) and not value:
                    edits.append((each.start, each.end, ""))
                elif own or whole:
                    at = line.rindex(each.value, each.start, each.end)
                    edits.append((at, at + len(each.value), value))
            matched += own + whole
        for start, end in known.texts:
            text = line[start:end]
            edit = self._remover.of_text(text)
            if edit is not None:
                behind = text[len(text.rstrip()) :] if edit.text else ""
                edits.append((start, end, edit.text + behind))
                matched += edit.matched
        for start, end, instead in sorted(edits, reverse=True):
            line = line[:start] + instead + line[end:]
        return line, matched, goes

    def _within(self, each: Property) -> tuple[str, list[str], list[str]]:
        """A class or style without marks, and the entries that matched."""
        marks = self._marks
        if each.name == "style":
            both = [(one, self._styles.get(declared(one))) for one in declarations(each.value)]
            kept = ";".join(one for one, entry in both if not entry).strip()
            return kept, [f"styles {entry}" for _, entry in both if entry], []
        words = each.value.split()
        own = [word for word in words if word in marks.classes]
        whole = [word for word in words if f".{word}" in marks.elements]
        kept = " ".join(word for word in words if word not in {*own, *whole})
        return kept, [f"classes {word}" for word in own], [f"elements .{word}" for word in whole]


def _below(lines: Sequence[str], number: int) -> Iterator[int]:
    """The numbers of the lines after one that are indented more."""
    depth = len(lines[number]) - len(lines[number].lstrip())
    for at in range(number + 1, len(lines)):
        if len(lines[at]) - len(lines[at].lstrip()) <= depth:
            return
        yield at
