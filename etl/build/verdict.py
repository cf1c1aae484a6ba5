"""The verdict on a finished build: its gates accept or reject it.

An accepted dataset replaces the last complete one. A rejected dataset lies beside it
(`etl.dataset.candidate`). ``work/forgiven.json`` lists the gates that rejected a dataset before
other limits accepted it, so that the next run without changes does not fail for them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import polars as pl

from etl.build import removal
from etl.build.gates import Gates
from etl.dataset import candidate, state
from etl.dataset.layout import LEDGER, SAMPLES, Layout, shelf
from etl.dataset.manifest import Manifest, fingerprint, write
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

    def failures(self, manifest: Manifest) -> list[str]:
        """A line for each gate that rejects a finished dataset."""
        old = state.previous(self.out, self.takedown.domains)
        lines = self.gates.failures(manifest.figures, old.figures if old else None)
        return [*lines, *(self.gates.of_removal(removal.found(old, manifest)) if old else ())]

    def accept(self, manifest: Manifest, after: str = "") -> None:
        """Settle that the dataset is accepted; `switch` makes it the complete one.

        after: fingerprint of the dataset that must be complete before, of a further vocabulary.
        """
        here = Layout(self.place)
        if here.main == here:
            write_json(here.work.generations, manifest.generations.as_json())
        if self.place != self.out:
            candidate.accept(self.out, manifest, after)

    def switch(self, manifest: Manifest) -> None:
        """Make an accepted dataset the complete one."""
        forgiven = candidate.seen(self.out, manifest.fingerprint)
        if self.place == self.out:
            write(Layout(self.out).dataset.manifest, manifest)
        else:
            candidate.go_on(self.out)
        path = Layout(self.out).work.forgiven
        if forgiven:
            write_json(path, {"fingerprint": manifest.fingerprint, "failures": forgiven})
        else:
            storage.remove(path)

    def holds_taken_down(self, removed: frozenset[str]) -> bool:
        """Whether the last complete dataset has rows of what the list takes down.

        removed: content hashes of what it took down.
        """
        if not self.takedown or not storage.exists(Layout(self.out).dataset.manifest):
            return False
        return _holds_taken_down(self.out, self.place, self.takedown, removed)


class Case(NamedTuple):
    """A finished dataset to judge: that of one vocabulary of a build."""

    verdict: Verdict
    manifest: Manifest
    # label of the vocabulary; empty for the first one
    vocabulary: str


def give(cases: Sequence[Case], removed: frozenset[str], dropped: Sequence[str]) -> None:
    """Accept the datasets of a build, or reject them all.

    They share samples and index, so a dataset of this build beside one of the last would not fit.
    cases: the first vocabulary first, if its dataset was made. removed: content hashes of what was
    taken down. dropped: lines about what was dropped and why, for a dataset without samples.

    Raises:
        GateError: they are rejected.
    """
    failures = [
        f"vocabulary {case.vocabulary}: {line}" if case.vocabulary else line
        for case in cases
        for line in case.verdict.failures(case.manifest)
    ]
    if failures:
        for case in reversed(cases):
            own = case.verdict.failures(case.manifest)
            lines = list(dict.fromkeys([*own, *failures])) if case.vocabulary else failures
            candidate.reject(case.verdict.out, case.verdict.place, case.manifest, lines)
        empty = not all(case.manifest.totals.samples for case in cases)
        advice = ["What was dropped, and what decides it:", *dropped] if empty else []
        raise _rejected(cases, failures, removed, advice)
    first = cases[0].verdict
    after = cases[0].manifest.fingerprint
    if cases[0].vocabulary:
        after = fingerprint(Layout(first.out).main.dataset.manifest)
    for case in reversed(cases):  # from the last of these notes on, all are accepted
        case.verdict.accept(case.manifest, after if case.vocabulary else "")
    for case in cases:
        case.verdict.switch(case.manifest)


def _rejected(
    cases: Sequence[Case], failures: list[str], removed: frozenset[str], advice: Sequence[str]
) -> GateError:
    """The error of rejected datasets: where they lie, and how to accept them."""
    do = [*advice]
    do += [
        f"It lies in {Layout(out).candidate.root}; look at it with: stepmill inspect {out} "
        "--candidate"
        for out in (case.verdict.out for case in cases)
    ]
    complete = [
        case.verdict for case in cases if storage.exists(Layout(case.verdict.out).dataset.manifest)
    ]
    if any(verdict.holds_taken_down(removed) for verdict in complete):
        for verdict in reversed(complete):
            candidate.withdraw(verdict.out, verdict.takedown.domains)
        do.append("The last complete dataset held what is on the takedown list, and is gone")
    elif complete:
        do.append("The last complete dataset is as it was")
    do.append(
        "To accept it, run the same command with other limits, for example --set gates.NAME=LIMIT"
    )
    if any("gates.max_removal" in line for line in failures):
        do.append(_REMOVAL)
    return GateError(cases[0].verdict.out, "the new dataset is rejected", failures, do)


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
