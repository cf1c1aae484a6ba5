"""The vocabularies of a build but the first: each has a folder, and shares samples and index.

A vocabulary that leaves the recipe leaves the build: its folder is removed, once ``--redo`` says
so. All others are accepted or rejected together (`etl.build.verdict`), since a dataset must fit the
samples and the index that lie beside it.
"""

from __future__ import annotations

from etl.build.run.build import Build
from etl.dataset import state
from etl.dataset.layout import Layout
from etl.files import storage
from etl.files.arrow import read_json, write_json
from etl.terminal import log
from schemas.errors import ConfigError


def check(build: Build) -> None:
    """Check that the folder of each vocabulary is new or ours.

    Raises:
        ConfigError: a folder holds something else.
    """
    state.check_whole(build.out)
    for each in build.further:
        if storage.holds_anything(each.out) and not storage.exists(Layout(each.out).vocabulary):
            raise ConfigError(
                f"{each.out} holds something else than the dataset of the vocabulary "
                f"{each.vocabulary!r}; move it away, or give the vocabulary another label"
            )


def gone(build: Build) -> list[state.Change]:
    """A change for each vocabulary in the folder that the recipe does not list any more."""
    listed = {each.out for each in build.further}
    every = [each.root for each in state.further(build.out) if each.root not in listed]
    return [
        state.Change("vocabularies", f"vocabularies.{root.name}", f"vocabularies: without {root}")
        for root in every
    ]


def settle(build: Build) -> None:
    """Remove the folders of vocabularies that are gone, and mark those of all others."""
    every = {each.out: each for each in build.further}
    for layout in state.further(build.out):
        if layout.root not in every:
            log.say(f"{layout.root}: its vocabulary is in the recipe no more; it is removed")
            storage.remove_all(layout.root)
            storage.prune(layout.root.parent)
    path, names = build.work.vocabularies, sorted(each.vocabulary for each in every.values())
    if names and not (storage.exists(path) and read_json(path) == names):
        write_json(path, names)
    elif not names:
        storage.remove(path)
    for each in every.values():
        note, noted = Layout(each.out).vocabulary, each.recipe.vocabulary.noted
        if not storage.exists(note) or read_json(note) != noted:
            write_json(note, noted)
