"""Augment: texts by id replace objectives and descriptions.

A language model writes the texts, with one call for each id, once.
"""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from etl.build.augment.answers import NoAnswer, answer_of
from etl.build.augment.rewrite import CallFailed, Endpoint, rewrite
from etl.build.recipes import recipe
from etl.cli.main import cli
from etl.stages.augment import Augment, is_bare
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import BuildError, ConfigError
from tests.support import strategies
from tests.support.hostile import build, good, step, workflow, write


def mapping(path: Path, texts: Any) -> str:
    path.write_text(texts if isinstance(texts, str) else json.dumps(texts))
    return str(path)


def draft(*descriptions: str) -> Draft:
    steps = [
        strategies.step(number=10 + i, description=text) for i, text in enumerate(descriptions)
    ]
    return strategies.draft(*steps, objective="Order mugs")


def descriptions(rows: Iterator[Draft]) -> list[str]:
    return [step_draft.step.action.description for row in rows for step_draft in row.steps]


@pytest.mark.parametrize("id", ["workflows:w1", "w1"])
def test_objective_by_id(tmp_path: Path, id: str) -> None:
    """An objective is replaced by the text under its workflow's uid or own id, as one line."""
    stage = Augment(
        objectives=mapping(tmp_path / "o.json", {id: "Order two\n blue mugs ", "other": "x"})
    )
    (row,) = stage(iter([draft("Click Save")]), Tally())
    assert row.objective == "Order two blue mugs"


@pytest.mark.parametrize("id", ["workflows:w1/2", "11"])
def test_description_by_id(tmp_path: Path, id: str) -> None:
    """A description is replaced by the text of its step's id, ours or the recording's.

    The others stay.
    """
    stage = Augment(descriptions=mapping(tmp_path / "d.json", {id: "Click Buy"}))
    rows = list(stage(iter([draft("Click Save", "Click here", "Click it")]), Tally()))
    assert descriptions(iter(rows)) == ["Click Save", "Click Buy", "Click it"]
    assert rows[0].objective == "Order mugs"


def test_only_bare(tmp_path: Path) -> None:
    """With only_bare, descriptions that name their element stay."""
    stage = Augment(
        descriptions=mapping(tmp_path / "d.json", {"10": "A", "11": "B"}), only_bare=True
    )
    assert descriptions(stage(iter([draft("Click Save", "Click here")]), Tally())) == [
        "Click Save",
        "B",
    ]


@pytest.mark.parametrize(
    "text",
    ["Click here", "click", "Click on this.", "CLICK  IT", " Double-click here ", "Right click"],
)
def test_bare(text: str) -> None:
    """Descriptions that do not name their element are bare."""
    assert is_bare(text)


@pytest.mark.parametrize(
    "text", ["", "Click Save", "Click here to save", 'Click "here"x', "Type here", "Clicker"]
)
def test_not_bare(text: str) -> None:
    """Descriptions that name something are not bare, nor are empty ones, which prune writes."""
    assert not is_bare(text)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ("[1", "not valid JSON"),
        ([], "not an object"),
        ({"a": 1}, "no string"),
        ({"a": " "}, "is empty"),
    ],
)
def test_malformed_mapping_stops_before_work(tmp_path: Path, texts: Any, told: str) -> None:
    """A file that is not a mapping is a ConfigError before anything is built."""
    file = mapping(tmp_path / "m.json", texts)
    folder = write(tmp_path / "in", [good("a")]).parent
    with pytest.raises(ConfigError, match=told):
        build(tmp_path / "out", folder, settings=(f"augment.objectives={file}",))
    assert not list((tmp_path / "out").rglob("*.arrow"))


def test_missing_mapping_stops_before_work(tmp_path: Path) -> None:
    """A missing file is a ConfigError before anything is built."""
    folder = write(tmp_path / "in", [good("a")]).parent
    with pytest.raises(ConfigError, match="No such file"):
        build(tmp_path / "out", folder, settings=("augment.descriptions=absent.json",))
    assert not list((tmp_path / "out").rglob("*.arrow"))


def test_fingerprint_is_the_content(tmp_path: Path) -> None:
    """The same content under another name is the same build; other content is not."""
    mapping(tmp_path / "a.json", {"good": "Buy"})
    mapping(tmp_path / "b.json", {"good": "Buy"})
    mapping(tmp_path / "c.json", {"good": "Sell"})
    settings = [
        recipe.load("scribeagent-32k", (f"augment.objectives={tmp_path}/{x}.json",)).settings()
        for x in "abc"
    ]
    assert settings[0] == settings[1] != settings[2]
    folder = write(tmp_path / "in", [good("good")]).parent
    built = build(tmp_path / "out", folder, settings=(f"augment.objectives={tmp_path}/a.json",))
    assert "\nObjective: Buy\nURL: " in built.decoded("workflows:good/1")
    again = build(tmp_path / "out", folder, settings=(f"augment.objectives={tmp_path}/b.json",))
    assert again.manifest == built.manifest
    with pytest.raises(ConfigError, match=r"stage augment\.objectives"):
        build(tmp_path / "out", folder, settings=(f"augment.objectives={tmp_path}/c.json",))


def test_mapping_that_changes_meanwhile(tmp_path: Path) -> None:
    """A worker stops the build if the mapping is not the one with which the build began."""
    stage = Augment(objectives=mapping(tmp_path / "m.json", {"w1": "b"}))
    assert stage.settings()["objectives"]
    sent = pickle.dumps(stage)
    (row,) = pickle.loads(sent)(iter([draft()]), Tally())
    assert row.objective == "b"
    mapping(tmp_path / "m.json", {"w1": "c"})
    with pytest.raises(BuildError, match="has changed"):
        list(pickle.loads(sent)(iter([draft()]), Tally()))


@dataclass
class Model:
    """A loopback endpoint.

    ``plan`` gives what the next calls get (a status, ``hang``, or a body); after that it answers.
    """

    plan: list[int | str] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    delay: float = 0.0
    url: str = ""


@pytest.fixture
def model() -> Iterator[Model]:
    """An OpenAI-compatible server on the loopback interface."""
    state = Model()
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.calls.append({"path": self.path, "key": self.headers["Authorization"], **body})
            what = state.plan.pop(0) if state.plan else 200
            time.sleep(state.delay)
            if what == "hang":
                stop.wait(5)
                return
            user = body["messages"][1]["content"]
            text = f'"Rewritten {user.splitlines()[0]}"'
            answer = {"choices": [{"message": {"content": text}}]}
            status = what if isinstance(what, int) else 200
            if isinstance(what, str) and what.startswith("400 "):
                status, what = 400, what.removeprefix("400 ")
            data = what.encode() if isinstance(what, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if what == 302:
                self.send_header("Location", f"{state.url}/elsewhere")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield state
    stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


def body(content: Any, finish: str = "stop", **message: Any) -> str:
    """A response with this content."""
    choice = {"message": {"content": content, **message}, "finish_reason": finish}
    return json.dumps({"choices": [choice]})


@pytest.mark.parametrize(
    "content",
    [
        "Buy the lamp",
        '"Buy the lamp"',
        "“Buy the lamp”",
        "**Buy the lamp**",
        "`Buy the lamp`",
        "<think>\nThe user wants a lamp.\n</think>\n\nBuy the lamp",
        "<thinking>a <think>b</think> c</thinking>Buy the lamp",
        "The user wants a lamp, so\n</think>\nBuy the lamp",
        "[THINK]A lamp.[/THINK]Buy the lamp</s>",
        ("<|channel|>analysis<|message|>A lamp.<|end|><|channel|>final<|message|>Buy the "
        "lamp<|return|>"),
        "```\nBuy the lamp\n```",
        "Sure! Here's the rewritten objective:\n\n```text\nBuy the lamp\n```",
        "Here is the rewritten objective: Buy the lamp",
        ("Certainly! Here is a clearer version:\n\n“Buy the lamp”\n\nLet me know if it should be "
        "shorter."),
        "**Rewritten objective:** Buy the lamp",
        "## Objective\nBuy the lamp",
        "Buy the lamp\n\nNote: I left the colour out.",
        '{"objective": "Buy the lamp"}',
        "<answer>Buy the lamp</answer>",
        [{"type": "thinking", "text": "A lamp."}, {"type": "text", "text": "Buy\n the lamp"}],
    ],
)  # fmt: skip
def test_the_answer_alone(content: Any) -> None:
    """Reasoning, wrappings and politeness are removed, and the answer stays."""
    assert answer_of(json.loads(body(content, reasoning_content="A lamp."))) == "Buy the lamp"


@pytest.mark.parametrize(
    "text",
    [
        "Rewritten Objective: buy",
        "Find out what is here: the lamp",
        'Click "Buy"',
        '"A" and then "B"',
        "Sure",
        "I can't find my order: look for it",
        "Type <b>bold</b> in the box",
    ],
)
def test_an_answer_stays_as_it_is(text: str) -> None:
    """A text that only looks like an announcement, a quote or a refusal is an answer.

    So is all text within quotes.
    """
    quoted = f'"{text}"' if text.startswith("Rewritten") else text
    assert answer_of(json.loads(body(quoted))) == text


@pytest.mark.parametrize(
    ("response", "reason", "final"),
    [
        (body("Buy the", "length"), "cut_off", True),
        (body("Buy the", "MAX_TOKENS"), "cut_off", True),
        (body("", "content_filter"), "filtered", True),
        (body(None, refusal="I will not"), "refused", True),
        (body("I'm sorry, but I can't help with that."), "refused", True),
        (body("<think>The user wants a"), "thoughts_only", False),
        (body("Buy the lamp <think>or"), "thoughts_only", False),
        (body("", reasoning_content="The user"), "thoughts_only", False),
        (body("<|channel|>analysis<|message|>The user"), "thoughts_only", False),
        (body("<think>so</think>"), "bad_answer", False),
        (body("Buy the lamp.\n\nBuy the chair."), "bad_answer", False),
        (body("```\na\n```\nor\n```\nb\n```"), "bad_answer", False),
        (body(None, "tool_calls"), "bad_answer", False),
        (body("x" * 2001), "bad_answer", False),
        ('{"error": {"message": "overloaded"}}', "server_error", False),
        ("[]", "bad_answer", False),
    ],
)
def test_what_is_no_answer(response: str, reason: str, final: bool) -> None:
    """A doubtful response gives a reason and no text.

    It is cut off, filtered, refused, has reasoning without an end, or more than one text.
    """
    with pytest.raises(NoAnswer) as error:
        answer_of(json.loads(response))
    assert (error.value.reason, error.value.final) == (reason, final)


@pytest.mark.parametrize(
    ("trouble", "reason", "calls"),
    [
        (body("Buy the", "length"), "cut_off", 1),
        (body("I cannot help with this."), "refused", 1),
        (body("<think>The"), "thoughts_only", 3),
    ],
)
def test_no_answer_is_never_kept(
    tmp_path: Path, model: Model, trouble: str, reason: str, calls: int
) -> None:
    """After a failure the original stays and the cache does not grow.

    The failure is reported once, and the next run asks again.
    """
    recordings(tmp_path, 2)
    model.plan = [trouble] * (2 * calls)
    told: list[str] = []
    counts = run(tmp_path, model, what="objectives", parallel=1, told=told.append)
    assert counts == {"cached": 0, f"failed: {reason}": 2}
    assert [reason in words for words in told] == [True] * len(told)
    assert len(told) == 1
    assert len(model.calls) == 2 * calls
    assert (tmp_path / "out" / "cache.jsonl").read_bytes() == b""
    assert run(tmp_path, model, what="objectives") == {"asked": 2, "cached": 0}


def test_thoughts_that_were_kept_are_no_answers(tmp_path: Path, model: Model) -> None:
    """Reasoning in a cache of an earlier version is not an answer: it is asked for again."""
    recordings(tmp_path, 1)
    run(tmp_path, model, what="objectives")
    for name in ("cache.jsonl", "objectives.json"):
        path = tmp_path / "out" / name
        path.write_text(path.read_text().replace("Rewritten", "<think>so</think> Rewritten"))
    assert run(tmp_path, model, what="objectives") == {"asked": 1, "cached": 0}
    assert "think" not in (tmp_path / "out" / "objectives.json").read_text()


def test_parameters_and_the_server_s_words(tmp_path: Path, model: Model) -> None:
    """The temperature is 0, left out if empty; other parameters are sent as given.

    The server's words on them are shown.
    """
    recordings(tmp_path, 1)
    model.plan = ['400 {"error": {"message": "Unsupported value: \'temperature\'\\nuse 1"}}']
    common = [
        "augment",
        str(tmp_path / "in"),
        "--base-url",
        model.url,
        "--model",
        "m",
        "--what",
        "objectives",
    ]
    common += ["--out", str(tmp_path / "out")]
    refused = CliRunner().invoke(cli, common)
    assert refused.exit_code == 1
    assert "http_400: Unsupported value: 'temperature' use 1" in refused.output
    taken = CliRunner().invoke(cli, [*common, "--temperature", "", "--parameter", 'effort="low"'])
    assert taken.exit_code == 0, taken.output
    assert model.calls[0]["temperature"] == 0
    assert "temperature" not in model.calls[1]
    assert model.calls[1]["effort"] == "low"
    for bad in ("effort=low", "effort", "model=1"):
        assert CliRunner().invoke(cli, [*common, "--parameter", bad]).exit_code == 2


BARE = step(action={"kind": "click", "description": "Click here"})


def recordings(folder: Path, count: int = 2) -> Path:
    """Workflows of one step that names its element and one that does not."""
    return write(
        folder / "in",
        [workflow(f"w{i}", step(), BARE, objective=f"Search mug number {i}") for i in range(count)],
    ).parent


def run(folder: Path, model: Model, **options: Any) -> dict[str, Any]:
    endpoint = Endpoint(model.url, "m1", "secret", timeout=0.5, attempts=3, pause=0.01)
    chosen = recipe.load("scribeagent-32k")
    return rewrite(
        [str(folder / "in")], folder / "out", chosen, options.pop("endpoint", endpoint), **options
    )


def mappings(folder: Path) -> dict[str, Any]:
    return {
        name: json.loads((folder / "out" / f"{name}.json").read_text())
        for name in ("objectives", "descriptions")
    }


def test_objectives_and_bare_descriptions_are_asked_for(tmp_path: Path, model: Model) -> None:
    """Each workflow takes one call and each bare description one, with what the model needs.

    A build reads the mappings.
    """
    recordings(tmp_path)
    assert run(tmp_path, model) == {"asked": 4, "cached": 0}
    assert mappings(tmp_path) == {
        "objectives": {
            f"workflows:w{i}": f"Rewritten Objective: Search mug number {i}" for i in range(2)
        },
        "descriptions": {
            f"workflows:w{i}/2": f"Rewritten Objective: Search mug number {i}" for i in range(2)
        },
    }
    asked = {call["messages"][1]["content"] for call in model.calls}
    assert "Objective: Search mug number 0\nSteps:\n1. Click the button\n2. Click here" in asked
    assert any(
        'Action: click\nElement: <button id="go">\nText inside: Search' in text for text in asked
    )
    assert {(call["path"], call["key"], call["model"]) for call in model.calls} == {
        ("/v1/chat/completions", "Bearer secret", "m1")
    }
    settings = [
        f"augment.{name}={tmp_path}/out/{name}.json" for name in ("objectives", "descriptions")
    ]
    built = build(tmp_path / "built", tmp_path / "in", settings=settings)
    text = built.decoded("workflows:w1/2")
    assert "\nObjective: Rewritten Objective: Search mug number 1\n" in text
    assert (
        "Description: Rewritten Objective: Search mug number 1\nAction: mouse_click_action\nNode: "
        "0 0" in text
    )


def test_second_run_asks_nothing(tmp_path: Path, model: Model) -> None:
    """A question that is answered is not asked again, and the mappings are the same bytes.

    Another model is asked.
    """
    recordings(tmp_path)
    run(tmp_path, model)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    model.calls.clear()
    assert run(tmp_path, model) == {"cached": 4}
    assert model.calls == []
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert run(tmp_path, model, endpoint=Endpoint(model.url, "m2"))["asked"] == 4
    assert model.calls[0]["key"] is None


def test_a_mapping_keeps_what_is_not_asked_for(tmp_path: Path, model: Model) -> None:
    """Entries of other recordings stay, and so do entries edited by hand.

    The latter are counted, reported and not asked for; an entry that is removed is asked for again.
    A file that is not a mapping and a cache of something else are refused and stay.
    """
    recordings(tmp_path)
    run(tmp_path, model)
    path = tmp_path / "out" / "objectives.json"
    whole = json.loads(path.read_text())
    path.write_text(
        json.dumps(whole | {"workflows:other": "Of other recordings", "workflows:w1": "Mine"})
    )
    said: list[str] = []
    counts = run(tmp_path, model, endpoint=Endpoint(model.url, "m2"), told=said.append)
    assert counts == {"asked": 3, "cached": 0, "edited by hand, left as they are": 1}
    assert "objectives of workflows:w1: edited by hand" in said[0]
    assert json.loads(path.read_text()) == whole | {
        "workflows:other": "Of other recordings",
        "workflows:w1": "Mine",
    }
    path.write_text("{}")
    assert run(tmp_path, model) == {"cached": 4}
    assert json.loads(path.read_text()) == whole
    for name, text in {"objectives.json": "[1]", "cache.jsonl": "my notes, one line"}.items():
        (tmp_path / "out" / name).write_text(text)
        with pytest.raises(ConfigError, match=name):
            run(tmp_path, model)
        assert (tmp_path / "out" / name).read_text() == text
        (tmp_path / "out" / name).unlink()


def test_only_objectives(tmp_path: Path, model: Model) -> None:
    """If one kind is asked for, the other is neither asked nor written."""
    recordings(tmp_path)
    assert run(tmp_path, model, what="objectives") == {"asked": 2, "cached": 0}
    assert not (tmp_path / "out" / "descriptions.json").exists()


@pytest.mark.parametrize(
    "trouble",
    [429, 500, 503, "hang", "not json", '{"choices": []}', '{"choices": [{"message": null}]}'],
)
def test_trouble_is_tried_again(tmp_path: Path, model: Model, trouble: int | str) -> None:
    """A busy or broken server, a timeout and an unusable answer are tried again."""
    recordings(tmp_path, 1)
    model.plan = [trouble, trouble]
    assert run(tmp_path, model, what="objectives") == {"asked": 1, "cached": 0}
    assert len(model.calls) == 3


@pytest.mark.parametrize(
    ("trouble", "reason", "calls"),
    [
        (500, "http_500", 3),
        ("hang", "timeout", 3),
        ("no", "bad_answer", 3),
        (400, "http_400", 1),
        (302, "http_302", 1),
    ],
)
def test_original_stays_where_no_answer_comes(
    tmp_path: Path, model: Model, trouble: int | str, reason: str, calls: int
) -> None:
    """After all attempts the original text stays, and the failure is counted by reason.

    The next run asks for it again. No redirect is followed: it would take the key elsewhere.
    """
    recordings(tmp_path, 1)
    model.plan = [trouble] * calls
    assert run(tmp_path, model, what="objectives") == {"cached": 0, f"failed: {reason}": 1}
    assert json.loads((tmp_path / "out" / "objectives.json").read_text()) == {}
    assert [call["path"] for call in model.calls] == ["/v1/chat/completions"] * calls
    assert run(tmp_path, model, what="objectives") == {"asked": 1, "cached": 0}


def test_nobody_there() -> None:
    """An address where nobody answers fails with its reason."""
    with pytest.raises(CallFailed, match="no_answer"):
        Endpoint("http://127.0.0.1:9/v1", "m", attempts=2, pause=0.01)("a", "b")


@pytest.mark.parametrize("status", [401, 404])
def test_wrong_key_or_address_stops(tmp_path: Path, model: Model, status: int) -> None:
    """If no call can succeed, the run stops at once; the key is in no message and no file."""
    recordings(tmp_path, 5)
    model.plan = [status] * 20
    with pytest.raises(ConfigError, match=f"{status}.*check address, model and key") as error:
        run(tmp_path, model, parallel=1)
    assert "secret" not in str(error.value) + repr(Endpoint(model.url, "m", "secret"))
    assert all(b"secret" not in path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert len(model.calls) < 10


def test_address_must_be_http() -> None:
    """An address that is not http is refused: urllib would open files."""
    with pytest.raises(ConfigError, match="not an http address"):
        Endpoint("file:///etc/passwd", "m")


def test_killed_run_goes_on(tmp_path: Path, model: Model) -> None:
    """A run that was killed keeps its answers.

    Half a last line is cut off, and only the rest is asked.
    """
    recordings(tmp_path, 20)
    model.delay = 0.05
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-c",
        "from etl.cli.main import main; main()",
        "augment",
        str(tmp_path / "in"),
        "--out",
        str(out),
    ]
    command += ["--base-url", model.url, "--model", "m1", "--what", "objectives", "--parallel", "1"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL) as process:
        cache = out / "cache.jsonl"
        deadline = time.monotonic() + 120
        while not (cache.exists() and cache.read_bytes().count(b"\n") >= 3):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (out / "objectives.json").exists()
    kept = cache.read_bytes().count(b"\n")
    assert 3 <= kept < 20
    with cache.open("ab") as stream:
        stream.write(b'{"kind":"objectives","id":"work')
    time.sleep(0.2)  # for the call that was under way
    model.calls.clear()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert done.stderr.endswith(f"{20 - kept} asked, {kept} cached\n")
    assert len(model.calls) == 20 - kept
    assert len(json.loads((out / "objectives.json").read_text())) == 20
    assert all(json.loads(line)["text"] for line in cache.read_text().splitlines())


def test_broken_cache_is_named(tmp_path: Path, model: Model) -> None:
    """A line of the cache that is not an answer is an error that names it; it is not skipped."""
    recordings(tmp_path)
    run(tmp_path, model)
    cache = tmp_path / "out" / "cache.jsonl"
    cache.write_bytes(b"{}\n" + cache.read_bytes())
    with pytest.raises(ConfigError, match=r"cache\.jsonl, line 1"):
        run(tmp_path, model)


def test_failures_are_the_exit_code(tmp_path: Path, model: Model) -> None:
    """The command reports failures and exits with 1.

    The key comes from the named environment variable.
    """
    recordings(tmp_path, 1)
    model.plan = [400]
    command = [
        sys.executable,
        "-c",
        "from etl.cli.main import main; main()",
        "augment",
        str(tmp_path / "in"),
    ]
    command += [
        "--out",
        str(tmp_path / "out"),
        "--base-url",
        model.url,
        "--model",
        "m",
        "--what",
        "objectives",
    ]
    environment = {"PATH": "/usr/bin:/bin", "MY_KEY": "hidden"}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [*command, "--key-env", "MY_KEY"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(" 0 cached, 1 failed: http_400\n")
    assert model.calls[0]["key"] == "Bearer hidden"


def test_no_build_ever_calls(tmp_path: Path, model: Model) -> None:
    """Without mappings a build rewrites nothing, and with them it calls nobody.

    The stage only reads.
    """
    folder = recordings(tmp_path)
    built = build(tmp_path / "built", folder)
    assert built.samples()["workflows:w0/2"]["description"] == "Click here"
    assert model.calls == []
    assert recipe.load("scribeagent-32k").stage(Augment).mappings == {}
