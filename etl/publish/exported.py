"""``export.json`` in the folder of an export: its request, and its files by split.

A request is the format, the file type and the fingerprint of the dataset. The same request for
other splits adds to the folder. Another request is refused, unless the user lets it replace all
listed files. Files that are not listed belong to somebody else: they stay, and are never
overwritten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from etl.dataset.layout import IN_DATASET
from etl.dataset.own_files import parts_of
from etl.files import storage
from etl.files.arrow import atomic, read_json, write_json
from etl.files.storage import AnyPath
from schemas import splits as split_names
from schemas.errors import ConfigError

FILE: Final = "export.json"
"""The name of the file."""

CARD: Final = IN_DATASET.card.as_posix()
"""The name of the card, where `datasets` needs one to tell the splits from each other."""

_KNOWN: Final = frozenset(("train", "test", "validation"))
"""Splits that it tells by the names of files; any other it would take for one of them. Failures are
a configuration, which only a card tells.
"""

LIKE: Final = "texts_like_special_tokens"
"""The count of texts in messages that look like special tokens."""

WITH_LIKE: Final = "samples_with_such_texts"
"""The count of samples with such texts."""

_NAMES: Final = {
    "format": "--format",
    "file_type": "--file-type",
    "special_tokens": "--special-tokens",
    "quality": "--quality",
    "unknown": "--unknown",
    "fingerprint": "the dataset's fingerprint",
}


@dataclass
class Noted:
    """``export.json`` while its files are being written."""

    out: AnyPath
    """The folder of the export."""
    request: Mapping[str, Any]
    """Everything that determines the bytes of a file."""
    splits: dict[str, dict[str, int]]
    """Split -> its counts, for complete splits."""
    files: dict[str, str]
    """File -> its sha256; empty until the file is written."""
    of_split: dict[str, str]
    """File -> its split."""
    gone: list[str]
    """Files of an earlier export that are removed at the end."""

    def written(self, name: str, sha256: str) -> None:
        """Note that a file has been written."""
        self.files[name] = sha256

    def end(self, counts: Mapping[str, dict[str, int]]) -> None:
        """Note the counts of the splits that were written, and remove files that are gone."""
        for name in self.gone:
            storage.remove(self.out / name)
            if "/" in name:
                storage.prune((self.out / name).parent)
            self.files.pop(name, None)
            self.of_split.pop(name, None)
        self.splits |= counts
        if self.card:
            with atomic(self.out / CARD) as stream:
                stream.write(self._card().encode())
        self.save()

    @property
    def card(self) -> bool:
        """Whether `datasets` needs a card to tell the splits; an export of keys has its own."""
        return _needs_card(self.of_split)

    def _card(self) -> str:
        """The files of each complete split, training first, as `datasets` reads it."""
        names = sorted(self.splits, key=lambda name: (split_names.shown_as(name) != "train", name))
        files: dict[str, list[str]] = {split: [] for split in names}
        for name in sorted(self.files):
            if (split := self.of_split[name]) in files:
                files[split].append(name)
        configs: dict[str, list[dict[str, Any]]] = {}
        for split, paths in files.items():
            config = split_names.configuration(split)
            each = {"split": split_names.shown_as(split), "path": paths}
            configs.setdefault(config, []).append(each)
        head = {
            "configs": [
                {"config_name": name, "data_files": every}
                for name, every in sorted(configs.items())
            ]
        }
        return f"---\n{yaml.safe_dump(head)}---\n"

    def save(self) -> None:
        """Write ``export.json``."""
        listed = {
            name: {"split": self.of_split[name], "sha256": self.files[name]}
            for name in sorted(self.files)
        }
        card = {"card": CARD} if self.card else {}
        noted = {**self.summary(), "splits": self.splits, "files": listed, **card}
        write_json(self.out / FILE, noted)

    def summary(self) -> dict[str, Any]:
        """The request and whether all files are complete.

        For messages, also the number of texts that look like special tokens.
        """
        summary = {**self.request, "complete": all(self.files.values())}
        if "special_tokens" not in self.request:
            return summary
        total = Counter[str]()
        for counts in self.splits.values():
            total.update({"texts": counts.get(LIKE, 0), "samples": counts.get(WITH_LIKE, 0)})
        escaped = self.request["special_tokens"] == "escape"
        return {
            **summary,
            "like_special_tokens": {"texts": 0, "samples": 0, **total, "escaped": escaped},
        }


def begin(
    out: AnyPath, request: Mapping[str, Any], targets: Mapping[str, str], *, replace: bool
) -> Noted:
    """Note what will be written, and remove the files that it replaces.

    targets: file -> its split. replace: whether an export of another request may be replaced.

    Raises:
        ConfigError: before anything is written, if the folder holds anything else, or an export of
            another request.
    """
    before = _before(out)
    listed = before.get("files", {})
    if before and (other := _differences(before, request)) and not replace:
        raise ConfigError(
            f"{out} holds another export: {'; '.join(other)}. Choose another folder with --out, or "
            f"replace it with all of its splits: --replace"
        )
    ours = {*listed, *([before["card"]] if "card" in before else [])}
    cards = [CARD] if _needs_card(targets) else []
    foreign = [
        name for name in [*targets, *cards] if name not in ours and storage.exists(out / name)
    ]
    if foreign:
        raise ConfigError(
            f"{out / foreign[0]} is not of an export; move it away, or choose another folder with "
            "--out"
        )
    same = bool(before) and not _differences(before, request)
    mine = {*targets.values()}
    stays = {name: each for name, each in listed.items() if same and each["split"] not in mine}
    counts = {
        split: each
        for split, each in before.get("splits", {}).items()
        if same and split not in mine
    }
    files = dict.fromkeys([*listed, *targets], "") | {
        name: each["sha256"] for name, each in stays.items()
    }
    of_split = {name: each["split"] for name, each in listed.items()} | dict(targets)
    noted = Noted(
        out, request, counts, files, of_split, sorted(set(listed) - set(stays) - set(targets))
    )
    if "card" in before:  # it is written again when the files are there
        storage.remove(out / CARD)
    for name in sorted({*targets, *noted.gone}):
        for path in parts_of(out / name):
            storage.remove(path)
    noted.save()
    return noted


def _needs_card(of_split: Mapping[str, str]) -> bool:
    """Whether `datasets` does not know the names of the splits, and no exported file is a card.

    of_split: file -> its split.
    """
    return CARD not in of_split and not _KNOWN.issuperset(of_split.values())


def _before(out: AnyPath) -> dict[str, Any]:
    """The ``export.json`` of a folder; empty for an empty folder.

    Raises:
        ConfigError: if the folder holds anything else.
    """
    if storage.exists(out / FILE):
        noted = read_json(out / FILE)
        if not isinstance(noted, dict) or not isinstance(noted.get("files"), dict):
            raise ConfigError(
                f"{out / FILE} is not of stepmill export; choose another folder with --out"
            )
        files = noted["files"]
        listed = {
            name: each if isinstance(each, dict) else _unsplit(name, each)
            for name, each in files.items()
        }
        return {**noted, "files": listed}
    if storage.holds_anything(out):
        raise ConfigError(
            f"{out} is not empty and holds no export; choose another folder with --out"
        )
    return {}


def _unsplit(name: str, sha256: str) -> dict[str, str]:
    """A file as earlier versions noted it."""
    return {"split": name.rpartition("/")[2].partition("-")[0], "sha256": sha256}


def _differences(before: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    """How the request of a folder's export differs from a new one."""
    return [
        f"{what} is {before.get(key, 'not known')} there, not {request.get(key, 'any')}"
        for key, what in _NAMES.items()
        if before.get(key) != request.get(key)
    ]
