"""Innocent look-alikes for `tests.planted.lint`: recordings that look as if they had a fault."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from etl.pages.reading import read
from tests.planted.lint_faults import disabled_target
from tests.planted.lint_pages import (
    Steps,
    attributes,
    by_id,
    changed,
    choices,
    element,
    shows,
    with_attributes,
    with_value,
    word,
)

SYNONYMS: Final = {
    "Click": ("Press", "Hit", "Go for", "Now choose", "Use"),
    "Type": ("Enter", "Fill in", "Put", "Write"),
    "Choose": ("Pick", "Select", "Take", "Set it to"),
}


def synonyms(rng: random.Random, steps: Steps) -> Steps | None:
    """Descriptions with other verbs, or none of the element's words."""
    made = []
    for step in steps:
        first, _, rest = step.action.description.partition(" ")
        words = f"{rng.choice(SYNONYMS.get(first, (first,)))} {rest}".strip()
        if rng.random() < 0.3:
            words = rng.choice(("Go on", "Do it now", "Then the obvious one", "Click here"))
        made.append(step.with_fields(action=replace(step.action, description=words)))
    return made if any(step.action.description for step in steps) else None


def one_address(rng: random.Random, steps: Steps) -> Steps | None:
    """A single-page application: the address never changes."""
    if not steps[0].url or len({step.html for step in steps}) < 2:
        return None
    return [step.with_fields(url=steps[0].url) for step in steps]


def navigation(rng: random.Random, steps: Steps) -> Steps | None:
    """A click leads to another site, and everything after it is there."""
    for at in choices(rng, steps, lambda at: steps[at].action.kind in ("click", "press")):
        if at + 1 < len(steps) and steps[at].url and steps[at].html != steps[at + 1].html:
            other = f"https://{word(rng)}.example/"
            return [
                step.with_fields(url=other) if number > at else step
                for number, step in enumerate(steps)
            ]
    return None


def secret(rng: random.Random, steps: Steps) -> Steps | None:
    """A password field never shows what was typed."""
    for at in choices(rng, steps, lambda at: bool(shows(steps, at))):
        step = steps[at]
        name = next((each for each in ("id", "name") if attributes(step).get(each)), "")
        if (
            not name
            or 'type="' in read(step.html).tokens[read(step.html).position(element(step))].markup
        ):
            continue
        made: Steps = []
        for number, each in enumerate(steps):
            where = element(step, read(each.html)) if each.has_page else -1
            if where < 0:
                return None
            html = with_attributes(each.html, where, 'type="password"')
            if number > at:
                html = with_value(html, where, "value", "")
            if not html or step.action.value in html:
                return None
            made.append(each.with_fields(html=html))
        return made
    return None


def cleared(rng: random.Random, steps: Steps) -> Steps | None:
    """A search box is emptied when its results come."""
    for at in choices(rng, steps, lambda at: bool(shows(steps, at))):
        step = steps[at]
        made = list(steps)
        for number in range(at + 1, len(steps)):
            each = steps[number]
            where = element(step, read(each.html)) if each.has_page else -1
            if where >= 0:
                html = with_value(each.html, where, "value", "")
                note = f"<p>{rng.randrange(2, 90)} results</p></body>"
                made[number] = each.with_fields(html=html.replace("</body>", note))
        if all(each.has_page and step.action.value not in each.html for each in made[at + 1 :]):
            return made
    return None


def masked(rng: random.Random, steps: Steps) -> Steps | None:
    """A field shows what was typed in its own spelling."""
    for at in choices(rng, steps, lambda at: bool(shows(steps, at))):
        step, after = steps[at], steps[at + 1]
        html = with_value(
            after.html, element(step, read(after.html)), "value", f"({step.action.value.upper()}) "
        )
        return changed(steps, at + 1, html=html) if html else None
    return None


def again(rng: random.Random, steps: Steps) -> Steps | None:
    """The same button is clicked again, and the page has changed in between."""
    for at in choices(rng, steps, lambda at: steps[at].action.kind == "click"):
        step = steps[at]
        if element(step) < 0 or "</body>" not in step.html:
            continue
        page = step.html.replace("</body>", f"<p>{rng.randrange(2, 90)} pieces</p></body>")
        if element(step, read(page)) < 0 or by_id(step):
            continue
        return [*steps[: at + 1], step.with_fields(html=page, step_id="again"), *steps[at + 1 :]]
    return None


def failed(rng: random.Random, steps: Steps) -> Steps | None:
    """A disabled button does nothing, and the recording says so."""
    planted = disabled_target(rng, steps)
    if planted is None:
        return None
    (at,) = planted.places
    return changed(planted.steps, at, error="element is disabled")


INNOCENT: Final[tuple[Callable[[random.Random, Steps], Steps | None], ...]] = (
    synonyms,
    one_address,
    navigation,
    secret,
    cleared,
    masked,
    again,
    failed,
)
