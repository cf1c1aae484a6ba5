"""Bundles: which inputs are read together, and that nothing but the number of tasks shows it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.build.dry_run import foresee
from etl.build.pools.local import Processes, inline
from etl.dataset import state
from etl.dataset.generations import Generations
from etl.dataset.layout import Layout
from etl.files.arrow import read_json
from etl.inputs.bundles import bundled, together
from etl.inputs.records import InputShard
from etl.inputs.streams import Part
from etl.look.verify import verify
from schemas.errors import ConfigError
from tests.support import builds

MIB = 2**20

names = st.text("abcdef0123", min_size=1, max_size=8)
sizes = st.dictionaries(names, st.integers(0, 3 * MIB), max_size=40)


@given(sizes, st.sampled_from([0, 1000, MIB, 4 * MIB]))
def test_a_bundle_holds_neighbours_up_to_a_size(files: dict[str, int], most: int) -> None:
    """A bundle has two names or more, in order, fits the size, and no name is in two."""
    bundles = together(files, most)
    every = [name for bundle in bundles for name in bundle]
    assert every == sorted(every)
    assert len(every) == len(set(every))
    for bundle in bundles:
        assert len(bundle) > 1
        assert sum(files[name] for name in bundle) <= most
    if not most:
        assert bundles == []


@given(sizes, names, st.integers(0, 3 * MIB))
def test_bundles_do_not_depend_on_the_order_in_which_files_are_found(
    files: dict[str, int], name: str, size: int
) -> None:
    """The same files in another order make the same bundles."""
    every = files | {name: size}
    assert together(every, MIB) == together(dict(reversed(every.items())), MIB)


def test_a_file_more_shifts_only_the_bundles_near_it() -> None:
    """Of ten thousand files, one that comes first leaves nearly all bundles as they are."""
    files = {f"{number:05d}.jsonl": 5_000 + number % 700 for number in range(10_000)}
    before = together(files, 4 * MIB)
    after = together(files | {"!.jsonl": 90_000}, 4 * MIB)
    assert len(before) > 40
    assert len(set(before) - set(after)) <= 6


def test_little_is_still_divided() -> None:
    """Inputs of 100 MB make tens of bundles, so that many processes have work; 1 MB makes one."""
    much = {f"{number:05d}": 10_000 for number in range(10_000)}
    assert 64 <= len(together(much, 32 * MIB)) <= 200
    assert len(together(dict.fromkeys(much, 50), 32 * MIB)) == 1


def test_parts_stand_alone() -> None:
    """A file that is cut into parts is in no bundle, even if its name is listed in one."""
    whole = [InputShard(name, "", "workflows", 1, name) for name in "ac"]
    parts = [InputShard("b", "", "workflows", 1, "b", part=Part(at, at + 1)) for at in range(2)]
    made = bundled([whole[0], *parts, whole[1]], [("a", "b", "c")])
    assert [[member.name for member in bundle.members] for bundle in made] == [
        ["a", "c"],
        ["b"],
        ["b"],
    ]
    assert len({bundle.key for bundle in made}) == 3
    assert made[1].key == parts[0].key


def test_compaction_leaves_bundles_as_they_are() -> None:
    """Files that were read together stay together, and new ones join none of them."""
    first = Generations().advanced(dict.fromkeys("abc", "0")).bundled(lambda each: [tuple(each)])
    first = first.closed({1: {"train": 1}})
    second = first.advanced(dict.fromkeys("abcxy", "0")).bundled(lambda each: [tuple(each)])
    assert second.together == [("a", "b", "c"), ("x", "y")]
    second = second.closed({1: {"train": 1}, 2: {"train": 1}})
    whole = second.compacted(dict.fromkeys("abcxy", "0")).bundled(lambda each: [tuple(each)])
    assert whole.together[:2] == [("a", "b", "c"), ("x", "y")]
    assert len(whole.every) == 1
    less = second.advanced(dict.fromkeys("abxy", "0"))
    assert less.together == [("a", "b"), ("x", "y")]
    assert Generations.from_json(less.as_json()) == less


@pytest.mark.parametrize("bundles", [[["a", "a"]], [["a", "z"]], [["a", "b"], ["b", "c"]]])
def test_bundles_that_are_none_are_refused(bundles: list[list[str]]) -> None:
    """A list of generations with bundles of unknown or repeated names is an error."""
    every = [{"number": 1, "inputs": dict.fromkeys("abc", "0"), "shards": {}, "bundles": bundles}]
    with pytest.raises(ConfigError, match="the bundles of g0001"):
        Generations.from_json({"last": 1, "every": every})


SETTINGS = ("split.test=0.2", "split.seed=1", "fit.context=4096", "pack.shard_mb=1")


def fill(folder: Path, numbers: Iterable[int]) -> None:
    """Write one workflow a file."""
    for number in numbers:
        record = builds.workflow(number, steps=1 + number % 3)
        builds.write_workflows(folder / f"{number:04d}.jsonl", record)


def rows(out: Path) -> list[tuple[Any, ...]]:
    """Every sample of the dataset with its tokens."""
    return sorted(
        (each.split, each.sample_id, bytes(each.input_ids), bytes(each.labels))
        for each in builds.emitted(out)
    )


def test_many_small_files_are_what_one_large_one_is(tmp_path: Path) -> None:
    """The same records in 60 files, in one, and in 60 files without bundles: the same samples, in
    the same order; the dataset differs only in its names of inputs. What users see stays by file.
    """
    fill(tmp_path / "many", range(60))
    every = sorted((tmp_path / "many").iterdir())
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "all.jsonl").write_bytes(b"".join(path.read_bytes() for path in every))
    many = builds.build([tmp_path / "many"], tmp_path / "a", *SETTINGS)
    builds.build([tmp_path / "one"], tmp_path / "b", *SETTINGS)
    builds.build([tmp_path / "many"], tmp_path / "c", *SETTINGS, "inputs.bundle_mb=0")
    data = [builds.contents(tmp_path / each / "dataset" / "data") for each in "abc"]
    assert data[0] == data[1] == data[2]
    assert len(state.keys(Layout(tmp_path / "a").work)) == 1
    assert len(state.keys(Layout(tmp_path / "c").work)) == 60
    assert [each["name"] for each in many["inputs"]] == [path.name for path in every]
    assert [each["samples"] for each in many["inputs"]] == [1 + number % 3 for number in range(60)]
    built = read_json(tmp_path / "a" / "work" / "last_build.json")["input_shards"]
    assert built == {"built": 60, "of": 60}
    assert verify(tmp_path / "a", builds.Quiet) == []


def test_a_bundle_of_many_formats(tmp_path: Path) -> None:
    """The shipped recordings of every format, read together and alone: the same dataset, ledgers
    and quarantine, line for line; so with broken and unknown files among them.
    """
    shutil.copytree(builds.RECORDINGS, tmp_path / "in")
    (tmp_path / "in" / "broken.jsonl").write_text('{"id": "x", "objective"\n')
    (tmp_path / "in" / "notes.txt").write_text("nothing to read")
    for name, most in (("together", "32"), ("alone", "0")):
        builds.build([tmp_path / "in"], tmp_path / name, f"inputs.bundle_mb={most}")
    names = ("data", "stats")
    for name in names:
        made = [
            builds.contents(tmp_path / each / "dataset" / name) for each in ("together", "alone")
        ]
        assert made[0] == made[1]
    assert len(state.keys(Layout(tmp_path / "together").work)) == 1
    for command in (["inspect", "drops", "--examples", "3"], ["explain", "broken.jsonl"]):
        shown = [
            builds.command(command[0], tmp_path / each, *command[1:]).stdout
            for each in ("together", "alone")
        ]
        assert shown[0] == shown[1]
        assert "broken" in shown[0]


def test_nights_of_small_files(tmp_path: Path) -> None:
    """Night 2 adds files, and reads only them. Night 3 changes one and removes one: their bundle is
    read again, and no other. Each night is what a build from nothing with its generations is.
    """
    folder, out = tmp_path / "in", tmp_path / "out"
    settings = (*SETTINGS, "inputs.bundle_mb=0.004")

    def night() -> tuple[set[str], set[str], dict[str, Any]]:
        seen = foresee(builds.prepared([folder], out, *settings))
        before = builds.stamps(out / "work" / "samples")
        manifest = builds.build([folder], out, *settings)
        after = builds.stamps(out / "work" / "samples")
        reports = builds.inputs_of(out)
        built = {
            read
            for name in after
            if name.endswith(".json") and before.get(name) != after[name]
            for read in reports[name.removesuffix(".json")]["rows"]
        }
        fresh = tmp_path / "fresh"
        shutil.rmtree(fresh, ignore_errors=True)
        given = Generations.from_json(manifest["generations"])
        builds.build([folder], fresh, *settings, given=given)
        assert builds.contents(fresh / "dataset") == builds.contents(out / "dataset")
        assert verify(out, builds.Quiet) == []
        return built, {name for name, _, _ in seen.read}, manifest

    fill(folder, range(0, 40, 2))
    built, foreseen, first = night()
    assert built == foreseen == {path.name for path in folder.iterdir()}
    old = first["generations"]["every"][0]["bundles"]
    assert len(old) > 3
    fill(folder, range(1, 9, 2))
    built, foreseen, second = night()
    assert built == foreseen == {f"{number:04d}.jsonl" for number in range(1, 9, 2)}
    assert second["generations"]["every"][0]["bundles"] == old

    bundle = next(each for each in old if len(each) > 3)
    changed, gone = bundle[0], bundle[2]
    builds.write_workflows(folder / changed, builds.workflow(900, steps=2))
    (folder / gone).unlink()
    seen = foresee(builds.prepared([folder], out, *settings))
    beside = {name for name, _, reason in seen.read if reason.startswith("it is read with others")}
    assert beside == set(bundle) - {changed, gone}
    built, foreseen, third = night()
    assert built == foreseen == {*bundle} - {gone}
    assert third["generations"]["every"][0]["bundles"] == [
        [name for name in each if name not in {changed, gone}] for each in old
    ]


@dataclass(frozen=True)
class Killing:
    """A worker that is killed when it comes to workflow 7, every time."""

    worker: Any

    def __call__(self, item: Any, refused: Any, watch: Any) -> Any:
        def watched(name: str) -> None:
            watch(name)
            if name.endswith("workflows:w7"):
                os.kill(os.getpid(), signal.SIGKILL)

        return self.worker(item, refused, watched)

    @property
    def shelf(self) -> Any:
        """Where its files lie."""
        return self.worker.shelf


@dataclass(frozen=True)
class Wounded:
    """A pool whose workers are killed by one workflow of phase 1."""

    def __call__(self, worker: Any, items: Iterable[Any]) -> Iterator[Any]:
        pool = Processes(2)
        yield from pool(Killing(worker) if hasattr(worker, "takedown") else worker, items)


def test_one_page_that_kills_its_worker_costs_no_other_file(tmp_path: Path) -> None:
    """In a bundle of thirty files, the workflow that kills is quarantined under its own name, and
    all others are built as without it.
    """
    fill(tmp_path / "in", range(30))
    builds.build([tmp_path / "in"], tmp_path / "out", *SETTINGS, pool=Wounded())
    (tmp_path / "in" / "0007.jsonl").unlink()
    builds.build([tmp_path / "in"], tmp_path / "without", *SETTINGS, pool=inline)
    assert rows(tmp_path / "out") == rows(tmp_path / "without")
    shown = builds.command("explain", tmp_path / "out", "workflows:w7").stdout
    assert "killed_worker" in shown
    assert "0007.jsonl" in shown


def test_a_night_under_a_root_of_its_own_renames_no_other(tmp_path: Path) -> None:
    """Nights that are given as folders of their own may have files of one name: each keeps the
    name that it had first, and what was read is not read again, also when the first is gone.
    """
    out = tmp_path / "out"
    roots = [tmp_path / f"night-{number}" for number in range(6)]
    for number, root in enumerate(roots):
        records = [builds.workflow(10 * number + each, steps=2) for each in range(9)]
        builds.write_workflows(root / "a.jsonl", *records)
        before = builds.stamps(out / "work" / "samples")
        manifest = builds.build(roots[: number + 1], out, *SETTINGS)
        after = builds.stamps(out / "work" / "samples")
        assert {name: after[name] for name in before} == before
    names = ["a.jsonl", *(f"a.jsonl~{number}" for number in range(2, 7))]
    assert [each["name"] for each in manifest["inputs"]] == names
    fresh = Generations.from_json(manifest["generations"])
    builds.build(roots, tmp_path / "fresh", *SETTINGS, given=fresh)
    assert builds.contents(tmp_path / "fresh" / "dataset") == builds.contents(out / "dataset")
    less = builds.build(roots[1:], out, *SETTINGS, allow_removal=True)
    assert [each["name"] for each in less["inputs"]] == names[1:]
