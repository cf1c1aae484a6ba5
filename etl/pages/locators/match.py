"""The elements of a page that CSS selectors match.

Each part of a selector takes time linear in the page. A part between combinators is looked up in
the whole page, and then the combinators are decided on the elements found. The same goes for lists
in ``:is()``, ``:not()`` and ``:nth-child(... of ...)``, and for ``:has()`` from its last part to
its first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import compress
from typing import Final

from etl.pages.locators import standard
from etl.pages.locators.css import Chain, Part, Pseudo, Test
from etl.pages.locators.kin import Kin, kin
from etl.pages.locators.states import States
from etl.pages.page import Page
from etl.pages.tokens import END, START, Token, is_shadow_root, lower
from schemas.errors import PageError

CSS_LIMIT: Final = 2e7
"""Most elements that a CSS selector may look at, each time counted: about ten seconds."""

_SPACES: Final = " \t\r\n\f"


class Elements:
    """The elements of a page and facts about them, each found once, when it is first needed."""

    def __init__(self, page: Page, *, quirks: bool = False) -> None:
        """quirks: ids and classes are compared without regard to case."""
        self.page = page
        self.quirks = quirks
        self._attributes: dict[int, dict[str, str]] = {}
        self._visits = 0

    @cached_property
    def tokens(self) -> Sequence[Token]:
        """Their start tags."""
        return list(compress(self.page.tokens, self.page.flags))

    @cached_property
    def kin(self) -> Kin:
        """Their relations. A shadow root is nobody's sibling."""
        relations = kin(self.page)
        for root in sorted(self.shadow_roots):
            for element in range(root + 1, self.page.elements):
                if relations.before[element] == root:
                    relations.before[element] = relations.before[root]
                    break
        return relations

    @cached_property
    def foreign(self) -> bool:
        """Whether some may be of SVG or MathML."""
        return bool(self.page.having("svg", "") or self.page.having("math", ""))

    @cached_property
    def namespaces(self) -> Sequence[int]:
        """Their namespaces, as `standard` numbers them."""
        tops = sorted(
            element for tag in ("svg", "math") for element, _ in self.page.having(tag, "")
        )
        return standard.namespaces(self.tokens, self.kin.parents, tops)

    @cached_property
    def roots(self) -> frozenset[int]:
        """The root element, if the page has one."""
        tops = [element for element, parent in enumerate(self.kin.parents) if parent < 0]
        roots = [element for element in tops if self.tokens[element].tag == "html"] or tops
        return frozenset(roots if len(roots) == 1 else ())

    @cached_property
    def shadow_roots(self) -> frozenset[int]:
        """Templates that are shadow roots: not elements themselves, but their content is found."""
        return frozenset(
            element for element, token in self.page.having("template", "") if is_shadow_root(token)
        )

    @cached_property
    def shadowed(self) -> frozenset[int]:
        """Shadow roots and all elements in them."""
        inside = set(self.shadow_roots)
        if inside:
            inside.update(
                element for element, parent in enumerate(self.kin.parents) if parent in inside
            )
        return frozenset(inside)

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """Element -> its children, in order; -1 stands for the page."""
        children: dict[int, list[int]] = {}
        for element, parent in enumerate(self.kin.parents):
            if element not in self.shadow_roots:
                children.setdefault(parent, []).append(element)
        return children

    @cached_property
    def filled(self) -> frozenset[int]:
        """Those that hold an element or text."""
        parents = {
            parent
            for element, parent in enumerate(self.kin.parents)
            if element not in self.shadow_roots
        }
        return frozenset(parents | {element for _, element, text in self.texts if text})

    @cached_property
    def texts(self) -> list[tuple[int, int, str]]:
        """Texts in document order: the last element that begins before it, its parent, the text."""
        runs: list[tuple[int, int, str]] = []
        opened = [-1]
        names = [""]
        open_names: Counter[str] = Counter()
        element = -1
        for token in self.page.tokens:
            if token.element:
                element += 1
                if token.kind == START:
                    opened.append(element)
                    names.append(token.tag)
                    open_names[token.tag] += 1
            elif token.kind == END and open_names[token.tag]:
                name = ""
                while name != token.tag:
                    name = names.pop()
                    opened.pop()
                    open_names[name] -= 1
            if token.raw_text:
                runs.append((element, opened[-1], token.text))
        return runs

    def of(self, element: int, token: Token | None = None) -> dict[str, str]:
        """The attributes of an element."""
        attributes = self._attributes.get(element)
        if attributes is None:
            attributes = self._attributes[element] = (token or self.tokens[element]).attributes()
        return attributes

    def visit(self) -> None:
        """Count one more look at all elements.

        Raises: `PageError` "costly_css" if that is one too many.
        """
        self._visits += self.page.elements
        if self._visits > CSS_LIMIT:
            raise PageError(
                "costly_css", f"{self.page.elements} elements would be gone through again and again"
            )

    # ---- selectors

    def select(self, chains: Iterable[Chain]) -> set[int]:
        """The elements that any of the selectors matches.

        Raises: `PageError` "costly_css" if that takes too long.
        """
        matched: set[int] = set()
        for chain in chains:
            matched |= self._chain(chain)
        return matched

    def select_in(self, chains: Iterable[Chain], inside: set[int]) -> set[int]:
        """The elements that any of the selectors matches with all of its parts among ``inside``.

        Raises: as `select` does.
        """
        return set().union(*(self._chain(chain, inside) for chain in chains))

    def _chain(self, chain: Chain, inside: set[int] | None = None) -> set[int]:
        matched: set[int] = set()
        for link in chain:
            candidates = self._part(link.part)
            if inside is not None:
                candidates = [element for element in candidates if element in inside]
            if not link.combinator:
                matched = set(candidates)
            else:
                up = self.kin.parents if link.combinator in " >" else self.kin.before
                matched = led(candidates, matched, up, far=link.combinator in " ~")
        return matched

    def _part(self, part: Part) -> list[int]:
        """The elements that meet the conditions of a part, in document order."""
        if part.never:
            return []
        self.visit()
        nth, pseudos = _of_type(part)
        if part.tag == "template" and nth and self.shadow_roots:
            nth, pseudos = 0, part.pseudos
        pairs = self.page.having(part.tag, "" if nth else self._needle(part))
        if nth:
            pairs = self._nth_of_type(pairs, nth)
        if part.ids or part.classes or part.tests:
            # An element without attributes cannot meet a condition.
            matched = [
                element
                for element, token in pairs
                if not token.is_bare and self._meets(element, token, part)
            ]
        else:
            matched = [element for element, _ in pairs]
        for pseudo in pseudos:
            matched = self._pseudo(pseudo, matched)
        if self.shadow_roots:
            matched = [element for element in matched if element not in self.shadow_roots]
        return matched

    def _needle(self, part: Part) -> str:
        """A text in the start tag of every element that meets the conditions; may be empty."""
        texts = [] if self.quirks else [*part.ids, *part.classes]
        texts += [
            test.value
            for test in part.tests
            if test.operator not in ("", "|=") and not _may_fold(test)
        ]
        return next((text for text in texts if text and "\ufffd" not in text), "")

    def _nth_of_type(self, pairs: list[tuple[int, Token]], nth: int) -> list[tuple[int, Token]]:
        """Of elements with the same tag, those that are number ``nth`` of their type."""
        counts: dict[tuple[int, int], int] = {}
        kept: list[tuple[int, Token]] = []
        parents, namespaces = self.kin.parents, self.namespaces if self.foreign else None
        for element, token in pairs:
            key = parents[element], namespaces[element] if namespaces else 0
            counts[key] = count = counts.get(key, 0) + 1
            if count == nth:
                kept.append((element, token))
        return kept

    def _meets(self, element: int, token: Token, part: Part) -> bool:
        attributes = self.of(element, token)
        for wanted in part.ids:
            value = attributes.get("id", "")
            if value != wanted and not (self.quirks and lower(value) == lower(wanted)):
                return False
        if part.classes:
            classes = attributes.get("class", "")
            wanted_classes: Iterable[str] = part.classes
            if self.quirks:
                classes, wanted_classes = lower(classes), map(lower, wanted_classes)
            if not _words(classes).issuperset(wanted_classes):
                return False
        return all(self._passes(element, attributes, test) for test in part.tests)

    def _passes(self, element: int, attributes: dict[str, str], test: Test) -> bool:
        linked = standard.LINKED_NAMES
        if test.namespace:
            names = [test.name, *(name for name, local in linked.items() if local == test.name)]
        else:
            names = [test.name]
        for name in names:
            value = attributes.get(name)
            if value is None:
                continue
            if name in linked and self.namespaces[element]:
                # The attribute has a namespace, and another name in it.
                if not test.namespace or linked[name] != test.name:
                    continue
            elif name != test.name:
                continue
            if _compares(value, test, fold=test.flag == "i"):
                return True
            if (
                _may_fold(test)
                and _compares(value, test, fold=True)
                and not self.namespaces[element]
            ):
                return True
        return False

    # ---- pseudo-classes

    def _pseudo(self, pseudo: Pseudo, candidates: list[int]) -> list[int]:
        """Those of ``candidates`` that are of a pseudo-class."""
        name = pseudo.name
        if name == "is":
            matched = self.select(pseudo.selectors)
            return [element for element in candidates if element in matched]
        if name == "not":
            matched = self.select(pseudo.selectors)
            return [element for element in candidates if element not in matched]
        if name == "has":
            matched = set().union(*map(self._holders, pseudo.selectors))
            return [element for element in candidates if element in matched]
        if name in ("root", "scope"):
            return [element for element in candidates if element in self.roots]
        if name == "empty":
            return [element for element in candidates if element not in self.filled]
        if pseudo.step or pseudo.offset or name.startswith("nth-"):
            return self._positions(pseudo, candidates)
        if name in _AS_POSITIONS:
            for position in _AS_POSITIONS[name]:
                candidates = self._positions(position, candidates)
            return candidates
        holds = States(self)
        return [element for element in candidates if holds.of(name, element)]

    def _holders(self, chain: Chain) -> set[int]:
        """The elements from which a relative selector leads to an element: those of ``:has()``."""
        up = self.kin.parents, self.kin.before
        holders: set[int] | None = None
        for link in reversed(chain):
            matched = set(self._part(link.part))
            if holders is not None:
                matched &= holders
            holders = _leading(matched, up[link.combinator in "+~"], far=link.combinator in " ~")
        return holders or set()

    def _positions(self, pseudo: Pseudo, candidates: list[int]) -> list[int]:
        """Those of ``candidates`` in the positions of a pseudo-class."""
        self.visit()
        of_type = pseudo.name.endswith("of-type")
        elements: Iterable[int] = range(self.page.elements)
        if self.shadow_roots:
            elements = [element for element in elements if element not in self.shadow_roots]
        if pseudo.selectors:
            counted = self.select(pseudo.selectors)
            candidates = [element for element in candidates if element in counted]
            elements = sorted(counted)
        if pseudo.name.startswith("nth-last"):
            elements = reversed(list(elements))
        parents, tokens, namespaces = self.kin.parents, self.tokens, self.namespaces
        counts: dict[object, int] = {}
        wanted: set[int] = set()
        for element in elements:
            key: object = parents[element]
            if of_type:
                key = key, tokens[element].tag, namespaces[element]
            counts[key] = count = counts.get(key, 0) + 1
            if _is_at(count, pseudo.step, pseudo.offset):
                wanted.add(element)
        return [element for element in candidates if element in wanted]


_FIRST: Final = Pseudo("nth-child", (), 0, 1)
_LAST: Final = Pseudo("nth-last-child", (), 0, 1)
_FIRST_OF_TYPE: Final = Pseudo("nth-of-type", (), 0, 1)
_LAST_OF_TYPE: Final = Pseudo("nth-last-of-type", (), 0, 1)
_AS_POSITIONS: Final = {
    "first-child": (_FIRST,),
    "last-child": (_LAST,),
    "only-child": (_FIRST, _LAST),
    "first-of-type": (_FIRST_OF_TYPE,),
    "last-of-type": (_LAST_OF_TYPE,),
    "only-of-type": (_FIRST_OF_TYPE, _LAST_OF_TYPE),
}


def _of_type(part: Part) -> tuple[int, tuple[Pseudo, ...]]:
    """The number in ``tag:nth-of-type(number)``, which is quick, and the other pseudo-classes.

    0 if the part has no such number.
    """
    if part.tag:
        for at, pseudo in enumerate(part.pseudos):
            if pseudo.name == "nth-of-type" and not pseudo.step and pseudo.offset > 0:
                return pseudo.offset, part.pseudos[:at] + part.pseudos[at + 1 :]
    return 0, part.pseudos


def _is_at(count: int, step: int, offset: int) -> bool:
    """Whether a count is ``step * n + offset`` for some n of at least 0."""
    if not step:
        return count == offset
    return (count - offset) % step == 0 and (count - offset) // step >= 0


def _may_fold(test: Test) -> bool:
    """Whether the values of an attribute may be compared without regard to case."""
    return test.flag == "i" or (not test.flag and test.name in standard.CASELESS_VALUES)


def _words(text: str) -> set[str]:
    for space in _SPACES[1:]:
        text = text.replace(space, " ")
    return set(text.split(" ")) - {""}


def _compares(value: str, test: Test, *, fold: bool) -> bool:
    """Whether the value of an attribute meets a condition. fold: case does not count."""
    wanted = test.value
    if fold:
        value, wanted = lower(value), lower(wanted)
    if test.operator in ("", "="):
        return not test.operator or value == wanted
    if test.operator == "|=":
        return value == wanted or value.startswith(wanted + "-")
    if not wanted:
        return False
    if test.operator == "~=":
        return wanted in _words(value)
    if test.operator == "^=":
        return value.startswith(wanted)
    if test.operator == "$=":
        return value.endswith(wanted)
    return wanted in value


def led(found: Iterable[int], to: set[int], up: Sequence[int], *, far: bool) -> set[int]:
    """Those of ``found`` from which ``up`` leads to one of ``to``.

    up: element -> the next one; -1 for none. far: in any number of steps, instead of one.
    """
    if not far:
        return {element for element in found if up[element] in to}
    leads = {-1: False}
    kept: set[int] = set()
    for element in found:
        way: list[int] = []
        at = up[element]
        while at not in leads and at not in to:
            way.append(at)
            at = up[at]
        leads.update(dict.fromkeys(way, arrived := at in to or leads[at]))
        if arrived:
            kept.add(element)
    return kept


def _leading(found: Iterable[int], up: Sequence[int], *, far: bool) -> set[int]:
    """The elements to which ``up`` leads from ``found``; see `led`."""
    reached: set[int] = set()
    for element in found:
        at = up[element]
        while at >= 0 and at not in reached:
            reached.add(at)
            if not far:
                break
            at = up[at]
    return reached
