"""What phases 1 and 3 say of one shard that they have made: its report, written last, by which its
files count.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.ledger import Oddity


@dataclass(frozen=True)
class ShardReport:
    """What was written for one shard; a pure function of the shard, the plan and the takedown list.

    settings, takedown: hashes of what it was made with. contents, domains: of the workflows that
    were read, less those taken down. removed: contents of what the takedown list took down; by:
    hashes of its entries that took effect; taken_workflows, taken_records, copies: how often, see
    `etl.build.admit.Met`. matched: entries of the recipe's lists that named something
    (`etl.stages.select`). odd: what was read although it was not as its format has it
    (`schemas.ledger.ODDITIES`).
    """

    key: str
    name: str
    format: str
    settings: str
    takedown: str
    rows: int
    contents: tuple[str, ...]
    domains: tuple[str, ...]
    removed: tuple[str, ...]
    by: tuple[str, ...]
    matched: tuple[str, ...]
    taken_workflows: dict[str, int]
    taken_records: dict[str, int]
    copies: int
    drops: tuple[tuple[str, str, str, str, int], ...]  # unit, stage, reason, domain, how many
    files: dict[str, str]  # path under the work folder -> sha256
    odd: tuple[tuple[Oddity, str, int], ...]  # kind, where, how often


@dataclass(frozen=True)
class PackedReport:
    """What was written for one output shard; a pure function of its samples and the settings."""

    name: str
    split: str
    content: str  # hash of the samples it is made of
    settings: str  # hash of what it was made with
    rows: int
    samples: int
    tokens: int
    loss_tokens: int
    files: dict[str, str]  # path under the output folder -> sha256
    bytes: int
