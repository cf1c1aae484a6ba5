"""Text observations: accessibility trees and aria snapshots, in which each line is an element.

BrowserGym and WebArena write ``[89] button 'Buy', focused``, Playwright's snapshots ``- button
"Buy" [ref=e12]``, browser-use ``[12]<button>Buy</button>``. The text goes into prompts as it is;
only blank lines, and white space at line ends, are left out. A line is to it what an element is to
a page: its node id counts the lines from the end.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cached_property, lru_cache
from typing import Final

_MARKS: Final = r"\s*(?:[-*+]\s*|\|[^|\[\]\n]*\|?)*"
"""What tools put before an id: a bullet, a star at a new element, ``|SHADOW(open)|``."""

_FIRST: Final = re.compile(_MARKS + r"\[([^\s\[\]]+)\]|\s*(\d{1,9}):\s*<")
"""The id that begins a line."""

_LAST: Final = re.compile(r".*\[ref=([^\s\[\]]+)\]")
"""A reference in a line; its own comes after its name, which may look like one."""

_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_SINGLE: Final = re.compile(r"'((?:[^'\\]|\\.)*)'")
_NAMED: Final = re.compile(r"(?:aria-label|alt|placeholder|title)=([^=<>]*?)(?=\s+[\w-]+=|\s*/?>)")
_TAGGED: Final = re.compile(r"<[^<>]*>|^" + _MARKS + r"\[[^\[\]]*\]:?|^\s*\d+:(?=\s*<)")
_ROLE: Final = re.compile(_MARKS + r"(?:\[[^\s\[\]]+\]:?\s*|\d+:\s*)?<?([A-Za-z][\w-]*)")
_LISTS: Final = frozenset(("combobox", "listbox", "select"))


class Tree:
    """A text observation: ``text`` as a model sees it, and its lines."""

    def __init__(self, text: str) -> None:
        """text: as recorded."""
        lines = (line.rstrip() for line in re.split(r"\r\n|\r|\n", text))
        self.lines = [line for line in lines if line]
        self.text = "\n".join(self.lines)

    @cached_property
    def _by_id(self) -> dict[str, list[int]]:
        places: defaultdict[str, list[int]] = defaultdict(list)
        for number in range(len(self.lines)):
            places[self.id(number)].append(number)
        return dict(places)

    def find(self, ref: str) -> list[int]:
        """The numbers of the lines with this id, from 0."""
        return self._by_id.get(ref, []) if ref else []

    def id(self, number: int) -> str:
        """The id of a line; empty if it has none."""
        line = self.lines[number]
        if hit := _FIRST.match(line):
            return hit[1] or hit[2]
        return hit[1] if (hit := _LAST.match(line)) else ""

    def node(self, number: int) -> int:
        """The node id of a line: its number, counted from the end."""
        return len(self.lines) - 1 - number

    def line(self, number: int) -> str:
        """A line without its indentation."""
        return self.lines[number].strip()

    def label(self, number: int) -> str:
        """The name of a line's element.

        It is the line's first text in quotes, or all text between its tags, or the attribute that
        names it, or the first such text in the lines below that are indented more.
        """
        line = self.lines[number]
        for form in (_QUOTED, _SINGLE):
            if hit := form.search(line):
                return " ".join(re.sub(r"\\(.)", r"\1", hit[1]).split())
        if "<" not in line:
            return ""
        if hit := _NAMED.search(line):
            return " ".join(hit[1].split())
        if text := _text(line):
            return text
        for inner in self.lines[number + 1 :]:
            if _depth(inner) <= _depth(line):
                return ""
            if text := _text(inner):
                return text
        return ""

    def is_list(self, number: int) -> bool:
        """Whether a line's element is a list to choose from."""
        role = _ROLE.match(self.lines[number])
        return role is not None and role[1].lower() in _LISTS


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _text(line: str) -> str:
    """What stands between tags."""
    return " ".join(_TAGGED.sub(" ", line).split())


@lru_cache(maxsize=4)
def read(text: str) -> Tree:
    """The tree of a text; the latest few are kept."""
    return Tree(text)
