"""Faults for `tests.planted.lint`: what each does to a recording.

A fault takes the steps of a workflow and gives them back with one contradiction, and the places of
the steps where it may be seen. It looks for a place where the contradiction is in the recording
itself: a page that is swapped for an equal one contradicts nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import urljoin

from etl.pages.locators.kin import kin
from etl.pages.reading import read
from etl.stages import targets
from schemas.workflow import Locator
from tests.planted.lint_pages import (
    Steps,
    attributes,
    by_id,
    changed,
    choices,
    element,
    place,
    shows,
    span,
    tag,
    usable,
    with_attributes,
    with_value,
    word,
)


class Planted(NamedTuple):
    """A workflow with a fault."""

    steps: Steps
    # places of the steps where it may be seen; empty: anywhere in the workflow
    places: frozenset[int]


Fault = Callable[[random.Random, Steps], Planted | None]


# ---- targets


def removed_target(rng: random.Random, steps: Steps) -> Planted | None:
    """The element is cut out of the page."""
    for at in choices(rng, steps, lambda at: element(steps[at]) >= 0):
        step = steps[at]
        html, start = step.html, span(step.html, element(step))
        if start[0] < 0:
            continue
        name = tag(step)
        inside = re.compile(rf"<{name}[\s>]|</{name}\s*>", re.IGNORECASE)
        end = start[1]
        if f"</{name}" in html[end:].lower() and name not in ("input", "img"):
            close = inside.search(html, end)
            if close is None or not close[0].startswith("</"):
                continue
            end = close.end()
        made = html[: start[0]] + html[end:]
        if element(step, read(made)) < 0 and not by_id(step):
            return Planted(changed(steps, at, html=made), frozenset((at,)))
    return None


def wrong_id(rng: random.Random, steps: Steps) -> Planted | None:
    """The action names an id that is nowhere."""
    for at in choices(rng, steps, lambda at: element(steps[at]) >= 0):
        step = steps[at]
        mine = [each for each in step.target if each.kind == "attribute"]
        name = mine[0].name if mine else "id"
        if not mine and not attributes(step).get("id"):
            continue
        target = (Locator("attribute", f"{rng.randrange(10**6, 10**7)}", name),)
        return Planted(changed(steps, at, target=target), frozenset((at,)))
    return None


def hidden_target(rng: random.Random, steps: Steps) -> Planted | None:
    """The element or the one around it is hidden."""
    for at in choices(rng, steps, lambda at: usable(steps[at])):
        step, target = steps[at], element(steps[at])
        page = read(step.html)
        where = target if rng.random() < 0.5 else kin(page).parents[target]
        if where < 0:
            continue
        how = rng.choice(('style="display: none"', "hidden", 'style="visibility:hidden"'))
        if "style" in page.tokens[page.position(where)].attributes():
            how = "hidden"
        made = with_attributes(step.html, where, how)
        if made and element(step, read(made)) == target:
            return Planted(changed(steps, at, html=made), frozenset((at,)))
    return None


def disabled_target(rng: random.Random, steps: Steps) -> Planted | None:
    """The element is disabled."""
    for at in choices(rng, steps, lambda at: usable(steps[at])):
        step, where = steps[at], element(steps[at])
        able = tag(step) in ("button", "input", "textarea", "select")
        made = with_attributes(step.html, where, "disabled" if able else 'aria-disabled="true"')
        if made and element(step, read(made)) == where:
            return Planted(changed(steps, at, html=made), frozenset((at,)))
    return None


# ---- typed text


def other_text(rng: random.Random, steps: Steps) -> Planted | None:
    """Another text was typed than the field holds afterwards."""
    for at in choices(rng, steps, lambda at: bool(shows(steps, at))):
        action = steps[at].action
        value = word(rng)
        words = action.description.replace(action.value, value)
        made = replace(action, value=value, description=words)
        return Planted(changed(steps, at, action=made), frozenset((at,)))
    return None


# ---- addresses

STILL: Final = frozenset("type scroll check uncheck hover focus clear".split())


def torn(rng: random.Random, steps: Steps) -> Planted | None:
    """The page stays to the byte, and the address is another."""
    for at in choices(rng, steps, lambda at: 0 < at < len(steps) - 1):
        before, step, after = steps[at - 1 : at + 2]
        same = before.html == step.html != after.html
        here = place(before.url) == place(step.url) == place(after.url)
        if step.url.startswith("http") and same and here and element(before) >= 0:
            url = f"{step.url.partition('?')[0].rstrip('/')}/{word(rng)}"
            return Planted(changed(steps, at, url=url), frozenset((at, at + 1)))
    return None


def linked(rng: random.Random, steps: Steps) -> Planted | None:
    """Two steps change places, of which the first is a link to the other's page."""

    def fits(at: int) -> bool:
        if not 0 < at < len(steps) - 1 or element(steps[at]) < 0 or tag(steps[at]) != "a":
            return False
        goal = urljoin(steps[at].url, attributes(steps[at]).get("href", ""))
        return (
            place(goal) == place(steps[at + 1].url) != place(steps[at].url)
            and steps[at - 1].action.kind in STILL - {"type"}  # which may send its form
        )

    for at in choices(rng, steps, fits):
        made = [*steps[:at], steps[at + 1], steps[at], *steps[at + 2 :]]
        return Planted(made, frozenset((at, at + 1)))
    return None


def jump(rng: random.Random, steps: Steps) -> Planted | None:
    """After an action that leads nowhere, the address is another site's."""
    for at in choices(
        rng, steps, lambda at: steps[at].action.kind in STILL and at + 1 < len(steps)
    ):
        old, new = steps[at].url, steps[at + 1].url
        if not old.startswith("http") or place(old) != place(new):
            continue
        other = f"https://www.{word(rng)}.example/{word(rng)}"
        last = at + 2 if rng.random() < 0.5 else len(steps)
        made = [
            step.with_fields(url=other) if at < number < last else step
            for number, step in enumerate(steps)
        ]
        return Planted(made, frozenset((at + 1, last if last < len(steps) else at + 1)))
    return None


def no_url(rng: random.Random, steps: Steps) -> Planted | None:
    """A step has no address."""
    if not all(step.url.startswith("http") for step in steps) or len(steps) < 3:
        return None
    at = rng.randrange(1, len(steps))
    return Planted(changed(steps, at, url=""), frozenset((at,)))


# ---- pages


def no_page(rng: random.Random, steps: Steps) -> Planted | None:
    """A step's page is empty."""
    for at in choices(rng, steps, lambda at: element(steps[at]) >= 0):
        blank = rng.choice(
            (" ", "<html><head></head><body></body></html>", "<!doctype html><html></html>")
        )
        return Planted(changed(steps, at, html=blank), frozenset((at,)))
    return None


def contradicts(steps: Steps, at: int, other: int) -> bool:
    """Whether a neighbour's page is plainly not the step's: its target is not in it."""
    mine, page = steps[at], steps[other]
    if not (mine.has_page and page.has_page) or mine.html == page.html:
        return False
    return element(mine) >= 0 and element(mine, read(page.html)) < 0


def one_page_off(rng: random.Random, steps: Steps) -> Planted | None:
    """One step has the page of the step before or after."""
    sides = [(at, side) for at in range(len(steps)) for side in (-1, 1)]
    rng.shuffle(sides)
    for at, side in sides:
        if 0 <= at + side < len(steps) and contradicts(steps, at, at + side):
            html = steps[at + side].html
            known = any(
                element(steps[at], read(each.html)) >= 0
                for number, each in enumerate(steps)
                if number != at and each.has_page and each.html not in (html, steps[at].html)
            )
            moved = place(steps[at].url) != place(steps[at + side].url)
            if (known or moved) and element(steps[at + side]) >= 0:
                return Planted(changed(steps, at, html=html), frozenset((at,)))
    return None


def all_pages_off(rng: random.Random, steps: Steps) -> Planted | None:
    """All steps have the page of the step before or after."""
    side = rng.choice((-1, 1))
    inner = [at for at in range(len(steps)) if 0 <= at + side < len(steps)]
    proofs = [at for at in inner if contradicts(steps, at, at + side)]
    if len(proofs) < 2 or not all(step.has_page for step in steps):
        return None
    made = [
        step.with_fields(html=steps[max(0, min(at + side, len(steps) - 1))].html)
        for at, step in enumerate(steps)
    ]
    return Planted(made, frozenset())


# ---- order


def swapped(rng: random.Random, steps: Steps) -> Planted | None:
    """Two steps change places, of which the second shows what the first has typed."""
    for at in choices(rng, steps, lambda at: bool(shows(steps, at))):
        step, after = steps[at], steps[at + 1]
        old, new = (
            re.sub(r"\W", "", text).lower()
            for text in (attributes(step).get("value", ""), step.action.value)
        )
        if old == new or at + 2 >= len(steps):
            continue
        made = [*steps[:at], after, step, *steps[at + 2 :]]
        return Planted(made, frozenset((at, at + 1)))
    return None


ONCE: Final = frozenset("click type check uncheck double_click".split())


def doubled(rng: random.Random, steps: Steps) -> Planted | None:
    """A step comes twice."""

    def fits(at: int) -> bool:
        step = steps[at]
        return step.action.kind in ONCE and element(step) >= 0 and tag(step) != "select"

    for at in choices(rng, steps, fits):
        made = [*steps[: at + 1], steps[at].with_fields(step_id=word(rng)), *steps[at + 1 :]]
        return Planted(made, frozenset((at + 1,)))
    return None


# ---- words

NAMES: Final = re.compile(r'"([^"]{3,})"|(\d+)')


def other_words(rng: random.Random, steps: Steps) -> Planted | None:
    """A step has the description of another one, which names that one's element or value."""
    pairs = [(at, other) for at in range(len(steps)) for other in range(len(steps))]
    rng.shuffle(pairs)
    for at, other in pairs:
        words, own = steps[other].action.description, steps[at].action.description
        named = [name for pair in NAMES.findall(words) for name in pair if name]
        if not named or words == own or element(steps[at]) < 0 or element(steps[other]) < 0:
            continue
        page = read(steps[at].html)
        markup = page.tokens[page.position(element(steps[at]))].markup
        mine = f"{own} {markup} {steps[at].action.value}".casefold()
        if any(part.casefold() in mine for name in named for part in re.findall(r"\w{2,}", name)):
            continue
        action = replace(steps[at].action, description=words)
        return Planted(changed(steps, at, action=action), frozenset((at,)))
    return None


# ---- markers


def marked(rng: random.Random, steps: Steps) -> Planted | None:
    """The recorder marks each target in its page."""
    name = rng.choice(
        (
            f'data-recorder-{word(rng)}="1"',
            f'data-{word(rng)}="true"',
            f'{word(rng)}_target="{rng.randrange(100)}"',
            f'class="{word(rng)}-{word(rng)}"',
            'style="outline: 2px solid red"',
            'data-action-target=""',
        )
    )
    made = list(steps)
    places = []
    for at, step in enumerate(steps):
        where = targets.find(read(step.html), step.target)[2] if step.target else -1
        if where >= 0:
            page = read(step.html)
            given = page.tokens[page.position(where)].attributes()
            key, _, value = name.partition("=")
            if key in given:
                more = f"{given[key]} {value[1:-1]}" if key == "class" else value[1:-1]
                html = with_value(step.html, where, key, more)
            else:
                html = with_attributes(step.html, where, name)
            if not html or targets.find(read(html), step.target)[2] != where:
                return None
            made[at] = step.with_fields(html=html)
            places.append(at)
    if len({steps[at].target for at in places}) < 4:
        return None
    return Planted(made, frozenset())


FAULTS: Final[dict[str, tuple[Fault, frozenset[str]]]] = {
    "target cut out": (removed_target, frozenset(("absent_target",))),
    "id that resolves to nothing": (wrong_id, frozenset(("dangling_id",))),
    "target hidden": (hidden_target, frozenset(("hidden_target",))),
    "target disabled": (disabled_target, frozenset(("disabled_target",))),
    "typed text never shows": (other_text, frozenset(("lost_text",))),
    "address jumps": (jump, frozenset(("url_jump",))),
    "page stays, address jumps": (torn, frozenset(("url_jump",))),
    "address empty": (no_url, frozenset(("empty_url",))),
    "page empty": (no_page, frozenset(("blank_page",))),
    "page of a neighbour": (one_page_off, frozenset(("off_by_one",))),
    "all pages off by one": (all_pages_off, frozenset(("off_by_one",))),
    "steps swapped": (swapped, frozenset(("out_of_order",))),
    "steps swapped around a link": (linked, frozenset(("out_of_order",))),
    "step doubled": (doubled, frozenset(("repeated_step",))),
    "description of another step": (other_words, frozenset(("other_description", "wrong_verb"))),
    "target marked": (marked, frozenset(("leaked_label",))),
}
"""Kind -> the fault, and the codes that are right about it."""
