"""Quality: pages that stand in the way, steps that do nothing, workflows that go in circles.

A step is not trained on, and stays in the history, where its page is an error page, shows nothing,
asks for signing in or for a proof of being human (`etl.pages.obstacles`), or where its action did
nothing. Signing in is no obstacle where the objective speaks of it. An action without an element is
not judged: going back from an error page is what a model should learn. Nor is a page that was
recorded only as a text.

An action did nothing if the next recorded page is the same at the same address
(`etl.pages.lasting`). That is said only of clicks and of forms that are sent, and only where a page
would show it: not of fields, lists and labels, whose state is in no markup; not of frames, canvases
and films; not of links that open elsewhere; not of the last step; not where pages were joined from
archives; and not in a recording in which no page ever changes.

A workflow is dropped for its share of failed steps, or for its loops: steps that repeat an earlier
one on the same page, byte for byte.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Final

import xxhash

from etl.pages.lasting import state_of
from etl.pages.obstacles import words
from etl.pages.obstacles.judge import Kind, Obstacle, obstacle
from etl.pages.page import Page
from etl.pages.reading import read
from etl.pages.tokens import END, START, OpenTags
from etl.stages.outcome import failed, loops
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.errors import ConfigError
from schemas.reasons import OwnReason
from schemas.workflow import Step

ERROR_PAGE: Final = OwnReason(
    "error_page",
    "Its page is an error page: of a server, of a site, or the browser's own.",
    "a page with the heading 502 Bad Gateway",
    ("quality.error_pages",),
)
BLANK_PAGE: Final = OwnReason(
    "blank_page",
    "Its page shows nothing, or nothing but that it is loading.",
    "about:blank; a page that says Loading...",
    ("quality.blank_pages",),
)
LOGIN_WALL: Final = OwnReason(
    "login_wall",
    "Its page asks for signing in and has little else, and the objective does not speak of that.",
    "a form with a password field under the heading Sign in",
    ("quality.login_walls",),
)
CAPTCHA: Final = OwnReason(
    "captcha",
    "Its page asks for a proof of being human, and has little else.",
    "a page with the heading Verify you are human",
    ("quality.captchas",),
)
NO_EFFECT: Final = OwnReason(
    "no_effect",
    "The next page is the same: the action did nothing.",
    "a click on a button that is not enabled yet",
    ("quality.no_effect",),
)
TOO_MANY_FAILED_STEPS: Final = OwnReason(
    "too_many_failed_steps",
    "Too large a share of its actions is known to have failed.",
    "7 of 10 steps failed, with quality.max_failed_steps = 0.5",
    ("quality.max_failed_steps",),
)
TOO_MANY_LOOPS: Final = OwnReason(
    "too_many_loops",
    "Too many of its steps repeat an earlier one on the same page.",
    "the same button on the same page, six times",
    ("quality.max_loops",),
)

_REASONS: Final[Mapping[Kind, tuple[str, OwnReason]]] = {
    "error": ("error_pages", ERROR_PAGE),
    "blank": ("blank_pages", BLANK_PAGE),
    "login": ("login_walls", LOGIN_WALL),
    "captcha": ("captchas", CAPTCHA),
}
_OVER: Final = frozenset({"target_absent", "target_ambiguous"})
"""Reasons that say less than that the page is no page of content."""
_REMEMBERED: Final = 4096
"""The most pages whose judgement is remembered."""
_KINDS: Final = frozenset({"click", "submit"})
"""Actions of which the next page shows whether they did something."""
_UNSEEN: Final = frozenset(
    ("select", "option", "textarea", "label", "iframe", "frame", "canvas", "video", "audio",
     "object", "embed", "map", "area")
)  # fmt: skip
"""Elements, or what is in them, whose changes are in no markup."""
_FIELDS: Final = frozenset({"textbox", "searchbox", "combobox", "spinbutton", "slider", "listbox"})
_PRESSED: Final = frozenset({"submit", "button", "image", "reset"})
_BODY: Final = frozenset({"html", "body"})
"""Elements that every page has: an action on them is no action on an element of its own."""


@dataclass(frozen=True)
class Quality:
    """The rules as switches, and two limits for workflows."""

    name: ClassVar[str] = "quality"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "which pages, steps and workflows are not worth training on"
    reasons: ClassVar[tuple[OwnReason, ...]] = (
        ERROR_PAGE,
        BLANK_PAGE,
        LOGIN_WALL,
        CAPTCHA,
        NO_EFFECT,
        TOO_MANY_FAILED_STEPS,
        TOO_MANY_LOOPS,
    )

    error_pages: Annotated[bool, "do not train on steps on error pages"] = True
    blank_pages: Annotated[bool, "do not train on steps on pages that show nothing yet"] = True
    login_walls: Annotated[
        bool, "do not train on steps on pages for signing in, unless the objective asks for it"
    ] = True
    captchas: Annotated[bool, "do not train on steps on pages that ask for a proof"] = True
    no_effect: Annotated[bool, "do not train on clicks after which the page is the same"] = True
    max_failed_steps: Annotated[
        float | None,
        "drop workflows with a larger share of steps that are known to have failed; off unless "
        "given",
    ] = None
    max_loops: Annotated[
        int | None,
        "drop workflows in which more steps repeat an earlier one on the same page; off unless "
        "given",
    ] = None

    def __post_init__(self) -> None:
        share, most = self.max_failed_steps, self.max_loops
        if share is not None and not 0 <= share <= 1:
            raise ConfigError(f"quality.max_failed_steps = {share}: a share is between 0 and 1")
        if most is not None and most < 0:
            raise ConfigError(f"quality.max_loops = {most}: a number of steps is 0 or more")

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Names the rules that are on, for the data card."""
        on = [f"`{each.name}`" for each in fields(Quality) if settings.get(each.name) is True]
        if settings["max_failed_steps"] is not None:
            on.append(f"workflows with more than {settings['max_failed_steps']:.0%} failed steps")
        if settings["max_loops"] is not None:
            on.append(f"workflows with more than {settings['max_loops']} repeated steps")
        return f"leaves out, or does not train on, what is: {', '.join(on)}" if on else ""

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Passes on what the rules leave."""
        known = _Known()
        for draft in rows:
            if (against := self._against(draft)) is not None:
                tally.drop_workflow(draft, *against)
                continue
            if any(getattr(self, switch) for switch, _ in _REASONS.values()):
                self._judge_pages(draft, known)
            if self.no_effect:
                self._judge_effects(draft)
            yield draft

    def _against(self, draft: Draft) -> tuple[OwnReason, str] | None:
        """Why a whole workflow is dropped, with the detail; None if it is not."""
        steps = draft.workflow.steps
        if self.max_failed_steps is not None:
            count = failed(draft.workflow)
            if steps and count > self.max_failed_steps * len(steps):
                return TOO_MANY_FAILED_STEPS, f"{count} of {len(steps)} steps failed"
        if self.max_loops is not None:
            count = loops(draft.workflow)
            if count > self.max_loops:
                return TOO_MANY_LOOPS, f"{count} of {len(steps)} steps repeat an earlier one"
        return None

    def _judge_pages(self, draft: Draft, known: _Known) -> None:
        """Take steps out of training whose page stands in the way."""
        about_account = bool(words.ACCOUNT.search(words.folded(draft.objective)))
        for step_draft in draft.steps:
            if step_draft.reason and step_draft.reason not in _OVER:
                continue
            if not (step_draft.step.has_page and step_draft.step.target):
                continue
            found = known.obstacle(step_draft.step)
            if found is None or (found.kind == "login" and about_account):
                continue
            if found.kind == "blank" and _on_element(step_draft):
                continue  # something is there, drawn by a style sheet
            switch, reason = _REASONS[found.kind]
            if getattr(self, switch):
                _drop(step_draft, self.name, reason, found.evidence)

    def _judge_effects(self, draft: Draft) -> None:
        """Take clicks out of training after which the page is the same."""
        if not any(recorded.has_page for recorded in draft.workflow.steps):
            return  # its pages were joined
        changes, same, others = False, list[StepDraft](), list[tuple[StepDraft, StepDraft]]()
        states = _States()
        for step_draft, following in pairwise(draft.steps):
            one, other = step_draft.step, following.step
            if following.place != step_draft.place + 1 or other.gap:
                continue
            if not (one.has_page and other.has_page):
                continue
            if one.url != other.url:
                changes = True
            elif step_draft.reason or not _may_show(step_draft):
                others.append((step_draft, following))
            elif not states.same(step_draft, following):
                changes = True
            elif _would_show(step_draft):
                same.append(step_draft)
        if same and not changes:  # to compare pages takes time
            changes = not all(states.same(*pair) for pair in others)
        if changes:
            for step_draft in same:
                _drop(step_draft, self.name, NO_EFFECT, "the next page is the same")


def _drop(step_draft: StepDraft, stage: str, reason: OwnReason, detail: str) -> None:
    """Take a step out of training; its element, if it was found, is still described."""
    step_draft.drop(stage, reason, detail, override=True)


def _on_element(step_draft: StepDraft) -> bool:
    """Whether the target of a step is an element of the page's own."""
    if step_draft.element < 0:
        return False
    page = read(step_draft.step.page)
    return page.tokens[page.position(step_draft.element)].tag not in _BODY


def _may_show(step_draft: StepDraft) -> bool:
    """Whether a page may show what a step did, by its action."""
    action = step_draft.step.action
    if action.kind not in _KINDS or action.modifiers or action.button not in ("", "left"):
        return False
    return step_draft.element >= 0


def _would_show(step_draft: StepDraft) -> bool:
    """Whether the page would show what a step did, by its element."""
    step = step_draft.step
    page = read(step.page)
    position = page.position(step_draft.element)
    token = page.tokens[position]
    attributes = token.attributes()
    if token.tag == "input" and attributes.get("type", "text").lower() not in _PRESSED:
        return False
    if "contenteditable" in attributes or attributes.get("role", "").lower() in _FIELDS:
        return False
    around = _around(page, position)
    return not (_UNSEEN & {token.tag, *around}) and not _leads_away(page, position, around)


def _leads_away(page: Page, position: int, around: Mapping[str, int]) -> bool:
    """Whether the link around a place, or there, opens elsewhere: in another tab, or as a file."""
    at = position if page.tokens[position].tag == "a" else around.get("a", -1)
    if at < 0:
        return False
    attributes = page.tokens[at].attributes()
    href = attributes.get("href", "").strip().lower()
    target = attributes.get("target", "").lower()
    elsewhere = target not in ("", "_self", "_top", "_parent")
    return elsewhere or "download" in attributes or href.startswith(("mailto:", "tel:", "sms:"))


def _around(page: Page, position: int) -> dict[str, int]:
    """The tags of the elements around a place, each with the place of the innermost of it."""
    opened = OpenTags()
    places: list[int] = []
    for at in range(position):
        token = page.tokens[at]
        if token.kind == START:
            opened.open(token.tag)
            places.append(at)
        elif token.kind == END and (closed := opened.close(token.tag)):
            del places[-closed:]
    return dict(zip(opened.tags, places, strict=True))


class _States:
    """The states of the pages of one workflow; that of the latest page is remembered."""

    def __init__(self) -> None:
        self._latest = -1, 0

    def same(self, one: StepDraft, following: StepDraft) -> bool:
        """Whether two pages are of one state."""
        before, after = one.step.utf8, following.step.utf8
        if before == after:
            return True
        place, state = self._latest
        if place != one.place:
            state = state_of(before)
        self._latest = following.place, state_of(after)
        return state == self._latest[1]


class _Known:
    """The judgements on the latest pages; recorded pages repeat."""

    def __init__(self) -> None:
        self._latest: OrderedDict[tuple[int, int], Obstacle | None] = OrderedDict()

    def obstacle(self, step: Step) -> Obstacle | None:
        """What the page of a step is instead of content."""
        utf8 = step.utf8
        key = xxhash.xxh3_128_intdigest(utf8), xxhash.xxh3_64_intdigest(step.url.encode())
        if key not in self._latest:
            self._latest[key] = obstacle(read(step.page), step.url)
            if len(self._latest) > _REMEMBERED:
                self._latest.popitem(last=False)
        return self._latest[key]
