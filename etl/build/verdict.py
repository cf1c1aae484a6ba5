"""The verdict on a finished build: its gates accept or reject it.

An accepted dataset replaces the last complete one. A rejected dataset lies beside it
(`etl.dataset.candidate`). ``work/forgiven.json`` lists the gates that rejected a dataset before
other limits accepted it, so that the next run without changes does not fail for them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from etl.build import removal
from etl.build.gates import Gates
from etl.dataset import candidate, state
from etl.dataset.layout import LEDGER, SAMPLES, Layout, shelf
from etl.dataset.manifest import Manifest, write
from etl.decisions.takedown import Takedown
from etl.files import storage
from etl.files.arrow import open_arrow, read_json, read_parquet, write_json
from etl.files.storage import AnyPath
from schemas.errors import GateError
from schemas.reasons import TAKEN_DOWN

_REMOVAL: Final = (
    "If that is meant, run the same command with --allow-removal, or set gates.max_removal. If "
    "these are other recordings, build them into a folder of their own: --out DIR"
)


@dataclass(frozen=True)
class Verdict:
    """Judges a build by its gates."""

    # the folder of the build
    out: AnyPath
    # where it was made: the folder itself, or its candidate's
    place: AnyPath
    gates: Gates
    # the list that it was made under
    takedown: Takedown

    def before(self, inputs: Mapping[str, str]) -> None:
        """Stop a build whose inputs lack too much of what the last complete dataset is made of.

        inputs: sha256 by name.

        Raises:
            GateError: more than ``gates.max_removal`` would leave the dataset.
        """
        if failures := self.foreseen(inputs):
            raise GateError(self.out, "nothing was built", failures, [_REMOVAL])

    def foreseen(self, inputs: Mapping[str, str]) -> list[str]:
        """A line for each gate that fails before anything is read.

        inputs: sha256 by name.
        """
        old = state.previous(self.out)
        return self.gates.of_removal(removal.foreseen(old, inputs)) if old else []

    def again(self, manifest: Manifest) -> None:
        """Hold a complete build, which is requested again, to the gates of the new request.

        Raises:
            GateError: it fails a gate, and was not accepted in spite of that failure before.
        """
        path = Layout(self.out).work.forgiven
        noted = read_json(path) if storage.exists(path) else {"fingerprint": "", "failures": []}
        forgiven = noted["failures"] if noted["fingerprint"] == manifest.fingerprint else []
        failures = [line for line in self.gates.of_itself(manifest.figures) if line not in forgiven]
        if failures:
            what = (
                "nothing has changed; the complete dataset is left as it is, but it is not accepted"
            )
            raise GateError(self.out, what, failures, [])

    def give(self, manifest: Manifest, removed: frozenset[str], dropped: Sequence[str]) -> None:
        """Accept or reject the dataset.

        removed: content hashes of what was taken down. dropped: lines about what was dropped and
        why, for a dataset without samples.

        Raises:
            GateError: it is rejected.
        """
        old = state.previous(self.out, self.takedown.domains)
        failures = self.gates.failures(manifest.figures, old.figures if old else None)
        taken = self.gates.of_removal(removal.found(old, manifest)) if old else []
        if failures or taken:
            candidate.reject(self.out, self.place, manifest, [*failures, *taken])
            advice: list[str] = []
            if not manifest.totals.samples:
                advice = ["What was dropped, and what decides it:", *dropped]
            raise self._rejected([*failures, *taken], removed, advice)
        forgiven = candidate.seen(self.out, manifest.fingerprint)
        write_json(Layout(self.place).work.generations, manifest.generations.as_json())
        if self.place == self.out:
            write(Layout(self.out).dataset.manifest, manifest)
        else:
            candidate.accept(self.out, manifest)
        path = Layout(self.out).work.forgiven
        if forgiven:
            write_json(path, {"fingerprint": manifest.fingerprint, "failures": forgiven})
        else:
            storage.remove(path)

    def _rejected(
        self, failures: list[str], removed: frozenset[str], advice: Sequence[str]
    ) -> GateError:
        """The error of a rejected dataset: where it lies, and how to accept it."""
        where = (
            f"It lies in {Layout(self.out).candidate.root}; look at it with: stepmill inspect "
            f"{self.out} --candidate"
        )
        do = [*advice, where]
        if storage.exists(Layout(self.out).dataset.manifest):
            if self.takedown and _holds_taken_down(self.out, self.place, self.takedown, removed):
                candidate.withdraw(self.out, self.takedown.domains)
                do.append(
                    "The last complete dataset held what is on the takedown list, and is gone"
                )
            else:
                do.append("The last complete dataset is as it was")
        do.append(
            "To accept it, run the same command with other limits, for example --set "
            "gates.NAME=LIMIT"
        )
        if any("gates.max_removal" in line for line in failures):
            do.append(_REMOVAL)
        return GateError(self.out, "the new dataset is rejected", failures, do)


def _holds_taken_down(
    out: AnyPath, place: AnyPath, takedown: Takedown, removed: frozenset[str]
) -> bool:
    """Whether the last complete dataset has rows of what a list takes down.

    place: of a build under that list. removed: content hashes of what it took down.
    """
    before, here = Layout(out), Layout(place).work
    if takedown.fingerprint == read_json(before.dataset.manifest).get("takedown", ""):
        return False
    taken: set[str] = set()
    for path in shelf(here).existing(LEDGER, state.keys(here)):
        rows = pl.from_arrow(open_arrow(path).read_all().select(["unit", "id", "reason"]))
        assert isinstance(rows, pl.DataFrame)
        taken |= set(
            rows.filter((pl.col("unit") == "workflow") & (pl.col("reason") == TAKEN_DOWN))["id"]
        )
    gone = set(state.keys(before.work)) - set(state.keys(here))
    for path in shelf(before.work).existing(SAMPLES, sorted(gone), ".json"):
        report = read_json(path)
        if not (
            removed.isdisjoint(report["contents"])
            and takedown.domains.isdisjoint(report["domains"])
        ):
            return True
    for path in storage.files(before.dataset.listings, ".parquet"):
        rows = read_parquet(path).select("sample_id", "domain", "subdomain")
        for sample_id, *domains in rows.iter_rows():
            flow = sample_id.rpartition("/")[0]
            if flow in taken or takedown.names(flow) or not takedown.domains.isdisjoint(domains):
                return True
    return False
