"""Phase 1 of a build, and the heart of it: a plan runs stages over what its sources read.

A `Plan` is the sources it can read and a tuple of stages from `Draft` to `Sample`. `Plan.build`
runs it over one bundle of input shards: the unit of work, of resume and of failure. Everything read
is entered in the `Tally` of its input shard; so is everything that does not reach the output, with
a reason. What becomes of an input shard does not depend on the others of its bundle.

A stage is a callable from rows to rows. It runs over one workflow at a time, so an exception costs
exactly that workflow: it is quarantined with its content, and the build goes on.
"""

from __future__ import annotations

import itertools
import traceback
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from etl.build.admit import Entrance, Met, too_large
from etl.build.pools.failures import Refused, Watch, described, known_as, of_the_machine, unwatched
from etl.build.samples import Writer
from etl.dataset.layout import Work
from etl.dataset.reports import BundleReport
from etl.decisions.takedown import NOTHING, Takedown
from etl.files import entries, nodes
from etl.files.hashes import digest, plain
from etl.inputs.archives.join import Pages
from etl.inputs.bundles import Bundle
from etl.inputs.contents import ahead, changed
from etl.inputs.records import InputShard
from etl.inputs.source import Source
from etl.stages.enter import measure_again
from etl.stages.stage import Closing, Preparing, Stage
from etl.tally import Tally
from schemas.draft import Draft
from schemas.errors import BuildError, ConfigError, RecordError
from schemas.samples import Sample
from schemas.utf8 import held_characters

_PRUNES: Final = frozenset(("prune", "observe"))
"""Names of the stages that make observations of pages."""

PAGE_CHARS: Final = 256 * 2**20
"""The most characters that a page may have, unless the recipe says otherwise."""


@dataclass(frozen=True)
class Plan:
    """The sources that can be read, and the stages that a workflow goes through."""

    # by name of the format
    sources: Mapping[str, Source]
    # in order, from `Draft` to `Sample`
    stages: tuple[Stage, ...]
    # versions of the libraries that shape the output, by name
    libraries: Mapping[str, str] = field(default_factory=dict)
    # the most characters of a page; a workflow with a longer one is quarantined
    page_chars: int = PAGE_CHARS
    # orders samples on disk; the dataset does not depend on it, so it is no setting
    seed: int = 0
    # where recordings without pages get theirs
    pages: Pages | None = None

    def build(
        self,
        bundle: Bundle,
        work: Work,
        takedown: Takedown = NOTHING,
        refused: Sequence[Refused] = (),
        watch: Watch = unwatched,
    ) -> BundleReport:
        """Run a bundle through all stages; writes its files in the work folder.

        takedown: what must not be kept. refused: what to quarantine without trying it. watch:
        called with the name of each workflow.

        Raises:
            BuildError: an input changed while it was read.
        """
        writer = Writer(bundle.key, work, self.seed)
        with writer.opened() as add:
            for shard, content in zip(bundle.members, ahead(bundle.members), strict=True):
                # two members may have workflows of one name
                prefix = f"{shard.key} " if len(bundle.members) > 1 else ""
                by_name = {
                    each.name.removeprefix(prefix): each
                    for each in refused
                    if each.name.startswith(prefix)
                }
                tally, met = Tally(), Met()
                entrance = Entrance(tally.at("read"), met, takedown, by_name, self.page_chars)
                with nodes.held(content):
                    for draft in self._drafts(shard, entrance, _prefixed(watch, prefix)):
                        samples = self._through(draft, tally)
                        for closing in self.closing:
                            closing.left(draft, tally)
                        while samples:  # what is written has its memory back
                            add(shard, samples.popleft())
                if not (content and nodes.remote(shard.path)):  # else it was compared with its hash
                    _check_version(shard)
                met.strip(tally, takedown)
                for closing in self.closing:
                    closing.close(tally, met.domains)
                writer.end(shard, tally, met)
        return writer.report(self.fingerprint(bundle), takedown.state)

    def _drafts(self, shard: InputShard, entrance: Entrance, watch: Watch) -> Iterator[Draft]:
        """The shard's workflows that are admitted to the stages."""
        tally = entrance.tally
        rows = self.sources[shard.format].read(shard, tally)
        for count in itertools.count():
            entered = len(tally.entries)
            place = f"#{count}"
            watch(place)
            if (refusal := entrance.refused.get(place)) is not None:
                tally.quarantine(shard.name, refusal.reason, refusal.detail, b"")
                return
            try:
                workflow = next(rows, None)
            except Exception as error:
                if of_the_machine(error):
                    raise
                # A defect of ours, not of the record: sources quarantine what they cannot read.
                tally.quarantine(shard.name, "source_crashed", described(error), b"")
                return
            if workflow is None:
                return
            if (draft := entrance.admit(workflow, entered)) is not None:
                watch(known_as(draft.uid))
                yield draft

    def _through(self, draft: Draft, tally: Tally) -> deque[Sample]:
        """Run a workflow through all stages; an exception removes the lines they entered for it."""
        entered, found = len(tally.entries), len(tally.findings)
        step_drafts = list(draft.steps)
        rows: Iterator[Any] = iter((draft,))
        for at, stage in enumerate(self.stages, 1):
            rows = stage(rows, tally.at(stage.name))
            if stage.name in _PRUNES and self.stages[at:-1]:
                rows = _measured(rows)
        try:
            for preparing in self.preparing:
                preparing.prepare(draft, tally)
            if self.pages is not None:
                tally.note(self.pages.join(draft))
                measure_again(draft, tally, entered)
                if (large := too_large(draft, self.page_chars)) is not None:
                    raise RecordError("page_too_large", large)
            return deque(rows)
        except (BuildError, ConfigError):
            raise
        except Exception as error:
            if of_the_machine(error):
                raise
            del tally.entries[entered:], tally.findings[found:]
            draft.steps = step_drafts
            reason = error.reason if isinstance(error, RecordError) else "stage_crashed"
            tally.at(self._stage_of(error)).quarantine_workflow(draft, reason, described(error))
            return deque()

    @cached_property
    def preparing(self) -> tuple[Preparing, ...]:
        """The stages that have a part in a workflow before the first one."""
        return tuple(stage for stage in self.stages if isinstance(stage, Preparing))

    @cached_property
    def closing(self) -> tuple[Closing, ...]:
        """The stages that have the last word on what a shard leaves beside its samples."""
        return tuple(stage for stage in self.stages if isinstance(stage, Closing))

    def _stage_of(self, error: Exception) -> str:
        """The name of the stage whose code raised an error; ``read`` if none did."""
        modules = {type(stage).__module__: stage.name for stage in self.stages}
        names = [
            modules.get(frame.f_globals.get("__name__", ""))
            for frame, _ in traceback.walk_tb(error.__traceback__)
        ]
        return next((name for name in reversed(names) if name), "read")

    def settings(self) -> dict[str, Any]:
        """Everything in the plan that decides its output: versions and fields."""
        parts: dict[str, Any] = {
            f"source {name}": source for name, source in sorted(self.sources.items())
        }
        parts |= {f"stage {stage.name}": stage for stage in self.stages}
        settings: dict[str, Any] = {
            name: {"version": part.version} | plain(part) for name, part in parts.items()
        }
        if self.pages is not None:
            settings["pages"] = self.pages.settings()
        return settings | {"libraries": dict(self.libraries), "page_chars": self.page_chars}

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """The hash of all settings that decide the samples of an input, by its format."""
        settings = self.settings()
        shared = {name: value for name, value in settings.items() if not name.startswith("source ")}
        return {
            name: digest({**shared, "source": settings[f"source {name}"]}) for name in self.sources
        }

    def fingerprint(self, bundle: Bundle) -> str:
        """The hash of all settings that decide the samples of a bundle."""
        formats = sorted({shard.format for shard in bundle.members})
        if len(formats) == 1:
            return self.fingerprints[formats[0]]
        return digest([self.fingerprints[name] for name in formats])


def _measured(rows: Iterator[Draft]) -> Iterator[Draft]:
    """Note how long observations are before stages that may rewrite them."""
    for draft in rows:
        for step_draft in draft.steps:
            step_draft.pruned = held_characters(step_draft, "observation")
        yield draft


def _prefixed(watch: Watch, prefix: str) -> Watch:
    """The watch for one member of a bundle."""
    return (lambda name: watch(prefix + name)) if prefix else watch


def _check_version(shard: InputShard) -> None:
    """Raise `BuildError` if the input has changed since it was hashed."""
    if shard.version:
        version = entries.version(nodes.files_at(nodes.node(shard.path, anew=True)))
        if version != shard.version:
            raise changed(shard)
