"""Write the data card and ``croissant.json`` of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from etl.card import croissant, markdown
from etl.card.settings import CardSettings
from etl.dataset import hand_written
from etl.dataset.layout import CARD, CROISSANT, PREFIX, Layout, files_of
from etl.dataset.manifest import Card, Manifest
from etl.dataset.reports import PackedReport
from etl.files.arrow import atomic, write_json
from etl.files.storage import AnyPath


def card_of(out: AnyPath, settings: CardSettings, example: Mapping[str, str]) -> Card:
    """The hand-written parts of the card and its example, for the manifest.

    out: the folder of the build, where people may have written notes.

    Raises:
        ConfigError: the template or the notes cannot be used.
    """
    template = settings.layout.text if settings.template else ""
    notes = dict(hand_written.current(out, settings.written).parts)
    return Card(template, notes, example)


def write(
    out: AnyPath,
    manifest: Manifest,
    tables: Mapping[str, pl.DataFrame],
    packed: Sequence[PackedReport],
) -> dict[str, str]:
    """Write both files; returns their hashes by path.

    manifest: with the hashes of all other files. tables: the statistics, by name.
    """
    described = croissant.render(
        manifest,
        tables,
        {files_of(each.name).data.removeprefix(PREFIX): each.bytes for each in packed},
    )
    with atomic(Layout(out).dataset.card) as stream:
        stream.write(markdown.render(manifest, dict(tables)).encode())
    hand_written.keep(out, hand_written.Notes(manifest.card.notes))
    digest = write_json(Layout(out).dataset.croissant, described)
    return {CARD: stream.sha256.hexdigest(), CROISSANT: digest}
