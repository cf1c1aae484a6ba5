"""What is in the folder of an export: ``export.json``, with the request that its files answer, and
the files by split.

A request is the format, the type of the files, and the content of the dataset. The same request for
other splits adds to the folder. Another one is refused, or takes the place of all files that are
listed, if its user says so. What is not listed belongs to somebody else: it stays, and is never
written over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from etl.dataset.own_files import parts_of
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.files.storage import AnyPath
from schemas.errors import ConfigError

FILE: Final = "export.json"
LIKE: Final = "texts_like_special_tokens"
WITH_LIKE: Final = "samples_with_such_texts"
_NAMES: Final = {
    "format": "--format",
    "file_type": "--file-type",
    "special_tokens": "--special-tokens",
    "fingerprint": "the dataset's fingerprint",
}


@dataclass
class Noted:
    """``export.json`` while its files are written. splits: counts of those that are whole. files:
    sha256 of each, empty until it is written. of_split: the split of each file. gone: files that go
    at the end.
    """

    out: AnyPath
    request: Mapping[str, Any]
    splits: dict[str, dict[str, int]]
    files: dict[str, str]
    of_split: dict[str, str]
    gone: list[str]

    def written(self, name: str, sha256: str) -> None:
        """A file is there."""
        self.files[name] = sha256

    def end(self, counts: Mapping[str, dict[str, int]]) -> None:
        """The splits that were asked for are whole; what they had before and have no more goes."""
        for name in self.gone:
            storage.remove(self.out / name)
            if "/" in name:
                storage.prune((self.out / name).parent)
            self.files.pop(name, None)
            self.of_split.pop(name, None)
        self.splits |= counts
        self.save()

    def save(self) -> None:
        """Write it."""
        listed = {
            name: {"split": self.of_split[name], "sha256": self.files[name]}
            for name in sorted(self.files)
        }
        write_json(self.out / FILE, {**self.summary(), "splits": self.splits, "files": listed})

    def summary(self) -> dict[str, Any]:
        """The request, whether all files are there, and of messages how many texts look like
        special tokens.
        """
        known = {**self.request, "complete": all(self.files.values())}
        if "special_tokens" not in self.request:
            return known
        found = Counter[str]()
        for counts in self.splits.values():
            found.update({"texts": counts.get(LIKE, 0), "samples": counts.get(WITH_LIKE, 0)})
        escaped = self.request["special_tokens"] == "escape"
        return {
            **known,
            "like_special_tokens": {"texts": 0, "samples": 0, **found, "escaped": escaped},
        }


def begin(
    out: AnyPath, request: Mapping[str, Any], targets: Mapping[str, str], *, replace: bool
) -> Noted:
    """Note what will be written. targets: the split of each file by its name. replace: whatever was
    exported before.

    Raises `ConfigError`, before anything is written, for a folder of something else or of another
    request.
    """
    before = _before(out)
    listed = before.get("files", {})
    if before and (other := _differences(before, request)) and not replace:
        raise ConfigError(
            f"{out} holds another export: {'; '.join(other)}. Choose another folder with --out, or "
            f"let this one take its place, with all splits that it has: --replace"
        )
    foreign = [name for name in targets if name not in listed and storage.exists(out / name)]
    if foreign:
        raise ConfigError(
            f"{out / foreign[0]} is not of an export; move it away, or choose another folder with "
            "--out"
        )
    same = bool(before) and not _differences(before, request)
    mine = {*targets.values()}
    stays = {name: each for name, each in listed.items() if same and each["split"] not in mine}
    counts = {
        split: found
        for split, found in before.get("splits", {}).items()
        if same and split not in mine
    }
    files = dict.fromkeys([*listed, *targets], "") | {
        name: each["sha256"] for name, each in stays.items()
    }
    of_split = {name: each["split"] for name, each in listed.items()} | dict(targets)
    noted = Noted(
        out, request, counts, files, of_split, sorted(set(listed) - set(stays) - set(targets))
    )
    for name in sorted({*targets, *noted.gone}):
        for path in parts_of(out / name):
            storage.remove(path)
    noted.save()
    return noted


def _before(out: AnyPath) -> dict[str, Any]:
    """What is noted of the export in a folder.
    Raises `ConfigError` for a folder of something else.
    """
    if storage.exists(out / FILE):
        found = read_json(out / FILE)
        if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
            raise ConfigError(
                f"{out / FILE} is not of stepmill export; choose another folder with --out"
            )
        files = found["files"]
        listed = {
            name: each if isinstance(each, dict) else _unsplit(name, each)
            for name, each in files.items()
        }
        return {**found, "files": listed}
    if storage.holds_anything(out):
        raise ConfigError(
            f"{out} is not empty and holds no export; choose another folder with --out"
        )
    return {}


def _unsplit(name: str, sha256: str) -> dict[str, str]:
    """A file as earlier versions noted it."""
    return {"split": name.rpartition("/")[2].partition("-")[0], "sha256": sha256}


def _differences(before: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    """How the request that a folder's files answer differs from another."""
    return [
        f"{what} is {before.get(key, 'not known')} there, not {request.get(key, 'any')}"
        for key, what in _NAMES.items()
        if before.get(key) != request.get(key)
    ]
