"""The sections of a recipe that no stage, decision or card is itself: their keys and defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from etl.build.plan import PAGE_CHARS
from etl.decisions.split import HELD, Split
from etl.files.file_setting import File
from etl.files.side_files import entries, named, read_text
from etl.inputs.parts import bytes_of
from etl.pages.prune import RECORDER_MARKERS
from etl.stages.select import Names
from schemas.errors import ConfigError
from tokenization.pack import WINDOW
from tokenization.prompt import REPEATS, SYSTEM


@dataclass(frozen=True)
class VocabularySettings:
    """name: of a known vocabulary; file: a rank file or tokenizer.json of your own; engine: auto,
    tiktoken, gigatoken.

    For a rank file that no known name fits: pattern (a regular expression that cuts text into
    pretokens), special_tokens (text -> id), nfc (normalise text first).
    """

    name: str = "qwen2.5"
    file: File = ""
    engine: Literal["auto", "tiktoken", "gigatoken"] = "auto"
    pattern: str = ""
    special_tokens: dict[str, int] = field(default_factory=dict)
    nfc: bool = False

    @property
    def noted(self) -> dict[str, Any]:
        """What finds it again later, from any folder (`tokenization.vocabulary.noted`)."""
        file = str(Path(self.file).absolute()) if self.file else ""
        return {
            name: getattr(self, name) for name in ("name", "pattern", "special_tokens", "nfc")
        } | {"file": file}

    @property
    def known_as(self) -> dict[str, str]:
        """``name`` of a known vocabulary, or of its ``file``: what readers are told beside its
        hash.
        """
        return {"file": Path(self.file).name} if self.file else {"name": self.name}


@dataclass(frozen=True)
class PruneSettings:
    """`etl.pages.prune.PruneRules`; ratio_vocabulary: of the characters-per-token rule;
    keep_target: see `Prune`.
    """

    kept_tags: frozenset[str]
    dropped_with_content: frozenset[str]
    kept_attributes: frozenset[str]
    never_filtered_attributes: frozenset[str]
    kept_when_empty_tags: frozenset[str]
    kept_when_empty_attributes: frozenset[str]
    style_kept_only_as: str = ""
    min_chars_per_token: float = 2.0
    inert_content: bool = True
    pseudo_elements: bool = False
    max_data_uri: int = 0
    javascript_urls: Literal["keep", "short", "drop"] = "keep"
    ratio_vocabulary: str = "qwen2.5"
    keep_target: bool = True

    def __post_init__(self) -> None:
        marks = sorted(name for name in self.kept_attributes if RECORDER_MARKERS.search(name))
        if marks:
            raise ConfigError(
                f"prune.kept_attributes: {', '.join(marks)} would tell the target: recorders mark "
                "it so"
            )


@dataclass(frozen=True)
class InputSettings:
    """part_mb: MiB on disk; a larger file is cut into several tasks where that is possible, see
    `etl.inputs.parts`.
    """

    part_mb: float = 256.0

    def __post_init__(self) -> None:
        if not 1 <= self.part_mb * 2**20 < 2**63:
            raise ConfigError(f"inputs.part_mb {self.part_mb} is not between one byte and 2**63")

    @property
    def part_bytes(self) -> int:
        """The same in bytes."""
        return bytes_of(self.part_mb)


@dataclass(frozen=True)
class AugmentSettings:
    """objectives, descriptions: JSON files of texts by id, made by ``stepmill augment``. only_bare:
    see `Augment`.
    """

    objectives: File = ""
    descriptions: File = ""
    only_bare: bool = False


@dataclass(frozen=True)
class PromptSettings:
    """system: the chat's system message. node_repeats: of the node id in the completion. chat: the
    template.
    """

    system: str = SYSTEM
    node_repeats: int = REPEATS
    chat: str = "chatml"


@dataclass(frozen=True)
class FitSettings:
    """context: tokens of a row. train, test: what is kept of a sample that is longer (target,
    first, all, drop); test is for the validation split too. max_chunks: of a training sample; more
    drop it.
    """

    context: int = 32768
    train: Literal["target", "first", "all", "drop"] = "target"
    test: Literal["target", "first", "all", "drop"] = "first"
    max_chunks: int = 32


@dataclass(frozen=True)
class PackSettings:
    """packing: several samples a row. window: samples looked at together. shard_mb: size of an
    output file.
    """

    packing: bool = True
    window: int = WINDOW
    shard_mb: int = 256


@dataclass(frozen=True)
class SplitSettings:
    """See `etl.decisions.split.Split`. test: 0.05 unless given or held_out is; a share that is
    given must not come out empty. held_out, held_out_validation: files of what these splits hold,
    one a line.
    """

    key: Literal["workflow", "domain", "website", "objective", "template"] = "workflow"
    test: float | None = None
    validation: float = 0.0
    held_out: File = ""
    held_out_validation: File = ""
    seed: int = 0

    @property
    def asked(self) -> dict[str, str]:
        """The splits that must not come out empty, each with the setting that asks for it."""
        found = {}
        for split, setting in HELD.items():
            share = getattr(self, split)
            if file := getattr(self, setting.partition(".")[2]):
                found[split] = f"{setting} = {file}"
            elif share:
                found[split] = f"split.{split} = {share}"
        return found

    def made(self) -> Split:
        """With its lists. Raises `ConfigError` for one that cannot be read, or has no entries."""
        held_out = _list(self.held_out, HELD["test"])
        held_out_validation = _list(self.held_out_validation, HELD["validation"])
        test = Split.test if self.test is None else self.test
        return Split(self.key, test, self.validation, held_out, held_out_validation, self.seed)


def _list(path: str, setting: str) -> frozenset[str]:
    found = (
        frozenset(name for _, name in entries(read_text(Path(path), setting)))
        if path
        else frozenset()
    )
    if path and not found:
        raise ConfigError(
            f"{setting}: {path} has no entries; list ids of workflows or domains, one a line"
        )
    return found


@dataclass(frozen=True)
class NameSettings:
    """See `etl.stages.select.Names`. file: more of them, lines as ``domain NAME``; source,
    workflow, kind likewise.
    """

    domains: frozenset[str] = field(default_factory=frozenset)
    sources: frozenset[str] = field(default_factory=frozenset)
    workflows: frozenset[str] = field(default_factory=frozenset)
    kinds: frozenset[str] = field(default_factory=frozenset)
    file: File = ""

    def made(self, section: str) -> Names:
        """With what is in the file. Raises `ConfigError` for a file or an entry that cannot be
        used.
        """
        kinds = ("domain", "source", "workflow", "kind")
        more = (
            named(self.file, f"{section}.file", dict.fromkeys(kinds, "NAME")) if self.file else {}
        )
        try:
            return Names(
                *(getattr(self, f"{kind}s") | more.get(kind, frozenset()) for kind in kinds)
            )
        except ConfigError as error:
            raise ConfigError(f"{section}.{error}") from error


@dataclass(frozen=True)
class LimitSettings:
    """What a page may cost before its workflow is quarantined. page_mb: characters, in 2**20.
    page_seconds: of one workflow in the first phase or one sample in the third; only where a
    process of its own does it.
    """

    page_mb: int = PAGE_CHARS // 2**20
    page_seconds: float = 600.0


@dataclass(frozen=True)
class TakedownSettings:
    """See `etl.decisions.takedown`. workflows, domains: what is taken down; file: more of it."""

    workflows: frozenset[str] = field(default_factory=frozenset)
    domains: frozenset[str] = field(default_factory=frozenset)
    file: File = ""
