"""Generations: which input entered the dataset when. A dataset is a function of its inputs, its
recipe, and this list.

A build over a folder that grew puts what is new or changed into one new generation and leaves every
other where it is; an input that is gone leaves its generation. How many output shards a generation
has is fixed when it opens, so that the rows of older generations never move. The list is kept in
the manifest and can be given back; nothing in it is taken from a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from schemas.errors import ConfigError


@dataclass(frozen=True)
class Generation:
    """number: from 1, never used again. inputs: sha256 by name. shards: output shards by split;
    empty while it is open: `etl.build.index` fixes them.
    """

    number: int
    inputs: Mapping[str, str]
    shards: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """``g0001``."""
        return f"g{self.number:04d}"


@dataclass(frozen=True)
class Generations:
    """Generations in the order in which they came. Those that no input is left of are not listed.

    last: the highest number that was ever used.
    """

    every: tuple[Generation, ...] = ()
    last: int = 0

    def advanced(self, inputs: Mapping[str, str]) -> Self:
        """The list for these inputs (sha256 by name): what is gone leaves, what is new or changed
        enters at the end.
        """
        kept: list[Generation] = []
        fresh = dict(inputs)
        for generation in self.every:
            stay = {
                name: digest
                for name, digest in generation.inputs.items()
                if fresh.get(name) == digest
            }
            for name in stay:
                del fresh[name]
            if stay:
                kept.append(replace(generation, inputs=stay))
        last = self.last
        if fresh:
            last += 1
            kept.append(Generation(last, dict(sorted(fresh.items()))))
        return type(self)(tuple(kept), last)

    def compacted(self, inputs: Mapping[str, str]) -> Self:
        """One new generation of all inputs, unless there is but one, of just these."""
        if len(self.every) == 1 and self.every[0].inputs == inputs:
            return self
        number = self.last + 1
        return type(self)((Generation(number, dict(sorted(inputs.items()))),), number)

    def closed(self, shards: Mapping[int, Mapping[str, int]]) -> Self:
        """The list with the number of output shards of each generation and split."""
        return type(self)(
            tuple(replace(g, shards=dict(shards[g.number])) for g in self.every), self.last
        )

    def of_inputs(self) -> dict[str, int]:
        """Number of the generation by name of the input."""
        return {name: generation.number for generation in self.every for name in generation.inputs}

    def as_json(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        every = [
            {"number": g.number, "shards": dict(g.shards), "inputs": dict(g.inputs)}
            for g in self.every
        ]
        return {"last": self.last, "every": every}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """What `as_json` gave. Raises `ConfigError` for anything else."""
        try:
            every = tuple(
                Generation(int(g["number"]), dict(g["inputs"]), dict(g["shards"]))
                for g in value["every"]
            )
            last = int(value["last"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"this is no list of generations as a manifest has it ({error!r})"
            ) from error
        numbers = [generation.number for generation in every]
        if numbers != sorted(set(numbers)) or (numbers and numbers[-1] > last):
            raise ConfigError(f"the generations {numbers} up to {last} are not in order")
        names = [name for generation in every for name in generation.inputs]
        if len(names) != len(set(names)):
            raise ConfigError("an input is in two generations")
        return cls(every, last)


def differing(old: Generations, new: Generations) -> dict[str, Sequence[str]]:
    """Names of inputs that are ``new``, ``changed`` and ``removed`` between two lists."""
    before = _digests(old.every)
    after = _digests(new.every)
    return {
        "new": sorted(name for name in after if name not in before),
        "changed": sorted(name for name in after if name in before and before[name] != after[name]),
        "removed": sorted(name for name in before if name not in after),
    }


def _digests(every: Iterable[Generation]) -> dict[str, str]:
    return {name: digest for generation in every for name, digest in generation.inputs.items()}
