"""The section of a recipe that says which samples are held out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from etl.decisions.decision import Draw
from etl.decisions.recorded import Recorded
from etl.decisions.split import HELD, Split, setting_of
from etl.decisions.unseen import Unseen
from etl.files.file_setting import A_FILE, File
from etl.files.side_files import entries, read_text
from etl.inputs.archives import times
from etl.inputs.archives.capture import UNKNOWN_TIME
from schemas.errors import ConfigError

_GENERATION: Final = re.compile(r"g([0-9]{4,})")


@dataclass(frozen=True)
class SplitSettings:
    """The section of `etl.decisions.split.Split`.

    Without a share, a list or a cut in time the test split takes 0.05 of the keys. A split with a
    given share or a list must not come out empty, nor that behind a cut in time.

    Raises:
        ConfigError: ``since`` is no time and no generation, a share is none, or two settings do
            not go together.
    """

    about: ClassVar[str] = "which samples are held out"

    key: Annotated[
        Literal["workflow", "domain", "website", "objective", "template"],
        "what stays together in one split",
    ] = "workflow"
    test: Annotated[float | None, "share of the keys in the test split"] = None
    validation: Annotated[float, "share of the keys in a validation split; 0 for none"] = 0.0
    test_task: Annotated[
        float | None,
        "with one of the next two, Mind2Web's test splits instead: share of the workflows on sites "
        "that are trained on",
    ] = None
    test_website: Annotated[
        float | None, "share of the sites that are held out, of topics that are trained on"
    ] = None
    test_domain: Annotated[
        float | None,
        "share of the topics that are held out; of the registrable domains where there is no topic",
    ] = None
    since: Annotated[
        str,
        "the test split is instead what was recorded on this day or later (2026-01-31, or with a "
        "time, UTC), or came with this generation or a later one (g0002)",
    ] = ""
    last: Annotated[
        float | None,
        "the test split is instead this share of the first generation, the last by recorded time, "
        "and all that is recorded as late",
    ] = None
    held_out: Annotated[
        File,
        "a file of what the test split is instead: ids, domains, websites or "
        "objectives, one a line",
    ] = ""
    held_out_validation: Annotated[File, "the same for the validation split"] = ""
    lists: Annotated[
        dict[str, str], "the same for splits of other names, by name; topics too", A_FILE
    ] = field(default_factory=dict)
    seed: Annotated[int, "of every hash by which samples are ordered and split"] = 0

    def __post_init__(self) -> None:
        for one, other in self._exclusive():
            raise ConfigError(f"split.{one} and split.{other} cannot both be given; choose one")
        for name in self.lists:
            if name in HELD:
                raise ConfigError(
                    f"split.lists.{name}: write the list of this split as {HELD[name]}"
                )
        if any(self._three.values()) and self.key in ("domain", "website"):
            raise ConfigError(
                f'split.key = "{self.key}" splits the steps of a workflow by their pages, and '
                "Mind2Web's test splits hold whole workflows; take another key, such as "
                '"workflow"'
            )
        _ = self._draw

    def _exclusive(self) -> Iterator[tuple[str, str]]:
        """Pairs of settings that are given, of which only one can be."""
        three = [name for name, share in self._three.items() if share]
        cuts = [name for name in ("since", "last") if getattr(self, name)]
        shares = ["test"] if self.test else []
        if len(cuts) > 1:
            yield cuts[0], cuts[1]
        yield from ((one, other) for one in cuts + shares for other in three)
        yield from ((cut, share) for cut in cuts for share in shares)
        yield from ((cut, "held_out") for cut in cuts if self.held_out)
        yield from ((name, f"lists.{name}") for name in three if name in self.lists)

    @property
    def _three(self) -> dict[str, float]:
        names = ("test_task", "test_website", "test_domain")
        return {name: getattr(self, name) or 0.0 for name in names}

    @property
    def _files(self) -> dict[str, str]:
        """The files of lists, by split."""
        own = {split: getattr(self, name.partition(".")[2]) for split, name in HELD.items()}
        return {split: file for split, file in {**own, **self.lists}.items() if file}

    @property
    def _draw(self) -> Draw | None:
        if any(self._three.values()):
            return Unseen(**self._three)
        if self.last is not None:
            if not 0 < self.last < 1:
                raise ConfigError(f"split.last {self.last} is not a share between 0 and 1")
            return Recorded(last=self.last)
        if not self.since:
            return None
        if match := _GENERATION.fullmatch(self.since):
            return Recorded(generation=int(match[1]))
        if (since := times.of_iso(self.since)) == UNKNOWN_TIME:
            raise ConfigError(
                f"split.since = {self.since!r}: expected a day as 2026-01-31, a time as "
                "2026-01-31T12:00:00Z, or a generation as g0002"
            )
        return Recorded(since=since)

    @property
    def of_generation(self) -> bool:
        """Whether it cuts between generations, which must stay as they are then."""
        return bool(_GENERATION.fullmatch(self.since))

    @property
    def asked(self) -> dict[str, str]:
        """The splits that must not come out empty, each with the setting that asks for it.

        A generation may be yet to come.
        """
        asked = {split: f"{setting_of(split)} = {file}" for split, file in self._files.items()}
        shares = {"test": self.test, "validation": self.validation, **self._three}
        for split, share in shares.items():
            if share:
                asked.setdefault(split, f"split.{split} = {share}")
        if self.last is not None:
            asked["test"] = f"split.last = {self.last}"
        if self.since and not self.of_generation:
            asked["test"] = f"split.since = {self.since}"
        return asked

    def made(self) -> Split:
        """The decision of these settings, with its lists.

        Raises:
            ConfigError: a list cannot be read or has no entries, or the settings do not fit
                together.
        """
        lists = {split: _list(file, setting_of(split)) for split, file in self._files.items()}
        named = tuple(sorted((name, lists[name]) for name in self.lists if name in lists))
        test = (0.0 if self._draw else Split.test) if self.test is None else self.test
        held, held_validation = (lists.get(split, frozenset()) for split in HELD)
        return Split(
            self.key, test, self.validation, held, held_validation, self.seed, named, self._draw
        )


def _list(path: str, setting: str) -> frozenset[str]:
    """The entries of a list."""
    names = frozenset(name for _, name in entries(read_text(Path(path), setting)))
    if not names:
        raise ConfigError(
            f"{setting}: {path} has no entries; list ids of workflows or domains, one a line"
        )
    return names
