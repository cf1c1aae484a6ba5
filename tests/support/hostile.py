"""Makers of hostile inputs, and builds of them beside good ones."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from etl.build.recipes import recipe
from etl.build.run.build import Build
from etl.build.run.whole import run
from etl.dataset import account
from etl.files.arrow import open_arrow
from tokenization.vocabulary import load

GOOD_PAGE = (
    "<html><body><h1>Shop</h1><form><input name=q><button "
    "id=go>Search</button></form></body></html>"
)


def step(html: str = GOOD_PAGE, css: str = "#go", **fields: Any) -> dict[str, Any]:
    """A step of the interchange format. fields: of the step;
    ``action`` and ``target`` as a whole.
    """
    action = {"kind": "click", "description": "Click the button"}
    return {
        "url": "https://shop.example/",
        "html": html,
        "action": action,
        "target": [{"kind": "css", "value": css}],
    } | fields


def workflow(
    name: str, *steps: dict[str, Any], objective: str = "Search for a blue mug in the shop"
) -> dict[str, Any]:
    """A workflow of the interchange format."""
    return {"workflow_id": name, "objective": objective, "steps": list(steps)}


def good(name: str) -> dict[str, Any]:
    """A workflow without anything wrong: two steps, two samples."""
    return workflow(name, step(f"<title>{name}</title>{GOOD_PAGE}"), step(css="input"))


GOOD = [good(f"good-{number}") for number in range(3)]


def line(value: Any) -> bytes:
    """One line of JSON lines; lone surrogates stand in it escaped."""
    return json.dumps(value).encode() + b"\n"


def write(folder: Path, rows: Sequence[Any], name: str = "rows.jsonl") -> Path:
    """Rows as JSON lines; a row given as bytes is written as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(b"".join(row if isinstance(row, bytes) else line(row) for row in rows))
    return path


class Evil:
    """A pickle that runs a command when it is loaded as Python does it."""

    def __init__(self, sentinel: Path) -> None:
        self.command = f"touch {sentinel}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


def evil_pickle(sentinel: Path) -> bytes:
    """The bytes of `Evil`."""
    return pickle.dumps(Evil(sentinel))


@dataclass(frozen=True)
class Built:
    """A finished build."""

    out: Path
    manifest: dict[str, Any]

    def rows(self) -> dict[str, tuple[bytes, bytes]]:
        """Input ids and labels of every sample, as bytes, by its id."""
        found: dict[str, tuple[bytes, bytes]] = {}
        for path in sorted((self.out / "dataset" / "data").rglob("*.arrow")):
            table = open_arrow(path).read_all()
            ids, labels, lengths = (
                table.column(name).combine_chunks().flatten().to_numpy()
                for name in ("input_ids", "labels", "seq_lengths")
            )
            samples = table.column("sample_ids").combine_chunks().flatten().to_pylist()
            end = 0
            for sample, length in zip(samples, lengths.tolist(), strict=True):
                start, end = end, end + length
                assert sample not in found
                found[sample] = (ids[start:end].tobytes(), labels[start:end].tobytes())
        return found

    def files(self) -> dict[str, bytes]:
        """The data files."""
        folder = self.out / "dataset" / "data"
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*.arrow"))
        }

    def dropped(self) -> dict[tuple[str, str], tuple[str, str, str]]:
        """(unit, id) -> (stage, reason, detail) of everything dropped, that of phase 3 included."""
        drops = account.ledger(self.out).filter(pl.col("reason") != "")
        return {
            (row["unit"], row["id"]): (row["stage"], row["reason"], row["detail"])
            for row in drops.to_dicts()
        }

    def reasons(self) -> dict[tuple[str, str], str]:
        """(unit, id) -> reason of everything dropped."""
        return {key: reason for key, (_, reason, _) in self.dropped().items()}

    def quarantined(self) -> list[dict[str, Any]]:
        """What was quarantined, with its bytes."""
        return account.quarantined(self.out).to_dicts()

    def samples(self) -> dict[str, dict[str, Any]]:
        """The structured samples by their ids."""
        found: dict[str, dict[str, Any]] = {}
        for path in sorted((self.out / "work" / "samples").glob("*.arrow")):
            found |= {row["sample_id"]: row for row in open_arrow(path).read_all().to_pylist()}
        return found

    def decoded(self, sample: str) -> str:
        """The text of a sample's tokens."""
        ids = np.frombuffer(self.rows()[sample][0], np.int32)
        return load().decode(ids)


def build(out: Path, *inputs: Path, settings: Sequence[str] = ()) -> Built:
    """Build in this process, with all samples in the training split unless the settings say
    otherwise.

    Checks what holds for every build: the accounts add up, and so does every stored file.
    """
    chosen = recipe.load("scribeagent-32k", ("split.test=0", *settings))
    manifest = run(Build(chosen, tuple(map(str, inputs)), out))
    assert not [of.errors for of in account.account(out).values() if of.errors]
    return Built(out, manifest.as_json())
