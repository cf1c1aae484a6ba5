"""Reports: what phases 1 and 3 write about a shard they have made.

A report is written last; a shard's files count only if it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.ledger import Oddity


@dataclass(frozen=True)
class BundleReport:
    """What phase 1 wrote of a bundle: a pure function of bundle, plan and takedown list."""

    # of the bundle: a hash of names and contents
    key: str
    # hash of the plan's settings for the formats in it
    settings: str
    # hash of the takedown list's state
    takedown: str
    # the number of samples by name of the input
    rows: dict[str, int]
    # content hashes of the workflows that were read, without those taken down
    contents: tuple[str, ...]
    # domains of the same
    domains: tuple[str, ...]
    # content hashes of the workflows that the takedown list names
    removed: tuple[str, ...]
    # hashes of the takedown list's entries that took effect
    by: tuple[str, ...]
    # entries of the recipe's lists that match something (`etl.stages.select`)
    matched: tuple[str, ...]
    # these three count what was taken down: see `etl.build.admit.Met`
    taken_workflows: dict[str, int]
    taken_records: dict[str, int]
    copies: int
    # (unit, stage, reason, domain, number dropped)
    drops: tuple[tuple[str, str, str, str, int], ...]
    # sha256 by path under the work folder
    files: dict[str, str]
    # (kind, where, how often) of what departs from its format (`schemas.ledger.ODDITIES`)
    odd: tuple[tuple[Oddity, str, int], ...]
    # characters of the pages of all steps that were read, without those taken down
    page_chars: int
    # (kind, domain, how often) of the private values that were replaced; no key if there are none
    replaced: tuple[tuple[str, str, int], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The content of its file."""
        return {name: value for name, value in vars(self).items() if value or name != "replaced"}


@dataclass(frozen=True)
class PackedReport:
    """What phase 3 wrote of an output shard: a pure function of its samples and the settings."""

    # of the output shard, ``g0001/train-00000-of-00012``
    name: str
    split: str
    # hash of the ids and hashes of its samples
    content: str
    # hash of the packing plan's settings
    settings: str
    # packed sequences
    rows: int
    # the number of samples in them
    samples: int
    tokens: int
    # tokens with loss
    loss_tokens: int
    # sha256 by path under the folder of the build
    files: dict[str, str]
    # size of the file of rows
    bytes: int
