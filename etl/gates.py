"""Gates: limits that a build sets itself. One that fails leaves the dataset without a manifest, so that nobody takes it
for complete; the message gives figure and limit, and the same command with other limits completes it.

Drift is measured against the last complete build of the same folder (`etl.figures` says how).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from etl.figures import distances
from schemas.errors import ConfigError


@dataclass(frozen=True)
class Gates:
    """All are off unless given.

    max_drop_rate: dropped steps over steps read; max_drop_rates: the same by reason. min_samples, min_domains: in the
    dataset. max_domain_drift: of one domain's share of the samples; max_tokens_drift: of tokens a sample, relative;
    max_action_drift: of the mix of actions, 0 to 1; max_survival_drift: of the share of targets that survive.
    """

    max_drop_rate: float | None = None
    max_drop_rates: dict[str, float] = field(default_factory=dict)
    min_samples: int | None = None
    min_domains: int | None = None
    max_domain_drift: float | None = None
    max_tokens_drift: float | None = None
    max_action_drift: float | None = None
    max_survival_drift: float | None = None

    def __post_init__(self) -> None:
        rates: dict[str, float | None] = {f"max_drop_rates.{key}": rate for key, rate in self.max_drop_rates.items()}
        rates |= {"max_drop_rate": self.max_drop_rate, "max_action_drift": self.max_action_drift}
        for name, rate in rates.items():
            if rate is not None and not 0 <= rate <= 1:
                raise ConfigError(f"gates.{name} = {rate}: a share is between 0 and 1")

    def failures(self, new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[str]:
        """What fails, one line each. new, old: figures of this build and of the one before, if there was one."""
        return [*self._of_itself(new), *(self._of_drift(new, old) if old is not None else ())]

    def _of_itself(self, new: Mapping[str, Any]) -> Iterator[str]:
        yield from _above("max_drop_rate", "of all steps are dropped", new["drop_rate"], self.max_drop_rate)
        for reason, limit in sorted(self.max_drop_rates.items()):
            rate = new["drop_rates"].get(reason, 0.0)
            yield from _above(f"max_drop_rates.{reason}", f"are dropped as {reason}", rate, limit)
        for name, what in (("min_samples", "samples"), ("min_domains", "domains")):
            limit = getattr(self, name)
            if limit is not None and new[what] < limit:
                yield f"{new[what]:,} {what} are in the dataset; gates.{name} is {limit:,}"

    def _of_drift(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[str]:
        far = distances(old, new)
        share = f"is the change of the share of {far['domain']}"
        yield from _above("max_domain_drift", share, far["domain_shares"], self.max_domain_drift)
        tokens = f"is the change of tokens a sample, {old['tokens_per_sample']:,.1f} to {new['tokens_per_sample']:,.1f}"
        yield from _above("max_tokens_drift", tokens, far["tokens_per_sample"], self.max_tokens_drift)
        yield from _above(
            "max_action_drift", "is the change of the mix of actions", far["action_mix"], self.max_action_drift
        )
        survival = f"is the change of target survival, {old['survival']:.2%} to {new['survival']:.2%}"
        yield from _above("max_survival_drift", survival, far["survival"], self.max_survival_drift)


def _above(name: str, what: str, figure: float, limit: float | None) -> Iterator[str]:
    if limit is not None and figure > limit:
        yield f"{figure:.2%} {what}; gates.{name} is {limit:.2%}"
