"""Hostile input: whatever a recording holds costs itself alone, by a reason that is counted, and
nothing beside it.

Every build here holds good rows too; they come out byte-equal to a build without the hostile thing.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
import zstandard

from etl.build.recipes import recipe
from etl.dataset import account
from etl.pages.prune import Pruner
from tests.build.conftest import Beside
from tests.support.hostile import (
    GOOD,
    GOOD_PAGE,
    Built,
    build,
    evil_pickle,
    good,
    line,
    step,
    workflow,
    write,
)
from tests.support.hostile_pages import deep

HUGE = "fit.context=33554432"


def text_of(words: str, size: int) -> str:
    """``words`` repeated to ``size`` characters, no space at the end."""
    return (words * (size // len(words) + 1))[:size].rstrip()


# Built correctly


def test_20_000_levels(beside: Beside) -> None:
    """A page of 20,000 levels is built whole: every level in order, the target at its bottom."""
    built = beside(
        workflow("deep", step("<div>" * 20_000 + "<button id=go>Save</button>")), settings=(HUGE,)
    )
    observation = "".join(f'<div node="{20_000 - i}"> ' for i in range(20_000))
    observation += '<button id="go" node="0"> Save </button> ' + "</div> " * 20_000
    assert built.samples()["workflows:deep/1"]["observation"] == observation
    assert f"Observation: {observation}\n" in built.decoded("workflows:deep/1")


def test_20_000_levels_over_the_context(beside: Beside) -> None:
    """Under a context that it does not fit, the same page is cut at tags, and the chunk with the
    target is kept.
    """
    built = beside(workflow("deep", step("<div>" * 20_000 + "<button id=go>Save</button>")))
    fitted = account.fitted(built.out).filter(sample_id="workflows:deep/1").to_dicts()[0]
    assert (fitted["reason"], fitted["chunks"] > 1) == ("", True)
    text = built.decoded("workflows:deep/1")
    assert '<button id="go" node="0"> Save </button>' in text
    assert '<div node="20000">' not in text


def test_50_mb_of_text(beside: Beside) -> None:
    """A text node of 50 MB is in the sample to the last character where the context has room for
    it.
    """
    words = text_of("the quick brown fox ", 50_000_000)
    built = beside(
        workflow("long", step(f"<button id=go>Save</button><p>{words}</p>")), settings=(HUGE,)
    )
    text = built.decoded("workflows:long/1")
    start = text.index("the quick")
    assert text[start : start + len(words)] == words
    assert text[start + len(words) :].startswith(" </p> \n")


def test_50_mb_of_text_over_the_context(beside: Beside, clean: Built) -> None:
    """A text node of 50 MB cannot be cut at a tag: at 32k its sample is dropped as over_context,
    never cut silently.
    """
    words = text_of("the quick brown fox ", 50_000_000)
    built = beside(workflow("long", step(f"<button id=go>Save</button><p>{words}</p>")))
    stage, reason, detail = built.dropped()["sample", "workflows:long/1"]
    assert (stage, reason) == ("fit", "over_context")
    assert detail.startswith("one piece between tags makes 1")
    assert built.rows().keys() == clean.rows().keys()


CSV_HEADER = (
    "document_metadata_id,document_metadata_name,action_kind,action_description,action_url,"
    "action_target_selector,action_dom\r\n"
)


def csv(name: str, page: str, description: str = "Click Save") -> bytes:
    """A workflow of one step in the reference pipeline's CSV."""
    quoted = page.replace('"', '""')
    return f'{name},Save the form,mouse_click_action,{description},https://shop.example/,#go,"{quoted}"\r\n'.encode()


def test_10_mb_csv_field(beside: Beside) -> None:
    """A CSV field of 10 MB, with quotes, commas and line breaks inside, is read whole."""
    words = text_of('the "quick", brown\nfox ', 10_000_000)
    content = (
        CSV_HEADER.encode()
        + csv("big", f"<button id=go>Save</button><p>{words}</p>")
        + csv("small", GOOD_PAGE)
    )
    built = beside(files={"rows.csv": content}, settings=(HUGE,))
    assert (
        f'<p node="0"> {" ".join(words.split())} </p>'
        in built.samples()["scribe:big/1"]["observation"]
    )
    assert "scribe:small/1" in built.rows()


def test_nul_characters(beside: Beside) -> None:
    """NUL characters vanish from texts and become U+FFFD in attributes, as in a browser; all around
    them stays.
    """
    page = '<button id="go" title="a\0b">Sa\0ve\0</button><p>\0</p><pre>x\0\n y</pre>'
    rows = CSV_HEADER.encode() + csv("nul", page)
    built = beside(workflow("nul", step(page)), files={"rows.csv": rows})
    expected = (
        '<button id="go" node="2" title="a\ufffdb"> Save </button> <p node="1"> </p> <pre '
        'node="0">x y</pre> '
    )
    for sample in ("workflows:nul/1", "scribe:nul/1"):
        assert built.samples()[sample]["observation"] == expected
        assert "\0" not in built.decoded(sample)


def test_a_million_spaces_in_pre(beside: Beside) -> None:
    """A million spaces in a <pre> become one, as in the reference; what stands around them is
    there.
    """
    built = beside(
        workflow("pre", step(f"<button id=go>Save</button><pre>left{' ' * 1_000_000}right</pre>"))
    )
    assert '<pre node="0">left right</pre> ' in built.samples()["workflows:pre/1"]["observation"]


def test_a_million_spaces_in_objective_and_value(beside: Beside) -> None:
    """A million spaces in an objective become one; in a typed value they reach the tokenizer, and
    come out whole.
    """
    blank = " " * 1_000_000
    typed = step(css="input", action={"kind": "type", "value": f"a{blank}b"})
    built = beside(
        workflow("blank", typed, objective=f"Search for a{blank}blue mug"), settings=(HUGE,)
    )
    text = built.decoded("workflows:blank/1")
    assert "Objective: Search for a blue mug\n" in text
    assert f'Description: Type "a{blank}b" in "q"\n' in text


# Quarantined with reason and bytes


def test_truncated_json(beside: Beside, clean: Built) -> None:
    """A line that breaks off is quarantined with its bytes; the lines around it are read."""
    cut = line(good("cut"))[:200] + b"\n"
    built = beside(cut)
    assert built.reasons() == {("record", "rows.jsonl#line=2"): "truncated_json"}
    assert [(q["reason"], q["stage"], q["raw"]) for q in built.quarantined()] == [
        ("truncated_json", "read", cut[:-1])
    ]
    assert built.files() == clean.files()


def test_truncated_json_list(beside: Beside) -> None:
    """Of a JSON list that breaks off, what is complete is read and the rest quarantined."""
    whole = json.dumps([good("one"), good("two")]).encode()
    built = beside(files={"list.json": whole[:-100]})
    assert built.reasons() == {("record", "list.json#item=1"): "truncated_json"}
    assert whole[:-100].endswith(built.quarantined()[0]["raw"])
    assert "workflows:one/1" in built.rows()


def test_truncated_zstd(beside: Beside) -> None:
    """Of a zstandard file without end, complete lines are read and the incomplete one is
    quarantined with its bytes.
    """
    plain = b"".join(
        line(workflow(f"z{i}", step(f"<!--{os.urandom(30_000).hex()}-->{GOOD_PAGE}")))
        for i in range(20)
    )
    packed = zstandard.ZstdCompressor().compress(plain)
    built = beside(files={"rows.jsonl.zst": packed[: len(packed) // 2]})
    (kept,) = built.quarantined()
    assert (kept["reason"], kept["detail"]) == ("truncated_zstd", "the zstandard frame has no end")
    done = sum(sample.startswith("workflows:z") for sample in built.rows())
    assert 0 < done < 20
    assert plain.split(b"\n")[done].startswith(kept["raw"])
    assert kept["id"] == f"rows.jsonl.zst#line={done + 1}"


def test_invalid_utf8(beside: Beside, clean: Built) -> None:
    """A line that is no UTF-8 is quarantined with its bytes."""
    bad = line(good("bad")).replace(b"Search</button>", b"\xff\xfe</button>")
    built = beside(bad)
    assert built.reasons() == {("record", "rows.jsonl#line=2"): "invalid_utf8"}
    assert built.quarantined()[0]["raw"] == bad[:-1]
    assert built.files() == clean.files()


def test_pickle_that_calls_os_system(beside: Beside, tmp_path: Path, clean: Built) -> None:
    """A pickle that calls os.system is quarantined with its bytes,
    and nothing in it is executed.
    """
    sentinel = tmp_path / "executed"
    raw = gzip.compress(evil_pickle(sentinel))
    built = beside(files={"episode/step_0.pkl.gz": raw})
    assert not sentinel.exists()
    assert built.reasons() == {
        ("record", "episode/step_0.pkl.gz"): "hostile_pickle",
        ("record", "episode"): "workflow_without_steps",
    }
    (kept,) = (q for q in built.quarantined() if q["reason"] == "hostile_pickle")
    assert kept["raw"] == raw
    assert "system" in kept["detail"]
    assert built.files() == clean.files()


def test_workflow_without_steps(beside: Beside, clean: Built) -> None:
    """A workflow without steps is quarantined with its bytes."""
    built = beside(workflow("none"))
    assert built.reasons() == {("record", "rows.jsonl#line=2"): "workflow_without_steps"}
    assert built.quarantined()[0]["raw"] == line(workflow("none"))[:-1]
    assert built.files() == clean.files()


def other(name: str) -> dict[str, Any]:
    """A workflow with the id of a good one and other content."""
    return workflow(name, step(f"<p>Something else</p>{GOOD_PAGE}"))


def test_same_id_other_content_in_one_file(beside: Beside, clean: Built) -> None:
    """A workflow whose id came before in its file with other content is quarantined with its
    content.
    """
    built = beside(other("good-0"))
    reasons = built.reasons()
    assert (
        reasons["workflow", "workflows:good-0~2"]
        == reasons["step", "workflows:good-0~2/1"]
        == "conflicting_id"
    )
    (kept,) = built.quarantined()
    assert (kept["reason"], kept["stage"], kept["id"]) == (
        "conflicting_id",
        "read",
        "workflows:good-0~2",
    )
    assert json.loads(kept["raw"])["steps"][0]["html"] == f"<p>Something else</p>{GOOD_PAGE}"
    assert built.files() == clean.files()


def test_same_id_other_content_in_two_files(beside: Beside, clean: Built) -> None:
    """A workflow whose id came before in another file with other content is quarantined with its
    content.
    """
    built = beside(
        files={"zz.jsonl": line(other("good-0") | {"objective": "Find the way to the harbour"})}
    )
    assert built.reasons() == {
        ("workflow", "workflows:good-0"): "conflicting_id",
        ("step", "workflows:good-0/1"): "conflicting_id",
        ("sample", "workflows:good-0/1"): "conflicting_id",
    }
    (kept,) = built.quarantined()
    assert (kept["reason"], kept["stage"], kept["id"]) == (
        "conflicting_id",
        "index",
        "workflows:good-0",
    )
    assert json.loads(kept["raw"])["steps"][0]["html"] == f"<p>Something else</p>{GOOD_PAGE}"
    assert built.files() == clean.files()


# Dropped and counted as a step, kept in the history

CSS, XPATH = "css", "xpath"


def by(value: str, kind: str = CSS, name: str = "") -> list[dict[str, str]]:
    """A target with one locator."""
    return [{"kind": kind, "value": value} | ({"name": name} if name else {})]


ITEMS = f"<ul>{'<li>x</li>' * 500}</ul>"
DEEP = deep(20_000)


@pytest.mark.parametrize(
    ("bad", "reason", "detail"),
    [
        (step(""), "missing_dom", "the recording has no page for this step"),
        (step(" \n<!-- no -->"), "empty_page", "13 characters without an element"),
        (step(css="div["), "invalid_css", "'div['"),
        (step(css="li"), "target_absent", "css 'li' matches none of 6 elements"),
        (step(css="p::before"), "target_absent", "css 'p::before' matches none"),
        (step(css=""), "invalid_css", "''"),
        (step(css=":is(" * 4_000), "costly_css", "':is("),
        (step(css="\0"), "target_absent", "css '\\x00' matches none of 6 elements"),
        (step(css="#go" * 10_000), "invalid_css", "'#go#go"),
        (step(ITEMS, "li"), "target_ambiguous", "css 'li' matches 500 elements"),
        (
            step(target=by("//button/text()", XPATH)),
            "invalid_xpath",
            "'//button/text()' selects no elements",
        ),
        (
            step(target=by("count(//button)", XPATH)),
            "invalid_xpath",
            "'count(//button)' selects no elements but a float",
        ),
        (
            step(target=by("//button/@id", XPATH)),
            "invalid_xpath",
            "'//button/@id' selects no elements",
        ),
        (step(target=by("//[", XPATH)), "invalid_xpath", "'//['"),
        (step(target=by("//a[@id='\0']", XPATH)), "invalid_xpath", "\"//a[@id='\\x00']\""),
        (step(target=by("(" * 16_000, XPATH)), "invalid_xpath", "'(((("),
        (step(target=by("$x | //a:b", XPATH)), "invalid_xpath", "'$x | //a:b'"),
        (
            step(DEEP, target=by("//div//div//a", XPATH)),
            "costly_xpath",
            "'//div//div//a' on 20001 elements",
        ),
        (
            step(DEEP, target=by("//*[count(//*[count(//*)>1])>1]", XPATH)),
            "costly_xpath",
            "'//*[count",
        ),
        (step(target=by("x", "node")), "invalid_node", "'x' is not a number"),
        (step(target=by("9" * 5_000, "node")), "invalid_node", "'9999"),
        (step(target=by("-1", "node")), "target_absent", "node '-1' matches none of 6 elements"),
        (step(target=by("no tag", "markup")), "invalid_markup", "'no tag' is not a start tag"),
        (step(target=by("\"'\\]\n", "attribute", "id\\\"'")), "target_absent", "attribute id\\"),
    ],
    ids=lambda value: (
        value if isinstance(value, str) and value.islower() and "'" not in value else ""
    ),
)
def test_step_is_dropped_and_stays_in_the_history(
    beside: Beside, bad: Any, reason: str, detail: str
) -> None:
    """A step that cannot be trained on is dropped with its exact reason; the step after it has it
    in its history.
    """
    bad["action"] = {"kind": "click", "description": "Click what is not there"}
    built = beside(workflow("bad", bad, step()))
    stage, found, told = built.dropped()["step", "workflows:bad/1"]
    assert (stage, found) == ("filter" if reason == "missing_dom" else "locate", reason)
    assert told.startswith(detail)
    assert list(built.reasons()) == [("step", "workflows:bad/1")]
    after = built.samples()["workflows:bad/2"]
    assert after["history"] == [
        "1.\nDescription: Click what is not there\nAction: mouse_click_action\n"
    ]
    assert "Step-by-step guide:\n1.\nDescription: Click what is not there\n" in built.decoded(
        "workflows:bad/2"
    )


# A stage that crashes


@pytest.mark.parametrize(
    "error", [RuntimeError("no luck"), RecursionError("too deep"), MemoryError()], ids=repr
)
@pytest.mark.parametrize(
    ("where", "stage"),
    [
        ("etl.stages.filter.non_ascii_share", "filter"),
        ("etl.stages.targets.find", "locate"),
        ("etl.pages.prune.Pruner.prune", "prune"),
        ("etl.stages.unroll.step_text", "unroll"),
    ],
)
def test_crash_of_a_stage(
    beside: Beside,
    clean: Built,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    stage: str,
    error: Exception,
) -> None:
    """A stage that crashes on a page costs its workflow alone: stage_crashed, by name, with its
    content.
    """
    module, _, name = where.rpartition(".")
    owner = Pruner if module.endswith("Pruner") else __import__(module, fromlist=[name])
    real = getattr(owner, name)

    def crash(*arguments: Any, **named: Any) -> Any:
        texts = [token.raw_text for page in arguments for token in getattr(page, "tokens", ())]
        if "CRASH" in f"{arguments}{texts}":
            raise type(error)(*error.args)
        return real(*arguments, **named)

    monkeypatch.setattr(owner, name, crash)
    bad = step("<p>CRASH</p>" + GOOD_PAGE, action={"kind": "click", "description": "CRASH"})
    crashing = workflow("bad", step(), bad, objective="Search for CRASH in the shop")
    built = beside(crashing)
    assert set(built.reasons().values()) == {"stage_crashed"}
    (kept,) = built.quarantined()
    assert (kept["id"], kept["stage"], kept["reason"]) == ("workflows:bad", stage, "stage_crashed")
    assert kept["detail"] == f"{type(error).__name__}: {error} (test_hostile.py, crash)"
    content = json.loads(kept["raw"])
    assert [row["html"] for row in content["steps"]] == [row["html"] for row in crashing["steps"]]
    assert built.files() == clean.files()


def test_crash_while_packing(beside: Beside, clean: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample that crashes the encoder is dropped as stage_crashed; the samples beside it are
    packed.
    """
    real = type(recipe.load("scribeagent-32k").packed.encoder).chunk

    def crash(encoder: Any, sample: Any, observation: bytes, *place: int) -> Any:
        if b"CRASH" in observation:
            raise MemoryError
        return real(encoder, sample, observation, *place)

    monkeypatch.setattr("tokenization.encode.Encoder.chunk", crash)
    built = beside(workflow("bad", step("<p>CRASH</p>" + GOOD_PAGE)))
    stage, reason, detail = built.dropped()["sample", "workflows:bad/1"]
    assert (stage, reason, detail) == (
        "fit",
        "stage_crashed",
        "MemoryError:  (test_hostile.py, crash)",
    )
    assert built.files() == clean.files()


def test_disk_error_stops_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the disk while an input is read stops the build: to go on would leave out what is
    there.
    """
    folder = write(tmp_path / "in", GOOD).parent

    def broken(*arguments: Any, **named: Any) -> Any:
        raise OSError(5, "Input/output error", "rows.jsonl")

    monkeypatch.setattr("etl.sources.workflows.records", broken)
    with pytest.raises(OSError, match="Input/output error"):
        build(tmp_path / "out", folder)


# Characters


# Pages


# Files and folders
