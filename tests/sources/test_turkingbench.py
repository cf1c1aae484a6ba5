"""TurkingBench: answers become actions on the elements of their names, on the page before each."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from etl.inputs import find
from etl.inputs.documents.forms import Form, value_of
from etl.inputs.records import InputHead
from etl.look.recordings import check
from etl.pages.reading import read as read_page
from etl.sources import SOURCES
from etl.sources.turkingbench.batches import TurkingBench
from etl.stages import targets
from etl.tally import Tally
from schemas.workflow import Workflow

TEMPLATE = """<!DOCTYPE html><title>Label a picture</title>
<!-- <input name="mug"> --><script>var a = '<input name="mug">';</script>
<p>${thing} &amp; ${missing}</p>
<input type="hidden" name="id" value="${id}">
<input type="radio" name="kind" value="1" checked><input type="radio" name="kind" value="2">
<input type="radio" name="kind" value="2" disabled>
<input type="checkbox" name="colors" value="red"><input type="checkbox" name="colors" value="blue">
<input name="mug"><input type="checkbox" name="sure">
<select name="size"><option value="s">Small one</option><option value="l">Large</option></select>
<textarea name="why">old</textarea><input type="range" name="stars" max="5" value="1">
<input name="twice"><input name="twice"><input name="kept" value="as it is">
<input type="submit" name="send" value="Send">
"""


def folder(
    root: Path, *rows: dict[str, str], template: str = TEMPLATE, name: str = "label"
) -> Path:
    """A task of ours."""
    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / "template.html").write_text(template)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)))
    writer.writeheader()
    writer.writerows(rows)
    (root / name / "batch.csv").write_text(text.getvalue(), "utf-8-sig")
    return root / name


def read(path: Path) -> tuple[list[Workflow], Tally]:
    (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
    assert shard.format == "turkingbench"
    tally = Tally()
    return list(TurkingBench().read(shard, tally)), tally


def done(workflow: Workflow) -> list[tuple[str, str, str]]:
    """Kind, value and start tag of the element of each step; the reason if it is not found."""
    found = []
    for step in workflow.steps:
        page = read_page(step.html)
        reason, _, element = targets.find(page, step.target)
        markup = reason or page.tokens[page.position(element)].markup
        found.append((step.action.kind, step.action.value, markup))
    return found


def test_each_answer_is_an_action_on_its_element_in_the_order_of_the_page(tmp_path: Path) -> None:
    """Kinds follow the elements; what a comment or a script says is no element."""
    row = {
        "thing": "a <b>cat</b>", "id": "7", "Answer.why": "it\nsays so", "Answer.size": "l",
        "Answer.kind": "2.0", "Answer.colors": "blue|red", "Answer.mug": "big \"mug\"",
        "Answer.sure": "on", "Answer.stars": "4",
    }  # fmt: skip
    ((workflow,), tally) = read(folder(tmp_path, row))
    assert done(workflow) == [
        ("click", "", '<input type="radio" name="kind" value="2">'),
        ("check", "", '<input type="checkbox" name="colors" value="red">'),
        ("check", "", '<input type="checkbox" name="colors" value="blue">'),
        ("type", 'big "mug"', '<input name="mug">'),
        ("check", "", '<input type="checkbox" name="sure">'),
        ("select", "Large", '<select name="size">'),
        ("type", "it\nsays so", '<textarea name="why">'),
        ("change", "4", '<input type="range" name="stars" max="5" value="1">'),
    ]
    assert "<p>a <b>cat</b> &amp; ${missing}</p>" in workflow.steps[0].html
    assert [orjson.loads(step.meta)["answer"] for step in workflow.steps][5] == "l"
    assert not tally.odd
    assert not tally.quarantined


def test_the_page_before_a_step_shows_the_answers_before_it(tmp_path: Path) -> None:
    """Values, ticks, chosen options and texts are filled in; an answer is never shown early."""
    row = {
        "Answer.kind": "2", "Answer.mug": 'a "b" <c>', "Answer.size": "l", "Answer.why": "</b>&",
        "Answer.stars": "3", "Answer.sure": "on",
    }  # fmt: skip
    ((workflow,), _) = read(folder(tmp_path, row))
    pages = [Form(step.html) for step in workflow.steps]

    def states(name: str) -> list[str]:
        return ["/".join(value_of(each) for each in page.named(name)) for page in pages]

    assert states("mug") == ["", "", *['a "b" <c>'] * 4]
    assert states("why") == [*["old"] * 5, "</b>&"]
    ticks = [[("checked" in each.attributes) for each in page.named("kind")[:2]] for page in pages]
    assert ticks == [[True, False], *[[False, True]] * 5]
    chosen = [["selected" in each.attributes for each in page.named("size")[0].options]
              for page in pages]  # fmt: skip
    assert chosen == [*[[False, False]] * 4, *[[False, True]] * 2]
    assert len({read_page(step.html).elements for step in workflow.steps}) == 1


@pytest.mark.parametrize("empty", ["", "nan", "{}", "'{}'", " "])
def test_what_is_no_answer_is_no_action(tmp_path: Path, empty: str) -> None:
    """Empty answers, and answers that the page shows already, make no step."""
    row = {"Answer.mug": empty, "Answer.kind": "1", "Answer.kept": "as it is", "Answer.sure": "on"}
    ((workflow,), _) = read(folder(tmp_path, row))
    assert [step[0] for step in done(workflow)] == ["check"]


def test_answers_without_an_element_are_counted_and_several_elements_are_ambiguous(
    tmp_path: Path,
) -> None:
    """Hidden, disabled and absent elements are nobody's answers; nothing is guessed of two."""
    row = {
        "Answer.id": "7", "Answer.absent": "x", "Answer.kind": "9", "Answer.send": "Send",
        "Answer.size": "xl", "Answer.twice": "text",
    }  # fmt: skip
    ((workflow,), tally) = read(folder(tmp_path, row))
    assert done(workflow) == [("type", "text", "target_ambiguous")]
    assert sorted(where for kind, where in tally.odd if kind == "unplaced_value") == [
        "Answer.absent", "Answer.id", "Answer.kind", "Answer.send", "Answer.size",
    ]  # fmt: skip


def test_objective_and_ids(tmp_path: Path) -> None:
    """The task's own words are the objective; each row is a workflow with an id of its own."""
    said = {"Title": "Label", "Description": "Say what it is.", "Keywords": "pictures"}
    row = {"thing": "a", "WorkerId": "w1", "Answer.mug": "m"}
    workflows, tally = read(folder(tmp_path, said | row, said | row | {"WorkerId": "w2"}))
    assert [flow.workflow_id for flow in workflows] == ["label/1", "label/2"]
    first = workflows[0]
    assert (first.objective, first.topic, first.website) == (
        "Label\nSay what it is.", "pictures", "label",
    )  # fmt: skip
    assert orjson.loads(first.meta) == {"WorkerId": "w1"}
    assert tally.odd["unknown_key", "WorkerId"] == 2
    ((untitled,), _) = read(folder(tmp_path, row, name="b"))
    assert untitled.objective == "Label a picture"
    ((bare,), _) = read(folder(tmp_path, row, template="<input name=mug>", name="b_c"))
    assert bare.objective == "b c"


def test_compressed_files_are_read_and_others_of_the_folder_are_dropped(tmp_path: Path) -> None:
    """Either file may be compressed; what is neither is no step."""
    path = folder(tmp_path, {"Answer.mug": "m"})
    plain = read(path)[0]
    for name, pack in (("template.html.gz", gzip.compress), ("batch.csv.zst", zstandard.compress)):
        whole = path / name.rpartition(".")[0]
        (path / name).write_bytes(pack(whole.read_bytes()))
        whole.unlink()
    (path / "input.csv").write_text("thing\n1\n")
    workflows, tally = read(path)
    assert [flow.steps for flow in workflows] == [flow.steps for flow in plain]
    assert [(each.id, each.reason) for each in tally.entries if each.reason] == [
        ("label/input.csv", "not_a_step")
    ]


def test_a_row_that_cannot_be_read_is_quarantined_alone(tmp_path: Path) -> None:
    """Each row is entered once, read or quarantined with its bytes."""
    path = folder(tmp_path, {"thing": "a", "Answer.mug": "m"})
    with (path / "batch.csv").open("ab") as file:
        file.write(b'b,"x\ny"\nc\nd,\xff\ne,\nf,z\n')
    workflows, tally = read(path)
    assert [flow.steps[0].action.value for flow in workflows] == ["m", "x\ny", "z"]
    assert [(bad.reason, bad.raw) for bad in tally.quarantined] == [
        ("broken_csv", b"c\n"), ("invalid_utf8", b"d,\xff\n"), ("workflow_without_steps", b"e,\n"),
    ]  # fmt: skip
    ids = [entry.id for entry in tally.entries if not entry.reason]
    assert len(ids) == len(set(ids)) == 6


def test_check_tells_what_is_wrong_in_a_folder(tmp_path: Path) -> None:
    """`stepmill check` names the row, and finds the targets."""
    path = folder(tmp_path, {"thing": "a", "Answer.mug": "m"})
    with (path / "batch.csv").open("a") as file:
        file.write("b\n")
    found = check.view([str(path)])["formats"]["turkingbench"]
    assert found["targets"]["found"] == 1
    assert [problem["record"] for problem in found["problems"]] == ["label/batch.csv#row=2"]


@pytest.mark.parametrize("broken", [b"<p>\xff", zstandard.compress(b"<p>" * 9999)[:-5]])
def test_without_its_template_a_batch_is_not_read(tmp_path: Path, broken: bytes) -> None:
    """The template is quarantined with its bytes, and the batch is dropped for it."""
    path = folder(tmp_path, {"Answer.mug": "m"})
    (path / "template.html").write_bytes(broken)
    workflows, tally = read(path)
    assert workflows == []
    assert len(tally.quarantined) == 1
    assert ("label/batch.csv", "after_broken_record") in {
        (entry.id, entry.reason) for entry in tally.entries
    }


def test_only_folders_with_both_files_and_answers_are_recognised(tmp_path: Path) -> None:
    """A page and a table without answers are no recording of this kind."""
    path = folder(tmp_path, {"thing": "a"})
    assert not TurkingBench().recognise(InputHead.of(path))
    (path / "batch.csv").write_text("thing,Answer.x\n")
    assert TurkingBench().recognise(InputHead.of(path))
    (path / "template.html").rename(path / "page.html")
    assert not TurkingBench().recognise(InputHead.of(path))


def claimed(shared: Path, name: str) -> set[str]:
    """The folders of shared data in which a source recognises something."""
    found = find.find([str(shared / "data")], SOURCES, lenient=True)
    return {item.name.split("/")[0] for item in found if item.format == name}


def test_real_batches(shared: Path) -> None:
    """All twelve tasks are read, each step's element is found, and nothing else is claimed."""
    data = shared / "data" / "turkingbench"
    folders = sorted(path for path in data.iterdir())
    assert len(folders) == 12
    assert claimed(shared, "turkingbench") == {"turkingbench"}
    for path in folders:
        workflows, tally = read(path)
        assert not tally.quarantined
        rows = sum(not entry.reason for entry in tally.entries)
        assert len(workflows) == rows > 10
        for workflow in workflows[:: max(1, len(workflows) // 10)]:
            assert all(reason.startswith("<") for _, _, reason in done(workflow))


def mutated(random: random.Random, raw: bytes) -> bytes:
    """Bytes with a flip, a cut or a part twice."""
    at, to = sorted((random.randrange(len(raw)), random.randrange(len(raw))))
    choice = random.randrange(3)
    if choice == 0:
        return raw[:at] + bytes([raw[at] ^ (1 << random.randrange(8))]) + raw[at + 1 :]
    return raw[:at] if choice == 1 else raw[:to] + raw[at:to] + raw[to:]


def test_mutated_files_are_read_quarantined_or_refused(tmp_path: Path) -> None:
    """No damage raises, and every row is entered once."""
    rows = [{"thing": str(number), "Answer.mug": "m", "Answer.kind": "2"} for number in range(4)]
    path = folder(tmp_path, *rows)
    whole = {each: (path / each).read_bytes() for each in ("batch.csv", "template.html")}
    source, chance = TurkingBench(), random.Random(12)
    for number in range(500):
        for name, raw in whole.items():
            damaged = raw if chance.random() < 0.4 else mutated(chance, raw)
            packed = zstandard.compress(damaged) if number % 5 == 0 else damaged
            cut = packed[: -chance.randrange(1, 9)] if number % 10 == 0 else packed
            (path / name).write_bytes(cut)
        (found, *others) = find.find([str(path)], SOURCES, lenient=True)
        if found.format != "turkingbench":
            continue
        assert not others
        (shard,) = find.shards([found])
        tally = Tally()
        list(source.read(shard, tally))
        ids = [entry.id for entry in tally.entries if not entry.reason]
        assert len(ids) == len(set(ids))


NAMES: Sequence[str] = ("a", "b")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("", "radio", "checkbox", "range", "hidden", "nonsense")),
            st.sampled_from(NAMES),
            st.text(max_size=3),
        ),
        max_size=6,
    ),
    st.text(max_size=4),
)
def test_filling_in_keeps_the_elements(fields: list[tuple[str, str, str]], value: str) -> None:
    """Whatever is filled in, the page keeps its elements and the field holds the value."""
    inputs = [
        f'<input type="{kind}" name="{name}" value="{number}">'
        for number, (kind, name, _) in enumerate(fields)
    ]
    html = f"<form>{''.join(inputs)}<textarea name=t></textarea></form>"
    form = Form(html)
    before = read_page(html).elements
    for name in (*NAMES, "t"):
        for control in form.named(name):
            form.write(control, value)
    after = read_page(form.html())
    assert after.elements == before
    for control in form.named("t"):
        node = int(form.locator(control).value)
        assert after.tokens[after.position(after.elements - 1 - node)].tag == "textarea"
