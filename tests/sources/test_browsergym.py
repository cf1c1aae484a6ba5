"""BrowserGym episodes: what becomes a workflow, what is dropped, and that pickles stay data."""

from __future__ import annotations

import builtins
import copyreg
import gzip
import json
import operator
import os
import pickle
import re
import struct
import sys
import types
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pytest
import zstandard

from etl.inputs import pickles
from etl.inputs.pickles import Instance, loads, plain
from etl.inputs.records import InputHead, InputShard
from etl.sources.browsergym.calls import CALLS, parse_action
from etl.sources.browsergym.episodes import BrowserGym
from etl.tally import Tally
from schemas.errors import RecordError
from schemas.workflow import Action, Locator, Workflow

PAGE = '<body bid="1"><a bid="a1">Go</a></body>'
THANKS = {"role": "user", "message": "Nice work, thank you!"}


def record(
    step: int, act: str | None = "Go.\n\n```click('a1')```", /, **changes: Any
) -> dict[str, Any]:
    """One JSONL record; ``obs__key`` changes the observation, a value of ... removes the key."""
    obs: dict[str, Any] = {
        "chat_messages": [
            {"role": "assistant", "message": "Hi"},
            {"role": "user", "message": "Buy tea"},
        ],
        "goal_object": None,
        "last_action_error": "",
        "open_pages_urls": ["https://a.example/", f"https://b.example/{step}"],
        "active_page_index": 1,
        "pruned_html": PAGE,
    }
    fields: dict[str, Any] = {"step": step, "obs": obs, "reward": 0, "action": act}
    for key, value in changes.items():
        place = obs if key.startswith("obs__") else fields
        if value is ...:
            del place[key.removeprefix("obs__")]
        else:
            place[key.removeprefix("obs__")] = value
    return fields


def line(number: int, /, *action: str | None, **changes: Any) -> bytes:
    return json.dumps(record(number, *action, **changes)).encode()


def read(path: Path, name: str = "") -> tuple[list[Workflow], Tally]:
    tally = Tally()
    workflows = list(
        BrowserGym().read(InputShard(name or path.name, str(path), "browsergym", 0, ""), tally)
    )
    return workflows, tally


def read_lines(folder: Path, *lines: bytes) -> tuple[list[Workflow], Tally]:
    path = folder / "tea.jsonl"
    path.write_bytes(b"".join(text + b"\n" for text in lines))
    return read(path)


def reasons(tally: Tally) -> dict[str, str]:
    """Record id (after the shard's name) -> reason.

    Also checks that each id is read once and dropped at most once.
    """
    entries = [entry for entry in tally.entries if entry.unit == "record"]
    ids = Counter(entry.id for entry in entries if not entry.reason)
    gone = Counter(entry.id for entry in entries if entry.reason)
    assert max(ids.values()) == 1
    assert max(gone.values(), default=1) == 1
    assert gone.keys() <= ids.keys()
    return {re.sub(r"^tea[^#/]*", "", entry.id): entry.reason for entry in entries if entry.reason}


@dataclass
class StepTimestamps:
    env_start: float = 0.0


@dataclass
class StepInfo:
    step: Any = None
    obs: Any = None
    reward: Any = 0
    action: Any = None
    agent_info: Any = field(default_factory=dict)
    profiling: Any = field(default_factory=StepTimestamps)


@pytest.fixture
def dump(monkeypatch: pytest.MonkeyPatch) -> Callable[..., bytes]:
    """Pickles a record as BrowserGym does: a StepInfo of its own module, numpy by its old path."""
    module = types.ModuleType("browsergym.experiments.loop")
    for name in ("browsergym", "browsergym.experiments"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for kind in (StepInfo, StepTimestamps):
        monkeypatch.setattr(kind, "__module__", module.__name__)
        monkeypatch.setattr(module, kind.__name__, kind, raising=False)

    def dump(fields: dict[str, Any], protocol: int = 4) -> bytes:
        obs = fields["obs"]
        if obs is not None:
            obs = obs | {"active_page_index": np.array([obs["active_page_index"]])}
        data = pickle.dumps(StepInfo(**(fields | {"obs": obs})), protocol)
        return data.replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")

    return dump


def folder_of(folder: Path, *files: bytes) -> Path:
    path = folder / "tea"
    path.mkdir()
    for number, data in enumerate(files):
        (path / f"step_{number}.pkl.gz").write_bytes(gzip.compress(data))
    return path


# --- an episode
# ------------------------------------------------------------------------------------------


def test_an_episode_is_one_workflow(tmp_path: Path) -> None:
    """A step carries the page before its action; the record without an action is dropped."""
    end = line(2, None, reward=1, obs__chat_messages=[THANKS])
    [workflow], tally = read_lines(tmp_path, line(0), line(1, "```scroll(0, 200)```"), end)
    assert (workflow.workflow_id, workflow.source, workflow.uid) == (
        "tea",
        "browsergym",
        "browsergym:tea",
    )
    assert (workflow.website, workflow.topic, workflow.origin) == ("", "", "tea.jsonl")
    assert [step.step_id for step in workflow.steps] == ["0", "1"]
    assert [step.url for step in workflow.steps] == ["https://b.example/0", "https://b.example/1"]
    assert [step.html for step in workflow.steps] == [PAGE, PAGE]
    assert [(step.action.kind, step.action.value) for step in workflow.steps] == [
        ("click", ""),
        ("scroll", "0 200"),
    ]
    assert {step.action.description for step in workflow.steps} == {""}
    assert workflow.steps[0].target == (Locator("attribute", "a1", name="bid"),)
    assert workflow.steps[1].target == ()
    assert reasons(tally) == {"#line=3": "end_state"}
    assert {entry.parent for entry in tally.entries} == {workflow.uid}


def test_the_objective_is_the_users_not_the_verdict(tmp_path: Path) -> None:
    """The last user message of the first record counts, not the task's own at the end."""
    both = [{"role": "user", "message": "Hello"}, {"role": "user", "message": "Buy tea"}]
    [workflow], _ = read_lines(
        tmp_path, line(0, obs__chat_messages=both), line(1, None, obs__chat_messages=[THANKS])
    )
    assert workflow.objective == "Buy tea"


@pytest.mark.parametrize(
    ("changes", "objective"),
    [
        (
            {
                "obs__goal_object": [
                    {"type": "text", "text": "Buy"},
                    {"type": "image"},
                    {"text": "tea"},
                ]
            },
            "Buy\ntea",
        ),
        ({"obs__goal_object": "no list", "obs__goal": "Buy tea"}, "Buy tea"),
        ({"obs__goal_object": 7}, ""),
    ],
)
def test_without_a_user_message_the_goal_is_the_objective(
    tmp_path: Path, changes: dict[str, Any], objective: str
) -> None:
    """``goal_object`` comes next, then ``goal``; with none of them the objective stays empty."""
    [workflow], _ = read_lines(
        tmp_path, line(0, obs__chat_messages=[THANKS | {"role": "infeasible"}], **changes)
    )
    assert workflow.objective == objective


def test_an_error_belongs_to_the_action_before(tmp_path: Path) -> None:
    """A step's error is the next record's last_action_error, the end state's included."""
    lines = (
        line(0),
        line(1, obs__last_action_error="no a1"),
        line(2, None, obs__last_action_error="late"),
    )
    [workflow], _ = read_lines(tmp_path, *lines)
    assert [step.error for step in workflow.steps] == ["no a1", "late"]


def test_an_error_after_a_record_without_action_belongs_to_no_step(tmp_path: Path) -> None:
    """An error after a record without action is not the earlier step's."""
    lines = line(0), line(1, None), line(2, obs__last_action_error="stale"), line(3, None)
    [workflow], tally = read_lines(tmp_path, *lines)
    assert [(step.step_id, step.error) for step in workflow.steps] == [("0", ""), ("2", "")]
    assert reasons(tally) == {"#line=2": "end_state", "#line=4": "end_state"}


@pytest.mark.parametrize(
    ("rewards", "reward"),
    [
        ([0, 0.5, 1], 1.5),
        ([None, 0, True], 1.0),
        ([0, float("nan"), 1], None),
        ([0, float("inf"), 1], None),
        ([0, 10**400, 1], None),
        ([0, "1", 1], None),
    ],
)
def test_the_reward_is_the_sum(tmp_path: Path, rewards: list[Any], reward: float | None) -> None:
    """The reward is BrowserGym's cum_reward.

    A missing one counts as 0; one that is not a finite number makes the sum unknown.
    """
    lines = [line(i, None if i == 2 else "noop()", reward=value) for i, value in enumerate(rewards)]
    assert [workflow.reward for workflow in read_lines(tmp_path, *lines)[0]] == [reward]


def test_without_the_end_state_the_reward_is_unknown(tmp_path: Path) -> None:
    """Without the record after the last action, its reward is None and its error empty."""
    [workflow], _ = read_lines(tmp_path, line(0), line(1, reward=1))
    assert (workflow.reward, workflow.steps[-1].error) == (None, "")


def test_a_null_observation_is_a_step_without_html(tmp_path: Path) -> None:
    """An action is history even where the page was not recorded."""
    lines = line(0), line(1, obs=None), line(2, None, obs=None)
    [workflow], tally = read_lines(tmp_path, *lines)
    assert [(step.html, step.url, step.action.kind) for step in workflow.steps][1] == (
        "",
        "",
        "click",
    )
    assert reasons(tally) == {"#line=3": "end_state"}


@pytest.mark.parametrize("index", [2, -1, None, "1", [0, 1], 1.0])
def test_an_index_without_a_page_gives_no_url(tmp_path: Path, index: Any) -> None:
    """An active page that is not among the open pages costs the URL, not the step."""
    [workflow], _ = read_lines(tmp_path, line(0, obs__active_page_index=index))
    assert workflow.steps[0].url == ""


def test_missing_pages_give_no_url(tmp_path: Path) -> None:
    """Observations without open pages are read."""
    [workflow], _ = read_lines(tmp_path, line(0, obs__open_pages_urls=...))
    assert workflow.steps[0].url == ""


@pytest.mark.parametrize("name", ["tea.jsonl", "tea.jsonl.gz", "tea.jsonl.zst", "sub/tea.jsonl"])
def test_the_name_is_the_files(tmp_path: Path, name: str) -> None:
    """The workflow has the name of its file, without folders and suffixes."""
    path = tmp_path / "any"
    data = line(0) + b"\r\n\n" + line(1, None)
    pack: dict[str, Callable[[bytes], bytes]] = {
        "gz": gzip.compress,
        "zst": zstandard.ZstdCompressor().compress,
    }
    path.write_bytes(pack.get(name.rsplit(".", 1)[-1], bytes)(data))
    [workflow], tally = read(path, name)
    assert (workflow.workflow_id, workflow.origin) == ("tea", name)
    assert [entry.id for entry in tally.entries if not entry.reason] == [
        f"{name}#line=1",
        f"{name}#line=3",
    ]


def test_half_characters_are_mended_and_counted(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """Half an emoji becomes U+FFFD in every text that is read, in both forms; a whole one stays."""
    records = [
        record(0, "fill('a1', '\ud83d \ud83d\ude00')", obs__pruned_html=PAGE + "\ude00"),
        record(1, None, obs__last_action_error="bad \ud83d"),
    ]
    lines = [json.dumps(fields).encode() for fields in records]
    (tmp_path / "old").mkdir()
    for workflows, tally in (
        read_lines(tmp_path, *lines),
        read(folder_of(tmp_path / "old", *(dump(fields) for fields in records))),
    ):
        [step] = workflows[0].steps
        assert (step.html, step.error) == (PAGE + "\ufffd", "bad \ufffd")
        assert step.action.value == "\ufffd \U0001f600"
        assert tally.odd == {("half_character", ""): 3}


# --- holes
# ------------------------------------------------------------------------------------------

BROKEN = [
    (b'{"step": 1, "obs": ', "truncated_json"),
    (b"[" * 100_000, "broken_json"),
    (b'{"step": 1, "obs": "\xff"}', "invalid_utf8"),
    (b"[]", "wrong_type"),
    (line(1, obs=...), "missing_field"),
    (line(1, action=...), "missing_field"),
    (line(1, obs__pruned_html=...), "missing_field"),
    (line(1, obs__pruned_html=None), "wrong_type"),
    (line(1, obs="page"), "wrong_type"),
    (line(1, step=True), "wrong_type"),
    (line(1, action=["click"]), "wrong_type"),
    (line(1, obs__last_action_error={"a": 1}), "wrong_type"),
]


@pytest.mark.parametrize(("bad", "reason"), BROKEN)
def test_a_broken_record_ends_the_episode(tmp_path: Path, bad: bytes, reason: str) -> None:
    """A broken record is quarantined as it was.

    Steps before it are kept; later ones are dropped, since their history is false.
    """
    after = line(2, obs__last_action_error="of step 1"), line(3, None, reward=1)
    [workflow], tally = read_lines(tmp_path, line(0), bad, *after)
    assert [(step.step_id, step.error) for step in workflow.steps] == [("0", "")]
    assert workflow.reward is None
    assert reasons(tally) == {
        "#line=2": reason,
        "#line=3": "after_broken_record",
        "#line=4": "after_broken_record",
    }
    assert [(item.reason, item.raw) for item in tally.quarantined] == [(reason, bad)]


@pytest.mark.parametrize(("numbers", "kept"), [((0, 2, 3), 1), ((0, 0, 1), 1), ((0, 1, 0), 2)])
def test_a_missing_or_repeated_step_ends_the_episode(
    tmp_path: Path, numbers: tuple[int, ...], kept: int
) -> None:
    """A record that can be read but is not the next step is dropped, and the rest after it."""
    [workflow], tally = read_lines(tmp_path, *(line(number) for number in numbers))
    assert len(workflow.steps) == kept
    assert list(reasons(tally).values()) == ["step_out_of_order", "after_broken_record"][: 3 - kept]
    assert not tally.quarantined


def test_a_truncated_file_keeps_its_whole_lines(tmp_path: Path) -> None:
    """Lines before the cut in a zstandard stream are read; the rest is quarantined."""
    whole = b"".join(
        line(number, obs__pruned_html=os.urandom(100_000).hex()) + b"\n" for number in range(9)
    )
    path = tmp_path / "tea.jsonl.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(whole)[:-200_000])
    [workflow], tally = read(path)
    kept = len(workflow.steps)
    assert 0 < kept < 9
    assert reasons(tally) == {f"#line={kept + 1}": "truncated_zstd"}
    assert whole.startswith(
        tally.quarantined[0].raw, len(b"".join(whole.splitlines(keepends=True)[:kept]))
    )


def test_an_episode_without_steps_is_quarantined(tmp_path: Path) -> None:
    """An episode without an action is quarantined with the bytes of its readable records."""
    end = line(0, None)
    workflows, tally = read_lines(tmp_path, end)
    assert not workflows
    assert reasons(tally) == {"#line=1": "end_state", "": "workflow_without_steps"}
    assert tally.quarantined[0].raw == end


@pytest.mark.parametrize(
    ("lines", "raw"), [((), b""), ((b"{", line(1)), line(1)), ((line(3),), line(3))]
)
def test_nothing_readable_is_no_workflow(
    tmp_path: Path, lines: tuple[bytes, ...], raw: bytes
) -> None:
    """An empty file and a gap at the beginning give no workflow, and lose nothing."""
    workflows, tally = read_lines(tmp_path, *lines)
    assert not workflows
    assert (tally.quarantined[-1].reason, tally.quarantined[-1].raw) == (
        "workflow_without_steps",
        raw,
    )
    assert len(reasons(tally)) == len(lines) + 1


# --- actions
# ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "bid", "value"),
    [
        ("click('a405')", "click", "a405", ""),
        ("I click on `x`.\n\n```click('a405')```", "click", "a405", ""),
        ("Python:\n```python\nclick(bid='a405')\n```\nDone.", "click", "a405", ""),
        ("click('a', 'left', [])", "click", "a", ""),
        ("click('a', button='right', modifiers=['Shift'])", "right_click", "a", ""),
        ("dblclick('a')", "double_click", "a", ""),
        ("hover('a')", "hover", "a", ""),
        ("fill('237', 'a \\'b\\'\\nc', True)", "type", "237", "a 'b'\nc"),
        ("fill('237', 'é', False)", "type", "237", "é"),
        ("check('55')", "check", "55", ""),
        ("select_option('a48', 'blue')", "select", "a48", "blue"),
        ("select_option('c48', ['red', 'é'])", "select", "c48", '["red", "é"]'),
        ("press('88', 'Control+a')", "press", "88", "Control+a"),
        ("focus('b455')", "focus", "b455", ""),
        ("clear('996')", "clear", "996", ""),
        ("drag_and_drop('56', '498')", "drag", "56", ""),
        ("upload_file('572', 'a.pdf')", "upload", "572", "a.pdf"),
        ("scroll(-50.2, -100.5)", "scroll", None, "-50.2 -100.5"),
        ("mouse_click(887.2, 68, 'right')", "mouse_click", None, "887.2 68"),
        ("keyboard_press('PageDown')", "press", None, "PageDown"),
        ("keyboard_type('Hello')", "type", None, "Hello"),
        ("goto('https://a.example')", "navigate", None, "https://a.example"),
        ("go_back()", "go_back", None, ""),
        ("tab_focus(2)", "focus_tab", None, "2"),
        ('send_msg_to_user("It is $5.")', "message", None, "It is $5."),
        ("report_infeasible('No such page')", "report_infeasible", None, "No such page"),
        ("noop()", "wait", None, ""),
        ("noop(2000)", "wait", None, "2000"),
    ],
)
def test_a_call_is_read(text: str, kind: str, bid: str | None, value: str) -> None:
    """A call gives our kind, the bid as target and the rest as value.

    Spelt-out defaults add nothing.
    """
    action, target, _ = parse_action(text)
    assert (action.kind, action.value, action.description) == (kind, value, "")
    assert target == (() if bid is None else (Locator("attribute", bid, "bid"),))


def test_every_call_is_read_by_its_parameters() -> None:
    """The whole table, each call written with the parameters it must have."""
    for name, (kind, parameters) in CALLS.items():
        needed = [parameter for parameter in parameters.split() if parameter.isidentifier()]
        arguments = ", ".join(f"{parameter}={parameter!r}" for parameter in needed)
        action, target, destination = parse_action(f"{name}({arguments})")
        bids = [parameter for parameter in needed if parameter in ("bid", "from_bid", "to_bid")]
        assert action.kind == kind
        assert action.value.split() == [parameter for parameter in needed if parameter not in bids]
        assert [locator.value for locator in (*target, *destination)] == bids


@pytest.mark.parametrize(
    "code",
    [
        "click('a')\nclick('b')",
        "click('a'); click('b')",
        "page.click('a')",
        "click(bid)",
        "click('a' + str(1))",
        "click()",
        "click(12)",
        "click('a', 'left', [], 4)",
        "click('a', bid='b')",
        "click('a', where=1)",
        "click(*['a'])",
        "click(**{'bid': 'a'})",
        "fill('a', None)",
        "tab_focus({})",
        "click('\\ud800')",
        "x = click('a')",
        "click(" + "[" * 90 + "]" * 90 + ")",
        "__import__('os').system('true')",
    ],
)
def test_anything_but_one_known_call_is_code(code: str) -> None:
    """Several calls, unknown calls and wrong arguments have no target, and keep their code."""
    action, target, _ = parse_action(f"Now:\n```{code}```")
    assert (action.kind, action.value, target) == ("code", code, ())


@pytest.mark.parametrize(
    ("text", "button", "held"),
    [
        ("click('a', 'middle')", "", ()),
        ("click('a', modifiers=['Shift', 'Control'])", "", ("Control", "Shift")),
        ("dblclick('a', 'right', ['Alt'])", "right", ("Alt",)),
        ("mouse_click(1, 2, 'right')", "right", ()),
        ("mouse_down(1, 2)", "", ()),
        ("click('a', 'fourth', ['Hyper'])", "fourth", ("Hyper",)),
    ],
)
def test_buttons_and_held_keys(text: str, button: str, held: tuple[str, ...]) -> None:
    """Buttons and modifiers are the action's own, held keys in one order; unknown ones stay."""
    action = parse_action(text).action
    assert (action.button, action.modifiers) == (button, held)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("teleport('a')", "teleport"), ("klick(x + 1)", "klick"), ("type('a')", "code")],
)
def test_an_unknown_call_keeps_its_name(text: str, kind: str) -> None:
    """A call that BrowserGym lacks is an unknown kind, even if it is a word of ours."""
    assert parse_action(text) == (Action(kind, text), (), ())


def test_a_drag_has_both_ends_and_an_empty_fill_clears() -> None:
    """Where a drag ends is located like its target; filling in nothing empties the field."""
    assert parse_action("drag_and_drop('56', '498')").destination == (
        Locator("attribute", "498", "bid"),
    )
    assert parse_action("fill('a', '')").action == Action("clear")


def test_two_fences_are_several_calls() -> None:
    """Which of two calls was meant is not guessed."""
    action, target, _ = parse_action("```click('a')``` or rather ```click('b')```")
    assert (action.kind, action.value, target) == ("code", "click('a')\nclick('b')", ())


@pytest.mark.parametrize(
    "text", ["", "I am done.", "done", "click('a'", "(" * 500_000, "-" * 900_000 + "1", "click\0()"]
)
def test_a_text_without_a_call_is_unparsed(text: str) -> None:
    """Prose, cut calls and texts made to break the parser stay text."""
    action, target, _ = parse_action(text)
    assert (action.kind, action.value, target) == ("unparsed", text, ())


def test_an_overlong_call_is_unparsed() -> None:
    """A call of more than a million characters is not handed to the parser."""
    assert parse_action(f"fill('a', '{'x' * 1_000_000}')")[0].kind == "unparsed"


# --- recognising
# ------------------------------------------------------------------------------------------

LONG = "x" * 200_000


@pytest.mark.parametrize(
    ("start", "is_ours"),
    [
        (line(0), True),
        (b"\xef\xbb\xbf\n " + line(0), True),
        (json.dumps(dict(reversed(record(0).items()))).encode(), True),
        (line(0, obs__pruned_html=LONG), True),
        (
            json.dumps({"obs": {"pruned_html": '{"' + LONG}, "action": None, "step": 0}).encode(),
            True,
        ),
        (json.dumps({"action": "}" + LONG, "obs": {}, "step": 0}).encode(), False),
        (json.dumps({"a": {"step": 0, "obs": {"pruned_html": ""}, "action": ""}}).encode(), False),
        (json.dumps({"step": 0, "obs": {"pruned_html": ""}}).encode(), False),
        (json.dumps({"step": 0, "obs": {"image": LONG}}).encode(), False),
        (b"[" + line(0) + b"]", False),
        (b'"step" "obs" "action"', False),
        (b"", False),
    ],
)
def test_jsonl_is_recognised_by_content(tmp_path: Path, start: bytes, is_ours: bool) -> None:
    """Top-level keys decide; of a first line over 64 KiB, the beginning of its observation."""
    path = tmp_path / "anything"
    path.write_bytes(start)
    assert BrowserGym().recognise(InputHead.of(path)) is is_ours


@pytest.mark.parametrize(
    ("name", "is_ours"), [("step_0.pkl.gz", True), ("step_x.pkl.gz", False), ("a.json", False)]
)
def test_a_folder_is_recognised_by_its_step_files(tmp_path: Path, name: str, is_ours: bool) -> None:
    """A folder with ``step_N.pkl.gz``; no file is opened for that."""
    (tmp_path / name).touch()
    assert BrowserGym().recognise(InputHead.of(tmp_path)) is is_ours


# --- pickled episodes
# ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_folder_gives_what_the_jsonl_gives(
    tmp_path: Path, dump: Callable[..., bytes], protocol: int
) -> None:
    """The same records in pickles of protocol 2 to 5 give an equal workflow, in order."""
    records = [record(number, reward=0.25) for number in range(12)] + [record(12, None, reward=1)]
    [expected], _ = read_lines(tmp_path, *(json.dumps(fields).encode() for fields in records))
    path = folder_of(tmp_path, *(dump(fields, protocol) for fields in records))
    (path / "summary_info.json").write_text("{}")
    (path / "goal_object.pkl.gz").write_bytes(b"never opened")
    [workflow], tally = read(path)
    assert replace(workflow, origin="") == replace(expected, origin="")
    others = {"/goal_object.pkl.gz": "not_a_step", "/summary_info.json": "not_a_step"}
    assert reasons(tally) == {"/step_12.pkl.gz": "end_state", **others}


def test_unknown_keys_are_kept_and_counted(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """Keys that BrowserGym does not write are kept in meta and counted.

    Those of a record without action are in the workflow's. Keys that it writes and nobody reads are
    left out. A value of a foreign class is counted as not kept.
    """
    besides = {
        "obs__axtree_txt": "x" * 9_000,
        "obs__screenshot": [0] * 9_000,
        "agent_info": {"think": "no"},
    }
    records = [
        record(0, obs__latency=0.5, obs__tags={"a": [1]}, **besides), record(1, judge="x" * 5_000),
        record(2, None, verdict="good", obs__latency=1),
    ]  # fmt: skip
    [workflow], tally = read_lines(tmp_path, *(json.dumps(fields).encode() for fields in records))
    assert [json.loads(step.meta or "{}") for step in workflow.steps] == [
        {"obs.latency": 0.5, "obs.tags": {"a": [1]}},
        {},
    ]
    assert json.loads(workflow.meta) == {"verdict": "good", "obs.latency": 1}
    assert tally.odd == {
        ("unknown_key", "obs.latency"): 2, ("unknown_key", "obs.tags"): 1,
        ("unknown_key", "verdict"): 1,
        ("unkept_value", "judge"): 1,
    }  # fmt: skip
    pickled = [
        record(0, obs__latency=np.float64(0.5), obs__clock=StepTimestamps(), **besides),
        record(1, None),
    ]  # fmt: skip
    [workflow], tally = read(folder_of(tmp_path, *map(dump, pickled)))
    assert workflow.steps[0].meta == '{"obs.latency":0.5}'
    assert tally.odd == {("unknown_key", "obs.latency"): 1, ("unkept_value", "obs.clock"): 1}


def test_the_goal_file_is_the_last_resort(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """Without a user message, goal_object.pkl.gz gives the objective and is not dropped."""
    path = folder_of(
        tmp_path,
        dump(record(0, obs__chat_messages=[])),
        dump(record(1, None, obs__chat_messages=())),
    )
    (path / "goal_object.pkl.gz").write_bytes(
        gzip.compress(pickle.dumps([{"type": "text", "text": "Buy tea"}]))
    )
    [workflow], tally = read(path)
    assert workflow.objective == "Buy tea"
    assert reasons(tally) == {"/step_1.pkl.gz": "end_state"}
    (path / "goal_object.pkl.gz").write_bytes(b"cposix\nsystem\n.")
    [workflow], tally = read(path)
    assert workflow.objective == ""
    assert reasons(tally) == {
        "/step_1.pkl.gz": "end_state",
        "/goal_object.pkl.gz": "hostile_pickle",
    }


def test_a_broken_pickle_ends_the_episode(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """As in a JSONL; the bytes kept are the file's."""
    good = [dump(record(number)) for number in range(3)]
    path = folder_of(tmp_path, good[0], good[1][:-40], good[2])
    [workflow], tally = read(path)
    assert len(workflow.steps) == 1
    assert reasons(tally) == {
        "/step_1.pkl.gz": "broken_pickle",
        "/step_2.pkl.gz": "after_broken_record",
    }
    assert tally.quarantined[0].raw == (path / "step_1.pkl.gz").read_bytes()


def test_a_missing_step_file_ends_the_episode(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """A file that is not there is a hole too."""
    path = folder_of(tmp_path, *(dump(record(number)) for number in range(4)))
    (path / "step_1.pkl.gz").unlink()
    [workflow], tally = read(path)
    assert len(workflow.steps) == 1
    assert reasons(tally) == {
        "/step_2.pkl.gz": "step_out_of_order",
        "/step_3.pkl.gz": "after_broken_record",
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (pickle.dumps({"step": 0}), "wrong_type"),
        (pickle.dumps({("a", 1): 0}), "wrong_type"),
        (pickle.dumps([]).replace(b"]", b"a"), "broken_pickle"),
        (b"", "broken_pickle"),
        (b"not a pickle", "broken_pickle"),
    ],
)
def test_other_pickles_are_no_steps(tmp_path: Path, data: bytes, reason: str) -> None:
    """A pickle that is no StepInfo, or none at all, is quarantined with its own reason."""
    workflows, tally = read(folder_of(tmp_path, data))
    assert not workflows
    assert tally.quarantined[0].reason == reason


def test_a_truncated_gzip_is_named(tmp_path: Path, dump: Callable[..., bytes]) -> None:
    """A compressed stream without its end is not mistaken for a broken pickle."""
    path = folder_of(tmp_path, dump(record(0)))
    (path / "step_0.pkl.gz").write_bytes((path / "step_0.pkl.gz").read_bytes()[:-20])
    assert read(path)[1].quarantined[0].reason == "truncated_gzip"


@pytest.mark.parametrize("limit", ["MAX_PICKLE_BYTES", "MAX_OPCODES"])
def test_a_gzip_bomb_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """Decompressing stops at a bound, and so does reading opcodes."""
    monkeypatch.setattr(pickles, limit, 100_000)
    path = folder_of(tmp_path, b"(" * 1_000_000)
    assert read(path)[1].quarantined[0].reason == "pickle_too_large"


# --- hostile pickles
# ------------------------------------------------------------------------------------------


class Call:
    """Pickles as a call of ``function``."""

    def __init__(self, function: Callable[..., Any], *arguments: Any, state: Any = None) -> None:
        self.made = (function, arguments) if state is None else (function, arguments, state)

    def __call__(self) -> None:
        """Never called; pickle writes only what is callable."""

    def __reduce__(self) -> tuple[Any, ...]:
        return self.made


def gadgets(sentinel: Path) -> dict[str, tuple[Any, str]]:
    """Objects whose unpickling would run something, each with the reported name.

    Most would create ``sentinel``. The name is empty if the callable could be of any framework: it
    is read, and is not a step.
    """
    command = f"touch {sentinel}"
    script = f"open({str(sentinel)!r}, 'w')"
    nested = np.empty(2, dtype=object)
    nested[:] = [1, Call(os.system, command)]
    system = f"{os.system.__module__}.system"
    return {
        "os.system": (Call(os.system, command), system),
        "eval": (Call(builtins.eval, script), "builtins.eval"),
        "exec": (Call(builtins.exec, script), "builtins.exec"),
        "open": (Call(open, str(sentinel), "w"), f"{open.__module__}.open"),
        "getattr": (Call(getattr, Call, "mro"), ""),
        "nested reduce": ([{"obs": (1, Call(Call(operator.attrgetter, "x"), "y"))}], ""),
        "partial": (Call(partial(os.system, command)), system),
        "state": (Call(set, [1], state={"x": Call(os.system, command)}), system),
        "object array": (nested, system),
        "numpy loader": (Call(np.load, str(sentinel)), ""),
        "numpy memmap": (Call(np.memmap, str(sentinel), "uint8", "w+", 0, (1,)), ""),
        "numpy fromfile": (Call(np.fromfile, str(sentinel)), ""),
        "numpy dtype": (Call(np.dtype, Call(os.system, command)), system),
        "numpy vectorize": (Call(np.vectorize, os.system), system),
        "copyreg": (Call(copyreg._reconstructor, Call, object, None), ""),  # type: ignore[attr-defined]
    }


NO_STEP = "the pickle is no StepInfo"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", gadgets(Path("x")))
def test_no_gadget_runs(tmp_path: Path, name: str, protocol: int) -> None:
    """Nothing is executed, and the record is quarantined, with the name of a dangerous callable."""
    sentinel = tmp_path / "sentinel"
    gadget, wanted = gadgets(sentinel)[name]
    _, tally = read(folder_of(tmp_path, pickle.dumps(gadget, protocol)))
    first = tally.quarantined[0]
    assert (first.reason, first.detail) == (
        ("hostile_pickle", wanted) if wanted else ("wrong_type", NO_STEP)
    )
    assert not sentinel.exists()


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        (b"cos\nsystem\n.", "os.system"),
        (b"(S'true'\nios\nsystem\n.", "os.system"),
        (b"\x8c\x02os\x8c\x0bpath.exists\x93.", "os.path.exists"),
        (b"cimportlib.util\nfind_spec\n.", "importlib.util.find_spec"),
        (b"c__builtin__\nexecfile\n.", "builtins.execfile"),
        (b"Pid\n.", "PERSID"),
        (b"N\x51.", "BINPERSID"),
        (b"\x82\x01.", "EXT1"),
        (b"\x97.", "NEXT_BUFFER"),
    ],
)
def test_nothing_outside_the_file_is_reached(data: bytes, detail: str) -> None:
    """Dangerous names, persistent ids, extension codes and buffers are refused by name."""
    with pytest.raises(RecordError, match="hostile_pickle") as caught:
        loads(data)
    assert detail in caught.value.detail


def test_a_name_is_only_a_name() -> None:
    """Calling, building and changing a named class makes inert records; no class is imported."""
    value = loads(b"cnumpy\nndarray\n(I9999999999\ntR}S'shape'\nI1\nsb.")
    assert (value.name, value.args, value.state) == ("numpy.ndarray", (9999999999,), {"shape": 1})
    assert loads(b"cetl.inputs.pickles\nload\n.").name == "etl.inputs.pickles.load"
    assert loads(b"cno.such.module\nThing\n.").name == "no.such.module.Thing"
    called = loads(b"cfunctools\npartial\n(tR(I1\ntR.")
    assert (called.name, called.args) == ("functools.partial()", (1,))
    for data in (b"I1\n)R.", b"cbuiltins\nset\nI1\nR.", b")}b.", b"Na.", b"N(S'a'\nI1\nu."):
        with pytest.raises(RecordError, match="broken_pickle"):
            loads(data)


def test_deep_and_shared_structures_cost_no_stack() -> None:
    """A million nested tuples are read; items whose key could hash for ever are left out."""
    assert isinstance(loads(b"N" + b"\x85" * 1_000_000 + b"."), tuple)
    doubled = b")" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(100))
    assert loads(b"}S'a'\nI1\ns" + doubled + b"Ns.") == {"a": 1}


class Colour(Enum):
    RED = 1


class Discussion(dict[Any, Any]):
    """Chat as an agent records it: items, attributes, and members of an enum as keys."""

    def __init__(self) -> None:
        super().__init__({"role": "user", Colour.RED: 1, ("a", 1): 2})
        self.seen = {Colour.RED: [Decimal(1), PurePosixPath("x")], ("b", 2): print}


@pytest.mark.parametrize("protocol", range(2, 6))
def test_foreign_classes_stay_unread(
    tmp_path: Path, dump: Callable[..., bytes], protocol: int
) -> None:
    """Objects of any package cost nothing; the step itself may be of any module's StepInfo."""
    records = [
        record(0, agent_info=Discussion()),
        record(1, None, agent_info={Colour.RED: Discussion()}),
    ]
    data = [dump(fields, protocol) for fields in records]
    assert all(b"Discussion" in each for each in data)
    moved = [
        each.replace(b"browsergym.experiments.loop", b"agentlab22.experiments.loop")
        for each in data
    ]
    for name, files in (("old", data), ("new", moved)):
        (tmp_path / name).mkdir()
        [workflow], tally = read(folder_of(tmp_path / name, *files))
        assert reasons(tally) == {"/step_1.pkl.gz": "end_state"}
        assert len(workflow.steps) == 1


def test_fields_in_slots() -> None:
    """The attributes of a class with slots are its fields like any other's."""
    made = Instance("x.StepInfo", (), (None, {"step": 1}))
    assert made.fields == {"step": 1}
    assert Instance("x.StepInfo", (), ({"obs": 2}, {"step": 1})).fields == {"obs": 2, "step": 1}
    assert Instance("x.StepInfo", (), {"step": 1}).fields == {"step": 1}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        np.array([3]),
        np.array([1, -2], ">i4"),
        np.array([1.5]),
        np.float64(0.5),
        np.float16(2),
        np.bool_(True),
        np.uint8(7),
    ],
)
def test_small_numbers_of_numpy_are_decoded(value: Any, protocol: int) -> None:
    """Without numpy: arrays become lists, scalars numbers, whatever protocol and byte order."""
    assert plain(loads(pickle.dumps(value, protocol))) == value.tolist()


def test_other_arrays_stay_inert() -> None:
    """Arrays that are large, malformed, multidimensional or of objects or texts stay undecoded."""
    for value in (
        np.zeros(5000),
        np.array([None]),
        np.array(["a"]),
        np.zeros((2, 2)),
        np.datetime64("2020"),
    ):
        assert isinstance(plain(loads(pickle.dumps(value))), Instance)
    assert isinstance(plain(Instance("numpy.core.multiarray.scalar", (1,))), Instance)
    dtype = Instance("numpy.dtype", ("i8",))
    assert isinstance(plain(Instance("numpy.core.multiarray.scalar", (dtype, b"123"))), Instance)
    assert plain(Instance("numpy.core.multiarray.scalar", (dtype, struct.pack("<q", 5)))) == 5


def test_values_are_read_as_python_reads_them() -> None:
    """Every plain value, by every protocol that can write it; keys become texts and sets lists."""
    value: dict[str, Any] = {
        "a": [1, 2.5, True, None, "é" * 300, b"b" * 300, (1, 2, 3, 4), -7, 10**30, [[]], {"z": ()}],
        "n": {1: "i"},
    }
    for protocol in range(3, 6):
        assert loads(pickle.dumps(value, protocol)) == value | {"n": {"1": "i"}}
    assert sorted(loads(pickle.dumps({1, 2}, 4))) == [1, 2]


# --- real episodes
# ------------------------------------------------------------------------------------------


def elements(folder: Path) -> tuple[int, Counter[str]]:
    """(workflows, counts of element actions) of a folder of episodes."""
    count: Counter[str] = Counter()
    paths = sorted(folder.iterdir())
    for path in paths:
        assert BrowserGym().recognise(InputHead.of(path))
        [workflow], tally = read(path)
        assert not tally.quarantined
        count["no reward"] += workflow.reward == 0
        for step in workflow.steps:
            count["steps"] += 1
            count[step.action.kind] += 1
            for locator in step.target:
                found = len(re.findall(f' bid="{re.escape(locator.value)}"', step.html)) == 1
                count["element"] += 1
                count["found"] += found
                count["failed"] += bool(step.error)
                count["found, failed"] += found and bool(step.error)
    return len(paths), count


def test_workarena(shared: Path) -> None:
    """Of 506 element actions in 41 WorkArena episodes, 493 have their bid on the page once.

    116 of all failed, 105 of those that were found.
    """
    workflows, count = elements(shared / "data/browsergym_workarena/episodes_jsonl")
    assert (workflows, count["no reward"]) == (41, 16)
    assert (count["steps"], count["element"], count["found"]) == (736, 506, 493)
    assert (count["failed"], count["found, failed"]) == (116, 105)
    kinds = {
        "click": 311,
        "scroll": 203,
        "press": 89,
        "select": 44,
        "type": 44,
        "focus": 15,
        "hover": 3,
    }
    assert {kind: count[kind] for kind in (*kinds, "code", "unparsed")} == {
        **kinds,
        "code": 0,
        "unparsed": 0,
    }


def test_webarena(shared: Path) -> None:
    """Of 7 WebArena episodes' 17 element actions all are in the page once."""
    workflows, count = elements(shared / "data/browsergym_webarena/episodes_jsonl")
    assert (workflows, count["steps"], count["element"], count["found"]) == (7, 26, 17, 17)


def test_recorded_pickles_equal_their_jsonl(shared: Path) -> None:
    """The five recorded folders give the workflows of the five JSONL files made of them."""
    base = shared / "data/browsergym_workarena"
    folders = sorted((base / "native_pkl").iterdir())
    assert len(folders) == 5
    for folder in folders:
        assert BrowserGym().recognise(InputHead.of(folder))
        [pickled], tally = read(folder)
        [derived], _ = read(
            base / "episodes_jsonl" / f"{folder.name}.jsonl.zst", f"{folder.name}.jsonl"
        )
        assert replace(pickled, origin="") == replace(derived, origin="")
        assert not tally.quarantined


def test_objectives_are_tasks(shared: Path) -> None:
    """No objective is the verdict that 34 episodes end with."""
    for path in sorted((shared / "data/browsergym_workarena/episodes_jsonl").iterdir()):
        [workflow], _ = read(path)
        assert workflow.objective
        assert not re.match("Nice work|That is correct|The requested", workflow.objective)
