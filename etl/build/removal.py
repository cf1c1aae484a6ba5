"""How much of the last complete dataset a build removes: the figure of the gate ``max_removal``.

Only the inputs' names, hashes and numbers of samples are compared, so the figure is cheap and known
before anything is read. An input is gone if neither its name nor its content is among the inputs.
What the takedown list removes does not count: it is meant to go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from etl.dataset.manifest import Input, Manifest, UnitCounts
from etl.dataset.state import Before
from schemas.reasons import TAKEN_DOWN


@dataclass(frozen=True)
class Removal:
    """The samples that leave the dataset."""

    # the number of samples that leave
    lost: int
    # the number of samples before
    of: int
    # names of the inputs that are gone
    gone: Sequence[str]

    @property
    def share(self) -> float:
        """The share of the samples that leave, 0 to 1."""
        return self.lost / self.of if self.of else 0.0


def foreseen(old: Before, inputs: Mapping[str, str]) -> Removal:
    """The samples that leave because their inputs are gone.

    old: from `etl.dataset.state.previous`. inputs: sha256 by name.
    """
    contents = set(inputs.values())
    most = _most(old.inputs)
    gone = [each for each in old.inputs if each.name not in inputs and each.sha256 not in contents]
    lost = {each.sha256: most[each.sha256] for each in gone}
    return Removal(sum(lost.values()), sum(most.values()), sorted(each.name for each in gone))


def found(old: Before, manifest: Manifest) -> Removal:
    """The samples that a finished build removes.

    Counted by input (those that are gone or give fewer samples) and over the whole dataset; the
    larger share is returned.
    """
    gone = foreseen(old, {each.name: each.sha256 for each in manifest.inputs}).gone
    before, after = _most(old.inputs), _most(manifest.inputs)
    of_name = {each.name: each.samples for each in manifest.inputs}
    lost = 0
    for content, name in {each.sha256: each.name for each in old.inputs}.items():
        lost += max(0, before[content] - after.get(content, of_name.get(name, 0)))
    taken = 0
    if manifest.takedown != old.takedown:
        taken = _taken_down(manifest.accounting) - _taken_down(old.accounting)
    whole = old.totals.samples
    by_input = Removal(max(0, lost - max(0, taken)), sum(before.values()), gone)
    in_all = Removal(max(0, whole - manifest.totals.samples - max(0, taken)), whole, gone)
    return max(by_input, in_all, key=lambda each: each.share)


def _most(inputs: Sequence[Input]) -> dict[str, int]:
    """The number of samples by content; the same content under two names counts once."""
    samples: dict[str, int] = {}
    for each in inputs:
        samples[each.sha256] = max(each.samples, samples.get(each.sha256, 0))
    return samples


def _taken_down(accounting: Mapping[str, UnitCounts]) -> int:
    """The number of steps that the takedown list removed."""
    if "step" not in accounting:
        return 0
    reasons = accounting["step"].reasons
    return sum(drop.count for drop in reasons if drop.reason == TAKEN_DOWN)
