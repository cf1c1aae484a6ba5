"""What the tests of publishing share: three nights of builds, their rows, and reading them back
from a place.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from etl.files.arrow import open_arrow, read_json
from tests.support import builds
from tests.support.hub import Hub, served
from tests.support.zygote import COMMAND, Client, Done, Zygote, ready, stepmill

SETTINGS: Final = ("pack.shard_mb=1", "fit.context=4096", "split.test=0.2")
LOAD: Final = "tests.support.publishing:load"
MODULES: Final = (
    "etl.cli.main",
    "etl.publish.publication",
    "etl.publish.hub",
    "etl.publish.folder",
    "datasets",
    "pyarrow",
)

Rows = dict[str, list[dict[str, Any]]]


def record(number: int) -> dict[str, Any]:
    """A workflow with a long page."""
    made = builds.workflow(number)
    made["steps"][0]["html"] += "".join(f"<p>word {number} {i}</p>" for i in range(60))
    return made


def nights(folder: Path) -> list[Path]:
    """Three builds of one folder: the first; one file more; and one file less, which changes an old
    shard.
    """
    inputs = folder / "in"
    outs: list[Path] = []
    for name, numbers in (("a", range(40)), ("b", range(40, 50)), ("c", range(50, 65))):
        builds.write_workflows(inputs / f"{name}.jsonl", *map(record, numbers))
        if name == "b":
            continue
        outs.append(folder / f"night{len(outs)}")
        if len(outs) > 1:
            shutil.copytree(outs[0], outs[1])
        builds.build([inputs], outs[-1], *SETTINGS, 'card.license="mit"')
    (inputs / "b.jsonl").unlink()
    outs.append(Path(shutil.copytree(outs[1], folder / "night2")))
    builds.build([inputs], outs[-1], *SETTINGS, 'card.license="mit"')
    return outs


def rows(out: Path) -> Rows:
    """Every row of a build, read from its files without the library that loads them."""
    found: Rows = {}
    for path in sorted((out / "dataset" / "data").rglob("*.arrow")):
        table = open_arrow(path).read_all()
        found.setdefault(path.name.split("-")[0], []).extend(table.to_pylist())
    return found


def digest(of: Mapping[str, Any]) -> dict[str, str]:
    """One hash a split of all rows in their order."""
    return {
        split: hashlib.sha256(json.dumps(list(some)).encode()).hexdigest()
        for split, some in sorted(of.items())
    }


def load(place: str, cache: str, revision: str = "") -> None:
    """Load a dataset, plain and streaming, in this process;
    prints a hash of all rows of each way.
    """
    import datasets

    datasets.disable_progress_bars()
    found = []
    for streaming in (False, True):
        loaded = datasets.load_dataset(
            place, streaming=streaming, revision=revision or None, cache_dir=f"{cache}/{streaming}"
        )
        found.append(digest(loaded))
    print(json.dumps(found))


def publish_in_small_commits(size: str, *arguments: str) -> None:
    """The command, to a Hub that takes few files a commit."""
    from etl.publish.hub import Hub

    Hub.at_once = int(size)
    stepmill("publish", *arguments)


@dataclass
class World:
    """A Hub, builds of three nights, and what is needed to publish and to read."""

    hub: Hub
    nights: list[Path]
    zygote: Zygote
    folder: Path
    count: int = 0

    def repo(self) -> str:
        """A name that was not used yet."""
        self.count += 1
        return f"maker/data{self.count}"

    def publish(self, *arguments: object, env: Mapping[str, str] | None = None) -> Done:
        return self.zygote.run("publish", *arguments, env=env)

    def published(self, *arguments: object, env: Mapping[str, str] | None = None) -> dict[str, Any]:
        """What a publication that goes well says."""
        done = self.publish(*arguments, "--json", env=env)
        assert done.code == 0, done.err
        report: dict[str, Any] = json.loads(done.out)
        return report

    def start(self, *arguments: object) -> Client:
        return self.zygote.start(COMMAND, "publish", *arguments)

    def loads(self, place: object, night: int, revision: str = "") -> None:
        """A stranger, with nothing cached, gets exactly the rows of that night, plain and
        streaming.
        """
        self.count += 1
        cache = self.folder / f"cache{self.count}"
        home = {"HF_HOME": str(cache / "home"), "HF_HUB_CACHE": str(cache / "hub")}
        done = self.zygote.start(LOAD, place, cache, revision, env=home).wait()
        assert done.code == 0, done.err
        expected = digest(rows(self.nights[night]))
        assert json.loads(done.out) == [expected, expected]


def shards(out: Path) -> dict[str, str]:
    """sha256 of the files of rows of a build, by path."""
    files: dict[str, str] = read_json(out / "dataset" / "manifest.json")["files"]
    return {
        path.removeprefix("dataset/"): sha for path, sha in files.items() if path.endswith(".arrow")
    }


def named(card: bytes) -> Iterator[tuple[str, str]]:
    """Path and beginning of the sha256 of every file of rows that a card names."""
    for split in yaml.safe_load(card.decode().split("---\n")[1])["configs"][0]["data_files"]:
        for path in split["path"]:
            yield path, Path(path).stem[-16:]


@contextmanager
def world_of(nights: list[Path], folder: Path, *modules: str) -> Iterator[World]:
    """A Hub and the builds; processes know `MODULES` and these."""
    (folder / "tmp").mkdir()
    with served() as server:
        env = {**server.env, "HF_HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
        with ready(env, (*MODULES, *modules), folder) as parent:
            yield World(server, nights, parent, folder)
