"""Near-duplicates: what is alike, what is kept, and that nothing decided ever changes."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl.build.dry_run import foresee
from etl.dataset.index import scan
from etl.dataset.layout import Layout
from etl.decisions.near import signature
from etl.decisions.near.decision import Near
from etl.decisions.near.match import Items, Rule, first_alike
from etl.decisions.near.signature import (
    BINS,
    of_page,
    of_sample,
    plain_nodes,
    plain_sketch,
    plain_ways,
    skeleton,
    skeleton_of,
)
from etl.decisions.recorded import Recorded
from etl.decisions.split import Split
from etl.decisions.unseen import Unseen
from etl.files.arrow import open_arrow
from etl.files.hashes import order_hash
from etl.look.story import explain, told
from etl.pages import compiled
from schemas.errors import ConfigError
from tests.support import builds

ITEMS: Final = 60
MADE: Final = ("signatures", "samples")


def estimate(one: bytes, other: bytes) -> float:
    """The share of nodes that two pages have in common, by their signatures."""
    equal = np.count_nonzero(of_page(one) == of_page(other)) / BINS
    return float((equal - 1 / 256) * 256 / 255)


def page(nodes: Sequence[int], first: int = 0) -> bytes:
    """A pruned page with these texts, whose ids begin anywhere."""
    return b" ".join(
        b'<p node="%d"> text %d </p>' % (first + at, node) for at, node in enumerate(nodes)
    )


@pytest.mark.parametrize("size", [1, 5, 30, 300, 3000])
def test_a_signature_estimates_what_pages_have_in_common(size: int) -> None:
    """Within four standard deviations of 128 values, of a page of any size; ids and order of nodes
    do not count.
    """
    chance = random.Random(size)
    for share in (0.0, 0.05, 0.3, 0.9):
        new = round(size * share)
        one = list(range(size))
        other = [*one[new:], *range(10**6, 10**6 + new)]
        chance.shuffle(other)
        true = (size - new) / (size + new)
        error = 4 * (true * (1 - true) / BINS) ** 0.5
        assert abs(estimate(page(one), page(other, 7)) - true) <= error + 0.01


def test_a_page_without_nodes_has_a_signature() -> None:
    """Empty pages are like each other and nothing else."""
    assert np.array_equal(of_page(b""), of_page(b"", lines=True))
    assert estimate(b"", page(range(50))) < 0.1


def test_lines_are_compared_without_ids() -> None:
    """Accessibility trees of the three kinds are the same whatever their ids are."""
    for form in (
        "[{}] button 'Buy', focused",
        '- button "Buy" [ref=e{}]',
        "[{}]<button>Buy</button>",
    ):
        one, other = (
            "\n".join(form.format(base + n) for n in range(9)).encode() for base in (1, 70)
        )
        assert np.array_equal(of_page(one, True), of_page(other, True))


SAMPLE: Final = {
    "objective": "Buy a kettle", "action_kind": "click", "action_value": "",
    "domain": "shop.example", "observation_kind": "html",
}  # fmt: skip


def signed(html: str, tag: str, **fields: str) -> Any:
    sample = {**SAMPLE, "observation": html.encode(), "target_html": tag.encode(), **fields}
    return of_sample(sample)


ROWS: Final = "".join(
    f'<tr node="{9 - at}"> <td> <button node="{100 - at}"> Delete </button> </td> </tr> '
    for at in range(3)
)


def test_a_target_is_known_by_tag_or_text() -> None:
    """An edit of its attribute leaves its text, an edit of its text its tag. Another element is
    neither: not one with the same tag and text, nor one whose text only follows it.
    """
    same = '<b node="5"> </b> <button class="x" node="4"> Buy <i node="3"> it </i> </button>'
    one = signed(same, '<button class="x" node="4">')
    tag = signed(same.replace('"x"', '"y"'), '<button class="y" node="4">')
    text = signed(same.replace("Buy", "Order"), '<button class="x" node="4">')
    assert one.by_text == tag.by_text != 0
    assert one.by_tag != tag.by_tag
    assert (one.by_tag, one.by_text == text.by_text) == (text.by_tag, False)
    rows = [signed(ROWS, f'<button node="{100 - at}">') for at in range(3)]
    assert len({row.by_tag for row in rows}) == len({row.by_text for row in rows}) == 3
    fields = '<input name="a" node="3"> <input name="b" node="2"> <p node="1"> Both </p>'
    assert signed(fields, '<input name="a" node="3">').by_text == 0


def test_a_skeleton_is_tags_without_texts() -> None:
    """Texts, ids, other attributes and the length of a list do not count; a new element does, and a
    field of another name. A text observation has none.
    """
    row = '<li node="7"> <a href="/{0}" node="6"> Item {0} </a> </li> '
    page = '<ul node="8"> {} </ul> <form node="3"> <input name="q" node="2"> </form>'
    known = skeleton(page.format(row.format(1)).encode())
    same = page.format("".join(row.format(n) for n in range(9))).replace("3", "44")
    assert np.array_equal(skeleton(same.encode())[0], known[0])
    assert skeleton(same.encode())[1] == known[1] == 5
    for changed in (page.replace('"q"', '"z"'), f"{page} <button> </button>"):
        other = skeleton(changed.format(row.format(1)).encode())
        assert np.count_nonzero(other[0] != known[0]) > BINS // 20
    text = {**SAMPLE, "observation": same.encode(), "observation_kind": "axtree"}
    assert skeleton_of(text)[1] == 0
    assert skeleton(b"</b></i>plain")[1] == 0


def test_a_task_is_objective_kind_and_value() -> None:
    """Case, punctuation and white space do not count; words, kind and value do."""
    tag = '<button node="0">'
    task = signed(tag, tag).task
    assert signed(tag, tag, objective="buy a  Kettle.").task == task
    others = [{"objective": "Buy a pan"}, {"action_kind": "hover"}, {"action_value": "x"}]
    assert task not in {signed(tag, tag, **each).task for each in others}


def test_a_deed_says_nothing_of_values() -> None:
    """Numbers and the value of a start tag do not count; site, kind and a bare tag's text do."""
    tag = '<a href="/item/5" value="x" node="0">'
    deed = signed(tag, tag).deed
    other = '<a href="/item/77" node="9">'
    assert signed(other, other, objective="Other", action_value="y").deed == deed
    assert deed not in {signed(tag, tag, **{name: "z"}).deed for name in ("domain", "action_kind")}
    bare = [f'<button node="0"> {text} </button>' for text in ("Find", "Clear")]
    assert len({signed(html, '<button node="0">').deed for html in bare}) == 2


@st.composite
def items(draw: st.DrawFn) -> Items:
    """Samples of few pages, tasks, targets and workflows, some with bytes changed."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    size, kinds = draw(st.integers(0, ITEMS)), draw(st.integers(1, 6))
    pages = chance.integers(0, 256, (kinds, BINS), np.uint8)[chance.integers(0, kinds, size)]
    changed = chance.random((size, BINS)) < chance.choice([0, 0.05, 0.2, 0.4], (size, 1))
    pages = np.where(changed, chance.integers(0, 256, (size, BINS), np.uint8), pages)
    task, by_tag, by_text = (chance.integers(0, 2, (3, size))).astype(np.uint64)
    workflow = np.sort(chance.integers(0, 1 + size // 2, size)).astype(np.int32)
    return Items(pages, task, by_tag, by_text, workflow)


@given(
    items(),
    st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0]),
    st.booleans(),
    st.booleans(),
)
def test_the_first_kept_one_is_found(
    given: Items, threshold: float, target: bool, within: bool
) -> None:
    """What is kept is what a comparison of each sample with all kept before it keeps, among those
    with a band in common; so no two kept ones are alike. A dropped one names the first that is like
    it, or one that is equal to it and of which it is not a part.
    """
    rule = Rule(threshold, target, within)
    found = first_alike(given, rule)
    kept: list[int] = []
    for at in range(len(given.task)):
        first = next((one for one in kept if alike(given, rule, one, at)), at)
        named = int(found.first[at])
        assert (named == at) == (first == at)
        if first == at:
            kept.append(at)
            continue
        assert named in kept
        assert alike(given, rule, named, at)
        equal = np.count_nonzero(given.pages[at] == given.pages[named])
        assert found.equal[at] == equal
        assert named == first or (equal == BINS and not within)


def alike(given: Items, rule: Rule, one: int, other: int) -> bool:
    same = given.pages[one] == given.pages[other]
    tags = given.by_tag[one] == given.by_tag[other]
    text = given.by_text[one] == given.by_text[other] != 0
    return bool(
        np.count_nonzero(same) >= rule.least
        and same.reshape(-1, rule.rows).all(axis=1).any()
        and given.task[one] == given.task[other]
        and (not rule.target or tags or text)
        and (rule.within or given.workflow[one] != given.workflow[other])
    )


def rows_of(given: Items, seed: int) -> pl.DataFrame:
    """The samples as light rows, in any order, of two generations."""
    chance = random.Random(seed)
    names = [f"w{number}" for number in given.workflow]
    splits = {name: chance.choice(["train", "test"]) for name in sorted(set(names))}
    nights = {name: chance.choice([1, 2]) for name in sorted(set(names))}
    steps = [names[:at].count(name) + 1 for at, name in enumerate(names)]
    frame = pl.DataFrame(
        {
            "sample_id": [f"{name}/{step}" for name, step in zip(names, steps, strict=True)],
            "workflow": names,
            "split": [splits[name] for name in names],
            "night": [nights[name] for name in names],
            "reason": [""] * len(names),
            "detail": [""] * len(names),
        },
        schema_overrides={"sample_id": pl.String, "workflow": pl.String, "split": pl.String}
        | {"night": pl.Int32, "reason": pl.String, "detail": pl.String},
    )
    frame = frame.with_columns(
        pl.Series("step", steps, pl.Int32),
        pl.Series("page", given.pages, pl.Array(pl.UInt8, BINS)),
        *(
            pl.Series(name, getattr(given, name), pl.UInt64)
            for name in ("task", "by_tag", "by_text")
        ),
        deed=pl.Series(given.task, dtype=pl.UInt64),
    )
    return frame.sample(fraction=1, shuffle=True, seed=seed)


def decided(near: Near, rows: pl.DataFrame, nights: Sequence[int], groups: int = 1) -> pl.DataFrame:
    """The rows of some nights as the decision leaves them, learned in groups of whole workflows."""
    judge = near.judge(lambda text: order_hash(text, 0))
    for night in nights:
        mine = rows.filter(pl.col("night") == night)
        part = mine["workflow"].str.slice(1).cast(pl.Int64) % groups
        judge.learn(night, (mine.filter(part == number) for number in range(groups)))
    if judge.marks:
        judge.place(rows.filter(pl.col("night").is_in(nights)).iter_slices(7))
    made = [judge.judged(night, rows.filter(pl.col("night") == night)) for night in nights]
    return pl.concat(made).sort("sample_id")


policies = st.builds(
    Near,
    st.sampled_from(["sample", "page"]),
    st.sampled_from([0.5, 0.7]),
    within=st.booleans(),
    action=st.sampled_from(["drop", "mark"]),
) | st.builds(
    Near, st.just("workflow"), min_steps=st.integers(1, 2), action=st.sampled_from(["drop", "mark"])
)


@given(items(), st.integers(0, 2**16), policies)
def test_no_cluster_straddles_and_no_night_changes_a_decision(
    given: Items, seed: int, near: Near
) -> None:
    """What is kept of a cluster is in one split, its first one is kept, and what is dropped names
    it. Groups and their order do not matter, and what the first night decided stays as it is.
    """
    rows = rows_of(given, seed)
    whole = decided(near, rows, [1, 2])
    kept = whole.filter(pl.col("reason") == "")
    assert kept.group_by("cluster").agg(pl.col("split").n_unique())["split"].max() in (None, 1)
    own = "workflow" if near.what == "workflow" else "sample_id"
    assert set(whole["cluster"]) <= set(kept[own])
    for row in whole.filter(pl.col("reason") != "").iter_rows(named=True):
        assert row["detail"].startswith(f"as {row['cluster']}")
    same = decided(near, rows.reverse(), [1, 2], groups=3)
    columns = ["sample_id", "reason", "detail", "cluster"]
    assert same.select(columns).equals(whole.select(columns))
    before = decided(near, rows, [1])
    assert before.select(columns).equals(whole.filter(pl.col("night") == 1).select(columns))


def drawn(near: Near, rows: pl.DataFrame, nights: Sequence[int], draw: Any) -> pl.DataFrame:
    """The rows of some nights, as a build with splits that are drawn leaves them."""
    split = Split(test=0.0, validation=0.2, draw=draw)
    judge, splits = near.judge(split.hash), split.judge()
    of = {night: rows.filter(pl.col("night") == night) for night in nights}
    for night, mine in of.items():
        judge.learn(night, [mine])
    for night, mine in of.items():
        splits.learn(night, [judge.judged(night, mine)])
    for night, mine in of.items():
        judge.place([splits.assigned(night, mine)])
    made = [judge.judged(night, splits.assigned(night, mine)) for night, mine in of.items()]
    return pl.concat(made).sort("sample_id")


def placed(given: Items, seed: int) -> pl.DataFrame:
    """The samples as light rows on some sites, as splits need them."""
    rows = rows_of(given, seed).drop("split")
    site = pl.format("site{}", pl.col("workflow").str.slice(1).cast(pl.Int64) % 3)
    texts = dict.fromkeys(("topic", "objective", "website"), pl.lit(""))
    return rows.with_columns(
        **texts, shard="workflow", domain=site, position=pl.lit(0, pl.Int32), split=pl.lit("train"),
        recorded=pl.col("workflow").str.slice(1).cast(pl.Int64),
    )  # fmt: skip


@given(
    items(),
    st.integers(0, 2**16),
    policies.filter(lambda near: near.action == "mark"),
    st.sampled_from([Unseen(0.5, 0.3, 0.2), Unseen(0.8), Recorded(since=9), Recorded(last=0.4)]),
)
def test_marks_go_with_splits_that_are_drawn(
    given: Items, seed: int, near: Near, draw: Any
) -> None:
    """Whatever draws the splits: neither a cluster nor a workflow straddles two, what goes names
    the split of its first, and what the first night decided stays as it is.
    """
    rows = placed(given, seed)
    whole = drawn(near, rows, [1, 2], draw)
    kept = whole.filter(pl.col("reason") == "")
    for of in ("cluster", "workflow"):
        assert kept.group_by(of).agg(pl.col("split").n_unique())["split"].max() in (None, 1)
    own = "workflow" if near.what == "workflow" else "sample_id"
    assert set(whole["cluster"]) <= set(kept[own])
    sides = dict(whole.select(own, "split").iter_rows())
    for row in whole.filter(pl.col("reason") != "").iter_rows(named=True):
        assert sides[row["cluster"]] != row["split"]
        assert row["detail"].endswith(f", which is in the {sides[row['cluster']]} split")
    columns = ["sample_id", "split", "reason", "detail", "cluster"]
    before = drawn(near, rows, [1], draw)
    assert before.select(columns).equals(whole.filter(pl.col("night") == 1).select(columns))


def test_a_workflow_is_drawn_with_the_first_that_it_repeats() -> None:
    """On a site that is seen, what repeats a workflow is in its split, whatever its own hash. One
    that joins two clusters in different splits is with the first; what is like the other goes.
    """
    draw = Unseen(test_task=0.5)
    chance = np.random.default_rng(4)
    pages = chance.integers(0, 256, (40, BINS), np.uint8)
    # 40 workflows of one sample; each repeated by two; and 40 of two samples, that join neighbours
    joined = [each for number in range(40) for each in (number, (number + 1) % 40)]
    shown = [*range(40), *range(40), *range(40), *joined]
    flows = [*range(120), *(120 + number // 2 for number in range(80))]
    nights = [1] * 40 + [2] * 80 + [3] * 80
    nothing = np.zeros(len(shown), np.uint64)
    given = Items(pages[shown], nothing, nothing, nothing, np.array(flows, np.int32))
    rows = placed(given, 0).sort("workflow", "step")
    of = {f"w{flow}": night for flow, night in zip(flows, nights, strict=True)}
    rows = rows.with_columns(
        domain=pl.lit("one"), night=pl.col("workflow").replace_strict(of, return_dtype=pl.Int32)
    )
    made = drawn(Near(what="page", action="mark"), rows, [1, 2, 3], draw)
    sides = dict(made.select("workflow", "split").iter_rows())
    assert {sides[f"w{n}"] for n in range(40)} >= {"train", "test_task"}
    for number in range(40, 120):
        assert sides[f"w{number}"] == sides[f"w{number % 40}"]
    hashed = Split().hash
    torn = 0
    for number in range(40):
        both = [f"w{number}", f"w{(number + 1) % 40}"]
        first, second = sorted(both, key=hashed)
        mine = made.filter(pl.col("workflow") == f"w{120 + number}")
        assert set(mine["split"]) == {sides[first]}
        gone = mine.filter(pl.col("reason") != "")
        torn += gone.height
        assert gone.height == (sides[first] != sides[second])
        assert set(gone["cluster"]) <= {f"{second}/1"}
    assert torn > 3


def workflow(number: int, task: int, change: str = "", steps: int = 3) -> dict[str, Any]:
    """A recording of a task on long pages; a change is in one node of each."""
    record = builds.workflow(task, steps)
    for step in record["steps"]:
        rest = "".join(f"<p>Part {at} of {task}</p>" for at in range(40))
        step["html"] = step["html"].replace("</body>", f"{rest}<p>{change}</p></body>")
    return {**record, "workflow_id": f"n{number}"}


def write(folder: Path, night: int) -> None:
    """Recordings of a night, a file each: every task again with another word on its pages."""
    for number in range(12):
        record = workflow(20 * night + number, number % 6, f"word {night} {number}")
        builds.write_workflows(folder / f"{night}-{number}.jsonl", record)


def index(out: Path) -> dict[str, dict[str, Any]]:
    """The index by sample."""
    rows = scan(Layout(out).work).collect()
    return {row["sample_id"]: row for row in rows.iter_rows(named=True)}


SMALL: Final = ("split.test=0.5", "near.threshold=0.7")


@pytest.mark.parametrize("policy", [(), ("near.action=mark",)])
def test_builds_keep_what_came_first(tmp_path: Path, policy: tuple[str, ...]) -> None:
    """Of each task one recording stays, or those in the split of the first. Bundles and workers do
    not matter; a second night keeps the files of the first. `explain` names what is repeated.
    """
    write(tmp_path / "in", 1)
    first = tmp_path / "first"
    builds.build([tmp_path / "in"], first, *SMALL, *policy)
    before = index(first)
    kept = [row for row in before.values() if not row["reason"]]
    assert {row["reason"] for row in before.values()} == {"", "near_duplicate"}
    assert len({row["cluster"] for row in kept}) == 6 * 3
    assert (len(kept) > 6 * 3) == bool(policy)
    for alone in (True, False):
        other, workers = tmp_path / f"other-{alone}", 2 if alone else 1
        builds.build(
            [tmp_path / "in"], other, *SMALL, *policy, f"inputs.bundle_mb={0 if alone else 32}",
            workers=workers,
        )  # fmt: skip
        for id, row in index(other).items():
            assert [row[name] for name in ("reason", "detail", "cluster", "split")] == [
                before[id][name] for name in ("reason", "detail", "cluster", "split")
            ]
    dropped = next(row for row in before.values() if row["reason"])
    text = told.text(explain.view(first, dropped["sample_id"]))
    assert f"index    dropped, near_duplicate: as {dropped['cluster']}" in text
    marked = next((row for row in kept if row["cluster"] != row["sample_id"]), None)
    assert (marked is not None) == bool(policy)
    if marked:
        text = told.text(explain.view(first, marked["sample_id"]))
        assert f"split    {marked['split']}, as {marked['cluster']}: the hash" in text

    data = builds.contents(first / "dataset" / "data")
    write(tmp_path / "in", 2)
    builds.build([tmp_path / "in"], first, *SMALL, *policy)
    after = index(first)
    assert {id: {**after[id], "home": 0} for id in before} == {
        id: {**row, "home": 0} for id, row in before.items()
    }
    assert {name: builds.contents(first / "dataset" / "data")[name] for name in data} == data
    assert all(after[id]["reason"] for id in after.keys() - before.keys()) or policy


def test_marks_go_with_drawn_splits_in_a_build(tmp_path: Path) -> None:
    """Recordings of a task are in one split, all of them kept; a second night changes nothing old,
    and bundles do not matter.
    """
    drawn = ("near.threshold=0.7", "near.action=mark", "split.test=0", "split.test_task=0.5")
    out, before = tmp_path / "out", dict[str, dict[str, Any]]()
    for night in (1, 2):
        for number in range(12):
            record = workflow(20 * night + number, number % 6, f"word {night} {number}")
            for step in record["steps"]:
                step["url"] = "https://one.example/"
            builds.write_workflows(tmp_path / "in" / f"{night}-{number}.jsonl", record)
        builds.build([tmp_path / "in"], out, *drawn)
        after = index(out)
        assert {id: {**after[id], "home": 0} for id in before} == {
            id: {**row, "home": 0} for id, row in before.items()
        }
        before = after
    assert {row["reason"] for row in before.values()} == {""}
    assert {row["split"] for row in before.values()} == {"train", "test_task"}
    clusters = {(row["cluster"], row["split"]) for row in before.values()}
    assert len(clusters) == len({cluster for cluster, _ in clusters}) == 6 * 3
    builds.build([tmp_path / "in"], tmp_path / "alone", *drawn, "inputs.bundle_mb=0", workers=2)
    whole = {(row["cluster"], row["split"]) for row in index(tmp_path / "alone").values()}
    assert len(whole) == len({cluster for cluster, _ in whole}) == 6 * 3


def test_a_workflow_has_the_skeleton_of_its_first_page(tmp_path: Path) -> None:
    """All of its samples have it, whatever their own pages are and in whichever order they lie."""
    records = [builds.workflow(number, 5) for number in range(4)]
    for at, record in enumerate(records):
        for number, step in enumerate(record["steps"]):
            more = "".join(f"<a name=a{each}>x</a>" for each in range(5 * at + number))
            step["html"] = step["html"].replace("<button", f"{more}<button")
    builds.write_workflows(tmp_path / "in" / "a.jsonl", *records)
    out = tmp_path / "out"
    builds.build([tmp_path / "in"], out, *SMALL)
    (signed,), (read,) = (sorted((out / "work" / each).glob("*.arrow")) for each in MADE)
    shapes = open_arrow(signed).read_all()["shapes"].to_pylist()
    samples = open_arrow(read).read_all().select(["workflow", "step", "observation"]).to_pylist()
    own = {
        (each["workflow"], each["step"]): skeleton(each["observation"].encode()) for each in samples
    }
    assert len({ways for _, ways in own.values()}) == len(samples) == 20
    least = {flow: min(step for other, step in own if other == flow) for flow, _ in own}
    assert shapes == [own[each["workflow"], least[each["workflow"]]][1] for each in samples]


def test_a_section_reads_no_recording_again(tmp_path: Path) -> None:
    """A complete build that gets the section makes signatures of the samples that are there; a
    build without it has neither signatures nor clusters.
    """
    write(tmp_path / "in", 1)
    out = tmp_path / "out"
    builds.build([tmp_path / "in"], out, "split.test=0.5")
    assert not (out / "work" / "signatures").exists()
    assert "cluster" not in scan(Layout(out).work).collect_schema()
    before = builds.stamps(out / "work" / "samples")
    seen = foresee(builds.prepared([tmp_path / "in"], out, *SMALL))
    assert {why for _, _, why in seen.read} == {"its signatures are made, to compare pages"}
    builds.build([tmp_path / "in"], out, *SMALL, redo=True, allow_removal=True)
    assert builds.stamps(out / "work" / "samples") == before
    made = builds.stamps(out / "work" / "signatures")
    assert foresee(builds.prepared([tmp_path / "in"], out, *SMALL)).finished
    builds.build([tmp_path / "in"], out, *SMALL, "near.threshold=0.9", redo=True)
    assert builds.stamps(out / "work" / "signatures") == made
    reasons = json.loads((out / "dataset" / "manifest.json").read_text())
    assert "near_duplicate" in json.dumps(reasons)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"threshold": 0.0}, "near.threshold 0.0"),
        ({"threshold": 1.5}, "near.threshold 1.5"),
        ({"across": False}, "nothing is compared"),
        ({"across": False, "within": True, "what": "workflow"}, 'near.what = "workflow" needs it'),
        ({"min_steps": 0}, "near.min_steps 0"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(settings: dict[str, Any], says: str) -> None:
    """Before work starts, with the setting and why."""
    with pytest.raises(ConfigError, match=says):
        Near(**settings)


TAGS = (
    *("<a", "<div", "<br", "<BR", "</a", "</div", "</", "<", ">", "/>", " ", "\n", "\v", "/", '"'),
    *(' type="x"', ' role="a b"', ' name="', ' name="é"', ' type="<"', "text", "<!--", "\x00", "x"),
    *(' node="17"', ' node="', "</a>", "</>", "17", ' node=""'),
)


@given(st.lists(st.sampled_from(TAGS), max_size=40).map(lambda each: "".join(each).encode()))
@example(b"<a<b>")
@example(b'<a><b><c><d type="x"></b></c><e/></a><f>')
def test_the_engine_finds_what_plain_python_finds(observation: bytes) -> None:
    """Its ways and nodes are those of the specification, whatever the bytes."""
    if compiled.ENGINE is not None:
        assert compiled.ENGINE.nodes(observation) == plain_nodes(observation, lines=False)
        assert compiled.ENGINE.bare(observation) == signature._NODE.sub(b"", observation)
        assert compiled.ENGINE.ways(observation, signature._VOID, 3) == plain_ways(observation)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=400, unique=True))
def test_the_engine_sketches_as_plain_python_does(hashes: list[int]) -> None:
    """The signature of a set is that of the specification, also of one with a single member."""
    if compiled.ENGINE is not None:
        found = compiled.ENGINE.sketch(hashes, BINS, 57)
        assert found == plain_sketch(hashes).tobytes()
