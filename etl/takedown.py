"""Takedown: workflows and domains that must not be in anything a build keeps.

A workflow is taken down by its id (``source:id`` or the recording's own) or by its domain: one step on that domain is
enough, because its pages stand in the same recording. Nothing of it is kept but its id in the ledger, dropped as
``taken_down``. Of what could not be read only the bytes are known: a quarantined record whose bytes name an id or a
domain of the list keeps its line and loses its bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import polars as pl

from etl.domains import domain_of
from schemas.errors import ConfigError
from schemas.trail import Trail

REASON: Final = "taken_down"


@dataclass(frozen=True)
class Takedown:
    """workflows: ids. domains: registrable domains. Errors: ConfigError for a domain that is not registrable."""

    workflows: frozenset[str] = field(default_factory=frozenset)
    domains: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for domain in sorted(self.domains):
            registrable = domain_of(f"https://{domain}/", "").domain
            if registrable != domain:
                raise ConfigError(f"takedown: {domain} is no registrable domain; did you mean {registrable}?")

    def __bool__(self) -> bool:
        return bool(self.workflows or self.domains)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the list; empty for an empty one. It tells no name."""
        if not self:
            return ""
        lines = [*(f"workflow {name}" for name in self.workflows), *(f"domain {name}" for name in self.domains)]
        return hashlib.blake2b("\n".join(sorted(lines)).encode(), digest_size=20).hexdigest()

    def names(self, uid: str) -> bool:
        """Whether a workflow is listed by its id."""
        uid = uid.partition("~")[0]
        return uid in self.workflows or uid.partition(":")[2] in self.workflows

    def covers(self, trail: Trail) -> bool:
        """Whether a workflow is taken down."""
        return self.names(trail.workflow.uid) or any(domain[0] in self.domains for domain in trail.domains)

    def in_record(self, id: str, raw: bytes) -> bool:
        """Whether a record that could not be read is of something on the list: by its id or in its bytes."""
        return self.names(id) or any(name.encode() in raw for name in (*self.workflows, *self.domains))

    def differs(self, ledger: pl.DataFrame, raws: Iterable[tuple[str, str, bytes]]) -> bool:
        """Whether an input shard that was built under another list would come out otherwise under this one.

        ledger: its rows. raws: id, reason and bytes of its quarantined records.
        """
        workflows = ledger.filter(pl.col("unit") == "workflow")
        marked = set(workflows.filter(pl.col("reason") == REASON)["id"])
        on_domain = ledger.filter(pl.col("domain").is_in(list(self.domains)))
        listed = {uid for uid in workflows["id"] if self.names(uid)}
        listed |= set(on_domain.filter(pl.col("unit") == "workflow")["id"])
        listed |= set(on_domain.filter(pl.col("unit") == "step")["parent"])
        return listed != marked or any(reason == REASON or self.in_record(id, raw) for id, reason, raw in raws)


def parse(path: str) -> Takedown:
    """A list from a file: lines ``workflow ID`` or ``domain NAME``; what follows ``#`` is a remark.

    Raises `ConfigError` with the line that it does not understand.
    """
    found: dict[str, set[str]] = {"workflow": set(), "domain": set()}
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"takedown.file: cannot read {path}: {error}") from error
    for number, line in enumerate(lines, 1):
        said = line.partition("#")[0].split(maxsplit=1)
        if not said:
            continue
        if len(said) != 2 or said[0] not in found:
            raise ConfigError(f"{path}, line {number}: {line!r} is neither 'workflow ID' nor 'domain NAME'")
        found[said[0]].add(said[1].strip())
    return Takedown(frozenset(found["workflow"]), frozenset(found["domain"]))
