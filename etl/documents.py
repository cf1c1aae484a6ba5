"""What is written about a dataset beside it: the data card and ``croissant.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from etl import card, croissant, notes
from etl.packing import PackedReport
from etl.recipe import Recipe
from etl.shards import atomic, write_json
from etl.storage import AnyPath


def by_hand(out: AnyPath, recipe: Recipe) -> dict[str, Any]:
    """What people wrote of the card: ``template`` (empty for the shipped one) and ``notes``, for the manifest."""
    template = recipe.card.layout.text if recipe.card.template else ""
    return {"template": template, "notes": dict(notes.current(out, recipe.card.written).parts)}


def write(
    out: AnyPath, manifest: dict[str, Any], tables: Mapping[str, pl.DataFrame], packed: Sequence[PackedReport]
) -> dict[str, str]:
    """Write both; returns their hashes by path. manifest: with the hashes of all other files."""
    described = croissant.render(manifest, tables, {f"data/{each.name}.arrow": each.bytes for each in packed})
    with atomic(out / notes.CARD) as stream:
        stream.write(card.render(manifest, dict(tables)).encode())
    notes.keep(out, notes.Notes(manifest["card"]["notes"]))
    digest = write_json(out / "dataset" / croissant.NAME, described)
    return {notes.CARD: stream.sha256.hexdigest(), f"dataset/{croissant.NAME}": digest}
