"""Markers: what in a page is on the element of the action alone, because a recorder put it there.

A word of recorders in the name is enough. Anything else counts if it is on the target and nothing
else in nearly all steps of a workflow, and these have different targets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from etl.pages.page import Page
from etl.pages.rules import RECORDER_MARKERS
from etl.stages.lint.found import Found
from etl.stages.lint.sight import Sight, bounded, short

_HTML: Final = frozenset(
    "abbr accept accept-charset accesskey action align allow allowfullscreen alt async "
    "autocapitalize "
    "autocomplete autocorrect autofocus autoplay axis background bgcolor border cellpadding "
    "cellspacing charset checked cite class color cols colspan content contenteditable controls "
    "coords crossorigin data datetime decoding default defer dir dirname disabled download "
    "draggable "
    "enctype enterkeyhint fetchpriority fill for form formaction formenctype formmethod "
    "formnovalidate formtarget frameborder headers height hidden high href hreflang http-equiv id "
    "imagesizes imagesrcset inert inputmode integrity is ismap itemid itemprop itemref itemscope "
    "itemtype kind label lang list loading loop low max maxlength media method min minlength "
    "multiple muted name nohref nomodule nonce noshade novalidate nowrap open optimum part pattern "
    "ping placeholder playsinline popover popovertarget poster preload readonly referrerpolicy rel "
    "required rev reversed role rows rowspan sandbox scope selected shape size sizes slot span "
    "spellcheck src srcdoc srclang srcset start step style summary tabindex target title translate "
    "type usemap valign value viewbox d points x y rx ry r cx cy width wrap xmlns xlink:href "
    "results incremental".split()
)
"""Attributes of HTML, and of SVG's shapes."""

_RECORDER: Final = re.compile(
    r"(?i)(?<![a-z])(?:recorder|recording|recorded|annotat\w*|playwright|puppeteer|selenium|cypress|"
    r"testim|katalon|automation|rpa|agent|copilot|highlight(?:ed|er)?|inspector|"
    r"(?:is|the|gold|action|click(?:ed)?|current)[-_]?target|target[-_]?(?:element|node)|"
    r"ground[-_]?truth|gold)(?![a-z])"
)
"""Words that recorders and annotation tools use for what they add."""

_PAINT: Final = re.compile(r"(?i)(?:^|;)\s*(outline|box-shadow)(?:-\w+)?\s*:\s*(?!none|0)[^;]+")
_STEPS: Final = 3  # that prove a marker without a name
_SHARE: Final = 0.8  # of the steps with a target
_FEW: Final = 8  # elements that are looked at first: a mark that all have is soon known
_TRIED: Final = 40  # classes and attributes of an element that are looked at


def markers(sights: Sequence[Sight]) -> Iterator[Found]:
    """Steps whose page marks the target."""
    steps: defaultdict[str, list[Sight]] = defaultdict(list)
    with_target = sum(sight.has_target and sight.step.has_page for sight in sights)
    worth = _worth(sights, with_target)
    for sight in sights:
        target, page = sight.target, sight.page
        if target is None or page is None:
            continue
        for mark in _marks(sight):
            if mark in worth and _alone(page, mark):
                steps[mark].append(sight)
    said: set[int] = set()
    for mark, with_it in steps.items():
        known = mark[0] == "@" and RECORDER_MARKERS.search(mark[1:]) is not None
        different = len({_which(sight) for sight in with_it})
        proven = different >= _STEPS and len(with_it) >= _SHARE * with_target
        if not (known or proven or _RECORDER.search(mark)):
            continue
        code = "known_marker" if known else "leaked_label"
        for sight in with_it:
            if sight.at not in said:
                said.add(sight.at)
                often = f", as in {len(with_it)} of {with_target} steps" if len(with_it) > 1 else ""
                yield Found(
                    sight.at, code, bounded(f"{_shown(mark)} is on the target alone{often}")
                )


def _worth(sights: Sequence[Sight], with_target: int) -> set[str]:
    """The marks on targets that count where they are on nothing else, which takes time to know."""
    steps: defaultdict[str, list[Sight]] = defaultdict(list)
    for sight in sights:
        for mark in _marks(sight):
            steps[mark].append(sight)
    return {
        mark
        for mark, with_it in steps.items()
        if (mark[0] == "@" and RECORDER_MARKERS.search(mark[1:]) is not None)
        or _RECORDER.search(mark)
        or (
            len(with_it) >= _SHARE * with_target
            and len({_which(sight) for sight in with_it}) >= _STEPS
        )
    }


def _which(sight: Sight) -> tuple[str, ...]:
    """What tells an element from another on any page."""
    target = sight.target
    if target is None:
        return ()
    attributes = target.attributes
    ids = [each.value for each in sight.step.target if each.kind == "attribute"]
    value = attributes.get("value", "") if target.tag == "button" else ""
    names = (attributes.get(name, "") for name in ("id", "name", "href"))
    return (target.tag, target.label, value, *names, *ids)


def _marks(sight: Sight) -> list[str]:
    """What may be on a target and on nothing else: ``@name``, ``.class``, ``~style``."""
    attributes = sight.target.attributes if sight.target is not None else {}
    marks = [
        *(
            f"@{name}"
            for name in attributes
            if name and name not in _HTML and not name.startswith(("aria-", "on", "xml"))
        ),
        *(f".{word}" for word in attributes.get("class", "").split()),
        *sorted(_paints(attributes)),
    ]
    return marks[:_TRIED]


def _alone(page: Page, mark: str) -> bool:
    """Whether one element of a page has a mark."""
    return _having(page, mark, _FEW) < 2 and _having(page, mark, 0) == 1


def _having(page: Page, mark: str, most: int) -> int:
    """The number of elements with a mark, as far as two, among the first ones that may have it."""
    name = mark[1:]
    found = 0
    for _, token in page.having("", name, most):
        attributes = token.attributes()
        if mark[0] == "@":
            found += name in attributes
        elif mark[0] == ".":
            found += name in attributes.get("class", "").split()
        else:
            found += mark in _paints(attributes)
        if found > 1:
            break
    return found


def _paints(attributes: dict[str, str]) -> set[str]:
    """The marks of a style that frames an element."""
    return {f"~{hit[1].lower()}" for hit in _PAINT.finditer(attributes.get("style", ""))}


def _shown(mark: str) -> str:
    word = short(mark[1:])
    return {"@": f"the attribute {word}", ".": f"the class {word}", "~": f"a style with {word}"}[
        mark[0]
    ]
