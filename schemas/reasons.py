"""The words by which drops are counted: why something that was read goes no further.

Shared reasons stand here. The type `SharedReason` lists them; `MEANINGS` says what each means. A
reason that only one stage or decision gives is an `OwnReason`, declared beside that stage with its
meaning. The type check refuses any other word. `etl.card.reasons` has all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, Self, get_args

SharedReason = Literal[
    # an input as a whole, or a record of it
    "not_a_file",
    "unknown_format",
    "no_pages_in_format",
    "no_recording",
    "other_container",
    "broken_compression",
    "truncated_gzip",
    "truncated_zstd",
    "broken_csv",
    "broken_json",
    "broken_parquet",
    "broken_pickle",
    "broken_zip",
    "truncated_csv",
    "truncated_json",
    "hostile_pickle",
    "pickle_too_large",
    "zip_too_large",
    "invalid_utf8",
    "missing_field",
    "unknown_locator",
    "unknown_version",
    "no_snapshots",
    "wrong_type",
    "after_broken_record",
    "after_broken_row",
    "source_crashed",
    "workflow_dropped",
    "pages_given_as_input",
    "tasks_given_as_input",
    "semantic_workflow",
    "workflow_mock",
    # a record that is no action
    "assertion",
    "choice_not_recorded",
    "control_flow",
    "done_by_page",
    "end_state",
    "key_outside_field",
    "keyup_alone",
    "modifier_alone",
    "mouseup_alone",
    "no_action",
    "not_an_action",
    "not_a_step",
    "press_without_click",
    "scroll_without_effect",
    "step_out_of_order",
    "typing_without_effect",
    "unknown_event",
    "unnamed_key",
    # a workflow
    "conflicting_id",
    "duplicate_workflow",
    "killed_worker",
    "history_incomplete",
    "no_samples",
    "no_snapshot",
    "over_time",
    "page_too_large",
    "split_over_files",
    "stage_crashed",
    "taken_down",
    "workflow_without_steps",
    # a step
    "costly_css",
    "costly_xpath",
    "empty_page",
    "incomplete_action",
    "invalid_css",
    "invalid_markup",
    "invalid_node",
    "invalid_xpath",
    "unsupported_locator",
    "missing_dom",
    "no_element",
    "no_page",
    "target_absent",
    "target_ambiguous",
    "target_pruned",
    "target_unknown",
    "unknown_action",
    "unreadable_action",
    # a sample
    "chat_refused",
    "over_context",
    "target_not_in_observation",
    "tokenizer_panic",
    "too_many_chunks",
]


class Meaning(NamedTuple):
    """What a reason means."""

    # for a user, a sentence or two
    says: str
    # something that is dropped for this reason
    example: str
    # settings of a recipe (`section.key`) that decide whether it is dropped, the most likely first;
    # none: it is always dropped
    settings: tuple[str, ...] = ()


class OwnReason(str):
    """A reason that only one stage or decision gives: the word, with its meaning."""

    __slots__ = ("meaning",)
    meaning: Meaning

    def __new__(cls, word: str, says: str, example: str, settings: tuple[str, ...] = ()) -> Self:
        """The word, and the fields of its `Meaning`."""
        reason = super().__new__(cls, word)
        reason.meaning = Meaning(says, example, settings)
        return reason

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Pickled as the plain word, which is enough between processes."""
        return str, (str(self),)


Reason = SharedReason | OwnReason

OF_FILES: Final[tuple[SharedReason, ...]] = (
    "not_a_file",
    "unknown_format",
    "no_pages_in_format",
    "no_recording",
    "other_container",
)
"""Those for which a whole file is left aside, without a source that reads it."""

TAKEN_DOWN: Final[Reason] = "taken_down"
SHARED: Final[frozenset[str]] = frozenset(get_args(SharedReason))

MEANINGS: Final[Mapping[str, Meaning]] = {
    "not_a_file": Meaning(
        "An input is a pipe, a socket, a device, or a link that leads nowhere.",
        "recordings/latest -> a folder that was removed",
    ),
    "unknown_format": Meaning(
        "No source recognises the file; a folder's other files are read all the same.",
        "recordings/notes.txt",
    ),
    "no_pages_in_format": Meaning(
        "The file's kind is known, and it holds actions or conversations, but no pages.",
        "a log of WebVoyager, conversations for fine-tuning",
    ),
    "no_recording": Meaning(
        "The file's kind is known, and it is no recording: tasks, results, splits, settings.",
        "the result of an agent's run",
    ),
    "other_container": Meaning(
        "The file is an archive, a table or a database of a kind that is not read.",
        "recordings.tar",
    ),
    "broken_compression": Meaning(
        "The compressed bytes are damaged. What came before the damage is read.",
        "a .gz file with a wrong checksum",
    ),
    "truncated_gzip": Meaning(
        "The gzip stream stops before its end. What came before is read.",
        "a .gz file whose upload broke off",
    ),
    "truncated_zstd": Meaning(
        "The zstandard frame stops before its end. What came before is read.",
        "a .zst file whose upload broke off",
    ),
    "broken_csv": Meaning(
        "A row does not have the header's number of fields, or text follows a closing quote.",
        '"click" here,https://shop.test/',
    ),
    "broken_json": Meaning(
        "A record is not JSON.",
        '{"objective": Buy milk}',
    ),
    "broken_parquet": Meaning(
        "The rest of a Parquet file cannot be decoded.",
        "a page of a column with damaged bytes",
    ),
    "broken_pickle": Meaning(
        "A pickle is damaged or stops before its end.",
        "step_3.pkl.gz of 0 bytes inside",
    ),
    "broken_zip": Meaning(
        "A zip archive is damaged or cut off, or a file in it is encrypted or compressed in an "
        "unusual way.",
        "a trace.zip whose upload broke off",
    ),
    "truncated_csv": Meaning(
        "A quoted field has no end: the file was cut off, or a quote is missing.",
        '"<html>...',
    ),
    "truncated_json": Meaning(
        "A record or list stops before its end.",
        '{"objective": "Buy',
    ),
    "hostile_pickle": Meaning(
        "A pickle names what runs programs or opens files, as no recorder writes; nothing of it is "
        "run.",
        "a pickle that calls os.system",
    ),
    "pickle_too_large": Meaning(
        "A pickle is over 256 MiB after decompression, or has over 5,000,000 opcodes.",
        "a step with a video in it",
    ),
    "zip_too_large": Meaning(
        "A file in a zip archive, or the list of its files, is larger after decompression than any "
        "recording: a few bytes may stand for gigabytes of zeros.",
        "100 MB of zeros in a zip of 100 kB",
    ),
    "invalid_utf8": Meaning(
        "A record is not UTF-8.",
        "Latin-1: the byte E9 for e with an acute accent",
    ),
    "missing_field": Meaning(
        "A record lacks a required field.",
        "a workflow without steps",
    ),
    "unknown_locator": Meaning(
        "A locator's kind is not one of those that there are.",
        '{"kind": "css-path", "value": "#buy"}',
    ),
    "unknown_version": Meaning(
        "A recording's format has a version that is not read.",
        "a Playwright trace of version 2",
    ),
    "no_snapshots": Meaning(
        "The trace was recorded without snapshots of its pages.",
        "a call in a trace of `tracing.start(snapshots=False)`",
    ),
    "wrong_type": Meaning(
        "A field holds something else than it should.",
        '"steps": "click"',
    ),
    "after_broken_record": Meaning(
        "An earlier record of the episode cannot be read: the history would lack a step.",
        "step 5 after a broken step 4",
    ),
    "after_broken_row": Meaning(
        "An earlier row of the workflow cannot be read: the history would lack a step.",
        "row 5 after a broken row 4",
    ),
    "source_crashed": Meaning(
        "A source failed on the file in a way that nobody foresaw; please report it.",
        "an exception with file and function in its detail",
    ),
    "workflow_dropped": Meaning(
        "The record's workflow was dropped, and the record went with it.",
        "the rows of a workflow whose objective is not English",
    ),
    "pages_given_as_input": Meaning(
        "The file holds pages and no actions: a web archive, a HAR file or a saved page. It is "
        "given with --pages, to be joined to recordings that hold none.",
        "stepmill build recordings/ crawl.warc.gz",
    ),
    "tasks_given_as_input": Meaning(
        "The file lists tasks and no actions. It is given with --objectives, for recordings that "
        "do not say what is to be done.",
        "WebArena's test.raw.json",
    ),
    "semantic_workflow": Meaning(
        "The workflow names its elements only by words for a program to interpret, and has no "
        "selector of any.",
        '"target_text": "First Name"',
    ),
    "workflow_mock": Meaning(
        "Made up for a user interface: it was never recorded.",
        "workflow-use's ui/src/data",
    ),
    "assertion": Meaning(
        "It checks or waits for something, or notes it, and does nothing on the page.",
        "assertText, waitForElement, store",
    ),
    "control_flow": Meaning(
        "It decides which other commands run, so what was done after it is not known.",
        "if, times, end",
    ),
    "choice_not_recorded": Meaning(
        "A list was clicked, but which option was chosen is not recorded.",
        "a mouseup on a <select> that kept its value",
    ),
    "done_by_page": Meaning(
        "A click, a scroll or another value of a field that nothing shows to be a person's.",
        "a field without the focus that a script empties",
    ),
    "end_state": Meaning(
        "The state after an episode's last action: there is no action in it.",
        "BrowserGym's last step",
    ),
    "key_outside_field": Meaning(
        "A character was typed while nothing had the focus.",
        "the key x on <body>",
    ),
    "keyup_alone": Meaning(
        "A key was released that was not pressed in this recording.",
        "the Enter that started the recorder",
    ),
    "modifier_alone": Meaning(
        "Shift, Control, Alt or Meta was pressed and nothing with it.",
        "Shift down, Shift up",
    ),
    "mouseup_alone": Meaning(
        "The mouse was released where it was not pressed.",
        "the click that started the recorder",
    ),
    "no_action": Meaning(
        "A recorded state without an event.",
        "the first state of a demonstration",
    ),
    "not_an_action": Meaning(
        "A call of a recorded program that does nothing on a page, as a person would: it sets up, "
        "waits, looks or checks.",
        "expect(page.locator('#cart')).toBeVisible()",
    ),
    "not_a_step": Meaning(
        "A file of an episode's folder that is no step.",
        "summary_info.json",
    ),
    "press_without_click": Meaning(
        "The mouse was pressed and released in one place, and no click came of it.",
        "the middle button, of which rrweb records no click",
    ),
    "scroll_without_effect": Meaning(
        "A scroll that moved nothing.",
        "a wheel at the page's end",
    ),
    "step_out_of_order": Meaning(
        "A record's number is not the next one: the history would lack a step.",
        "step 7 after step 5",
    ),
    "typing_without_effect": Meaning(
        "Keys that left their field as it was.",
        "x and Backspace",
    ),
    "unknown_event": Meaning(
        "An event that makes no step.",
        "mousemove",
    ),
    "unnamed_key": Meaning(
        "A key whose code has no name.",
        "keyCode 255",
    ),
    "conflicting_id": Meaning(
        "A workflow with the same id and other content came before. It is in quarantine.",
        "two recordings named shop-01",
    ),
    "duplicate_workflow": Meaning(
        "The same recording came before; its detail says where.",
        "the same file in two folders",
    ),
    "killed_worker": Meaning(
        "The process that worked on it died twice, for want of memory for one.",
        "a page of 2 GB once it is parsed",
        ("limits.page_mb",),
    ),
    "history_incomplete": Meaning(
        "Steps before it are missing or in an unknown order, so its history would be false.",
        "steps 4 and 5 of a workflow whose step 3 is not there",
        ("filter.incomplete_history",),
    ),
    "no_samples": Meaning(
        "None of its steps became a sample; the reasons of the steps say why.",
        "a workflow of scrolls",
    ),
    "no_snapshot": Meaning(
        "A recording of changes that lacks the page which they change.",
        "the second part of an rrweb session, whose snapshot is in the first",
    ),
    "over_time": Meaning(
        "It took longer than the limit. It is in quarantine.",
        "a page of a million nested elements",
        ("limits.page_seconds",),
    ),
    "page_too_large": Meaning(
        "One of its pages has more characters than the limit. It is in quarantine.",
        "a page with a video as text",
        ("limits.page_mb",),
    ),
    "split_over_files": Meaning(
        "Its steps lie in several files and have no numbers that tell their order. It is in "
        "quarantine.",
        "steps of workflow a1 in part-9.csv and in part-10.csv, without action_step_number",
    ),
    "stage_crashed": Meaning(
        "A stage failed on it in a way that nobody foresaw; please report it.",
        "an exception with file and function in its detail",
    ),
    "taken_down": Meaning(
        "The takedown list names it, its domain, or a copy of it.",
        "workflow shop-01",
        ("takedown.workflows", "takedown.domains", "takedown.file"),
    ),
    "workflow_without_steps": Meaning(
        "A recording without any step.",
        '"steps": []',
    ),
    "costly_css": Meaning(
        "The selector would take minutes on this page.",
        "a chain of * on 100,000 elements",
    ),
    "costly_xpath": Meaning(
        "The XPath would take minutes on this page.",
        "//*[preceding::*] on 100,000 elements",
    ),
    "empty_page": Meaning(
        "The recorded page has no element.",
        "a page of blanks",
    ),
    "invalid_css": Meaning(
        "The locator is not a CSS selector.",
        "#buy[",
    ),
    "invalid_markup": Meaning(
        "The locator is not a start tag.",
        "buy now",
    ),
    "invalid_node": Meaning(
        "The locator is not a node number.",
        "node seven",
    ),
    "invalid_xpath": Meaning(
        "The locator is not an XPath.",
        "//button[",
    ),
    "unsupported_locator": Meaning(
        "The recorded page does not decide what the locator finds: layout, a person's doings or "
        "scripts do.",
        "button:visible, a:hover",
    ),
    "missing_dom": Meaning(
        "The recording has no page for the step.",
        '"html": ""',
        ("filter.missing_dom",),
    ),
    "no_element": Meaning(
        "A page action: it has no target. It stays in the history.",
        "scroll, navigate, new tab",
        ("locate.train_without_element",),
    ),
    "no_page": Meaning(
        "The recording holds no pages, and no archive that was given has one of the step's "
        "address; or the address is not known.",
        "a recording of Chrome's Recorder without --pages",
        ("inputs.pages", "filter.missing_dom"),
    ),
    "target_absent": Meaning(
        "No locator finds an element in the recorded page.",
        "#buy on a page without that id",
    ),
    "target_ambiguous": Meaning(
        "A locator finds several elements, and none finds exactly one.",
        "button.buy on a list of products",
    ),
    "target_pruned": Meaning(
        "The pruning rules would remove the target from what a model sees.",
        "an empty <i> that was clicked",
        ("prune.keep_target",),
    ),
    "target_unknown": Meaning(
        "The action needs an element, and the recording names none.",
        "a click without any locator",
    ),
    "unknown_action": Meaning(
        "Its kind of action, a button or a held key is on no list. It stays in the history; the "
        "nearest kind is named.",
        "klick, where click was meant",
    ),
    "unreadable_action": Meaning(
        "It is no single action: a program of several calls, or prose without a call. It stays in "
        "the history.",
        "click('a') and click('b') in one step",
    ),
    "incomplete_action": Meaning(
        "What was typed, chosen or pressed, or where a drag ends, is not recorded. It stays in the "
        "history.",
        "a type with neither value nor description",
    ),
    "chat_refused": Meaning(
        "The model's own chat template raises an error for it, or writes the prompt otherwise once "
        "the answer is there.",
        "a template that refuses an answer without a thought",
        ("prompt.chat", "prompt.chat_variables"),
    ),
    "over_context": Meaning(
        "It does not fit the context, even without its page, or one piece of the page alone does "
        "not.",
        "40,000 tokens of history, context 32,768",
        ("fit.context", "unroll.max_history", "fit.train", "fit.test"),
    ),
    "target_not_in_observation": Meaning(
        "The page was cut into chunks, and the target's start tag is in none.",
        "a start tag that the tokenizer's normalisation changes",
        ("fit.train",),
    ),
    "tokenizer_panic": Meaning(
        "The tokenizer gave up on the text.",
        "a million characters without a break",
    ),
    "too_many_chunks": Meaning(
        "The page makes more chunks of the context than the limit.",
        "a page of 2,000,000 tokens",
        ("fit.max_chunks", "fit.context"),
    ),
}
