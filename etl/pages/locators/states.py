"""The states of links and form controls in CSS, such as ``:link``, ``:checked``, ``:disabled``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final, Protocol

from etl.pages.locators import standard
from etl.pages.locators.kin import Kin
from etl.pages.tokens import Token

_ABLE: Final = frozenset("button input select textarea optgroup option fieldset".split())
_IN_FIELDSETS: Final = frozenset("button input select textarea fieldset".split())
_NEVER_REQUIRED: Final = frozenset("hidden range color submit image reset button".split())


class _Elements(Protocol):
    """The part of `etl.pages.locators.match.Elements` that states need."""

    @property
    def tokens(self) -> Sequence[Token]: ...
    @property
    def kin(self) -> Kin: ...
    @property
    def namespaces(self) -> Sequence[int]: ...
    @property
    def children(self) -> Mapping[int, list[int]]: ...
    def of(self, element: int) -> dict[str, str]: ...


class States:
    """The states of the elements of a page, as they are when a browser has just loaded it."""

    def __init__(self, elements: _Elements) -> None:
        self.elements = elements

    def of(self, name: str, element: int) -> bool:
        """Whether an element is of a pseudo-class of links or form controls."""
        tag = self.elements.tokens[element].tag
        if name in ("link", "any-link"):
            return self._links(element, tag)
        if self.elements.namespaces[element]:
            return False
        if name == "checked":
            return self._checked(element, tag)
        if name in ("enabled", "disabled"):
            return tag in _ABLE and self._disabled(element, tag) == (name == "disabled")
        if name == "optional":
            return tag in ("button", "input", "select", "textarea") and not self._required(
                element, tag
            )
        return tag in ("input", "select", "textarea") and self._required(element, tag)

    def _links(self, element: int, tag: str) -> bool:
        attributes = self.elements.of(element)
        if self.elements.namespaces[element] == standard.SVG:
            return tag == "a" and ("href" in attributes or "xlink:href" in attributes)
        return tag in ("a", "area") and "href" in attributes

    def _required(self, element: int, tag: str) -> bool:
        attributes = self.elements.of(element)
        able = tag != "button" and (
            tag != "input" or attributes.get("type", "").lower() not in _NEVER_REQUIRED
        )
        return able and "required" in attributes

    # ---- disabled

    def _disabled(self, element: int, tag: str) -> bool:
        if "disabled" in self.elements.of(element):
            return True
        if tag in ("option", "optgroup"):
            return self._out_of_group(element, tag)
        parents, tokens = self.elements.kin.parents, self.elements.tokens
        if tag not in _IN_FIELDSETS:
            return False
        below, at = element, parents[element]
        while at >= 0:
            if (
                tokens[at].tag == "fieldset"
                and "disabled" in self.elements.of(at)
                and below != self._legend(at)
            ):
                return True
            below, at = at, parents[at]
        return False

    def _out_of_group(self, element: int, tag: str) -> bool:
        """Whether an option or optgroup is disabled with its optgroup or select."""
        at = self.elements.kin.parents[element]
        while at >= 0:
            around = self.elements.tokens[at].tag
            if around == "select":
                return self._disabled(at, around)
            if around == "optgroup" and tag == "option" and "disabled" in self.elements.of(at):
                return True
            at = self.elements.kin.parents[at]
        return False

    def _legend(self, fieldset: int) -> int:
        """The first legend of a fieldset, -1 for none. Its content is not disabled with it."""
        for child in self.elements.children[fieldset]:
            if self.elements.tokens[child].tag == "legend":
                return child
        return -1

    # ---- checked

    def _checked(self, element: int, tag: str) -> bool:
        if tag == "option":
            return element in self._selected
        kind = self.elements.of(element).get("type", "").lower() if tag == "input" else ""
        if kind == "radio":
            return element in self._radios
        return kind == "checkbox" and "checked" in self.elements.of(element)

    @cached_property
    def _radios(self) -> set[int]:
        """The radio buttons that are on: the last of each group with ``checked``."""
        on: dict[object, int] = {}
        for element, token in enumerate(self.elements.tokens):
            if token.tag != "input" or self.elements.namespaces[element]:
                continue
            attributes = self.elements.of(element)
            if attributes.get("type", "").lower() == "radio" and "checked" in attributes:
                name = attributes.get("name", "")
                on[(self._form(element, attributes), name) if name else element] = element
        return set(on.values())

    def _form(self, element: int, attributes: dict[str, str]) -> int:
        """The form to which an element belongs, -1 for none."""
        tokens = self.elements.tokens
        if "form" in attributes:
            id = attributes["form"]
            for at in range(len(tokens)) if id else ():
                if self.elements.of(at).get("id") == id:
                    return at if tokens[at].tag == "form" else -1
            return -1
        at = self.elements.kin.parents[element]
        while at >= 0 and tokens[at].tag != "form":
            at = self.elements.kin.parents[at]
        return at

    @cached_property
    def _selected(self) -> set[int]:
        """The options that are selected."""
        options: dict[int, list[int]] = {}
        parents, tokens = self.elements.kin.parents, self.elements.tokens
        for element, token in enumerate(tokens):
            if token.tag == "option":
                at = parents[element]
                while at >= 0 and tokens[at].tag not in ("select", "option"):
                    at = parents[at]
                of = at if at >= 0 and tokens[at].tag == "select" else -1
                options.setdefault(of, []).append(element)
        chosen: set[int] = set()
        for select, inside in options.items():
            marked = [option for option in inside if "selected" in self.elements.of(option)]
            if select < 0 or "multiple" in self.elements.of(select):
                chosen.update(marked)
            elif marked:
                chosen.add(marked[-1])
            elif self._rows(select) == 1:
                chosen.update([option for option in inside if self._can_be_chosen(option)][:1])
        return chosen

    def _can_be_chosen(self, option: int) -> bool:
        parent = self.elements.kin.parents[option]
        around = [parent] if parent >= 0 and self.elements.tokens[parent].tag == "optgroup" else []
        return not any("disabled" in self.elements.of(element) for element in [option, *around])

    def _rows(self, select: int) -> int:
        """The number of options that a select shows at once."""
        digits = self.elements.of(select).get("size", "").strip()
        return int(digits) if digits.isdecimal() and digits.isascii() and int(digits[:9]) > 0 else 1
