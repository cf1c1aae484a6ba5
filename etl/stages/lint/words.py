"""Words: the description tells of another step, or of another kind of action.

People name the same thing in many ways, so that a description shares no word with its element
proves nothing. It counts if the words are those of another step's element or value instead: all
that are in quotes, which name the element itself; or else most of them, and none is around the
element either.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from etl.pages.locators.kin import kin
from etl.pages.text import text_of
from etl.stages.lint.fields import chosen
from etl.stages.lint.found import Found
from etl.stages.lint.sight import Sight, bounded, short

_WORD: Final = re.compile(r"[^\W_]+")
_JOINED: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_QUOTED: Final = re.compile(r"[\"“]([^\"“”]{3,})[\"”]")
_ARTICLES: Final = frozenset("a an the of to in on at by for and or".split())
_COMMON: Final = _ARTICLES | frozenset(
    "from with into as is it its this that these your my our "
    "click clicks clicked double right tap press hit type types typed enter fill write input put "
    "choose select pick tick check uncheck untick open close go navigate scroll hover move drag "
    "drop clear set use search find look see first second third next last new named called "
    "labelled "
    "field fields box list lists menu button buttons link links icon image tab page option options "
    "item items form text value checkbox radio dropdown combobox searchbox textbox textarea window "
    "here there up down left right key keyboard mouse element span div svg label day".split()
)
"""Words that tell no element from another."""

_SHARE: Final = 0.6  # of a description's words, that are another step's
_AROUND: Final = 3  # elements around the target that are looked at
_CHARS: Final = 400  # of text around the target
_NEAR: Final = 60  # characters of an element that says what the target in it is about

_VERBS: Final = {
    "click": frozenset(("click", "tap", "double-click", "doubleclick")),
    "type": frozenset(("type", "fill")),
    "scroll": frozenset(("scroll",)),
    "hover": frozenset(("hover",)),
    "drag": frozenset(("drag",)),
}
"""A way of acting -> verbs at the beginning of a description that can mean nothing else."""

_ALSO: Final = {
    "click": frozenset("click tap press choose select pick open tick check hit double".split()),
    "type": frozenset("type enter fill write input put paste search set change".split()),
    "scroll": frozenset(("scroll", "move", "page", "down", "up")),
    "hover": frozenset(("hover", "move", "point", "mouse")),
    "drag": frozenset(("drag", "move", "drop", "slide")),
}
"""A way of acting -> words of which its descriptions have one."""

_WAYS: Final = {
    "click": "click", "double_click": "click", "right_click": "click", "middle_click": "click",
    "triple_click": "click", "type": "type", "scroll": "scroll", "hover": "hover", "drag": "drag",
}  # fmt: skip
"""Kind of action -> its way."""


def descriptions(sights: Sequence[Sight]) -> Iterator[Found]:
    """Steps that are described wrongly."""
    known: dict[tuple[int, bool], str] = {}

    def own(at: int, wide: bool) -> str:
        if (at, wide) not in known:
            known[at, wide] = _own(sights[at], wide=wide)
        return known[at, wide]

    for sight in sights:
        if not sight.action.description or not sight.located:
            continue
        found = _verb(sight)
        if found is None and (other := _other(sight, sights, own)) is not None:
            label = f", its own is {short(sight.label)!r}" if sight.label else ""
            says = f"{short(sight.action.description)!r} fits step {other.draft.number}{label}"
            found = Found(sight.at, "other_description", bounded(says))
        if found is not None:
            yield found


def _other(sight: Sight, sights: Sequence[Sight], own: Callable[[int, bool], str]) -> Sight | None:
    """The other step that a description tells of; None if it may tell of its own."""
    description = sight.action.description
    quoted = [part for part in _QUOTED.findall(description) if _words(part, _ARTICLES)]
    ignored, wide = (_ARTICLES, False) if quoted else (_COMMON, True)
    words = _words(" ".join(quoted) if quoted else description, ignored)
    if not words or words & _words(own(sight.at, wide), ignored):
        return None
    needed = len(words) if quoted or not sight.label else _SHARE * len(words)
    shared = {
        other.at: len(words & _words(_said_of(other, own(other.at, wide), quoted), ignored))
        for other in sights
        if other.at != sight.at
    }
    best = max(shared, key=lambda at: (shared[at], -abs(at - sight.at)), default=-1)
    return sights[best] if best >= 0 and shared[best] >= needed else None


def _said_of(other: Sight, own: str, quoted: Sequence[str]) -> str:
    """What is said of another step; its description counts if it quotes the same."""
    description = other.action.description
    return f"{own} {description}" if all(part in description for part in quoted) and quoted else own


def _verb(sight: Sight) -> Found | None:
    """A description of another way of acting, which says on what."""
    description = sight.action.description
    way = _WAYS.get(sight.action.kind, "")
    said = [word.casefold() for word in _WORD.findall(description)]
    if not way or not _words(description, _COMMON):
        return None
    other = next((name for name, verbs in _VERBS.items() if said[0] in verbs), way)
    if other == way or _ALSO[way] & set(said):
        return None
    says = f"{short(description)!r} for a {sight.action.kind}"
    return Found(sight.at, "wrong_verb", bounded(says))


def _own(sight: Sight, *, wide: bool) -> str:
    """What is said of a step's element and value. wide: long text around the element too."""
    parts = [sight.action.value, *(locator.value for locator in sight.step.target)]
    page = sight.page
    if sight.is_text:
        parts.append(sight.label)
    elif sight.target is not None and page is not None:
        target, at = sight.target, sight.draft.element
        held = "value" if sight.action.kind in ("type", "select") else ""
        parts += [value for name, value in target.attributes.items() if name != held]
        parts += [target.label, text_of(page, at, _CHARS)]
        if target.tag == "select":
            parts.append(chosen(page, page.position(at), every=True))
        for _, attributes in target.around[:_AROUND]:
            parts += attributes.values()
        parents = kin(page).parents
        for _ in range(_AROUND):
            at = parents[at]
            text = text_of(page, at, _CHARS) if at >= 0 else ""
            if not text or (len(text) > _NEAR and not wide):
                break
            parts.append(text)
    return " ".join(part[:2000] for part in parts)


@lru_cache(maxsize=4096)
def _words(text: str, ignored: frozenset[str]) -> frozenset[str]:
    """The words of a text in lower case, without those that are ignored."""
    spread = _JOINED.sub(" ", text)
    return frozenset(word.casefold() for word in _WORD.findall(spread)) - ignored
