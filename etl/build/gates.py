"""Gates: limits that a dataset must keep.

A dataset that breaks one is rejected: the last complete dataset stays as it is, and the new one
lies beside it (`etl.dataset.candidate`). The message gives figure and limit; the same command with
other limits accepts the dataset.

Drift and removal are measured against the last complete build of the same folder
(`etl.dataset.drift`, `etl.build.removal`). If there was none, or it had no samples, these gates
pass. What a later takedown list names is left out of its figures first. Once a dataset is accepted,
the next one is compared with it, so an accepted change fails no gate again.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

from etl.build.removal import Removal
from etl.card.reasons import meanings
from etl.dataset.drift import distances
from etl.dataset.manifest import Figures
from schemas.errors import ConfigError
from schemas.reasons import OwnReason

_SLACK: Final = 1e-9
"""By how much a figure may exceed its limit, so that rounding in a division breaks no gate."""
_SHARES: Final = (
    "max_drop_rate",
    "max_removal",
    "max_domain_drift",
    "max_action_drift",
    "max_survival_drift",
)
_NAMED: Final = 3
"""The most inputs that are named as gone."""


@dataclass(frozen=True)
class Gates:
    """The limits of a dataset.

    Two are on by default: the dataset may not be empty, and may not lose too much of the last one.

    Raises:
        ConfigError: no figure can have such a limit.
    """

    about: ClassVar[str] = "when a build fails itself"

    # 0 to 1; a record that could not be read counts as one dropped step
    max_drop_rate: Annotated[float | None, "dropped steps over steps read"] = None
    # 0 to 1, by reason: of steps or of records, whichever is higher
    max_drop_rates: Annotated[dict[str, float], "the same by reason"] = field(default_factory=dict)
    # samples
    min_samples: Annotated[int, "least number of samples in the dataset"] = 1
    # domains
    min_domains: Annotated[int | None, "least number of domains in the dataset"] = None
    # 0 to 1; counts samples whose inputs are gone, and those that the same inputs no longer give
    max_removal: Annotated[
        float | None, "share of the last complete build's samples that may go; 1 turns the gate off"
    ] = 0.2
    # 0 to 1: the largest change of any domain's share
    max_domain_drift: Annotated[float | None, "change of one domain's share of the samples"] = None
    # relative to the last complete build: 0.1 is a tenth more or less
    max_tokens_drift: Annotated[float | None, "change of tokens a sample, relative"] = None
    # total variation distance of the two mixes
    max_action_drift: Annotated[float | None, "change of the mix of actions, 0 to 1"] = None
    # 0 to 1: a difference of two shares
    max_survival_drift: Annotated[float | None, "change of the share of targets that survive"] = (
        None
    )

    def __post_init__(self) -> None:
        shares: dict[str, float | None] = {
            f"max_drop_rates.{key}": rate for key, rate in self.max_drop_rates.items()
        }
        shares |= {name: getattr(self, name) for name in _SHARES}
        for name, share in shares.items():
            if share is not None and not 0 <= share <= 1:
                raise ConfigError(f"gates.{name} = {share}: a share is between 0 and 1")
        for name in ("min_samples", "min_domains", "max_tokens_drift"):
            limit = getattr(self, name)
            if limit is not None and not limit >= 0:
                raise ConfigError(f"gates.{name} = {limit}: it is 0 or more")

    def check_reasons(self, own: Iterable[OwnReason] = ()) -> None:
        """Check the reasons that have limits. own: those that the rules of the recipe give.

        Raises:
            ConfigError: nothing is dropped for such a reason.
        """
        possible = sorted(meanings(own)) if self.max_drop_rates else []
        for reason in self.max_drop_rates:
            if reason not in possible:
                close = difflib.get_close_matches(reason, possible, 1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(possible)}"
                raise ConfigError(
                    f"gates.max_drop_rates.{reason}: nothing is dropped for such a reason; {hint}"
                )

    def failures(self, new: Figures, old: Figures | None) -> list[str]:
        """A line for each gate that fails.

        new: figures of this build. old: figures of the last complete one; None if there was none.
        """
        lines = [*self.of_itself(new)]
        if old is not None and old.samples:
            lines += self._of_drift(new, old)
        return lines

    def of_removal(self, removal: Removal) -> list[str]:
        """A line if too many samples of the last complete dataset would go; else no line."""
        named = ", ".join(removal.gone[:_NAMED]) + (", ..." if len(removal.gone) > _NAMED else "")
        gone = f"; inputs that are gone: {len(removal.gone):,} ({named})" if removal.gone else ""
        what = (
            f"of the last complete dataset, {removal.lost:,} of {removal.of:,} samples, would "
            f"leave it{gone}"
        )
        return [*_above("max_removal", what, removal.share, self.max_removal)]

    def of_itself(self, new: Figures) -> Iterator[str]:
        """A line for each gate that fails, of those that need no earlier build."""
        yield from _above(
            "max_drop_rate", "of all steps are dropped", new.drop_rate, self.max_drop_rate
        )
        for reason, limit in sorted(self.max_drop_rates.items()):
            rate = new.drop_rates.get(reason, 0.0)
            yield from _above(f"max_drop_rates.{reason}", f"are dropped as {reason}", rate, limit)
        least = (
            ("samples", new.samples, self.min_samples),
            ("domains", new.domains, self.min_domains),
        )
        for what, count, needed in least:
            if needed is not None and count < needed:
                yield f"{count:,} {what} are in the dataset; gates.min_{what} is {needed:,}"

    def _of_drift(self, new: Figures, old: Figures) -> Iterator[str]:
        """A line for each gate of drift that fails."""
        far = distances(old, new)
        share = f"is the change of the share of {far['domain']}"
        yield from _above("max_domain_drift", share, far["domain_shares"], self.max_domain_drift)
        tokens = (
            f"is the change of tokens a sample, {old.tokens_per_sample:,.1f} to "
            f"{new.tokens_per_sample:,.1f}"
        )
        yield from _above(
            "max_tokens_drift", tokens, far["tokens_per_sample"], self.max_tokens_drift
        )
        yield from _above(
            "max_action_drift",
            "is the change of the mix of actions",
            far["action_mix"],
            self.max_action_drift,
        )
        survival = f"is the change of target survival, {old.survival:.2%} to {new.survival:.2%}"
        yield from _above("max_survival_drift", survival, far["survival"], self.max_survival_drift)


def _above(name: str, what: str, figure: float, limit: float | None) -> Iterator[str]:
    """A line if a figure is over its limit, with the digits by which the two differ."""
    if limit is not None and figure > limit + _SLACK:
        digits = next((n for n in range(2, 8) if f"{figure:.{n}%}" != f"{limit:.{n}%}"), 8)
        yield f"{figure:.{digits}%} {what}; gates.{name} is {limit:.{digits}%}"
