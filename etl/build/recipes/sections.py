"""The sections of a recipe that no stage, decision or card is itself: their keys and defaults."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, ClassVar, Final

from etl.build.plan import PAGE_CHARS
from etl.decisions.subsets import Subsets
from etl.files.arrow import Compression
from etl.files.file_setting import File, Files
from etl.inputs.parts import bytes_of
from schemas.errors import ConfigError
from tokenization.pack import WINDOW

_AMOUNT: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMBT]?)")
_SCALES: Final = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}


@dataclass(frozen=True)
class InputSettings:
    """How recordings become tasks: `etl.inputs.parts`, `etl.inputs.bundles`."""

    about: ClassVar[str] = "how recordings become tasks"

    part_mb: Annotated[
        float, "MiB on disk; a larger file is cut into several tasks where it can be cut"
    ] = 256.0
    bundle_mb: Annotated[
        float, "MiB on disk; smaller files that come together are one task, up to this size"
    ] = 32.0
    pages: Annotated[
        Files,
        "web archives, HAR files and saved pages, from which recordings without pages get theirs",
    ] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.bundle_mb * 2**20 < 2**63:
            raise ConfigError(f"inputs.bundle_mb {self.bundle_mb} is not between 0 and 2**63 bytes")
        if not 1 <= self.part_mb * 2**20 < 2**63:
            raise ConfigError(f"inputs.part_mb {self.part_mb} is not between one byte and 2**63")

    @property
    def part_bytes(self) -> int:
        """The size of a part in bytes."""
        return bytes_of(self.part_mb)

    @property
    def bundle_bytes(self) -> int:
        """The size of a bundle in bytes; 0 if every file is a task of its own."""
        return bytes_of(self.bundle_mb)


@dataclass(frozen=True)
class PackSettings:
    """How samples get into rows, and rows into files."""

    about: ClassVar[str] = "how samples get into rows, and rows into files"

    packing: Annotated[bool, "several samples a row"] = True
    window: Annotated[int, "samples that are packed together"] = WINDOW
    shard_mb: Annotated[int, "MiB of an output file, before compression"] = 256
    compression: Annotated[
        Compression,
        "of the output files; without it a row is read where it lies, with it the files take a "
        "tenth of the room",
    ] = "none"


@dataclass(frozen=True)
class SubsetSettings:
    """The section of `etl.decisions.subsets.Subsets`: nested parts of the training split.

    Raises:
        ConfigError: an amount is no number of tokens, or is not more than the one before.
    """

    about: ClassVar[str] = "nested parts of the training split, for studies of dataset size"

    tokens: Annotated[
        tuple[str, ...], "tokens of each subset, from small to large: 500M, 1B, 3.5B"
    ] = ()
    vocabulary: Annotated[
        str, "a known vocabulary by which they are counted; that of the build unless given"
    ] = ""

    def __post_init__(self) -> None:
        before = 0
        for text in self.tokens:
            if self.amount(text) <= before:
                raise ConfigError(
                    f"subsets.tokens: {text} is not more than the one before; list them from small "
                    "to large"
                )
            before = self.amount(text)

    @staticmethod
    def amount(text: str) -> int:
        """The number of tokens that a text says.

        Raises:
            ConfigError: it says none.
        """
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise ConfigError(
                f'subsets.tokens: {text!r} is no number of tokens; write "500M", "1B" or "250000"'
            )
        return round(Decimal(match[1]) * _SCALES[match[2]])

    def made(self) -> Subsets:
        """The decision of these settings."""
        return Subsets(tuple(map(self.amount, self.tokens)))


@dataclass(frozen=True)
class LimitSettings:
    """The most that a page may cost before its workflow is quarantined.

    ``page_seconds`` is the time for one workflow in phase 1, or for one sample in phase 3.
    """

    about: ClassVar[str] = "what a page may cost before its workflow is left out"

    page_mb: Annotated[
        int, "a workflow with a page of more characters (times 2**20) is quarantined"
    ] = PAGE_CHARS // 2**20
    page_seconds: Annotated[
        float, "a workflow that takes longer is quarantined, where another process works on it"
    ] = 600.0


@dataclass(frozen=True)
class TakedownSettings:
    """The section of `etl.decisions.takedown.Takedown`: what must not be kept."""

    about: ClassVar[str] = "what must not be kept"

    workflows: Annotated[
        frozenset[str], "ids of workflows that must not be kept, nor copies of them"
    ] = frozenset()
    domains: Annotated[frozenset[str], "domains that must not be kept"] = field(
        default_factory=frozenset
    )
    file: Annotated[File, "a file with more of both"] = ""
