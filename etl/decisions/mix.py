"""Mix: how often a trainer draws each domain; nothing is repeated or left out.

Let a split have the share p of its tokens on a domain. A temperature T gives the domain the share
p ** (1 / T), over the sum of these for all domains: 1 leaves the shares as they are, and the higher
T is, the more alike they become (Raffel et al., "Exploring the Limits of Transfer Learning with a
Unified Text-to-Text Transformer", 2020, section 3.5.2). Weights of domains and of sources multiply
that, and the weight of a token is its share so found over its share in the split. So within a split
the mean weight of the tokens is 1, times the weight of the split.

Everything is worked out in decimals of fixed precision, in a fixed order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from decimal import Context, Decimal
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar, Final, NamedTuple

from schemas.errors import BuildError, ConfigError

_EXACT: Final = Context(prec=34)
_DIGITS: Final = 12
"""Of a weight as it is written."""


class Cell(NamedTuple):
    """What has one weight."""

    split: str
    source: str
    domain: str


class Weight(NamedTuple):
    """The weight of the tokens of a cell."""

    # of all tokens of the split, 0 to 1
    share: float
    # the share that is asked for, 0 to 1
    target: float
    # how often a token is drawn, for each time that one of weight 1 is
    weight: float


@dataclass(frozen=True)
class Mix:
    """A temperature, and weights by patterns.

    An entry is a pattern of names, in which ``*`` stands for anything. The weights of all entries
    that match are multiplied.

    Raises:
        ConfigError: the temperature is not above 0, or a weight is no number from 0.
    """

    about: ClassVar[str] = "how often a trainer draws what, by weights beside the dataset"

    temperature: Annotated[
        float, "1: in proportion to the tokens of a domain; higher: domains more alike"
    ] = 1.0
    domains: Annotated[dict[str, float], "weights of registrable domains"] = field(
        default_factory=dict
    )
    sources: Annotated[dict[str, float], "weights of formats"] = field(default_factory=dict)
    splits: Annotated[dict[str, float], "weights of splits"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise ConfigError(f"mix.temperature {self.temperature} is not above 0")
        for setting, entries in self._lists().items():
            for name, weight in entries.items():
                if not 0 <= weight < float("inf"):
                    raise ConfigError(
                        f"{setting}: the weight {weight} of {name!r} is not 0 or more"
                    )

    def __bool__(self) -> bool:
        """Whether it asks for anything."""
        return self != Mix()

    def _lists(self) -> dict[str, dict[str, float]]:
        """The entries by setting."""
        lists = (each.name for each in fields(self) if each.name != "temperature")
        return {f"mix.{name}": getattr(self, name) for name in lists}

    def unmatched(self, cells: Iterable[Cell]) -> dict[str, list[str]]:
        """The entries that match none of these, by setting."""
        every = [*cells]
        names = {
            "mix.domains": {cell.domain for cell in every},
            "mix.sources": {cell.source for cell in every},
            "mix.splits": {cell.split for cell in every},
        }
        return {
            setting: sorted(
                pattern
                for pattern in entries
                if not any(_matches(name, pattern) for name in names[setting])
            )
            for setting, entries in self._lists().items()
        }

    def weights(self, tokens: Mapping[Cell, int]) -> dict[Cell, Weight]:
        """The weight of each cell, in the order of the cells.

        tokens: of each cell.

        Raises:
            BuildError: all weights of a split whose own weight is not 0 are 0.
        """
        splits = defaultdict[str, dict[Cell, int]](dict)
        for cell in sorted(tokens):
            if tokens[cell]:
                splits[cell.split][cell] = tokens[cell]
        return {cell: weight for each in splits.values() for cell, weight in self._of_split(each)}

    def _of_split(self, tokens: Mapping[Cell, int]) -> Iterator[tuple[Cell, Weight]]:
        """The weights of the cells of one split."""
        whole = sum(tokens.values())
        of_domain = defaultdict[str, int](int)
        for cell, count in tokens.items():
            of_domain[cell.domain] += count
        power = _EXACT.divide(Decimal(1), Decimal(repr(self.temperature)))
        scales: dict[str, Decimal] = {}
        largest = max(of_domain.values())  # its power is 1, so not all of them vanish
        for domain, count in of_domain.items():
            size = _EXACT.divide(Decimal(count), Decimal(largest))
            scales[domain] = _EXACT.divide(_EXACT.power(size, power), Decimal(count))
        asked: dict[Cell, Decimal] = {}
        total = Decimal(0)
        for cell, count in tokens.items():
            factor = _EXACT.multiply(
                _product(self.domains, cell.domain), _product(self.sources, cell.source)
            )
            asked[cell] = _EXACT.multiply(
                _EXACT.multiply(scales[cell.domain], Decimal(count)), factor
            )
            total = _EXACT.add(total, asked[cell])
        (split,) = {cell.split for cell in tokens}
        of_split = _product(self.splits, split)
        if not total and of_split:
            raise BuildError(
                f"mix: all weights of the {split} split are 0, so nothing of it could be drawn; "
                f"give something in it a weight, or none to all of it: mix.splits.{split} = 0"
            )
        for cell, count in tokens.items():
            share, target = (
                _EXACT.divide(Decimal(count), Decimal(whole)),
                _EXACT.divide(asked[cell], total or Decimal(1)),
            )
            weight = _EXACT.multiply(_EXACT.divide(target, share), of_split)
            yield cell, Weight(_float(share), _float(target), _float(weight))


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name.lower(), pattern.lower())


def _product(entries: Mapping[str, float], name: str) -> Decimal:
    """The product of the weights of all entries that match a name."""
    product = Decimal(1)
    for pattern in sorted(entries):
        if _matches(name, pattern):
            product = _EXACT.multiply(product, Decimal(repr(float(entries[pattern]))))
    return product


def _float(value: Decimal) -> float:
    return float(f"{value:.{_DIGITS - 1}e}")
