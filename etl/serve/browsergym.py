"""BrowserGym's observations as pages; BrowserGym itself is not needed.

An observation is a dict. Its ``dom_object`` is the browser's snapshot of the DOM
(``DOMSnapshot.captureSnapshot``): texts are numbers of ``strings``, nodes are columns, frames are
documents of their own. Elements have BrowserGym's ids in the attribute ``bid``. AgentLab adds the
page as text, ``pruned_html`` or ``dom_txt``, and recordings have that: where it is there, it is
taken, so that a model sees what it has learned from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from etl.pages.tokens import RAW_TAGS, REFERENCE_TAGS, VOID_TAGS
from schemas.errors import PageError

TEXTS: Final = ("pruned_html", "dom_txt")
"""Keys of the page as text, the best first."""
_OWN: Final = re.compile(r"browsergym_.*")
"""Attributes that BrowserGym puts on elements beside their ids."""
_RAW: Final = (RAW_TAGS - REFERENCE_TAGS) | {"noscript"}
"""Elements whose text a browser with scripts writes as it is."""
_FRAMES: Final = frozenset(("iframe", "frame"))
_NOT_TYPED: Final = frozenset(("checkbox", "radio", "file", "password"))
"""Types of fields whose value is not what a person sees in them."""
_ELEMENT: Final = 1
_TEXT: Final = 3
_FRAGMENT: Final = 11


def page_of(observation: Mapping[str, Any]) -> str:
    """The page of a BrowserGym observation, as HTML.

    Raises:
        PageError: ``empty_page``, if it holds neither a text nor a snapshot of the DOM.
    """
    for key in TEXTS:
        if isinstance(text := observation.get(key), str) and text:
            return text
    try:
        return "".join(_Snapshot(observation["dom_object"]).document(0))
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        keys = ", ".join(map(str, observation))
        raise PageError(
            "empty_page",
            f"an observation with the keys {keys[:200]}: neither {' nor '.join(TEXTS)} is a text, "
            f"nor is dom_object a snapshot of a DOM ({type(error).__name__}: {error})",
        ) from error


class _Snapshot:
    """A snapshot of a DOM."""

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        self._strings: Sequence[str] = snapshot["strings"]
        self._documents: Sequence[Mapping[str, Any]] = snapshot["documents"]

    def document(self, number: int) -> Iterator[str]:
        """The pieces of one document."""
        nodes = self._documents[number]["nodes"]
        inside: dict[int, list[int]] = {}
        for child, parent in enumerate(nodes["parentIndex"]):
            inside.setdefault(parent, []).append(child)
        frames = dict(_pairs(nodes.get("contentDocumentIndex")))
        shadows = dict(_pairs(nodes.get("shadowRootType")))
        values = dict(_pairs(nodes.get("inputValue"))) | dict(_pairs(nodes.get("textValue")))
        checked = set(nodes.get("inputChecked", {}).get("index", ()))
        chosen = set(nodes.get("optionSelected", {}).get("index", ()))
        names: list[str] = []
        waiting: list[int | str] = [*reversed(inside.get(-1, []))]
        while waiting:
            next_one = waiting.pop()
            if isinstance(next_one, str):  # an end tag
                names.pop()
                yield next_one
                continue
            node = next_one
            kind = nodes["nodeType"][node]
            if kind == _TEXT:
                yield self._text(nodes["nodeValue"][node], names[-1] if names else "")
            if kind == _FRAGMENT and node in shadows:
                yield f'<template shadowrootmode="{self._strings[shadows[node]]}">'
                names.append("template")
                waiting.append("</template>")
            if kind == _ELEMENT:
                tag = self._strings[nodes["nodeName"][node]].lower()
                state = {"checked": node in checked, "selected": node in chosen}
                value = values.get(node, -1)
                yield from self._start(tag, nodes["attributes"][node], state, value)
                if tag in VOID_TAGS:
                    continue
                names.append(tag)
                waiting.append(f"</{tag}>")
                if tag == "textarea" and value >= 0:
                    yield self._text(value, tag)
                    continue
                if tag in _FRAMES:  # what else is in it is shown by browsers without frames
                    yield from self.document(frames[node]) if node in frames else ()
                    continue
            waiting += reversed(inside.get(node, []))

    def _start(
        self, tag: str, attributes: Sequence[int], state: Mapping[str, bool], value: int
    ) -> Iterator[str]:
        """A start tag, with the state of a form's field in its attributes."""
        given = {
            self._strings[name]: self._strings[text] if text >= 0 else ""
            for name, text in zip(attributes[::2], attributes[1::2], strict=True)
        }
        for name in ("checked", "selected") if tag in ("input", "option") else ():
            given.pop(name, None)
            if state[name]:
                given[name] = ""
        typed = tag == "input" and given.get("type", "").lower() not in _NOT_TYPED
        if typed and value >= 0 and (self._strings[value] or "value" in given):
            given["value"] = self._strings[value]
        yield f"<{tag}"
        for name, text in given.items():
            if not _OWN.fullmatch(name):
                yield f' {name}="{_escaped(text).replace(chr(34), "&quot;")}"'
        yield ">"

    def _text(self, text: int, tag: str) -> str:
        """A text as markup holds it within an element."""
        value = self._strings[text] if text >= 0 else ""
        return value if tag in _RAW else _escaped(value)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _pairs(rare: Mapping[str, Any] | None) -> Iterator[tuple[int, int]]:
    """The nodes that have a value, with it."""
    if rare:
        yield from zip(rare["index"], rare["value"], strict=True)
