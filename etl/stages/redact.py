"""Redact: private values become pseudonyms of the same shape, everywhere in a workflow.

A value is private by the field that it was typed into or that holds it (`fields`), or by its
pattern and checksum (`patterns`, `numbers`, `keys`), or because a model of the user's own calls it
a name. Then it is replaced in all texts of its workflow: objective, addresses, descriptions, what
was typed, observations, start tags, and what else was recorded. The same value has the same
pseudonym in the whole build, whichever way it is written (`pseudonyms`), so what was typed and the
page that shows it later still agree. Node ids and tags stay as they are. Ids of workflows and steps
and names of inputs stay too: they are how people find things again.

It runs behind `prune`, on what a model would see, and looks at the recorded pages only for what
their fields say. What other stages note of a workflow, such as the evidence of `lint`, is redacted
by the same values, also where the workflow came to nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, cast

from etl.files.file_setting import File
from etl.stages.imported import found, source_hash
from etl.stages.private.numbers import library
from etl.stages.private.pseudonyms import KINDS, Kind
from etl.stages.private.tools import Finder, Stays, Tools
from etl.stages.private.workflow import forget_notes, redact, redact_notes
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import ConfigError
from schemas.reasons import OwnReason

_LIBRARIES: Final = ("phonenumbers", "python-stdnum")


@dataclass(frozen=True)
class Redact:
    """Replaces private values by pseudonyms."""

    name: ClassVar[str] = "redact"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "what is replaced by pseudonyms"
    reasons: ClassVar[tuple[OwnReason, ...]] = ()

    kinds: Annotated[tuple[str, ...], f"what is replaced, of: {', '.join(KINDS)}"] = KINDS
    salt: Annotated[
        str, "decides the pseudonyms; whoever knows it can check a guess, so keep it secret"
    ] = ""
    salt_file: Annotated[File, "a file with the salt, in place of the setting"] = ""
    regions: Annotated[
        tuple[str, ...], "countries whose phone numbers are read without their country code"
    ] = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "AU", "BR")
    allow: Annotated[tuple[str, ...], "values that stay, such as a public address"] = ()
    allow_domains: Annotated[tuple[str, ...], "mail at these domains and below them stays"] = ()
    allow_patterns: Annotated[
        tuple[str, ...], "regular expressions; a value that is all of one stays"
    ] = ()
    names: Annotated[
        str, "package.module:function, which gives (start, end) of each name in a text"
    ] = ""
    quarantine_bytes: Annotated[
        bool, "keep the bytes of what could not be read, as they are, in the work folder"
    ] = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise ConfigError(f"redact.kinds: {unknown[0]!r} is none of {', '.join(KINDS)}")
        if self.salt and self.salt_file:
            raise ConfigError("redact: give salt or salt_file, not both")
        for pattern in self.allow_patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ConfigError(f"redact.allow_patterns: {pattern!r}: {error}") from error

    @property
    def secret(self) -> bytes:
        """The salt.

        Raises:
            ConfigError: its file cannot be read, or is empty.
        """
        if not self.salt_file:
            return self.salt.encode()
        try:
            secret = Path(self.salt_file).read_bytes().strip()
        except OSError as error:
            raise ConfigError(
                f"redact.salt_file: cannot read {self.salt_file}: {error.strerror}"
            ) from error
        if not secret:
            raise ConfigError(f"redact.salt_file: {self.salt_file} is empty")
        return secret

    def settings(self) -> dict[str, Any]:
        """Its fields, with hashes for the salt and for the program that finds names.

        Values that stay are hashed too: a manifest is published.

        Raises:
            ConfigError: the salt's file or the program cannot be used.
            MissingExtra: a library is not installed.
        """
        for module in ("phonenumbers", "stdnum"):
            library(module)
        secret = self.secret
        return {
            "kinds": sorted(self.kinds),
            "salted": bool(secret),
            "salt": _hash(secret),
            "regions": list(self.regions),
            "allow": sorted(_hash(value.encode()) for value in self.allow),
            "allow_domains": sorted(self.allow_domains),
            "allow_patterns": sorted(_hash(value.encode()) for value in self.allow_patterns),
            "names": _program(self.names) if self.names else "",
            "quarantine_bytes": self.quarantine_bytes,
            "libraries": {name: metadata.version(name) for name in _LIBRARIES},
        }

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says what is replaced, for the data card."""
        kinds = ", ".join(kind.replace("_", " ") for kind in settings["kinds"])
        how = "under a secret salt"
        if not settings["salted"]:
            how = "without a salt, so that a guess at a value can be checked"
        names = " and names that a model finds" if settings["names"] else ""
        return (
            f"replaces private values ({kinds}), by form fields, patterns and checksums{names}, "
            f"by pseudonyms of the same shape, {how}"
        )

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Changes texts of workflows and steps; counts in ``tally.replaced``."""
        tools = _tools(self, self.secret)
        for draft in rows:
            redact(draft, tools, tally)
            tally.settled.add(draft.uid)
            yield draft

    def left(self, draft: Draft, tally: Tally) -> None:
        """Redact what was noted of a workflow that other stages dropped, or that broke one."""
        if draft.uid in tally.settled:
            return
        try:
            redact_notes(draft, _tools(self, self.secret), tally)
        except Exception as error:  # what broke a stage may break this too
            if isinstance(error, MemoryError | OSError):
                raise
            forget_notes(draft, tally)
        tally.settled.add(draft.uid)

    def close(self, tally: Tally, domains: set[str]) -> None:
        """Redact what a shard leaves beside its samples: details, domains, quarantined bytes.

        domains: those that were met.
        """
        tools = _tools(self, self.secret)
        for position, entry in enumerate(tally.entries):
            tally.entries[position] = tools.entry(entry, tally.settled)
        for position, record in enumerate(tally.quarantined):
            detail = tools.text(record.detail)
            raw = record.raw if self.quarantine_bytes else b""
            tally.quarantined[position] = replace(record, detail=detail, raw=raw)
        odd = tally.odd.copy()
        tally.odd.clear()
        for (kind, place), count in odd.items():
            tally.odd[kind, tools.text(place)] += count
        shown = {tools.domain(domain) for domain in domains}
        domains.clear()
        domains |= shown


@lru_cache(maxsize=4)
def _tools(stage: Redact, secret: bytes) -> Tools:
    """The tools of a stage under a salt."""
    kinds = frozenset(cast("tuple[Kind, ...]", stage.kinds))
    finder = _function(stage.names) if stage.names else None
    stays = Stays(stage.allow, stage.allow_domains, stage.allow_patterns)
    return Tools(kinds, stage.regions, secret, stays, finder)


def _hash(value: bytes) -> str:
    """A hash that does not tell its value unless that can be guessed."""
    return hashlib.blake2b(value, digest_size=16, person=b"stepmill redact").hexdigest()


def _function(path: str) -> Finder:
    """The function that finds names.

    Raises:
        ConfigError: there is none.
    """
    try:
        return found(path)
    except ConfigError as error:
        raise ConfigError(f"redact.names: {error}") from error


def _program(path: str) -> dict[str, str]:
    """The path of a function, and the hash of the file that defines it."""
    _function(path)  # an error names the setting
    return {"path": path, "source": source_hash(path)}
