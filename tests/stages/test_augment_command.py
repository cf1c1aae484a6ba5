"""`stepmill augment`: one call an id, once; trouble is tried again, and a killed run goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from etl.build.augment.rewrite import Endpoint
from etl.build.recipes import recipe
from etl.evaluate.asking.endpoint import CallFailed
from etl.stages.augment import Augment
from schemas.errors import ConfigError
from tests.stages.conftest import Model
from tests.stages.test_augment import recordings, run
from tests.support.hostile import build


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
    assert recipe.load("scribeagent-32k").stage(Augment).settings()["objectives"] is None
