"""How much of the last complete dataset a build takes away: the figure of the gate ``max_removal``.

Of inputs only names, hashes and numbers of samples are compared, so it costs nothing and can be
told before anything is read: an input is gone if neither its name nor its content is among the
inputs. What the takedown list takes is not counted, for it is meant to go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from etl.dataset.manifest import Input, Manifest, UnitCounts
from etl.dataset.state import Before
from schemas.reasons import TAKEN_DOWN


@dataclass(frozen=True)
class Removal:
    """lost: samples that leave, of so many. gone: names of inputs that are not there any more."""

    lost: int
    of: int
    gone: Sequence[str]

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.lost / self.of if self.of else 0.0


def foreseen(old: Before, inputs: Mapping[str, str]) -> Removal:
    """What goes with the inputs that are gone. old: of `etl.dataset.state.previous`. inputs: sha256
    by name.
    """
    contents = set(inputs.values())
    most = _most(old.inputs)
    gone = [each for each in old.inputs if each.name not in inputs and each.sha256 not in contents]
    lost = {each.sha256: most[each.sha256] for each in gone}
    return Removal(sum(lost.values()), sum(most.values()), sorted(each.name for each in gone))


def found(old: Before, manifest: Manifest) -> Removal:
    """What a build that is done takes away: samples of inputs that are gone or have fewer, or of
    the whole dataset, whichever is the larger share.
    """
    gone = foreseen(old, {each.name: each.sha256 for each in manifest.inputs}).gone
    before, after = _most(old.inputs), _most(manifest.inputs)
    of_name = {each.name: each.samples for each in manifest.inputs}
    lost = 0
    for content, name in {each.sha256: each.name for each in old.inputs}.items():
        lost += max(0, before[content] - after.get(content, of_name.get(name, 0)))
    taken = (
        _taken_down(manifest.accounting) - _taken_down(old.accounting)
        if manifest.takedown != old.takedown
        else 0
    )
    whole = old.totals.samples
    by_input = Removal(max(0, lost - max(0, taken)), sum(before.values()), gone)
    in_all = Removal(max(0, whole - manifest.totals.samples - max(0, taken)), whole, gone)
    return max(by_input, in_all, key=lambda each: each.share)


def _most(inputs: Sequence[Input]) -> dict[str, int]:
    """Samples by content: of what is there under two names, once."""
    found: dict[str, int] = {}
    for each in inputs:
        found[each.sha256] = max(each.samples, found.get(each.sha256, 0))
    return found


def _taken_down(accounting: Mapping[str, UnitCounts]) -> int:
    """Steps that the takedown list took."""
    if "step" not in accounting:
        return 0
    reasons = accounting["step"].reasons
    return sum(drop.count for drop in reasons if drop.reason == TAKEN_DOWN)
