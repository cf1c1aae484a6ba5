"""An input that changes after it was hashed stops the build, since its hash is wrong."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import fsspec
import orjson
import pytest

from etl.build.pools.local import Worker, inline
from etl.files import nodes, scratch
from schemas.errors import BuildError
from tests.support import builds
from tests.support.s3 import BUCKET, Server, s3

__all__ = ["s3"]


def after(change: Callable[[], object]) -> Callable[..., Iterator[object]]:
    """A pool that first does something to the inputs, which are hashed by then."""
    done = False

    def pool(worker: Worker[object, object], items: Iterable[object]) -> Iterator[object]:
        nonlocal done
        waiting = list(items)
        if not done:
            change()
            done = True
        yield from inline(worker, waiting)

    return pool


def data(*numbers: int) -> bytes:
    """A file of workflows; of as many bytes for as many numbers of one digit."""
    return b"".join(orjson.dumps(builds.workflow(number)) + b"\n" for number in numbers)


@pytest.mark.parametrize(("where", "other"), [("a folder here", 4), ("memory", 40), ("s3", 4)])
def test_a_file_that_is_replaced_stops_the_build(
    where: str,
    other: int,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file that is replaced, even by one of the same size, stops the build with its name.

    Nothing counts as finished, and the same command again builds from the new file. (A remote file
    is taken as one that is too large to be read once.)
    """
    monkeypatch.setattr(nodes, "SMALL", 0)
    root = {
        "a folder here": str(tmp_path / "in"),
        "memory": "memory://replaced",
        "s3": f"s3://{BUCKET}/in",
    }[where]
    if where == "s3":
        server: Server = request.getfixturevalue("s3")
        assert server.env
    (tmp_path / "in").mkdir()
    system, folder = fsspec.core.url_to_fs(root)
    system.pipe_file(f"{folder}/a.jsonl", data(1, 2))
    system.pipe_file(f"{folder}/b.jsonl", data(3))
    pool = after(lambda: system.pipe_file(f"{folder}/a.jsonl", data(1, other)))
    with pytest.raises(
        BuildError, match=rf"{re.escape(folder)}/a.jsonl: it changed after it was hashed"
    ):
        builds.build([root], tmp_path / "out", pool=pool)
    assert not (tmp_path / "out" / "dataset" / "manifest.json").exists()
    assert "a.jsonl" not in {
        name for report in builds.inputs_of(tmp_path / "out").values() for name in report["rows"]
    }
    builds.build([root], tmp_path / "out")
    builds.build([root], tmp_path / "fresh")
    assert builds.contents(tmp_path / "out" / "dataset") == builds.contents(
        tmp_path / "fresh" / "dataset"
    )
    assert {"workflows:w1/1", f"workflows:w{other}/1"} < set(builds.samples(tmp_path / "out"))


@pytest.mark.parametrize("kept", [True, False])
def test_a_small_remote_file_is_read_as_it_was_hashed(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small remote file that is replaced meanwhile: the build is of what was hashed, and the next
    one of the new content. Where the content is not kept, as on another machine, the build stops.
    """
    system = fsspec.filesystem("memory")
    folder = f"/small-{kept}"
    system.pipe_file(f"{folder}/a.jsonl", data(1, 2))
    system.pipe_file(f"{folder}/b.jsonl", data(3))
    pool = after(lambda: system.pipe_file(f"{folder}/a.jsonl", data(1, 4)))
    out = tmp_path / "out"
    if kept:
        builds.build([f"memory:/{folder}"], out, pool=pool)
        assert "workflows:w2/1" in set(builds.samples(out))
        assert not list(scratch._folder().glob("contents*"))
    else:
        monkeypatch.setattr(scratch, "_CONTENT_BYTES", 0)
        with pytest.raises(BuildError, match=r"a\.jsonl: it changed after it was hashed"):
            builds.build([f"memory:/{folder}"], out, pool=pool)
    builds.build([f"memory:/{folder}"], out, allow_removal=True)
    assert "workflows:w4/1" in set(builds.samples(out))
    assert "workflows:w2/1" not in set(builds.samples(out))


def test_a_file_that_grows_while_it_is_read_stops_the_build(tmp_path: Path) -> None:
    """A recorder that still writes: what was hashed is not all that was read."""
    path = builds.write_workflows(tmp_path / "in" / "a.jsonl", builds.workflow(1))
    more = data(2)

    def grow() -> None:
        with path.open("ab") as stream:
            stream.write(more)

    with pytest.raises(BuildError, match="it changed after it was hashed"):
        builds.build([path], tmp_path / "out", pool=after(grow))


def test_a_recording_of_many_files_of_which_one_is_replaced(shared: Path, tmp_path: Path) -> None:
    """A folder that is one recording is looked at file by file."""
    source = next(path for path in sorted((shared / "data").rglob("step_0.pkl.gz"))).parent
    shutil.copytree(source, tmp_path / "in" / "episode")
    step = tmp_path / "in" / "episode" / "step_1.pkl.gz"
    pool = after(lambda: step.write_bytes(step.read_bytes() + b"\0"))
    with pytest.raises(BuildError, match="episode: it changed after it was hashed"):
        builds.build([tmp_path / "in"], tmp_path / "out", pool=pool)


def test_what_says_nothing_of_the_content_is_no_change(tmp_path: Path) -> None:
    """Rights, links and the time of reading may change meanwhile, as by a backup."""
    path = builds.write_workflows(tmp_path / "in" / "a.jsonl", builds.workflow(1))

    def touch() -> None:
        path.chmod(0o600)
        (tmp_path / "link").hardlink_to(path)
        path.read_bytes()

    assert builds.build([path], tmp_path / "out", pool=after(touch))["totals"]["samples"] == 1
