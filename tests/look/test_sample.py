"""`stepmill inspect DIR sample`: one sample for reading, its page before and after the pruning, and
those dropped.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import fsspec
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.build.recipes.recipe import load
from etl.cli.main import cli
from etl.dataset.layout import MANIFEST
from etl.dataset.place import place_of
from etl.files.arrow import open_arrow, read_json, write_json
from etl.look import pages, sample
from etl.pages.reading import read
from schemas.errors import ConfigError, IntegrityError
from schemas.workflow import target_id
from tests.support import builds
from tests.support.strategies import pages as recorded_pages
from tests.support.strategies import pruner
from tokenization import vocabulary
from tokenization.prompt import step_text, target_of


def run(*arguments: object) -> str:
    """What the command prints."""
    done = CliRunner().invoke(cli, ["inspect", *map(str, arguments)], env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    return done.stdout


def asked(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json"))


def refused(*arguments: object) -> str:
    """The error that it ends with."""
    done = CliRunner().invoke(cli, ["inspect", *map(str, arguments)])
    assert isinstance(done.exception, ConfigError | IntegrityError), done.output
    assert done.stdout == ""
    return str(done.exception)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder ``in`` of recordings, and a build ``out`` of them with drops in every phase and
    chunks.
    """
    folder = tmp_path_factory.mktemp("sample")
    records = [builds.workflow(number, steps=3) for number in range(12)]
    records[3]["steps"][1]["error"] = "no such button"
    records[4]["steps"][0]["html"] = (
        "<button id=b0>Order</button>" + "<p>one piece of text </p>" * 500
    )
    records[5]["steps"][0]["html"] = "<button id=b0>Order</button>" + "word " * 9000
    evil = (
        '<title>\x1b]0;owned\x07</title><button id="b0" title="\u202egnp.exe\x1b[2J">Order '
        "\x9b31m</button>"
    )
    records[6] |= {"objective": "Order item 6 in the shop\x1b[1A and pay for it"}
    records[6]["steps"][0] |= {"html": evil, "url": "https://www.shop6.example/\x1b[31m"}
    records[7]["steps"][0]["target"] = [{"kind": "css", "value": "#absent"}]
    records[8]["steps"][0]["html"] = (
        "<body>" + "<div><p>a line</p>" * 40 + "<button id=b0>Größe e\u0301</button>"
    )
    builds.write_workflows(folder / "in" / "a.jsonl", *records)
    builds.write_workflows(
        folder / "in" / "deep" / "b.jsonl", records[1] | {"workflow_id": "again"}
    )
    builds.build([folder / "in"], folder / "out", "fit.context=2048", "split.test=0.2")
    return folder


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    """A copy of the build, to be changed."""
    return Path(shutil.copytree(small / "out", tmp_path / "out"))


def test_the_runs_are_the_tokens_of_the_dataset(own_build: Path) -> None:
    """Of every twentieth sample of a build of the shipped recordings: decoded again and joined, the
    runs are the tokens between the sample's ends, loss where the labels have it; the target is in
    the prompt; its fields are those of the sample it was made of.
    """
    place, made = place_of(own_build), builds.samples(own_build)
    known = vocabulary.load("qwen2.5")
    for each in list(builds.emitted(own_build))[::20]:
        found = sample.view(place, each.sample_id)
        assert [run["loss"] for run in found["runs"]] == [False, True]
        loss = int((each.labels >= 0).sum())
        assert [run["tokens"] for run in found["runs"]] == [len(each.input_ids) - loss, loss]
        assert "".join(run["text"] for run in found["runs"]) == known.decode(each.input_ids)
        assert (found["listed"]["sample_id"], found["listed"]["split"]) == (
            each.sample_id,
            each.split,
        )
        fields = found["fields"]
        assert (fields["objective"], fields["observation"]) == (
            made[each.sample_id].objective, made[each.sample_id].observation,
        )  # fmt: skip
        assert target_of(found["runs"][1]["text"]) == fields["target_html"]
        assert fields["target_html"] in found["runs"][0]["text"]


def test_all_of_a_sample_is_on_the_page(small: Path) -> None:
    """Objective, URL, observation a tag a line with the target highlighted, history, completion
    with loss, counts.
    """
    out = small / "out"
    found = asked(out, "sample", "w3/3")
    text = run(out, "sample", "w3/3", "--color")
    plain = run(out, "sample", "w3/3", "--whole")
    for part in (
        "Objective: Order item 3 in the shop and pay for it",
        "URL: https://www.shop3.example/item/3",
    ):
        assert part in plain
    assert "Step-by-step guide:\n1.\nDescription: Order 0 of item 3" in plain
    assert "2.\nDescription: Order 1 of item 3" in plain  # a failed action stays in the history
    listed = found["listed"]
    prompt, completion = listed["prompt_tokens"], listed["completion_tokens"]
    assert (
        f"{prompt + completion} tokens: {prompt} of the prompt, {completion} of the completion"
        in plain
    )
    target = found["fields"]["target_html"]
    assert f"\x1b[30m\x1b[43m\x1b[1m{target}\x1b[0m" in text
    loss = text.split("[loss, ")[1]
    assert "\x1b[32mDescription: Order 2 of item 3\x1b[0m" in loss
    assert f"[loss, {listed['completion_tokens']} tokens]\n3.\nDescription" in plain
    assert plain.endswith("<|im_end|>\n[end of loss]\n")


def test_long_observations_are_laid_out_around_the_target(small: Path) -> None:
    """A tag a line, indented as nested, folded around the target; --whole has every line; nothing
    else is changed.
    """
    out = small / "out"
    found = asked(out, "sample", "w8/1")
    text = run(out, "sample", "w8/1")
    assert "lines above: --whole" in text
    assert "Größe é </button>" in text  # as the vocabulary has it
    whole = run(out, "sample", "w8/1", "--whole")
    assert "lines above" not in whole
    assert "\n    <div node=" in whole
    assert len(whole.splitlines()) > len(text.splitlines()) + 50
    observation = found["fields"]["observation"].replace("e\u0301", "é")
    assert observation.split() == whole.split("Observation:")[1].split("Step-by-step")[0].split()
    assert f"\x1b[43m\x1b[1m{found['fields']['target_html']}" in run(
        out, "sample", "w8/1", "--color"
    )


def test_a_chunk_is_what_the_model_is_given(small: Path) -> None:
    """Of a page in several chunks the prompt holds the one that was kept, and it is said which."""
    found = asked(small / "out", "sample", "w4/1")
    chunks = found["listed"]["chunks"]
    assert chunks > 1
    said = f"chunk {found['listed']['chunk']} of {chunks} from the right"
    assert said in run(small / "out", "sample", "w4/1")
    assert len(found["runs"][0]["text"]) < len(found["fields"]["observation"])


def test_the_page_before_and_after(small: Path) -> None:
    """--page has the recorded page as it was, every element of it beside what stayed, locators and
    action.
    """
    found = asked(small / "out", "sample", "w3/1", "--page")
    page = found["page"]
    assert (
        page["html"] == '<html><body><h1>Item 3</h1><button id="b0">Order 0</button></body></html>'
    )
    assert [(row["node"], row["depth"]) for row in page["elements"]] == [
        (3, 0),
        (2, 1),
        (1, 2),
        (0, 2),
    ]
    assert page["elements"][-1]["before"] == '<button id="b0"> Order 0'
    assert page["elements"][-1]["after"] == '<button id="b0" node="0"> Order 0'
    assert (page["target"], page["locators"]) == (0, [{"kind": "css", "name": "", "value": "#b0"}])
    text = run(small / "out", "sample", "w3/1", "--page", "--color").split(
        "page as it was recorded"
    )[1]
    assert "\x1b[43m" in text
    assert "3 of 4 elements are left" in text
    lines = [
        line for line in run(small / "out", "sample", "w3/1", "--page").splitlines() if "┊" in line
    ]
    assert len(lines) == 4
    assert len({line.index("┊") for line in lines}) == 1
    assert max(map(len, lines)) <= 100


def test_what_pruning_removed_is_one_line(own_build: Path) -> None:
    """A run of elements that went is folded, unless --whole is given; each element of the page has
    its row then.
    """
    for name in ("workflows:shop-01/3", "workflows:ledger-01/2"):
        page = asked(own_build, "sample", name, "--page")["page"]
        assert len(page["elements"]) == read(page["html"]).elements
        assert sum(bool(row["after"]) for row in page["elements"]) < len(page["elements"])
        folded = run(own_build, "sample", name, "--page").split("elements are left")[1]
        whole = run(own_build, "sample", name, "--page", "--whole").split("elements are left")[1]
        assert whole.count(" ┊") == len(page["elements"]) > folded.count(" ┊")


@settings(deadline=None)  # the first page loads a vocabulary
@given(recorded_pages)
def test_every_element_has_its_row(html: str) -> None:
    """Of any page: a row an element in document order with its node id; beside it the tag of that
    id as it stayed.
    """
    page = read(html)
    observation = pruner().prune(page).observation
    rows = pages.beside(html, observation)
    assert [row.node for row in rows] == list(reversed(range(page.elements)))
    stayed = [row for row in rows if row.after]
    assert len(stayed) == read(observation).elements
    assert all(f' node="{row.node}"' in row.after for row in stayed)
    left = re.sub(r"</[^>]*>", "", "".join(pages.tags(observation)[1]))
    assert "".join("".join(row.after for row in stayed).split()) == "".join(left.split())


def test_a_recording_that_is_gone_or_changed_is_said(small: Path, tmp_path: Path) -> None:
    """After the input was moved away, or changed, everything else is shown, and why there is no
    page.
    """
    inputs = Path(shutil.copytree(small / "in", tmp_path / "in"))
    builds.build([inputs], tmp_path / "out")
    before = asked(tmp_path / "out", "sample", "w3/1", "--page")
    assert before["page"]["missing"] == ""
    kept = (inputs / "a.jsonl").read_text()
    (inputs / "a.jsonl").unlink()
    gone = asked(tmp_path / "out", "sample", "w3/1", "--page")
    assert gone | {"page": None} == before | {"page": None}
    assert "a.jsonl is gone from the inputs" in gone["page"]["missing"]
    assert "a.jsonl is gone from the inputs" in run(tmp_path / "out", "sample", "w3/1", "--page")
    (inputs / "a.jsonl").write_text(kept.replace("Order 0", "Order x", 1))
    assert (
        "its content differs"
        in asked(tmp_path / "out", "sample", "w3/1", "--page")["page"]["missing"]
    )
    (inputs / "a.jsonl").write_text(kept)
    assert asked(tmp_path / "out", "sample", "w3/1", "--page") == before


def test_a_dropped_step_can_be_looked_at(small: Path) -> None:
    """Dropped before it became a sample: reason and recorded page; dropped after: what would have
    been its prompt.
    """
    failed = asked(small / "out", "sample", "w3/2", "--page")
    assert (failed["in_dataset"], failed["fields"], failed["runs"]) == (False, None, [])
    assert failed["drops"][0]["reason"] == "failed_action"
    assert "Order 1" in failed["page"]["html"]
    text = run(small / "out", "sample", "w3/2", "--page")
    assert "dropped by filter, failed_action: no such button" in text
    assert "the step was dropped before its page was pruned" in text
    assert '<button id="b1"> Order 1' in text
    absent = run(small / "out", "sample", "w7/1", "--page")
    assert "target_absent" in absent
    assert "locator css #absent" in absent
    long = asked(small / "out", "sample", "w5/1", "--page")
    assert long["drops"][0]["stage"] == "fit"
    assert [run["tokens"] for run in long["runs"]] == [None, None]
    assert long["runs"][0]["text"].startswith("Objective: Order item 5")
    assert long["page"]["pruned"]
    assert "[loss, not encoded]" in run(small / "out", "sample", "w5/1")
    again = asked(small / "out", "sample", "again/1", "--page")
    assert again["drops"][0] == again["drops"][0] | {
        "reason": "duplicate_workflow",
        "input": "deep/b.jsonl",
    }
    assert again["page"]["missing"] == ""


def test_what_was_taken_down_is_not_read_again(small: Path, tmp_path: Path) -> None:
    """A step on the takedown list: that it was, and nothing of its page, though the recording is
    there.
    """
    builds.build([small / "in"], tmp_path / "out", 'takedown.workflows=["w9"]')
    found = asked(tmp_path / "out", "sample", "w9/1", "--page")
    assert found["drops"][0]["reason"] == "taken_down"
    assert (found["fields"], found["runs"], found["page"]["html"]) == (None, [], None)
    assert "takedown list" in found["page"]["missing"]


def test_recorded_text_does_nothing_to_a_terminal(small: Path) -> None:
    """Escape sequences in title, text, attribute, objective and URL are shown as such, wherever
    they come.
    """
    for options in ((), ("--page",), ("--page", "--whole", "--color")):
        text = run(small / "out", "sample", "w6/1", *options)
        for sequence in ("\x1b]", "\x1b[2J", "\x1b[1A", "\x1b[31m", "\x07", "\x9b", "\u202e"):
            assert sequence not in text
        assert "\\u202egnp.exe\\x1b[2J" in text
    assert "\x1b" not in run(small / "out", "samples", "--limit", "0")
    found = asked(small / "out", "sample", "w6/1", "--page")
    assert "\x1b]0;owned\x07" in found["page"]["html"]  # data is as it was


def test_a_dataset_alone_shows_what_its_tokens_say(small: Path) -> None:
    """Without the work folder: prompt and completion with the target highlighted; what needs more
    says so.
    """
    dataset = small / "out" / "dataset"
    found, whole = asked(dataset, "sample", "w3/3"), asked(small / "out", "sample", "w3/3")
    assert (found["runs"], found["listed"], found["fields"]) == (
        whole["runs"],
        whole["listed"],
        None,
    )
    assert f"\x1b[43m\x1b[1m{whole['fields']['target_html']}" in run(
        dataset, "sample", "w3/3", "--color"
    )
    assert "needs the folder work/" in refused(dataset, "sample", "w3/3", "--page")
    assert "no such sample" in refused(dataset, "sample", "w3/2")


@pytest.mark.parametrize("ending", ["arrow", "parquet"])
def test_a_published_dataset_may_have_other_names_and_forms(copy: Path, ending: str) -> None:
    """Data files under the build's name and the beginning of their hash, as Arrow or as Parquet
    with small row groups: the same samples.
    """
    dataset = copy / "dataset"
    expected = {name: asked(dataset, "sample", name)["runs"] for name in ("w3/3", "w4/1", "w11/2")}
    manifest = read_json(dataset / "manifest.json")
    files = dict(manifest["files"])
    for name in [name for name in files if name.startswith("dataset/data/")]:
        path = copy / name
        renamed = path.with_name(f"{path.stem}-0123456789abcdef.{ending}")
        if ending == "parquet":
            pq.write_table(open_arrow(path).read_all(), renamed, row_group_size=2)
            path.unlink()
        else:
            path.rename(renamed)
        files[renamed.relative_to(copy).as_posix()] = files.pop(name)
    write_json(dataset / "manifest.json", manifest | {"files": files})
    assert {name: asked(dataset, "sample", name)["runs"] for name in expected} == expected
    system = fsspec.filesystem("memory")
    try:
        system.put(str(dataset), "/published", recursive=True)
        assert asked("memory://published", "sample", "w3/3")["runs"] == expected["w3/3"]
    finally:
        system.rm("/published", recursive=True)


def test_ids_that_are_not_enough(small: Path, copy: Path) -> None:
    """An id that several formats have is asked for whole; one that there is not is told apart from
    one dropped.
    """
    assert "stepmill explain" in refused(small / "out", "sample", "w3/9")
    listing = next((copy / "dataset" / "stats" / "samples").rglob("train-*.parquet"))
    table = pq.read_table(listing)
    ids = table["sample_id"].to_pylist()
    other = next(at for at, name in enumerate(ids) if name != "workflows:w3/3")
    ids[other] = "mind2web:w3/3"
    pq.write_table(table.set_column(0, "sample_id", [ids]), listing)
    assert "mind2web:w3/3 or workflows:w3/3" in refused(copy / "dataset", "sample", "w3/3")
    assert asked(copy / "dataset", "sample", "workflows:w3/3")["runs"]
    assert "does not hold mind2web:w3/3" in refused(copy / "dataset", "sample", "mind2web:w3/3")


def test_the_vocabulary_is_the_datasets(small: Path, copy: Path, tmp_path: Path) -> None:
    """It is known by its hash, that of another Python's Unicode too; one that is not known is asked
    for by file, and another one is refused; a recipe with a file of its own is followed.
    """
    path = copy / MANIFEST
    manifest = read_json(path)
    known = vocabulary.load("qwen2.5")
    packed = manifest["settings"]["packed"]
    assert packed["vocabulary"] == known.sha256
    runs = asked(copy, "sample", "w3/1")["runs"]
    for version in vocabulary.UNICODE_VERSIONS:
        packed["vocabulary"] = known._hash(version)
        write_json(path, manifest)
        assert asked(copy / "dataset", "sample", "w3/1")["runs"] == runs
    packed["vocabulary"] = "0" * 64
    write_json(path, manifest)
    assert "name its file: --vocabulary FILE" in refused(copy / "dataset", "sample", "w3/1")
    file = tmp_path / "own.tiktoken"
    shutil.copy(known.file.path, file)
    assert "is not its vocabulary" in refused(
        copy / "dataset", "sample", "w3/1", "--vocabulary", file
    )
    assert "no such file, and none of qwen2.5" in refused(
        copy / "dataset", "sample", "w3/1", "--vocabulary", "gwen"
    )
    packed["vocabulary"] = known.sha256
    write_json(path, manifest)
    for given_name in (file, "qwen2.5"):
        assert asked(copy / "dataset", "sample", "w3/1", "--vocabulary", given_name)["runs"] == runs


def test_a_vocabulary_of_the_recipes_own_file(small: Path, tmp_path: Path) -> None:
    """Ranks and a pattern that no known family has, given by the recipe: found through the work
    folder.
    """
    lines = Path(vocabulary.load("qwen2.5").file.path).read_bytes().splitlines(keepends=True)
    (tmp_path / "own.tiktoken").write_bytes(b"".join(lines[:5000]))
    settings = [
        f"vocabulary.file={tmp_path / 'own.tiktoken'}",
        "vocabulary.pattern='\\p{L}+|\\s+|[^\\s\\p{L}]+'",
        'vocabulary.special_tokens={"<|im_start|>" = 5000, "<|im_end|>" = 5001}',
        "vocabulary.name=own",
    ]  # fmt: skip
    assert load("scribeagent-32k", settings).packed.encoder.vocabulary.pattern
    builds.build([small / "in" / "a.jsonl"], tmp_path / "out", *settings)
    found = asked(tmp_path / "out", "sample", "w3/1")
    assert "Objective: Order item 3" in found["runs"][0]["text"]
    assert "--vocabulary FILE" in refused(tmp_path / "out" / "dataset", "sample", "w3/1")


@given(st.integers(1, 99), st.text(), st.text(), st.integers(-1, 10**6))
def test_the_target_of_a_completion(number: int, description: str, target: str, node: int) -> None:
    """Whatever description and target say, the start tag read back is the one written; none for a
    page action.
    """
    text = step_text(number, description, "click", target_id(node, ""), target, 5)
    expected = text.rpartition("\nTarget: ")[2].removesuffix("\n") if node >= 0 else ""
    assert target_of(text) == expected
