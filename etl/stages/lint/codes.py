"""The codes of lint: what may be wrong, how grave it is, and the reason for a drop for it."""

from __future__ import annotations

from typing import Final, NamedTuple

from schemas.findings import Severity
from schemas.reasons import OwnReason

_SETTINGS: Final = ("lint.drop_steps", "lint.drop_workflows")

LINT_ABSENT_TARGET: Final = OwnReason(
    "lint_absent_target",
    "The element of the action is not in the page on which it was taken.",
    "a click on #buy in a page without it",
    _SETTINGS,
)
LINT_DANGLING_ID: Final = OwnReason(
    "lint_dangling_id",
    "The action names its element by an id that nothing in the page has.",
    "bid 207 in a page whose ids end at 180",
    _SETTINGS,
)
LINT_HIDDEN_TARGET: Final = OwnReason(
    "lint_hidden_target",
    "The element of the action is hidden by its markup, or by an element around it.",
    'a click inside <div style="display: none">',
    _SETTINGS,
)
LINT_DISABLED_TARGET: Final = OwnReason(
    "lint_disabled_target",
    "The element of the action is disabled, and the action is not known to have failed.",
    "a click on <button disabled>",
    _SETTINGS,
)
LINT_LOST_TEXT: Final = OwnReason(
    "lint_lost_text",
    "What was typed is not in its field afterwards, which holds something else.",
    'Boston was typed, and the field then says "Berlin"',
    _SETTINGS,
)
LINT_URL_JUMP: Final = OwnReason(
    "lint_url_jump",
    "The address changes after an action that leads nowhere.",
    "another site after a scroll",
    _SETTINGS,
)
LINT_OFF_BY_ONE: Final = OwnReason(
    "lint_off_by_one",
    "The page is that of the step before or after.",
    "the target of each step is in the page of the next one",
    ("lint.mend", *_SETTINGS),
)
LINT_OUT_OF_ORDER: Final = OwnReason(
    "lint_out_of_order",
    "Two steps stand in the wrong order.",
    "a field is filled in one page and typed into afterwards",
    _SETTINGS,
)
LINT_REPEATED_STEP: Final = OwnReason(
    "lint_repeated_step",
    "The same action comes again on the same page, which has not changed.",
    "two rows for one click",
    ("lint.mend", *_SETTINGS),
)
LINT_OTHER_DESCRIPTION: Final = OwnReason(
    "lint_other_description",
    "The description tells of another step's element or value.",
    '"Click Save" for a click on Cancel, before a click on Save',
    _SETTINGS,
)
LINT_WRONG_VERB: Final = OwnReason(
    "lint_wrong_verb",
    "The description says that something else was done.",
    '"Type Boston in City" for a click',
    _SETTINGS,
)
LINT_EMPTY_URL: Final = OwnReason(
    "lint_empty_url",
    "A step has no address, though other steps of its workflow have.",
    '"url": ""',
    _SETTINGS,
)
LINT_BLANK_PAGE: Final = OwnReason(
    "lint_blank_page",
    "A step has no page or a page without content, though other steps have pages.",
    "<html></html>",
    _SETTINGS,
)
LINT_LEAKED_LABEL: Final = OwnReason(
    "lint_leaked_label",
    "The page marks the element of the action, as a model would not meet it.",
    'data-recorder-target="1" on it alone',
    _SETTINGS,
)
LINT_KNOWN_MARKER: Final = OwnReason(
    "lint_known_marker",
    "The page marks the element of the action by an attribute that pruning always removes.",
    "data_pw_testid_buckeye, which Mind2Web's recorder adds",
    _SETTINGS,
)
REASONS: Final = (
    LINT_ABSENT_TARGET,
    LINT_DANGLING_ID,
    LINT_HIDDEN_TARGET,
    LINT_DISABLED_TARGET,
    LINT_LOST_TEXT,
    LINT_URL_JUMP,
    LINT_OFF_BY_ONE,
    LINT_OUT_OF_ORDER,
    LINT_REPEATED_STEP,
    LINT_OTHER_DESCRIPTION,
    LINT_WRONG_VERB,
    LINT_EMPTY_URL,
    LINT_BLANK_PAGE,
    LINT_LEAKED_LABEL,
    LINT_KNOWN_MARKER,
)
"""The reasons for drops, in the order in which codes are shown."""


class Code(NamedTuple):
    """One kind of contradiction."""

    severity: Severity
    # for a step or workflow that is dropped because of it
    reason: OwnReason

    @property
    def meaning(self) -> str:
        """What is wrong, in a sentence."""
        return self.reason.meaning.says


CODES: Final = {
    "absent_target": Code("error", LINT_ABSENT_TARGET),
    "dangling_id": Code("error", LINT_DANGLING_ID),
    "hidden_target": Code("warning", LINT_HIDDEN_TARGET),
    "disabled_target": Code("warning", LINT_DISABLED_TARGET),
    "lost_text": Code("error", LINT_LOST_TEXT),
    "url_jump": Code("warning", LINT_URL_JUMP),
    "off_by_one": Code("error", LINT_OFF_BY_ONE),
    "out_of_order": Code("error", LINT_OUT_OF_ORDER),
    "repeated_step": Code("warning", LINT_REPEATED_STEP),
    "other_description": Code("error", LINT_OTHER_DESCRIPTION),
    "wrong_verb": Code("warning", LINT_WRONG_VERB),
    "empty_url": Code("warning", LINT_EMPTY_URL),
    "blank_page": Code("error", LINT_BLANK_PAGE),
    "leaked_label": Code("warning", LINT_LEAKED_LABEL),
    "known_marker": Code("note", LINT_KNOWN_MARKER),
}
"""All codes by name, in the order in which they are shown."""
