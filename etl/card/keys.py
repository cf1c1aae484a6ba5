"""The card of the keys of a dataset: what they are, and how a holder of the recordings uses them.

It says nothing that a recording says: no example, and no recorded words.
"""

from __future__ import annotations

from importlib import resources
from string import Template

import polars as pl
import yaml

from etl.card import markdown
from etl.dataset.keys import listed
from etl.dataset.keys.listed import Keys
from etl.dataset.manifest import Manifest
from schemas import splits as split_names


def render(keys: Keys, manifest: Manifest, tables: dict[str, pl.DataFrame]) -> str:
    """The card as text.

    manifest: the dataset's. tables: its statistics, by name.
    """
    written = resources.files("data_cards").joinpath("keys.md").read_text("utf-8")
    needs = " ".join(f"--set {name}=FILE" for name in keys.needs)
    values = markdown.values(manifest, tables, markdown.PLACE) | {
        "inputs": f"{len(keys.inputs):,}",
        "input_bytes": f"{sum(each.size for each in keys.inputs):,}",
        "files": f"{len(keys.files):,}",
        "stepmill": keys.stepmill,
        "needs": f" {needs}" if needs else "",
        "by_hand": _by_hand(keys),
    }
    body = Template(written).substitute(values)
    return f"---\n{yaml.safe_dump(_yaml(manifest), sort_keys=False, width=120)}---\n\n{body}"


def _by_hand(keys: Keys) -> str:
    if not keys.by_hand:
        return ""
    names = " and ".join(f"`{name}`" for name in keys.by_hand)
    return f" Not compared are {names}, in which people have written."


def _yaml(manifest: Manifest) -> dict[str, object]:
    """The Hub's YAML: the samples are the rows."""
    whole = markdown.head(manifest)
    names = "pretty_name language license license_name license_link tags source_datasets".split()
    known = {name: whole[name] for name in names if name in whole}
    configs: dict[str, list[dict[str, str]]] = {}
    for split in manifest.splits:
        config = split_names.configuration(split)
        files = {
            "split": split_names.shown_as(split),
            "path": f"{listed.SAMPLES}/*/{split}-*.parquet",
        }
        configs.setdefault(config, []).append(files)
    every = [{"config_name": name, "data_files": files} for name, files in sorted(configs.items())]
    return known | {"configs": every}
