"""The last complete dataset is whole whatever befalls the next build: killed anywhere, out of room,
on an object store, under a takedown list; and a file of it that was damaged is found by the next
build.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from etl.build.pools.slices import Slice
from etl.build.run import slices
from etl.build.run.build import Build
from etl.build.run.whole import run
from etl.dataset import candidate, state
from etl.dataset.layout import MANIFEST, Layout
from etl.files import storage
from etl.files.arrow import read_json
from etl.files.storage import AnyPath, location
from etl.look.verify import verify
from schemas.errors import BuildError, GateError
from tests.build.test_interruption import comparable, killed
from tests.support import builds
from tests.support.s3 import BUCKET, Server, s3

__all__ = ["s3"]

SMALL: Final = ("pack.shard_mb=1", "split.test=0.2")
LISTED: Final = 'takedown.domains=["shop5.example"]'


def first(inputs: Path) -> None:
    for name, start in (("a", 0), ("b", 20)):
        builds.write_workflows(
            inputs / f"{name}.jsonl", *(builds.workflow(start + n, steps=2) for n in range(20))
        )


def second(inputs: Path) -> None:
    """One file changes, and one comes."""
    builds.write_workflows(
        inputs / "b.jsonl", *(builds.workflow(20 + n, steps=2) for n in range(16))
    )
    builds.write_workflows(
        inputs / "c.jsonl", *(builds.workflow(60 + n, steps=2) for n in range(20))
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``in`` as it is on the second night, ``out`` built on the first, ``expected`` on both; to be
    looked at only.
    """
    folder = tmp_path_factory.mktemp("nights")
    first(folder / "in")
    builds.build([folder / "in"], folder / "out", *SMALL)
    shutil.copytree(folder / "out", folder / "expected")
    second(folder / "in")
    builds.build([folder / "in"], folder / "expected", *SMALL)
    return folder


@pytest.fixture
def night(made: Path, tmp_path: Path) -> Path:
    """A copy of the first night's build, with the inputs of the second."""
    return Path(shutil.copytree(made, tmp_path / "night"))


KILLS: Final = {
    "in samples": "etl.build.samples.write_json = kill_at(2, etl.build.samples.write_json)",
    "in packing": "ArrowWriter.add_batch = kill_at(1, ArrowWriter.add_batch)",
    "before it is accepted": """
from etl.dataset import candidate
is_accepted = lambda path, value: path.name == "accepted.json"
candidate.write_json = kill_at(1, candidate.write_json, when=is_accepted)
""",
}
"""Where -> what a driver does so that the build kills itself there; the complete dataset has not
been touched then.
"""


@pytest.mark.parametrize("where", KILLS)
def test_a_killed_night_leaves_the_last_one(night: Path, where: str) -> None:
    """Killed at this point of the second night: the dataset and its work files are those of the
    first, to the byte, and `verify` is content; the same command completes it, to the bytes of a
    night without interruption.
    """
    out = night / "out"
    before = builds.contents(out / "dataset")
    settings = [part for setting in SMALL for part in ("--set", setting)]
    done = killed(
        night, KILLS[where], "build", night / "in", "--out", out, "--workers", "0", *settings
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert builds.contents(out / "dataset") == before
    assert verify(out) == []
    builds.build([night / "in"], out, *SMALL)
    assert comparable(out) == comparable(night / "expected") | unused(out)
    assert verify(out) == []


def unused(out: Path) -> dict[str, str]:
    """Work files of inputs that are gone."""
    every = builds.contents(out)
    return {
        name: every[name] for name in (storage.relative(path, out) for path in state.stale(out))
    }


@pytest.mark.parametrize("at", [1, 2, 4, 7, 11, 16])
def test_a_switch_that_was_interrupted_is_completed(
    night: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted at one of the moves by which the new dataset takes its place: there is no
    manifest that lies, and the next run completes the switch without building anything, even if its
    gates would have rejected it.
    """
    out = night / "out"
    moves = 0
    real = storage.move

    def move(source: AnyPath, target: AnyPath) -> None:
        nonlocal moves
        moves += 1
        if moves == at:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(storage, "move", move)
    with pytest.raises(KeyboardInterrupt):
        builds.build([night / "in"], out, *SMALL)
    monkeypatch.setattr(storage, "move", real)
    if (out / MANIFEST).exists():
        names = read_json(out / MANIFEST)["files"]
        assert {
            name: digest for name, digest in builds.contents(out).items() if name in names
        } == names
    assert candidate.go_on(out)
    assert builds.contents(out / "dataset") == builds.contents(night / "expected" / "dataset")
    assert verify(out) == []
    builds.build([night / "in"], out, *SMALL)
    assert comparable(out) == comparable(night / "expected") | unused(out)


def test_a_night_in_slices(night: Path) -> None:
    """Read and packed by two slices each, beside the last complete dataset: that stays until the
    night is finished, which has the bytes of a night in one piece.
    """
    out = night / "out"
    before = builds.contents(out / "dataset")

    def build() -> Build:
        return builds.prepared([night / "in"], out, *SMALL)

    for number in (1, 2):
        slices.read(build(), Slice(number, 2), {})
    for number in (1, 2):
        slices.pack(build(), Slice(number, 2))
        assert builds.contents(out / "dataset") == before
    made = builds.stamps(Path(str(Layout(out).candidate.root)) / "dataset" / "data")
    run(build(), {})
    now = builds.stamps(out / "dataset" / "data")
    assert {name: now[name] for name in made} == made
    assert comparable(out) == comparable(night / "expected") | unused(out)


def test_shards_that_stay_are_not_touched(night: Path) -> None:
    """Through a rejected night and the accepted one after it, files of output shards that do not
    change keep inode and time; the rejected dataset shares them and takes no room for them.
    """
    out = night / "out"
    (night / "in" / "b.jsonl").unlink()
    first(night / "in")  # only c.jsonl is new
    before = builds.stamps(out / "dataset" / "data")
    with pytest.raises(GateError):
        builds.build([night / "in"], out, *SMALL, "gates.min_samples=1000")
    beside = Path(str(Layout(out).candidate.root)) / "dataset" / "data"
    assert {name: builds.stamps(beside)[name] for name in before} == before
    builds.build([night / "in"], out, *SMALL)
    assert {name: builds.stamps(out / "dataset" / "data")[name] for name in before} == before


def test_a_night_without_room_leaves_the_last_one(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error while the statistics are written: what is complete stays, and commands say so."""
    from etl.build import finish

    out = night / "out"
    before = builds.contents(out / "dataset")

    def full(*_: Any) -> None:
        raise BuildError("no space left")

    monkeypatch.setattr(finish, "_parquet", full)
    with pytest.raises(BuildError):
        builds.build([night / "in"], out, *SMALL)
    assert builds.contents(out / "dataset") == before
    assert verify(out) == []


def flip(path: Path) -> None:
    """Change the last byte but some, and the time of the file with it."""
    raw = bytearray(path.read_bytes())
    raw[-100 if len(raw) > 100 else 0] ^= 1
    path.write_bytes(raw)


DAMAGE: Final[dict[str, tuple[str, Callable[[Path], object], str]]] = {
    "a shard is longer": (
        "dataset/data/*/train-*.arrow",
        lambda path: path.write_bytes(path.read_bytes() + b"x"),
        "bytes, not",
    ),
    "a shard has another byte": (
        "dataset/data/*/train-*.arrow",
        flip,
        "its content has changed",
    ),
    "a shard is gone": ("dataset/data/*/train-*.arrow", lambda path: path.unlink(), "it is gone"),
    "statistics": (
        "dataset/stats/domains.parquet",
        lambda path: path.write_bytes(b"x"),
        "bytes, not",
    ),
    "a listing": ("dataset/stats/samples/*/train-*.parquet", flip, "its content has changed"),
    "the card": (
        "dataset/README.md",
        lambda path: path.write_text(path.read_text() + "x"),
        "bytes, not",
    ),
    "samples": ("work/samples/*.arrow", flip, "its content has changed"),
    "a ledger": ("work/ledger/*.arrow", lambda path: path.unlink(), "it is gone"),
    "a report": ("work/samples/*.json", lambda path: path.unlink(), "it is gone"),
    "what packing noted": ("work/fitted/*/train-*.parquet", flip, "its content has changed"),
    "the index": ("work/index/*.parquet", lambda path: path.write_bytes(b"x"), "bytes, not"),
}
"""What -> files of which the first is changed, how, and what is said."""


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_found_by_the_next_build(
    made: Path, tmp_path: Path, what: str, capsys: Any
) -> None:
    """A file that was changed, cut or removed behind the build's back: the same command names it,
    makes it again, and all bytes are those of before; `verify` is content, and the run after that
    has nothing to do.
    """
    out = Path(shutil.copytree(made / "expected", tmp_path / "out"))
    builds.build([made / "in"], out, *SMALL)  # a copy has other times, which is no damage
    pattern, damage, said = DAMAGE[what]
    path = next(path for path in sorted(out.glob(pattern)) if path.name != "index.arrow")
    damage(path)
    capsys.readouterr()
    builds.build([made / "in"], out, *SMALL)
    err = capsys.readouterr().err
    assert f"{path}: " in err
    assert said in err
    now = comparable(out)
    aside = [now.pop(name) for name in list(now) if name.startswith("work/edited/")]
    assert len(aside) == (what == "the card")  # in which somebody may have written
    assert now == comparable(made / "expected")
    assert verify(out) == []
    builds.build([made / "in"], out, *SMALL)
    assert "made again" not in capsys.readouterr().err
    assert read_json(out / "work" / "last_build.json")["status"] == "nothing_to_do"


def test_a_takedown_that_fails_gates_leaves_nothing(night: Path) -> None:
    """A night with a takedown list that is rejected: the last complete dataset held what is listed,
    and is gone; it is in no file that is kept; drift is still measured against what it was. A list
    that takes nothing leaves it.
    """
    out = night / "out"
    nothing = 'takedown.domains=["nowhere.example"]'
    with pytest.raises(GateError, match="The last complete dataset is as it was"):
        builds.build([night / "in"], out, *SMALL, nothing, "gates.min_samples=1000")
    assert (out / MANIFEST).exists()
    with pytest.raises(GateError, match="held what is on the takedown list, and is gone"):
        builds.build([night / "in"], out, *SMALL, LISTED, "gates.min_samples=1000")
    assert not (out / "dataset").exists()
    assert holding(out, "shop5.example") == []
    assert verify(Path(str(Layout(out).candidate.root))) == []
    with pytest.raises(GateError, match=r"gates.max_domain_drift"):
        builds.build([night / "in"], out, *SMALL, LISTED, "gates.max_domain_drift=0")
    builds.build([night / "in"], out, *SMALL, LISTED)
    assert verify(out) == []
    assert holding(out, "shop5.example") == []


def test_a_takedown_reaches_a_rejected_build(night: Path) -> None:
    """What lies in the candidate of a night before is taken down with the rest, whether or not it
    is accepted.
    """
    out = night / "out"
    with pytest.raises(GateError):
        builds.build([night / "in"], out, *SMALL, "gates.min_samples=1000")
    builds.build([night / "in"], out, *SMALL, LISTED)
    assert holding(out, "shop5.example") == []
    assert verify(out) == []


def holding(out: Path, text: str) -> list[str]:
    """Files with a text, but for those that hold the list."""
    lists = {"takedown.json", "order.json"}
    found = [path for path in out.rglob("*") if path.is_file() and path.name not in lists]
    return [
        path.relative_to(out).as_posix() for path in found if text.encode() in path.read_bytes()
    ]


def test_a_failed_night_in_a_bucket(s3: Server, made: Path, tmp_path: Path) -> None:
    """On an object store: rejected, the objects of the dataset are the same, not even written
    again, and the candidate is whole; accepted, all bytes are those of a local build, and no
    candidate is left.
    """
    out = location(f"s3://{BUCKET}/nightly/out")
    first(tmp_path / "in")
    builds.build([tmp_path / "in"], out, *SMALL)
    before = objects(s3, "nightly/out/dataset")
    second(tmp_path / "in")
    with pytest.raises(GateError):
        builds.build([tmp_path / "in"], out, *SMALL, "gates.min_samples=1000")
    assert objects(s3, "nightly/out/dataset") == before
    assert verify(out) == verify(Layout(out).candidate.root) == []
    builds.build([tmp_path / "in"], out, *SMALL)
    assert verify(out) == []
    names = {name for name in s3.contents("nightly/out") if name.startswith("dataset/")}
    expected = builds.contents(made / "expected")
    assert names == {name for name in expected if name.startswith("dataset/")}
    assert read_json(out / MANIFEST) == read_json(made / "expected" / MANIFEST)
    assert not [name for name in s3.contents("nightly/out") if "candidate" in name]
    assert isinstance(builds.prepared([tmp_path / "in"], out), Build)


def objects(server: Server, folder: str) -> dict[str, Any]:
    found = server.system().find(f"{BUCKET}/{folder}", detail=True)
    return {name: (info["ETag"], info["LastModified"]) for name, info in found.items()}


def test_what_lists_came_to_is_of_each_build(night: Path) -> None:
    """Entries that match nothing are noted with the build that they are of: a rejected one has its
    own, those of the complete one stay as they are; accepted, it brings them, and a build without
    such a list has none.
    """
    out, excluded = night / "out", 'exclude.domains=["no.example"]'
    noted = Path("work") / "unmatched.json"
    with pytest.raises(GateError):
        builds.build([night / "in"], out, *SMALL, excluded, "gates.min_samples=100000", redo=True)
    (said,) = read_json(Layout(out).candidate.root / noted)
    assert (said["setting"], said["entry"]) == ("exclude.domains", "no.example")
    assert not (out / noted).exists()
    builds.build([night / "in"], out, *SMALL, excluded, redo=True)
    assert read_json(out / noted) == [said]
    with pytest.raises(GateError):
        builds.build([night / "in"], out, *SMALL, "gates.min_samples=100000", redo=True)
    assert not (Layout(out).candidate.root / noted).exists()
    assert read_json(out / noted) == [said]
    builds.build([night / "in"], out, *SMALL, redo=True)
    assert not (out / noted).exists()
