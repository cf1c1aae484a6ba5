"""What sources are, and the evaluation set that is made of them in one command.

Sources are of one kind: a build's folder, Mind2Web's task files, WebLINX's demonstrations, or the
task files of WebArena. Each kind gives its family, what its steps are, and what it lost.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

import orjson

from etl.build.evalset import webarena
from etl.build.evalset.built import Built
from etl.build.evalset.mind2web import Mind2WebTasks
from etl.build.evalset.prompts import Chunks
from etl.build.evalset.webarena import WebArenaTasks
from etl.build.evalset.weblinx import WebLinxTurns
from etl.build.jobs import DEFAULT_RECIPE, loaded, ordered
from etl.build.recipes.recipe import Recipe
from etl.dataset.layout import Dataset, Layout
from etl.dataset.place import place_of
from etl.evaluate import ranks
from etl.evaluate.facts import mind2web_direct, steps
from etl.evaluate.files import EvalWriter
from etl.evaluate.schema import EvalStep
from etl.files import nodes
from etl.files.arrow import sha256_of
from etl.files.hashes import digest
from etl.inputs.documents import folders
from etl.inputs.find import Found, find
from etl.inputs.records import InputHead
from etl.sources import SOURCES
from etl.terminal.progress import Progress
from schemas.errors import ConfigError
from tokenization.lookalikes import escaped, pattern

_KINDS: Final = "a build's folder, Mind2Web's or WebArena's task files, or WebLINX's demonstrations"


class EvalSource(Protocol):
    """What an evaluation set is made of."""

    family: str

    @property
    def lost(self) -> Counter[str]:
        """What is not in the set, by reason."""
        ...

    def steps(self) -> Iterator[EvalStep]:
        """Its steps, one at a time."""
        ...


@dataclass(frozen=True)
class Wanted:
    """An evaluation set as the command asks for it."""

    sources: tuple[str, ...]
    out: Path
    # empty: the build's own, or the default
    recipe: str = ""
    overrides: tuple[str, ...] = ()
    chunks: Chunks = "recipe"
    # empty: what the sources are
    family: str = ""
    ranks: Path | None = None
    # for WebLINX: files of candidates, and the list of demonstrations of each split
    candidates: tuple[str, ...] = ()
    lists: Path | None = None
    # of all steps of files; of a build, the only splits
    splits: tuple[str, ...] = ()
    # placeholder -> address
    hosts: Mapping[str, str] | None = None
    seed: int = 0

    def made(self, progress: type[Progress] = Progress) -> dict[str, Any]:
        """Write the set; returns its manifest.

        Raises:
            ConfigError: a source cannot be used, or the sources are of several kinds.
            IntegrityError: a build's file is broken.
        """
        source, recipe, named = self._source()
        with EvalWriter(self.out) as writer, progress("evalset", 0, "steps") as shown:
            like, looks = Counter[str](), pattern(recipe.packed.encoder.vocabulary.special_tokens)
            for step in source.steps():
                writer.add(step)
                shown.advance(1, len(step.prompts))
                for prompt in step.prompts:
                    texts = sum(escaped(each["content"], looks)[1] for each in prompt.messages)
                    like.update(texts=texts, prompts=bool(texts))
            about = _about(source, recipe, named, self)
            return writer.finish(about | {"look_like_special_tokens": dict(like)})

    def _source(self) -> tuple[EvalSource, Recipe, list[dict[str, str]]]:
        """The source, the recipe of its prompts, and the names and hashes of its files."""
        builds = [each for each in self.sources if _is_build(Path(each))]
        if builds:
            if len(self.sources) > 1:
                raise ConfigError(
                    f"{', '.join(self.sources)}: a build's folder is a source by itself; make a "
                    "set of each"
                )
            return self._of_build(Path(builds[0]))
        recipe = loaded(self.recipe or DEFAULT_RECIPE, self.overrides)
        found, kind = self._files()
        split = self.splits[0] if self.splits else ""
        source: EvalSource
        if len(self.splits) > 1:
            raise ConfigError("--split: files get one name of a split; give it once")
        if kind == "webarena":
            source = WebArenaTasks(found, recipe, self.hosts or {}, split)
        elif kind == "weblinx":
            lists = orjson.loads(self.lists.read_bytes()) if self.lists else {}
            source = WebLinxTurns(found, recipe, self.candidates, lists, split, self.chunks)
        else:
            table = ranks.read(self.ranks) if self.ranks else None
            family = self.family or mind2web_direct.FAMILY
            source = Mind2WebTasks(found, recipe, self.chunks, table, family, split, self.seed)
        if self.family and source.family != self.family:
            raise ConfigError(f"--family {self.family}: the sources are of {source.family}")
        return source, recipe, _named(found)

    def _of_build(self, folder: Path) -> tuple[EvalSource, Recipe, list[dict[str, str]]]:
        if self.family and self.family != steps.FAMILY:
            raise ConfigError(
                f"--family {self.family}: a build's test splits are of the family {steps.FAMILY}; "
                "give the task files instead"
            )
        place = place_of(folder)
        if self.recipe:
            recipe = loaded(self.recipe, self.overrides)
        else:
            main = Layout(folder).main  # the folder may be that of one vocabulary of several
            job = ordered(main.root)
            recipe = loaded(job.recipe, (*job.overrides, *self.overrides))
            if main.root != folder:
                recipe = recipe.further[folder.name]
        built = Built(place, recipe, self.chunks, self.splits)
        fingerprint = {"name": folder.name, "sha256": sha256_of(place.dataset.manifest)}
        return built, recipe, [fingerprint]

    def _files(self) -> tuple[list[Found], str]:
        """The files, and their kind.

        Raises:
            ConfigError: they are of none, or of several.
        """
        files = find(self.sources, SOURCES, lenient=True)
        kinds: dict[str, list[Found]] = {}
        for found in files:
            kinds.setdefault(_kind(found), []).append(found)
        unusable = kinds.pop("", [])
        if unusable and not kinds:
            raise ConfigError(f"{unusable[0].place}: nothing to evaluate; give {_KINDS}")
        if unusable:
            raise ConfigError(
                f"{unusable[0].place}: neither of what the other sources are nor of another kind; "
                "leave it out"
            )
        if len(kinds) != 1:
            there = ", ".join(f"{name} ({each[0].name})" for name, each in sorted(kinds.items()))
            raise ConfigError(
                f"the sources are of several kinds: {there or 'none'}; make a set of each"
            )
        ((kind, chosen),) = kinds.items()
        return sorted(chosen, key=lambda each: (each.name, each.place)), kind


def _kind(found: Found) -> str:
    """What a file or folder is; empty: nothing to evaluate."""
    if found.format in ("mind2web", "weblinx"):
        return found.format
    if len(found.files) == 1 and webarena.recognised(InputHead.of(found.place)):
        return "webarena"
    return ""


def _is_build(path: Path) -> bool:
    each = (Layout(path).dataset, Dataset(path))
    return path.is_dir() and any(dataset.manifest.exists() for dataset in each)


def _named(found: Sequence[Found]) -> list[dict[str, str]]:
    """Names and hashes of files; of a demonstration, those of its replay."""
    named = []
    for each in found:
        place = each.place
        if each.format == "weblinx":
            place = folders.files(place)["replay.json"].place
        with nodes.open_binary(place) as stream:
            named.append({"name": each.name, "sha256": _sha256(stream)})
    return named


def _sha256(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(2**20):
        digest.update(chunk)
    return digest.hexdigest()


def _about(
    source: EvalSource, recipe: Recipe, named: list[dict[str, str]], wanted: Wanted
) -> dict[str, Any]:
    """What the manifest says beside the counts of splits."""
    vocabulary = recipe.packed.encoder.vocabulary
    about: dict[str, Any] = {
        "family": source.family,
        "sources": named,
        "recipe": {
            "name": recipe.name,
            "fingerprint": digest([recipe.samples.settings(), recipe.packed.settings]),
        },
        "vocabulary": {**recipe.vocabulary.known_as, "sha256": vocabulary.sha256},
        "chat": recipe.packed.encoder.chat,
        "node_repeats": recipe.prompt.node_repeats,
        "context": recipe.fit.context,
        "chunks": wanted.chunks,
        "seed": wanted.seed,
    }
    about["left_out"] = dict(sorted(source.lost.items()))
    if isinstance(source, Mind2WebTasks) and source.ranks is not None:
        table = source.ranks
        about["ranks"] = {
            "name": table.name, "sha256": table.sha256, "steps_without": source.unranked,
        }  # fmt: skip
    return about
