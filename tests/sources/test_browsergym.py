"""BrowserGym episodes: what becomes a workflow, what is dropped, and that pickles stay data."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zstandard

from etl.inputs.records import InputHead, InputShard
from etl.sources.browsergym.episodes import BrowserGym
from etl.tally import Tally
from schemas.workflow import Locator, Workflow

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


# --- hostile pickles
# ------------------------------------------------------------------------------------------


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
