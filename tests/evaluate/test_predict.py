"""`stepmill predict`: every prompt is asked, nothing that was answered is asked twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import pytest

from etl.evaluate.asking.endpoint import Endpoint
from etl.evaluate.asking.predict import GIVE_UP, Asking
from etl.evaluate.files import EvalSet
from etl.evaluate.predictions import read
from schemas.errors import BuildError, ConfigError
from tests.evaluate.server import WAYS, Server, hashed
from tests.support.builds import ROOT, Quiet, command


def prompts(eval_set: EvalSet) -> dict[str, list[dict[str, str]]]:
    return {row["id"]: row["messages"] for row in eval_set.rows(("id", "messages"))}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def asking(eval_set: EvalSet, server: Server, out: Path, **settings: Any) -> Asking:
    of_endpoint = {"timeout": 20.0, "attempts": 30, "pause": 0.0}
    given = {name: settings.pop(name) for name in (*of_endpoint, "parameters", "key")
             if name in settings}  # fmt: skip
    endpoint = Endpoint(server.url, "mine", **(of_endpoint | given))
    return Asking(eval_set, endpoint, out, progress=Quiet, **settings)


def test_every_prompt_is_answered(steps_set: EvalSet, server: Server, tmp_path: Path) -> None:
    """Each prompt is asked once with its very messages, and its answer stands under its id; tokens
    are those that the server counts.
    """
    out, wanted = tmp_path / "answers.jsonl", prompts(steps_set)
    counts = asking(steps_set, server, out).run()
    found = read([out], list(wanted))
    assert not found.counts
    assert found.outputs == {id: (hashed(messages),) for id, messages in wanted.items()}
    assert set(server.asked.values()) == {1}
    assert (counts["answered"], counts["kept"], counts["failed"]) == (len(wanted), 0, 0)
    assert counts["tokens"] == {
        "prompt_tokens": 10 * len(wanted), "completion_tokens": 2 * len(wanted),
    }  # fmt: skip
    assert server.requests[0]["temperature"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_misbehaves_loses_nothing(
    steps_set: EvalSet, server: Server, tmp_path: Path, seed: int
) -> None:
    """429, 500, half answers, silence, closed connections and empty bodies: every prompt has its
    answer in the end, and none that came whole is asked again.
    """
    server.bad = 0.5
    server.random.seed(seed)
    out, wanted = tmp_path / "answers.jsonl", prompts(steps_set)
    counts = asking(steps_set, server, out, timeout=1.0).run()
    found = read([out], list(wanted))
    assert not found.counts
    assert found.outputs == {id: (hashed(messages),) for id, messages in wanted.items()}
    assert counts["failed"] == 0
    assert sum(server.wrong.values()) > 0


def test_each_way_to_fail_is_named(steps_set: EvalSet, server: Server, tmp_path: Path) -> None:
    """A call that stays without an answer is a line with its reason, is counted, and is asked again
    by the next run, which takes the file up.
    """
    out, wanted = tmp_path / "answers.jsonl", prompts(steps_set)
    reasons = set()
    for way in WAYS:
        server.bad, server.ways = 1.0, (way,)
        told: list[str] = []
        many = Many(steps_set.folder, steps_set.manifest)
        run = asking(many, server, out, attempts=1, timeout=0.2, told=told.append, parallel=16)
        with pytest.raises(BuildError, match="in a row have failed"):
            run.run()
        reasons |= {row["error"] for row in rows(out)}
        assert len(told) <= 2
    assert reasons == {"http_429", "http_500", "bad_answer", "timeout", "no_answer"}
    server.bad = 0.0
    asking(steps_set, server, out).run()
    assert read([out], list(wanted)).outputs == {
        id: (hashed(messages),) for id, messages in wanted.items()
    }


class Many(EvalSet):
    """A set with its rows many times, under other ids."""

    def rows(self, columns: Any, splits: Any = ()) -> Any:
        for times in range(1 + 2 * GIVE_UP):
            for row in super().rows(columns, splits):
                yield row | {"id": f"{row['id']} {times}", "step_id": f"{row['step_id']} {times}"}


def test_a_refused_prompt_costs_no_other(
    steps_set: EvalSet, server: Server, tmp_path: Path
) -> None:
    """A prompt that the server refuses fails with its words, at once; all others are answered, and
    the exit code says that something is missing.
    """
    out, wanted = tmp_path / "answers.jsonl", prompts(steps_set)
    bad = next(iter(wanted))
    server.refused = {wanted[bad][-1]["content"]: 400}
    done = command(
        "predict", steps_set.folder, "--endpoint", server.url, "--model", "mine", "--out", out,
        "--json",
    )  # fmt: skip
    assert done.returncode == 1
    same = [id for id, messages in wanted.items() if messages == wanted[bad]]
    counts = json.loads(done.stdout)
    assert counts["failures"] == {"http_400": len(same)}
    assert "http_400: too long" in done.stderr
    assert counts["answered"] == len(wanted) - len(same)
    assert server.asked[hashed(wanted[bad])] == len(same)


def test_killed_and_resumed_asks_nothing_twice(
    steps_set: EvalSet, server: Server, tmp_path: Path
) -> None:
    """After `kill -9` the same command asks only what has no line yet; a torn last line goes."""
    out, wanted = tmp_path / "answers.jsonl", prompts(steps_set)
    arguments = [
        "predict", str(steps_set.folder), "--endpoint", server.url, "--model", "mine",
        "--out", str(out), "--parallel", "2",
    ]  # fmt: skip
    served = iter(range(len(wanted)))

    def says(messages: list[dict[str, str]]) -> str:
        if next(served, None) == len(wanted) // 2:
            server.gate.clear()
            server.gate.wait()
        return hashed(messages)

    server.says = says
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "stepmill", *arguments], env=environment, stderr=subprocess.DEVNULL
    ) as process:
        while server.gate.is_set() or len(rows(out)) < len(wanted) // 2 - 2:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    kept = {row["id"] for row in rows(out)}
    assert 0 < len(kept) < len(wanted)
    with out.open("ab") as stream:
        stream.write(b'{"id":"torn","asked":{"mo')
    server.asked.clear()
    server.says = hashed
    server.gate.set()
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    again = {hashed(wanted[id]) for id in kept} & set(server.asked)
    shared = {hashed(wanted[id]) for id in set(wanted) - kept}
    assert again <= shared
    assert f"{len(kept)} kept from before" in done.stderr
    assert read([out], list(wanted)).outputs == {
        id: (hashed(messages),) for id, messages in wanted.items()
    }
    command(*arguments)
    assert sum(server.asked.values()) <= len(wanted) - len(kept) + 2


def test_samples_to_vote_over(steps_set: EvalSet, server: Server, tmp_path: Path) -> None:
    """Samples are asked for together where the server gives several at once, and one after the
    other where it does not; more of them later ask only for those that are missing.
    """
    out, wanted = tmp_path / "answers.jsonl", prompts(steps_set)
    asking(steps_set, server, out).run()
    asking(steps_set, server, out, samples=3).run()
    assert {request.get("n", 1) for request in server.requests} == {1, 2}
    assert set(server.asked.values()) == {2}
    server.choices_at_once = 1
    counts = asking(steps_set, server, out, samples=5).run()
    assert set(server.asked.values()) == {4}
    assert counts["answered"] == len(wanted)
    found = read([out], list(wanted))
    assert {len(outputs) for outputs in found.outputs.values()} == {5}
    assert not found.counts
    assert asking(steps_set, server, out, samples=5).run()["kept"] == len(wanted)


def test_another_question_needs_another_file(
    steps_set: EvalSet, server: Server, tmp_path: Path
) -> None:
    """A file of answers to another model, to other parameters or to other prompts is not mixed with
    these, nor is a file of something else; it stays as it is.
    """
    out = tmp_path / "answers.jsonl"
    asking(steps_set, server, out).run()
    before = out.read_bytes()
    with pytest.raises(ConfigError, match="other parameters"):
        asking(steps_set, server, out, parameters={"temperature": 1}).run()
    other = asking(steps_set, server, out)
    object.__setattr__(other.endpoint, "model", "other")
    with pytest.raises(ConfigError, match="the model mine"):
        other.run()
    assert out.read_bytes() == before
    line = json.loads(before.splitlines()[0])
    line["asked"]["prompt"] = "0"
    out.write_text(json.dumps(line, separators=(",", ":")) + "\n")
    with pytest.raises(ConfigError, match="another prompt"):
        asking(steps_set, server, out).run()
    out.write_text("my notes")
    with pytest.raises(ConfigError, match="no line of stepmill predict"):
        asking(steps_set, server, out).run()
    assert out.read_text() == "my notes"


def test_one_process_writes_at_a_time(steps_set: EvalSet, server: Server, tmp_path: Path) -> None:
    """A second run into the same file stops at once."""
    out = tmp_path / "answers.jsonl"
    told = []

    class Second(Quiet):
        def __enter__(self) -> Self:
            with pytest.raises(BuildError, match="another process writes"):
                asking(steps_set, server, out).run()
            told.append(True)
            return self

    first = asking(steps_set, server, out)
    first.progress = Second
    first.run()
    assert told


def test_only_some_splits(steps_set: EvalSet, server: Server, tmp_path: Path) -> None:
    """A split that the set does not have is an error that names those that it has."""
    with pytest.raises(ConfigError, match="no split gone; there are test"):
        asking(steps_set, server, tmp_path / "x", splits=("gone",)).run()
    assert asking(steps_set, server, tmp_path / "x", splits=("test",)).run()["answered"]


def test_a_key_is_sent_and_never_written(
    steps_set: EvalSet, server: Server, tmp_path: Path
) -> None:
    """The key comes from the variable that is named, and is in no file and no message."""
    out = tmp_path / "answers.jsonl"
    done = command(
        "predict", steps_set.folder, "--endpoint", server.url, "--model", "mine", "--out", out,
        "--key-env", "MY_KEY", env={"MY_KEY": "s3cret"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert server.keys == {"Bearer s3cret"}
    assert "s3cret" not in done.stderr + done.stdout + out.read_text()


def test_a_wrong_key_stops_at_once(steps_set: EvalSet, server: Server, tmp_path: Path) -> None:
    """Where no call can succeed nothing more is asked, and the message says what to check."""
    server.refused = {messages[-1]["content"]: 401 for messages in prompts(steps_set).values()}
    with pytest.raises(ConfigError, match="check address, model and key"):
        asking(steps_set, server, tmp_path / "answers.jsonl", parallel=1).run()
    assert sum(server.asked.values()) <= 5


def test_an_answer_that_is_cut_off_is_kept_and_counted() -> None:
    """What the model said before its tokens ran out is its answer; reasoning alone is none."""
    from etl.evaluate.asking.endpoint import NoAnswer
    from etl.evaluate.asking.predict import reply_of

    message = {"role": "assistant", "content": "1.\nDesc"}
    reply = reply_of({"choices": [{"message": message, "finish_reason": "length"}]})
    assert (reply.outputs, reply.cut_off, reply.usage) == (["1.\nDesc"], 1, {})
    for content, more, reason in (
        (None, {"reasoning_content": "hm"}, "thoughts_only"),
        (None, {"refusal": "no"}, "refused"),
        (7, {}, "bad_answer"),
    ):
        with pytest.raises(NoAnswer) as caught:
            reply_of({"choices": [{"message": {"content": content, **more}}]})
        assert caught.value.reason == reason
    with pytest.raises(NoAnswer, match="server_error: out of memory"):
        reply_of({"error": {"message": "out of memory"}})
