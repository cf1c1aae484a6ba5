"""Hostile input: whatever a recording holds costs itself alone, by a reason that is counted, and
nothing beside it.

Every build here holds good rows too; they come out byte-equal to a build without the hostile thing.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given

from etl import pages
from etl.build.recipes import recipe
from etl.dataset import account
from etl.inputs import find
from etl.pages import locators
from etl.pages.prune import Pruner
from etl.sources import SOURCES
from schemas.errors import ConfigError, PageError
from tests.support import strategies
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
from tests.support.hostile_pages import TRAPS, deep
from tests.support.judged import by_cssselect

HUGE = "fit.context=33554432"


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """A build of the good rows alone."""
    folder = tmp_path_factory.mktemp("clean")
    return build(folder / "out", write(folder / "in", GOOD).parent)


Beside = Callable[..., Built]


@pytest.fixture
def beside(tmp_path: Path, clean: Built) -> Beside:
    """Builds hostile rows between good ones, and holds the good ones equal to the build without."""

    def run(
        *rows: Any, settings: tuple[str, ...] = (), files: dict[str, bytes] | None = None
    ) -> Built:
        folder = tmp_path / "in"
        write(folder, [GOOD[0], *rows, *GOOD[1:]])
        for name, content in (files or {}).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return unharmed(build(tmp_path / "out", folder, settings=settings), clean)

    return run


def unharmed(built: Built, clean: Built) -> Built:
    """The good rows are as they are without the hostile thing; the files too, where that adds no
    sample.
    """
    rows, expected = built.rows(), clean.rows()
    assert {sample: rows[sample] for sample in expected} == expected
    if rows.keys() == expected.keys():
        assert built.files() == clean.files()
    return built


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
        ("etl.stages.locate.find", "locate"),
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
    real = type(recipe.load("scribeagent-32k").packed.encoder).tokens

    def crash(encoder: Any, user: str, completion: str) -> Any:
        if "CRASH" in user:
            raise MemoryError
        return real(encoder, user, completion)

    monkeypatch.setattr("tokenization.encode.Encoder.tokens", crash)
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

    def broken(*arguments: Any) -> Any:
        raise OSError(5, "Input/output error", "rows.jsonl")

    monkeypatch.setattr("etl.sources.workflows.records", broken)
    with pytest.raises(OSError, match="Input/output error"):
        build(tmp_path / "out", folder)


# Characters


def test_half_characters(beside: Beside) -> None:
    """Half an emoji in JSON becomes U+FFFD, escaped or not;
    a whole one in two halves stays whole.
    """
    page = "<button id=go>\ud83d \ud83d\ude00</button>"
    written = line(workflow("halves", step(page))).replace(
        b"\\ude00", b"\xed\xb8\x80\\ud83d\\ude00"
    )
    built = beside(written)
    assert built.reasons() == {}
    assert "\ufffd \ufffd\ufffd\U0001f600" in built.samples()["workflows:halves/1"]["observation"]


def test_impossible_character_references(beside: Beside) -> None:
    """References to characters that do not exist become U+FFFD, whatever their size; what is no
    reference stays.
    """
    page = f"<button id=go>&#xD800;&#1114112;&#0;&#{'9' * 100_000};&#x;&#;&nosuch;&#xE9;</button>"
    observation = beside(workflow("refs", step(page))).samples()["workflows:refs/1"]["observation"]
    assert (
        observation
        == '<button id="go" node="0"> \ufffd\ufffd\ufffd\ufffd&amp;#x;&amp;#;&amp;nosuch;é '
        "</button> "
    )


STRANGE = {
    "newline": "a\nb",
    "slashes": "../../etc/passwd",
    "like a step": "good-0/1",
    "like a repeat": "good-0~2",
    "nul": "a\0b",
    "emoji": "\U0001f4a5",
    "100 kB": "x" * 100_000,
    "escape": "\x1b[31m",
    "quotes": "\"'`|,;$(touch x)",
}


@pytest.mark.parametrize("name", STRANGE.values(), ids=STRANGE.keys())
def test_strange_ids(beside: Beside, name: str) -> None:
    """Any text can be an id: it comes out as it went in, and names no file."""
    built = beside(good(name), other("good-0"))
    assert f"workflows:{name}/1" in built.rows() or f"workflows:{name}~2/1" in built.rows()
    assert set(built.reasons().values()) == {"conflicting_id"}
    assert not (built.out / "etc").exists()


def test_control_characters_in_the_objective(beside: Beside) -> None:
    """Control characters of an objective stay, its white space collapses, and no field breaks its
    line.
    """
    built = beside(
        workflow(
            "bell", step(), objective="Search\x07 for \x1b[31ma\u2028blue\x85\r\n mug\u202e today"
        )
    )
    assert "\nObjective: Search\x07 for \x1b[31ma blue mug\u202e today\nURL: " in built.decoded(
        "workflows:bell/1"
    )


URLS = {
    "http://[::1": "unknown",
    "http://a b": "unknown",
    "http://xn--zzzzzzzzz-.example/": "xn--zzzzzzzzz-.example",
    f"http://{'ü' * 100}.example/": "unknown",
    f"http://{'a' * 10_000}.example/": f"{'a' * 10_000}.example",
    f"http://{'a.' * 5_000}example/": "a.example",
    "javascript:alert(1)": "unknown",
    "http://\u2100.example/": "unknown",
    "http://user:pw@[::1]:99999999/": "::1",
    "//": "unknown",
    "http://a|b\n# c.example": "unknown",
    "\0": "unknown",
}


def test_urls_that_are_none(beside: Beside) -> None:
    """Whatever stands in a URL, its step is built; what has no domain is unknown."""
    built = beside(workflow("urls", *(step(url=url) for url in URLS)), settings=(HUGE,))
    samples = built.samples()
    found = {url: samples[f"workflows:urls/{i}"]["domain"] for i, url in enumerate(URLS, 1)}
    assert found == URLS


def test_website_with_markup(beside: Beside) -> None:
    """A website's name with markup, line breaks and pipes
    stays one plain cell of the card's table.
    """
    row = workflow("site", step(url="")) | {"website": "a|b`\n# <script>alert(1)</script>\n---"}
    built = beside(row)
    card = (built.out / "dataset" / "README.md").read_text("utf-8")
    assert "| a&#124;b&#96; # &#60;script&#62;alert(1)&#60;/script&#62; --- |" in card


# Pages


def observation_of(beside: Beside, page: str, **fields: Any) -> str:
    """The observation of a workflow of one step, which must become a sample."""
    built = beside(workflow("page", step(page, **fields)), settings=(HUGE,))
    assert built.reasons() == {}
    return str(built.samples()["workflows:page/1"]["observation"])


def test_5_mb_attribute(beside: Beside) -> None:
    """An attribute of 5 MB that always stays is there whole."""
    words = text_of("blue mugs ", 5_000_000)
    observation = observation_of(beside, f'<button id=go title="{words}">Save</button>')
    assert observation == f'<button id="go" node="0" title="{words}"> Save </button> '


def test_1_mb_of_less_than_signs(beside: Beside) -> None:
    """A million ``<`` that open nothing are text."""
    observation = observation_of(beside, "<button id=go>Save</button>" + "<" * 1_000_000)
    assert observation == '<button id="go" node="0"> Save </button> ' + "&lt;" * 1_000_000 + " "


def test_300_000_elements(beside: Beside) -> None:
    """A page of 300,000 elements is built whole, every element numbered."""
    observation = observation_of(
        beside, "<p>" * 150_000 + "<input>" * 150_000 + "<button id=go>Save</button>"
    )
    assert observation.count('<p node="') == observation.count('<input node="') == 150_000
    assert observation.startswith('<p node="300000"> ')


def test_duplicate_attributes(beside: Beside) -> None:
    """Of an attribute that is there twice the first counts, as in a browser, for locating and in
    the observation.
    """
    page = (
        "<button id=no title=b ID=go>No</button><button id=go title=a id=no TITLE=b>Save</button>"
    )
    expected = (
        '<button id="no" node="1" title="b"> No </button> <button id="go" node="0" '
        'title="a"> Save </button> '
    )
    assert observation_of(beside, page) == expected


def test_attribute_locator_with_quotes_and_backslashes(beside: Beside) -> None:
    """An attribute locator's value is compared as it is: nothing in it is syntax."""
    value = 'it\'s \\ "quoted" ]\n\t&<>'
    escaped = value.replace("&", "&amp;").replace('"', "&quot;")
    page = f'<button data-x="{escaped}">Save</button><button data-x="it">No</button>'
    observation = observation_of(beside, page, target=by(value, "attribute", "data-x"))
    assert observation == '<button node="1"> Save </button> <button node="0"> No </button> '


@pytest.mark.parametrize("trap", TRAPS.values(), ids=TRAPS)
def test_a_hostile_megabyte_is_read_pruned_and_searched(trap: Callable[[int], str]) -> None:
    """However a megabyte is made to be slow, its first element is found, by one selector and not by
    another.
    """
    page = pages.read(f"<i id=go></i>{trap(1_000_000)}")
    assert locators.find_css(page, "#go") == [0]
    assert locators.find_css(page, "p > i ~ div #go") == []
    assert strategies.pruner().prune(page).observation is not None


@pytest.mark.parametrize(
    "selector", ["div div #go", "div div div", "div > div > div a", "div ~ div a", "div:has(a) a"]
)
def test_css_on_20_000_levels(selector: str) -> None:
    """CSS selectors are decided, however deep the page is."""
    found = locators.find_css(pages.read(DEEP), selector)
    assert found == {"div div div": list(range(2, 20_000)), "div ~ div a": []}.get(
        selector, [20_000]
    )


def test_css_on_50_000_siblings() -> None:
    """Positions among very many siblings are found; what goes through them all too often is
    costly_css.
    """
    page = pages.read("<ul>" + "<li><a>x</a></li>" * 50_000 + "</ul><a id=go>k</a>")
    assert locators.find_css(page, "ul li + li a")[:2] == [4, 6]
    assert locators.find_css(page, "li:nth-child(7) a") == [14]
    with pytest.raises(PageError, match="costly_css"):
        locators.find_css(page, "li:nth-child(7 of :not(a)) " * 100)


@pytest.mark.parametrize(
    "path",
    ["//div[contains(., 'k')]//a[@id='go']", "//ul/li[7]/a", "//li[7]/following-sibling::li[1]/a",
    "(//li)[3]//a",
     "//a[normalize-space(text())='x']", "//label[contains(text(), 'k')]/following::input[1]",
     "//a/ancestor::ul[1]"],
)  # fmt: skip
def test_no_xpath_that_people_write_is_costly(path: str) -> None:
    """On a page of 20,000 elements, a thousand of them side by side, usual XPaths are tried."""
    row = "<li><a>x</a>" + "<i></i>" * 18 + "</li>"
    locators.find_xpath(pages.read("<div>" * 20 + f"<ul>{row * 1_000}</ul>" + "</div>" * 20), path)


@given(strategies.soups, strategies.soups)
def test_css_agrees_with_one_xpath(page: str, more: str) -> None:
    """Deciding combinators on sets finds what libxml2 finds for the selector as one XPath."""
    whole = pages.read(f"<div>{page}<p>{more}</p><ul><li><a></a></li><li></li></ul></div>")
    read = pages.live(whole).page
    for selector in (
        "div a",
        "div > p",
        "p ~ ul li + li",
        "div div, li > a",
        "div p > *",
        "* + * *",
        "ul li:first-child a",
    ):
        assert locators.find_css(read, selector) == by_cssselect(read, selector)


# Files and folders


def test_deep_json(beside: Beside, clean: Built) -> None:
    """JSON nested beyond what its parser takes is quarantined with its bytes."""
    bad = (
        b'{"workflow_id": "deep", "objective": "", "steps": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n"
    )
    built = beside(
        bad,
        files={
            "list.json": b'[{"workflow_id": "d", "objective": "", "steps": []}, ' + b"[" * 500_000
        },
    )
    assert built.reasons() == {
        ("record", "rows.jsonl#line=2"): "broken_json",
        ("record", "list.json#item=0"): "workflow_without_steps",
        ("record", "list.json#item=1"): "truncated_json",
    }
    assert {q["id"]: q["raw"] for q in built.quarantined()}["rows.jsonl#line=2"] == bad[:-1]
    assert built.files() == clean.files()


def test_empty_and_unknown_files(beside: Beside, tmp_path: Path, clean: Built) -> None:
    """Empty files and files in no known format are entered as records;
    empty folders hold nothing.
    """
    (tmp_path / "in" / "empty" / "folder").mkdir(parents=True)
    names = ("empty.jsonl", "empty.csv", "sub/notes.txt", "sub/picture.png", "empty.gz")
    built = beside(
        files=dict(
            zip(names, (b"", b"", b"notes", b"\x89PNG\r\n", gzip.compress(b"")), strict=True)
        )
    )
    assert built.reasons() == {("record", name): "unknown_format" for name in names}
    assert built.files() == clean.files()


def test_only_unknown_files(tmp_path: Path) -> None:
    """A folder with nothing in a known format gives an empty
    dataset that accounts for every file.
    """
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("notes")
    built = build(tmp_path / "out", tmp_path / "in", settings=("gates.min_samples=0",))
    assert built.reasons() == {("record", "notes.txt"): "unknown_format"}
    assert built.files() == {}


def test_empty_folder(tmp_path: Path) -> None:
    """An empty folder is a mistake in the arguments."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    with pytest.raises(ConfigError, match="no files in"):
        build(tmp_path / "out", tmp_path / "in")


def test_links_that_lead_back(beside: Beside, tmp_path: Path, clean: Built) -> None:
    """Links to folders around them are not followed again; links that lead nowhere are entered as
    not_a_file.
    """
    inner = tmp_path / "in" / "a" / "b"
    inner.mkdir(parents=True)
    for name in ("loop", "again"):
        (inner / name).symlink_to(tmp_path / "in", target_is_directory=True)
    (inner / "self").symlink_to(inner / "self")
    (inner / "nowhere").symlink_to(tmp_path / "absent")
    built = beside()
    assert built.reasons() == {
        ("record", f"a/b/{name}"): "not_a_file" for name in ("self", "nowhere")
    }
    assert built.files() == clean.files()


def test_pipe(beside: Beside, tmp_path: Path, clean: Built) -> None:
    """A pipe in a folder is not opened, which would wait for ever; it is entered as not_a_file."""
    (tmp_path / "in").mkdir()
    os.mkfifo(tmp_path / "in" / "pipe.jsonl")
    built = beside()
    assert built.reasons() == {("record", "pipe.jsonl"): "not_a_file"}
    assert built.files() == clean.files()


def test_pipe_by_name(tmp_path: Path) -> None:
    """A pipe given by name is a mistake in the arguments."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    with pytest.raises(ConfigError, match="not in any known format"):
        find.find([str(tmp_path / "pipe.jsonl")], SOURCES)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be read stops the build before it starts, and is named: leaving it out
    would go unseen.
    """
    folder = write(tmp_path / "in", GOOD).parent
    write(folder, [good("secret")], "secret.jsonl")
    real = Path.open

    def refuse(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == "secret.jsonl":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PermissionError, match="secret"):
        build(tmp_path / "out", folder)
    assert not (tmp_path / "out" / "dataset").exists()
