"""The inputs of a build, and phase 1, which reads them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from etl.build.counts import CountsWorker
from etl.build.run.build import Build
from etl.build.run.signatures import SignaturesWorker
from etl.build.tasks import SamplesWorker
from etl.dataset.layout import IN_WORK, QUARANTINE, SAMPLES
from etl.dataset.reports import BundleReport
from etl.files import scratch, storage
from etl.files.arrow import read_json
from etl.files.hashes import digest
from etl.inputs import find
from etl.inputs.archives.words import archives_in_words
from etl.inputs.bundles import Bundle
from etl.inputs.listing import Listing
from etl.inputs.records import InputShard
from etl.inputs.remembered import Remembered
from etl.tally import Odd
from etl.terminal import log


@dataclass(frozen=True)
class Read:
    """The result of phase 1."""

    # the number of samples by name of the input
    rows: Mapping[str, int]
    # how often something that departs from its format was read
    odd: Mapping[Odd, int]
    # characters of the pages of all steps
    page_chars: int
    # how many private values were replaced, by kind and domain
    replaced: Mapping[tuple[str, str], int]


def discovered(
    build: Build, listing: Listing | None = None, *, remember: bool = True
) -> list[InputShard]:
    """The input shards, with hashes.

    listing: of the inputs; None: they are listed now. remember: keep in the work folder what is
    known of them.
    """
    sources = build.recipe.samples.sources
    without = storage.here(build.out)
    listed = listing or listing_of(build)
    versions = digest({name: source.version for name, source in sources.items()})
    remembered = Remembered(build.work.remembered, versions)
    contents = scratch.Contents()
    with build.progress("finding inputs", brief=True):
        inputs = find.find(
            build.inputs,
            sources,
            without=without,
            remembered=remembered,
            keep=contents.add if remember else None,
            expand=listed.expand,
        )
    contents.close()
    inputs = [item for item in inputs if without or not item.place.startswith(f"{build.out}/")]
    build.record.dated(file.stamp.changed for item in inputs for file in item.files)
    with build.shown("inputs", sum(item.size for item in inputs)) as progress:
        shards = find.shards(
            inputs,
            progress.advance,
            sources=sources,
            part_bytes=build.recipe.inputs.part_bytes,
            remembered=remembered,
            before=build.before.digests,
        )
    if remember:
        remembered.save()
    return shards


def listing_of(build: Build) -> Listing:
    """The listing of a build's inputs."""
    return Listing(build.inputs, storage.here(build.out))


def worker(
    build: Build, removed: Iterable[str] = (), again: frozenset[str] = frozenset()
) -> SamplesWorker:
    """The worker of phase 1.

    removed: content hashes of what is taken down, as far as they are known. again: keys of the
    bundles to read even if they have been read.
    """
    listed = build.recipe.taken_down.with_contents(removed)
    return SamplesWorker(build.recipe.samples, build.shelf, listed, again)


def complete(build: Build, bundles: Sequence[Bundle]) -> bool:
    """Whether all bundles have been read as they should be."""
    chosen = worker(build, removed(build, bundles))
    return all(isinstance(chosen.finished(bundle), BundleReport) for bundle in bundles)


def quarantined(build: Build, bundles: Sequence[Bundle]) -> frozenset[str]:
    """The keys of the bundles with quarantined records."""
    keys = set()
    for report in _reports(build, bundles):
        key = report["key"]
        if IN_WORK.of_input(QUARANTINE, key).as_posix() in report["files"]:
            keys.add(key)
    return frozenset(keys)


def removed(build: Build, bundles: Sequence[Bundle]) -> frozenset[str]:
    """Content hashes of what was taken down when these bundles were last read."""
    if not build.recipe.taken_down:
        return frozenset()
    reports = _reports(build, bundles)
    return frozenset(content for report in reports for content in report.get("removed", ()))


def _reports(build: Build, bundles: Sequence[Bundle]) -> Iterable[Mapping[str, Any]]:
    paths = build.shelf.existing(SAMPLES, [bundle.key for bundle in bundles], ".json")
    return storage.together(read_json, paths)


def read(
    build: Build,
    bundles: Sequence[Bundle],
    every: Sequence[Bundle],
    again: frozenset[str] = frozenset(),
) -> Read:
    """Run phase 1 for some bundles.

    every: all bundles of the build. again: keys of those to read even if they have been read.

    Any input can hold copies of what is taken down. If reading finds new contents that are taken
    down, it is repeated with them. That ends, because what the list names does not depend on the
    copies.
    """
    before = removed(build, every)
    index_pages(build, bundles)
    try:
        while True:
            result = _read(build, bundles, worker(build, before, again))
            after = removed(build, every)
            if after == before:
                return result
            before, again = after, frozenset()
    finally:
        scratch.forget_contents()


def index_pages(build: Build, bundles: Sequence[Bundle]) -> None:
    """Make the index of the archives of pages, if something is to be read; says what they hold."""
    pages = build.recipe.pages
    if pages is None or complete(build, bundles):
        return
    archives = pages.found().archives
    with build.shown("inputs", sum(archive.size for archive in archives)) as progress:
        counted = pages.indexed(build.work.pages, progress.advance)
    for line in archives_in_words(counted):
        log.say(line)


def counter(build: Build) -> CountsWorker | None:
    """The worker that counts tokens; None if the build needs no counts."""
    plan = build.recipe.counted
    return CountsWorker(plan, build.shelf) if plan else None


def signer(build: Build) -> SignaturesWorker | None:
    """The worker that makes signatures; None if the build compares no pages."""
    return SignaturesWorker(build.shelf) if build.recipe.index.signed else None


def look_again(build: Build, bundles: Sequence[Bundle]) -> None:
    """Make of samples that have been read what the index needs besides light columns.

    The numbers of their tokens, for subsets; their signatures, to compare pages.
    """
    keys = sorted(bundle.key for bundle in bundles)
    for chosen, unit in ((counter(build), "counts"), (signer(build), "signatures")):
        if chosen is not None:
            with build.shown("samples", len(keys), unit) as progress:
                for _ in build.pool(chosen, keys):
                    progress.advance(1)


def _read(build: Build, bundles: Sequence[Bundle], worker: SamplesWorker) -> Read:
    sizes = {bundle.key: bundle.size for bundle in bundles}
    rows: Counter[str] = Counter()  # not the reports, which hold a line for every workflow
    odd: Counter[Odd] = Counter()
    page_chars = 0
    replaced: Counter[tuple[str, str]] = Counter()
    largest_first = sorted(bundles, key=lambda bundle: (-bundle.size, bundle.name))
    reports = {f"{bundle.key}.json": len(bundle.members) for bundle in bundles}
    folders = {work.of_inputs(SAMPLES) for work in (worker.shelf.common, worker.shelf.own)}
    with (
        build.record.counted("input_shards", folders, reports),
        build.shown("samples", sum(sizes.values())) as progress,
    ):
        for report in build.pool(worker, largest_first):
            rows.update(report.rows)
            page_chars += report.page_chars
            odd.update({(kind, where): count for kind, where, count in report.odd})
            replaced.update({(kind, domain): count for kind, domain, count in report.replaced})
            progress.advance(sizes[report.key], sum(report.rows.values()))
    return Read(rows, odd, page_chars, replaced)
