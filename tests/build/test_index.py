"""The index: what is a repeat, which split and which file a sample goes to; and that new data never
moves old rows.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final

import polars as pl
import pytest

from etl.build.index import Index
from etl.build.samples import light_row
from etl.dataset import account, state
from etl.dataset.generations import Generations
from etl.dataset.index import scan
from etl.dataset.layout import Layout, Shelf, Work
from etl.decisions.caps import Caps
from etl.decisions.decision import Hashed, dropped
from etl.decisions.split import SPLIT_KEYS, Split
from etl.files.arrow import ArrowWriter, atomic
from etl.inputs.records import InputShard
from etl.sources import SOURCES
from schemas.errors import BuildError, ConfigError
from schemas.ledger import LIGHT_SCHEMA
from schemas.reasons import OwnReason
from schemas.samples import Sample
from tests.support import builds
from tests.support.strategies import BLANK


def sample(workflow: str, step: int = 1, **fields: Any) -> Sample:
    """A sample of a workflow; its content hash is the workflow's id unless given."""
    return replace(
        BLANK,
        sample_id=f"{workflow}/{step}",
        workflow=workflow,
        step=step,
        **{"workflow_hash": workflow} | fields,
    )


def indexed(work: Path, shards: Mapping[str, Sequence[Sample]], index: Index) -> pl.DataFrame:
    """The index of input shards with these samples."""
    found = []
    for name, samples in sorted(shards.items()):
        shard = InputShard(name, "", "workflows", 1, name)
        found.append(shard)
        with atomic(work / "light" / f"{shard.key}.arrow") as stream:
            writer = ArrowWriter(stream, LIGHT_SCHEMA)
            for row in samples:
                writer.add(light_row(shard.key, row), 256)
            writer.close()
    index.build(
        found,
        Generations().advanced({shard.name: shard.sha256 for shard in found}),
        SOURCES,
        Shelf(Work(work), Work(work)),
    )
    return scan(Work(work)).collect()


def place(rows: pl.DataFrame) -> dict[str, tuple[str, int]]:
    """Split and order of every sample that is kept."""
    kept = rows.filter(pl.col("reason") == "")
    return {
        name: (split, order)
        for name, split, order in kept.select("sample_id", "split", "order").iter_rows()
    }


def many(count: int, steps: int = 2) -> list[Sample]:
    """Samples of workflows that differ in every possible split key, with some keys shared by
    several.
    """
    return [
        sample(
            f"workflows:w{number}",
            step,
            # a workflow wanders to another domain in its last step
            domain=f"shop{(number + (step == steps)) % 40}.example",
            website=f"site{number % 30}" if number % 3 else "",
            objective=f'Order {number} of "item {number % 5}" in shop '
            f"{'abcdefghij'[number % 10]}{'xyz'[number % 3]}",
        )
        for number in range(count)
        for step in range(1, steps + 1)
    ]


def key_of(row: Sample, key: str) -> str:
    """The split key of a sample, worked out another way."""
    if key == "template":
        return re.sub(r"\d+", "#", re.sub(r'"[^"]*"', "#", row.objective))
    if key == "website":
        return row.website or row.domain
    return str(getattr(row, key))


def test_a_repeat_in_another_file_names_the_first(tmp_path: Path) -> None:
    """The same recording, under the same id or another one, is dropped where it comes second, and
    says what came before; the samples of the first are all kept.
    """
    first = [sample("workflows:a", step, workflow_hash="h") for step in (1, 2)]
    rows = indexed(
        tmp_path,
        {
            "1": first,
            "2": first,
            "3": [sample("workflows:b", step, workflow_hash="h") for step in (1, 2)],
        },
        Index(Split(), 32768, 2**20),
    )
    kept = rows.filter(pl.col("reason") == "")
    assert set(rows["reason"]) == {"", "duplicate_workflow"}
    assert kept.height == 2
    (name,) = set(kept["workflow"])
    details = Counter(rows.filter(pl.col("reason") != "")["detail"])
    assert set(details.values()) == {2}
    other = {"the same recording came before in 1", f"the same recording as {name}"}
    assert (
        set(details) == other
        if name == "workflows:a"
        else set(details) == {f"the same recording as {name}"}
    )


def test_repeats_within_a_file_and_across_files(tmp_path: Path) -> None:
    """Repeats are dropped with their reason wherever they are: in one file under the same id, in
    another under the same id, in another under another id; what is in the dataset is there once.
    """
    base = [builds.workflow(number, steps=2) for number in range(3)]
    builds.write_workflows(tmp_path / "in" / "a.jsonl", *base, base[0])
    builds.write_workflows(tmp_path / "in" / "b.jsonl", base[1], base[2] | {"workflow_id": "other"})
    builds.build([tmp_path / "in"], tmp_path / "out")
    rows = account.ledger(tmp_path / "out").filter(
        (pl.col("unit") == "workflow") & (pl.col("reason") != "")
    )
    assert Counter(rows["reason"]) == {"duplicate_workflow": 3}
    assert dict(zip(rows["id"], rows["stage"], strict=True)).keys() >= {
        "workflows:w0~2",
        "workflows:w1",
    }
    details = dict(zip(rows["id"], rows["detail"], strict=True))
    assert details["workflows:w0~2"] == "the same recording came before in this file"
    assert details["workflows:w1"] == "the same recording came before in a.jsonl"
    (last,) = details.keys() - {"workflows:w0~2", "workflows:w1"}
    assert {last: details[last]} in (
        {"workflows:other": "the same recording as workflows:w2"},
        {"workflows:w2": "the same recording as workflows:other"},
    )
    assert list(Counter(account.in_dataset(tmp_path / "out")["workflow"]).values()) == [2, 2, 2]


@pytest.mark.parametrize("together", [True, False])
def test_the_same_id_with_other_content_is_quarantined(tmp_path: Path, together: bool) -> None:
    """In one file or in two: the first is built, the second is quarantined with its bytes as a
    workflow that can be read again under another id; the good rows come out as in a build without
    it.
    """
    good = [builds.workflow(number, steps=2) for number in range(4)]
    bad = builds.workflow(9, steps=2) | {"workflow_id": "w2"}
    for name in ("in", "without"):
        builds.write_workflows(
            tmp_path / name / "a.jsonl", *good, *([bad] if together and name == "in" else [])
        )
    if not together:
        builds.write_workflows(tmp_path / "in" / "b.jsonl", bad)
    builds.build([tmp_path / "in"], tmp_path / "out")
    builds.build([tmp_path / "without"], tmp_path / "expected")
    (row,) = account.quarantined(tmp_path / "out").to_dicts()
    assert (row["id"], row["reason"]) == (
        "workflows:w2~2" if together else "workflows:w2",
        "conflicting_id",
    )
    assert row["detail"].startswith("a workflow with the same id and other content came before in ")
    raw = json.loads(row["raw"])
    assert [step["html"] for step in raw["steps"]] == [step["html"] for step in bad["steps"]]
    assert raw["objective"] == bad["objective"]
    assert builds.contents(tmp_path / "out" / "dataset" / "data") == builds.contents(
        tmp_path / "expected/dataset/data"
    )

    again = {key: raw[key] for key in ("objective", "website", "topic", "reward", "steps")} | {
        "workflow_id": "w9"
    }
    builds.build([builds.write_workflows(tmp_path / "again.jsonl", again)], tmp_path / "second")
    assert {sample.workflow for sample in builds.samples(tmp_path / "second").values()} == {
        "workflows:w9"
    }
    assert account.quarantined(tmp_path / "second").height == 0


@pytest.mark.parametrize("key", SPLIT_KEYS)
def test_a_key_never_straddles_splits(tmp_path: Path, key: Any) -> None:
    """Whatever the split key, all samples that share it are in one split; about the asked share of
    keys is tested.
    """
    samples = many(600)
    rows = indexed(
        tmp_path, {"1": samples[:500], "2": samples[500:]}, Index(Split(key, 0.25), 32768, 2**20)
    )
    split = dict(rows.select("sample_id", "split").iter_rows())
    sides: dict[str, set[str]] = {}
    for row in samples:
        sides.setdefault(key_of(row, key), set()).add(split[row.sample_id])
    assert all(len(side) == 1 for side in sides.values())
    assert len(sides) >= 30
    share = sum(side == {"test"} for side in sides.values()) / len(sides)
    assert abs(share - 0.25) < 4 * (0.25 * 0.75 / len(sides)) ** 0.5


def test_held_out_ids_are_the_test_split(tmp_path: Path) -> None:
    """A file of ids, with or without the format before them, is the test split, and nothing else
    is.
    """
    held = tmp_path / "held.txt"
    held.write_text("w3\nworkflows:w5\n\nnot-there\n")
    path = builds.write_workflows(
        tmp_path / "in.jsonl", *(builds.workflow(number, steps=2) for number in range(30))
    )
    builds.build([path], tmp_path / "out", f"split.held_out={held}")
    split = {sample.sample_id: sample.split for sample in builds.emitted(tmp_path / "out")}
    assert {name for name, side in split.items() if side == "test"} == {
        f"workflows:{name}/{step}" for name in ("w3", "w5") for step in (1, 2)
    }
    assert len(split) == 60
    with pytest.raises(ConfigError, match=r"split\.held_out: cannot read .*nowhere"):
        builds.build([path], tmp_path / "second", "split.held_out=/nowhere")


@pytest.mark.parametrize("key", SPLIT_KEYS)
def test_new_data_never_moves_old_rows(tmp_path: Path, key: Any) -> None:
    """Add a night of recordings: every old sample is kept, in its split and its order."""
    samples = many(400)
    index = Index(Split(key, 0.2), 32768, 2**20)
    before = place(indexed(tmp_path / "before", {"m": samples[:500]}, index))
    after = place(
        indexed(
            tmp_path / "after",
            {"a": samples[500:700], "m": samples[:500], "z": samples[700:]},
            index,
        )
    )
    assert len(before) == 500
    assert len(after) == 800
    assert {name: after[name] for name in before} == before


def test_another_seed_is_another_split(tmp_path: Path) -> None:
    """The seed decides split and order; the same seed decides the same."""
    samples = {"1": many(200)}
    one, same, other = (
        place(indexed(tmp_path / name, samples, Index(Split(test=0.5, seed=seed), 32768, 2**20)))
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert one == same
    moved = sum(one[name][0] != other[name][0] for name in one)
    assert 100 < moved < 300


def test_output_shards_are_within_a_quarter_of_the_set_size(tmp_path: Path) -> None:
    """Sizes planned from characters: samples of the mixed lengths of real pages, long ones cut at
    the context, come out in files within 25% of the set size, each in the order of its samples'
    hashes.
    """
    sizes = [200 * 2 ** (number % 9) for number in range(9000)]
    samples = [
        sample(f"workflows:w{i}", observation="x" * size, history=("y" * 300,))
        for i, size in enumerate(sizes)
    ]
    context, shard_bytes = 8192, 8 * 2**20
    rows = indexed(tmp_path, {"1": samples}, Index(Split(), context, shard_bytes)).filter(
        pl.col("split") == "train"
    )
    assert rows["home"].n_unique() > 3
    tokens = ((pl.col("chars") + 300) / 3.0).clip(upper_bound=context)
    of_home = rows.group_by("home").agg(bytes=tokens.sum() * 8)["bytes"]
    assert (of_home / shard_bytes - 1).abs().max() < 0.25  # type: ignore[operator]
    assert rows["order"].to_list() == sorted(rows["order"])
    assert rows["home"].to_list() == sorted(rows["home"])
    by_id = {
        row.sample_id: len(row.observation) + 300 + len(row.target_html) + len(row.objective)
        for row in samples
    }
    assert dict(rows.select("sample_id", "chars").iter_rows()).items() <= by_id.items()


def test_real_shards_are_within_a_quarter_of_the_set_size(
    shared_build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real build planned at 16 MB a file: by the tokens that its samples really have, every
    training file is within 25% of that.
    """
    members = state.members(Layout(shared_build).work)
    shards = [InputShard(each["name"], "", each["format"], 1, "") for each in members]
    keys = {each["name"]: each["key"] for each in members}
    monkeypatch.setattr(InputShard, "key", property(lambda shard: keys[shard.name]))
    (tmp_path / "light").symlink_to(shared_build / "work" / "light")
    shard_bytes = 16 * 2**20
    generations = Generations().advanced({shard.name: shard.sha256 for shard in shards})
    built = state.generations(Layout(shared_build).work)
    generations = generations.bundled(lambda _: built.together)
    Index(Split(), 32768, shard_bytes).build(
        shards, generations, SOURCES, Shelf(Work(tmp_path), Work(tmp_path))
    )
    rows = scan(Work(tmp_path)).collect()
    tokens = account.fitted(shared_build).select(
        "sample_id", tokens=pl.col("prompt_tokens") + pl.col("completion_tokens")
    )
    kept = rows.filter((pl.col("reason") == "") & (pl.col("split") == "train")).join(
        tokens, on="sample_id"
    )
    of_home = kept.group_by("home").agg(bytes=pl.col("tokens").sum() * 8)["bytes"]
    assert len(of_home) == 4
    assert (of_home / shard_bytes - 1).abs().max() < 0.25  # type: ignore[operator]


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"key": "topic"}, "not one of workflow"), ({"test": 1.5}, "between 0 and 1")],
)
def test_a_split_that_makes_no_sense_is_refused(settings: dict[str, Any], says: str) -> None:
    """An unknown key and a share over 1 are errors of configuration."""
    with pytest.raises(ConfigError, match=says):
        Split(**settings)


def sides(folder: Path, *overrides: str) -> dict[str, set[str]]:
    """The workflows of each split of a build of 30 of them, on seven domains."""
    path = builds.write_workflows(
        folder / "in.jsonl", *(builds.workflow(number, steps=2) for number in range(30))
    )
    builds.build([path], folder / "out", *overrides)
    found: dict[str, set[str]] = {}
    for each in builds.emitted(folder / "out"):
        found.setdefault(each.split, set()).add(each.sample_id.partition("/")[0].partition(":")[2])
    return found


@pytest.mark.parametrize("key", SPLIT_KEYS)
def test_lists_hold_whatever_the_split_key_is(tmp_path: Path, key: str) -> None:
    """Domains and ids, for both splits, under every key; what is on no list is trained on."""
    (tmp_path / "test.txt").write_text("Shop3.example\nw5\n")
    (tmp_path / "dev.txt").write_text("shop1.example\n")
    lists = (
        f"split.held_out={tmp_path / 'test.txt'}",
        f"split.held_out_validation={tmp_path / 'dev.txt'}",
    )
    found = sides(tmp_path, f"split.key={key}", *lists)
    assert found["test"] == {f"w{n}" for n in range(30) if n % 7 == 3 or n == 5}
    assert found["validation"] == {f"w{n}" for n in range(30) if n % 7 == 1}
    assert found["train"] == {f"w{n}" for n in range(30)} - found["test"] - found["validation"]


def test_a_validation_split_leaves_the_test_split_alone(tmp_path: Path) -> None:
    """By share, each key is in one of three splits; the test split is that of a build without
    validation.
    """
    split, both = Split(test=0.3), Split(test=0.3, validation=0.3)
    drawn = {key: (split.of(key), both.of(key)) for key in map(str, range(1000))}
    assert set(drawn.values()) == {("test", "test"), ("train", "train"), ("train", "validation")}
    found = sides(tmp_path, "split.test=0.3", "split.validation=0.3")
    assert found.keys() == {"train", "test", "validation"}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("split.held_out={}", "the test split is empty: of the 1 entries .*did you mean w3?"),
        ("split.held_out_validation={}", "the validation split is empty"),
        ("split.validation=0.000001", "split.validation = 1e-06: the validation split is empty"),
        ("split.test=0.000001", "split.test = 1e-06: the test split is empty"),
    ],
)
def test_a_split_that_is_asked_for_is_not_empty(tmp_path: Path, asked: str, says: str) -> None:
    """A list that holds nothing and a share into which nothing falls are errors, with what may have
    been meant.
    """
    (tmp_path / "list.txt").write_text('"W3"\n')
    with pytest.raises(BuildError, match=re.compile(says, re.DOTALL)):
        sides(tmp_path, asked.format(tmp_path / "list.txt"))


CLOSED: Final = OwnReason("closed", "The shop is closed.", "shop.example")


@dataclass(frozen=True)
class Closed:
    """Drops samples of one website; it needs to learn nothing."""

    name: ClassVar[str] = "closed"
    version: ClassVar[int] = 2
    about: ClassVar[str] = "which website is closed"
    reasons: ClassVar[tuple[OwnReason, ...]] = (CLOSED,)
    columns: ClassVar[tuple[str, ...]] = ("website",)

    website: str

    def __bool__(self) -> bool:
        return True

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        return f"leaves out {settings['website']}"

    def judge(self, _: Hashed) -> Closed:
        return self

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        pass

    def judged(self, _: int, rows: pl.DataFrame) -> pl.DataFrame:
        which = pl.col("website") == self.website
        return dropped(rows, which, CLOSED, pl.col("website"))


def test_decisions_are_made_in_order(tmp_path: Path) -> None:
    """A later decision sees only what the earlier ones keep: what is dropped takes nobody's place.
    Of a sample that several would drop, the first says why. A version that is not the first is in
    the settings.
    """
    rows = [
        sample(f"workflows:w{number}", website="a" if number % 2 else "b", domain="shop.example")
        for number in range(10)
    ]
    left = {}
    for name, decisions in {
        "both": (Closed("a"), Caps(workflows_per_domain=3)),
        "caps": (Caps(workflows_per_domain=3),),
        "swapped": (Caps(workflows_per_domain=3), Closed("a")),
    }.items():
        index = Index(Split(), 32768, 2**20, decisions)
        found = indexed(tmp_path / name, {"1": rows[:5], "2": rows[5:]}, index)
        left[name] = Counter(found["reason"])
    assert left["both"] == {"": 3, "closed": 5, "over_domain_cap": 2}
    assert left["caps"] == {"": 3, "over_domain_cap": 7}
    assert left["swapped"]["over_domain_cap"] == 7
    assert left["swapped"][""] + left["swapped"]["closed"] == 3
    settings = Index(Split(), 32768, 2**20, (Caps(), Closed("a"))).settings()
    assert settings["closed"] == {"version": 2, "website": "a"}
    assert "version" not in settings["caps"]
