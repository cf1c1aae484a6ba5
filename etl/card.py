"""The data card: ``dataset/README.md`` with the Hub's YAML, from manifest and statistics.

The template is ``data_cards/dataset.md``: ``$name`` placeholders, nothing else. Splits without rows are not declared,
because loading a declared split without a file fails; counts in the YAML are exact, because loading checks them.
"""

from __future__ import annotations

import re
from importlib import resources
from string import Template
from typing import Any, Final

import polars as pl
import yaml

_FEATURES: Final = [
    {"name": "input_ids", "list": "int32"},
    {"name": "labels", "list": "int32"},
    {"name": "seq_lengths", "list": "int32"},
    {"name": "sample_ids", "list": "string"},
]
_SIZES: Final = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_TOP: Final = 50
_MARKUP: Final = re.compile(r"[\\`*\[\]<>|&]")


def render(manifest: dict[str, Any], tables: dict[str, pl.DataFrame]) -> str:
    """The card as text."""
    header = yaml.safe_dump(_yaml(manifest), sort_keys=False, allow_unicode=True, width=120)
    template = Template(resources.files("data_cards").joinpath("dataset.md").read_text("utf-8"))
    totals, card = manifest["totals"], manifest["settings"]["card"]
    values = {
        "pretty_name": card["pretty_name"],
        "samples": f"{totals['samples']:,}",
        "tokens": f"{totals['tokens']:,}",
        "loss_tokens": f"{totals['completion_tokens']:,}",
        "workflows": f"{totals['workflows']:,}",
        "domains": f"{totals['domains']:,}",
        "recipe": manifest["recipe"],
        "fingerprint": manifest["fingerprint"],
        "license": card["license"],
        "splits": _splits(manifest),
        "domain_table": _domains(tables["domains"]),
        "drops": _drops(manifest),
        "context": f"{manifest['settings']['index']['context']:,}",
    }
    return f"---\n{header}---\n\n{template.substitute(values)}"


def data_files(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """Where the rows of each split lie, as the Hub's YAML has it: of a build by globs; of a published dataset by name,
    because files that it does not have any more, or not yet, may lie beside them.
    """
    if "published" not in manifest:
        return [{"split": name, "path": f"data/*/{name}-*.arrow"} for name in manifest["splits"]]
    return [
        {"split": name, "path": [file["path"] for file in files]}
        for name, files in manifest["published"]["splits"].items()
    ]


def download_size(manifest: dict[str, Any]) -> int:
    """Bytes of all files with rows."""
    if "published" not in manifest:
        return sum(int(split["bytes"]) for split in manifest["splits"].values())
    return sum(int(file["bytes"]) for files in manifest["published"]["splits"].values() for file in files)


def _yaml(manifest: dict[str, Any]) -> dict[str, Any]:
    splits = manifest["splits"]
    card = manifest["settings"]["card"]
    rows = sum(split["rows"] for split in splits.values())
    size = next((name for limit, name in _SIZES if rows < limit), "10M<n<100M")
    return {
        "pretty_name": card["pretty_name"],
        "language": [card["language"]],
        "license": card["license"],
        "task_categories": ["text-generation"],
        "tags": ["web-agents", "html", "tokenized", "stepmill"],
        "size_categories": [size],
        "configs": [{"config_name": "default", "data_files": data_files(manifest)}],
        "dataset_info": {
            "features": _FEATURES,
            "splits": [
                {"name": name, "num_bytes": split["bytes"], "num_examples": split["rows"]}
                for name, split in splits.items()
            ],
            "download_size": download_size(manifest),
            "dataset_size": sum(split["bytes"] for split in splits.values()),
        },
    }


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" for _ in head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _cell(text: str) -> str:
    """A name from a recording as plain text in a table, whatever markup it holds."""
    text = " ".join(text.split())
    return _MARKUP.sub(lambda char: f"&#{ord(char[0])};", text if len(text) <= 80 else text[:79] + "…")


def _splits(manifest: dict[str, Any]) -> str:
    rows = [
        [name, f"{s['rows']:,}", f"{s['samples']:,}", f"{s['tokens']:,}", f"{s['fill']:.1%}"]
        for name, s in manifest["splits"].items()
    ]
    return _table(["split", "rows", "samples", "tokens", "full"], rows)


def _domains(domains: pl.DataFrame) -> str:
    head = ["domain", "workflows", "steps", "samples", "tokens", "share", "raw -> pruned", "targets kept"]
    rows = []
    for row in domains.head(_TOP).iter_rows(named=True):
        ratio = f"{row['pruned_chars'] / row['raw_chars']:.0%}" if row["raw_chars"] else ""
        survival = "" if row["survival"] is None else f"{row['survival']:.1%}"
        counts = [f"{row[name]:,}" for name in ("workflows", "steps", "samples", "tokens")]
        rows.append([_cell(row["domain"]), *counts, f"{row['share']:.1%}", ratio, survival])
    more = domains.height - _TOP
    return _table(head, rows) + (f"\n\nand {more:,} more in `stats/domains.parquet`" if more > 0 else "")


def _drops(manifest: dict[str, Any]) -> str:
    rows = [
        [unit, drop["stage"], drop["reason"], f"{drop['count']:,}"]
        for unit, counts in manifest["accounting"].items()
        for drop in counts["reasons"]
    ]
    return _table(["unit", "stage", "reason", "count"], rows)
