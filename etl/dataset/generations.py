"""Generations: which inputs entered the dataset together.

A dataset is a function of its inputs, its recipe and its list of generations. A build over a folder
that grew puts new and changed inputs into one new generation, and leaves every other input where it
is. An input that is gone leaves its generation. The number of output shards of a generation is
fixed when it opens, so the rows of older generations never move. The list is kept in the manifest,
and a build can be given one. It holds no time of a build. A recipe that cuts recordings in time by
a share has the cut kept here (`etl.decisions.recorded`), so that later ones do not move it.

Small inputs of a generation are read together, in bundles (`etl.inputs.bundles`). These are fixed
when it opens, too: inputs that come later join none, and one that goes leaves the others together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from schemas.errors import ConfigError


@dataclass(frozen=True)
class Generation:
    """Inputs that entered the dataset together."""

    # from 1; never used again
    number: int
    # sha256 by name
    inputs: Mapping[str, str]
    # the number of output shards by split; empty until `etl.build.index` fixes it
    shards: Mapping[str, int] = field(default_factory=dict)
    # names of the inputs that are read together; all others are read alone
    bundles: tuple[tuple[str, ...], ...] = ()

    def keeping(self, inputs: Mapping[str, str]) -> Self:
        """This generation with only these of its inputs (sha256 by name)."""
        if len(inputs) == len(self.inputs):
            return self
        left = (tuple(name for name in bundle if name in inputs) for bundle in self.bundles)
        bundles = tuple(bundle for bundle in left if len(bundle) > 1)
        return replace(self, inputs=inputs, bundles=bundles)

    @property
    def name(self) -> str:
        """The name in paths: ``g0001``."""
        return f"g{self.number:04d}"


@dataclass(frozen=True)
class Generations:
    """The list of generations of a dataset."""

    # in the order in which they opened, without those that have no inputs any more
    every: tuple[Generation, ...] = ()
    # the highest number ever used
    last: int = 0
    # a share of the recordings, and the time in milliseconds since 1970 after which they began
    cut: tuple[float, int] | None = None

    def advanced(self, inputs: Mapping[str, str]) -> Self:
        """The list for these inputs (sha256 by name).

        Inputs that are gone leave; new and changed ones enter as one generation at the end.
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
                kept.append(generation.keeping(stay))
        last = self.last
        if fresh:
            last += 1
            kept.append(Generation(last, dict(sorted(fresh.items()))))
        return type(self)(tuple(kept), last, self.cut)

    def compacted(self, inputs: Mapping[str, str]) -> Self:
        """One new generation of all inputs (sha256 by name); the same list if it is one already.

        Inputs that were read together stay together, so that none is read again.
        """
        if len(self.every) == 1 and self.every[0].inputs == inputs:
            return self
        kept = self.advanced(inputs).every
        bundles = tuple(bundle for generation in kept for bundle in generation.bundles)
        number = self.last + 1
        whole = Generation(number, dict(sorted(inputs.items())), bundles=bundles)
        return type(self)((whole,), number, self.cut)

    def bundled(self, together: Callable[[Collection[str]], Sequence[tuple[str, ...]]]) -> Self:
        """The list with the bundles of a generation that opens.

        together: finds those among the names of inputs that are in no bundle yet.
        """
        every = list(self.every)
        for at, generation in enumerate(every):
            if not generation.shards:
                taken = {name for bundle in generation.bundles for name in bundle}
                free = [name for name in generation.inputs if name not in taken]
                bundles = (*generation.bundles, *together(free))
                every[at] = replace(generation, bundles=bundles)
        return type(self)(tuple(every), self.last, self.cut)

    def closed(self, shards: Mapping[int, Mapping[str, int]]) -> Self:
        """The list with the number of output shards of each generation and split."""
        return type(self)(
            tuple(replace(g, shards=dict(shards[g.number])) for g in self.every),
            self.last,
            self.cut,
        )

    def of_inputs(self) -> dict[str, int]:
        """The number of the generation of each input, by name."""
        return {name: generation.number for generation in self.every for name in generation.inputs}

    @property
    def together(self) -> list[tuple[str, ...]]:
        """The names of the inputs that are read together, by bundle."""
        return [bundle for generation in self.every for bundle in generation.bundles]

    @property
    def digests(self) -> dict[str, str]:
        """The sha256 of each input, by name."""
        return {name: digest for each in self.every for name, digest in each.inputs.items()}

    def as_json(self) -> dict[str, Any]:
        """The list as the manifest holds it."""
        every: list[dict[str, Any]] = []
        for g in self.every:
            row = {"number": g.number, "shards": dict(g.shards), "inputs": dict(g.inputs)}
            bundles = {"bundles": [list(bundle) for bundle in g.bundles]} if g.bundles else {}
            every.append(row | bundles)
        cut = {"cut": [*self.cut]} if self.cut else {}
        return {"last": self.last, "every": every, **cut}

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """The list that `as_json` wrote.

        Raises:
            ConfigError: it is anything else.
        """
        try:
            every = tuple(
                Generation(
                    int(g["number"]),
                    dict(g["inputs"]),
                    dict(g["shards"]),
                    tuple(map(tuple, g.get("bundles", ()))),
                )
                for g in value["every"]
            )
            last = int(value["last"])
            cut = (float(value["cut"][0]), int(value["cut"][1])) if "cut" in value else None
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"this is not the list of generations of a manifest ({error!r})"
            ) from error
        numbers = [generation.number for generation in every]
        if numbers != sorted(set(numbers)) or (numbers and numbers[-1] > last):
            raise ConfigError(f"the generations {numbers} up to {last} are not in order")
        names = [name for generation in every for name in generation.inputs]
        if len(names) != len(set(names)):
            raise ConfigError("an input is in two generations")
        for generation in every:
            together = [name for bundle in generation.bundles for name in bundle]
            if len(together) != len(set(together)) or not generation.inputs.keys() >= set(together):
                raise ConfigError(
                    f"the bundles of {generation.name} are not of its inputs, each once"
                )
        return cls(every, last, cut)


def differing(old: Generations, new: Generations) -> dict[str, Sequence[str]]:
    """The names of inputs that are ``new``, ``changed`` and ``removed`` in the second list."""
    before, after = old.digests, new.digests
    return {
        "new": sorted(name for name in after if name not in before),
        "changed": sorted(name for name in after if name in before and before[name] != after[name]),
        "removed": sorted(name for name in before if name not in after),
    }
