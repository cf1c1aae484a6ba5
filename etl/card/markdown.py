"""The data card: ``dataset/README.md`` with the Hub's YAML, from the manifest and the statistics.

The body comes from a template (`etl.card.template`), its sentences from `etl.card.words`, notes by
people from `etl.dataset.hand_written`. The manifest holds the notes, and a user's own template.
Splits without rows are not declared, because loading a declared split without a file fails. Counts
in the YAML are exact, because loading checks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import polars as pl
import yaml

from etl.card import licenses, mixed, split_rule, words
from etl.card.reasons import of_rules, says
from etl.card.template import CardTemplate
from etl.dataset.account import UNITS
from etl.dataset.flow import levels
from etl.dataset.hand_written import Notes
from etl.dataset.layout import split_of, stratum, subset_of
from etl.dataset.manifest import Manifest
from etl.decisions.subsets import TRAIN
from schemas import splits as split_names
from schemas.sample_table import PACKED_SCHEMA

PLACE: Final = "path/or/repo"
"""What the card's examples load before it is known where the dataset will be."""

_TAGS: Final = ("web-agents", "html", "tokenized", "stepmill")
_SIZES: Final = (
    "n<1K",
    "1K<n<10K",
    "10K<n<100K",
    "100K<n<1M",
    "1M<n<10M",
    "10M<n<100M",
    "100M<n<1B",
    "1B<n<10B",
)
_MORE: Final = ("10B<n<100B", "100B<n<1T", "n>1T")
_TOP: Final = 50
_MARKUP: Final = re.compile(r"[\\`*\[\]<>|&]")
_FENCE: Final = re.compile("`+")
_BRACES: Final = re.compile(r"[{}\\]")


def render(manifest: Manifest, tables: dict[str, pl.DataFrame], place: str = PLACE) -> str:
    """The card as text.

    tables: the statistics, by name. place: what `datasets.load_dataset` takes to load the dataset.
    """
    first = yaml.safe_dump(head(manifest), sort_keys=False, allow_unicode=True, width=120)
    written = manifest.card.template
    template = CardTemplate(written) if written else CardTemplate.shipped()
    body = template.filled(values(manifest, tables, place), Notes(manifest.card.notes))
    return f"---\n{first}---\n\n{body}"


def values(manifest: Manifest, tables: dict[str, pl.DataFrame], place: str) -> dict[str, str]:
    """The texts of the template's placeholders, by placeholder."""
    totals, card = manifest.totals, manifest.settings["card"]
    return {
        "pretty_name": card["pretty_name"],
        "samples": f"{totals.samples:,}",
        "tokens": f"{totals.tokens:,}",
        "loss_tokens": f"{totals.completion_tokens:,}",
        "rows": f"{_rows(manifest):,}",
        "workflows": f"{manifest.accounting['workflow'].kept:,}",
        "domains": f"{manifest.figures.domains:,}",
        "recipe": " ".join(manifest.recipe.replace("`", "'").split()),
        "fingerprint": manifest.fingerprint,
        "vocabulary": words.vocabulary(manifest),
        "chat": words.chat(manifest.settings["packed"]),
        "context": f"{manifest.context:,}",
        "stages": "\n".join(
            f"{i}. `{name}` {text}" for i, (name, text) in enumerate(words.stages(manifest), 1)
        ),
        "domain_table": _domains(tables["domains"]),
        "fields": _fields(),
        "splits": "\n\n".join([_splits(manifest), *_mix(manifest, tables)]).replace(
            "$place", place
        ),
        "example": _example(manifest.card.example),
        "split_rule": split_rule.rule(manifest),
        "privacy": " ".join(words.privacy(manifest)),
        "contamination": " ".join(words.contamination(manifest)),
        "limits": "\n".join(f"- {_escaped(text)}" for text in words.limits(manifest)),
        "drops": _drops(manifest),
        "waterfall": "\n\n".join([_waterfall(tables.get("waterfall")), *_budget(manifest)]),
        "license": _license(card),
        "licenses": _licenses(manifest),
        "place": place,
        "citation": f"```bibtex\n{citation(manifest)}\n```",
    }


def data_files(
    manifest: Manifest, subset: int = 0, *, failed: bool = False
) -> list[dict[str, Any]]:
    """The files with the rows of each split, as in the Hub's YAML.

    A build names them by globs. A published dataset names each file, because older or newer files
    may lie beside them. subset: the number of a subset, of whose training split they are; 0: all.
    failed: those of the configuration of failures, by the splits that these come from.
    """
    splits = [name for name in words.splits(manifest) if split_names.of_failures(name) == failed]
    if manifest.published is None:
        return [
            {"split": split_names.shown_as(name), "path": _globs(manifest, name, subset)}
            for name in splits
        ]
    files = manifest.published.splits
    return [
        {
            "split": split_names.shown_as(name),
            "path": [file.path for file in files[name] if _inside(file.path, subset)],
        }
        for name in splits
    ]


def _globs(manifest: Manifest, split: str, subset: int) -> str | list[str]:
    if not subset or split != TRAIN:
        return f"data/*/{split}-*.arrow"
    names = {name for name in manifest.files if name.endswith(".arrow") and _inside(name, subset)}
    there = sorted({subset_of(name) for name in names} - {0})
    return [f"data/*/{stratum(split, number)}-*.arrow" for number in there]


def _inside(name: str, subset: int) -> bool:
    """Whether a file of rows belongs to a subset, by its name; those of held-out splits do."""
    return not subset or split_of(name) != TRAIN or 0 < subset_of(name) <= subset


def configurations(manifest: Manifest) -> dict[str, list[dict[str, Any]]]:
    """`data_files` of each configuration: the whole dataset, each subset with rows, failures."""
    files = data_files(manifest)
    configs = {"default": files} if files else {}
    for number, subset in enumerate(manifest.subsets or (), 1):
        if subset.rows:
            configs[subset.name] = data_files(manifest, number)
    if failed := data_files(manifest, failed=True):
        configs[split_names.FAILURES] = failed
    return configs


def download_size(manifest: Manifest, subset: int = 0, *, failed: bool = False) -> int:
    """The size of all files with rows, in bytes. subset, failed: as for `data_files`."""
    splits = [name for name in manifest.splits if split_names.of_failures(name) == failed]
    if manifest.published is None:
        sizes = {name: manifest.splits[name].bytes for name in splits}
        if subset and manifest.subsets:
            sizes[TRAIN] = manifest.subsets[subset - 1].bytes
        return sum(sizes.values())
    every = [file for name in splits for file in manifest.published.splits[name]]
    return sum(file.bytes for file in every if _inside(file.path, subset))


def citation(manifest: Manifest) -> str:
    """The citation in BibTeX: the user's own, or one made from the manifest."""
    card = manifest.settings["card"]
    if card.get("citation"):
        return str(card["citation"]).strip().replace("```", "'''")
    fields = {"title": card["pretty_name"], "author": " and ".join(card.get("creators", ()))}
    fields |= {
        "year": card.get("published", "")[:4],
        "version": card.get("version", ""),
        "url": card.get("url", ""),
    }
    fields["note"] = f"stepmill, recipe {manifest.recipe}, fingerprint {manifest.fingerprint}"
    lines = [f"  {name} = {{{_BRACES.sub('', text)}}}," for name, text in fields.items() if text]
    return "\n".join([f"@misc{{stepmill-{manifest.fingerprint[:8]},", *lines, "}"])


def head(manifest: Manifest) -> dict[str, Any]:
    """The Hub's YAML, as values."""
    card = manifest.settings["card"]
    rows = _rows(manifest)
    size = next(
        (name for power, name in enumerate([*_SIZES, *_MORE], 3) if rows < 10**power), _MORE[-1]
    )
    other = {name: card[name] for name in ("license_name", "license_link") if card.get(name)}
    sources = (
        {"source_datasets": sorted(card["source_datasets"])} if card.get("source_datasets") else {}
    )
    return {
        "pretty_name": card["pretty_name"],
        "language": [card["language"]],
        "license": card["license"],
        **other,
        "task_categories": ["text-generation"],
        "tags": list(dict.fromkeys([*_TAGS, *card.get("tags", ())])),
        "size_categories": [size],
        **sources,
        "configs": [
            {"config_name": name, "data_files": files}
            for name, files in configurations(manifest).items()
        ],
        "dataset_info": _infos(manifest),
    }


def _infos(manifest: Manifest) -> dict[str, Any] | list[dict[str, Any]]:
    """What ``dataset_info`` says of the dataset; of each configuration if there are several."""
    sizes, failed = (_sizes(manifest, failed=failed) for failed in (False, True))
    whole = _info(sizes, download_size(manifest))
    if not manifest.subsets and not failed:
        return whole
    infos = [{"config_name": "default", **whole}] if sizes else []
    for number, subset in enumerate(manifest.subsets or (), 1):
        if subset.rows:
            download = download_size(manifest, number)
            part = _info(sizes | {TRAIN: (subset.bytes, subset.rows)}, download)
            infos.append({"config_name": subset.name, **part})
    if failed:
        part = _info(failed, download_size(manifest, failed=True))
        infos.append({"config_name": split_names.FAILURES, **part})
    return infos


def _sizes(manifest: Manifest, *, failed: bool) -> dict[str, tuple[int, int]]:
    """Bytes and rows, by split. failed: of the configuration of failures."""
    return {
        split_names.shown_as(name): (split.bytes, split.rows)
        for name, split in words.splits(manifest).items()
        if split_names.of_failures(name) == failed
    }


def _info(sizes: Mapping[str, tuple[int, int]], download: int) -> dict[str, Any]:
    """sizes: bytes and rows, by split. download: bytes of all files."""
    return {
        "features": [
            {"name": each.name, "list": str(each.type.value_type)} for each in PACKED_SCHEMA
        ],
        "splits": [
            {"name": name, "num_bytes": size, "num_examples": rows}
            for name, (size, rows) in sizes.items()
        ],
        "download_size": download,
        "dataset_size": sum(size for size, _ in sizes.values()),
    }


def _rows(manifest: Manifest) -> int:
    return sum(split.rows for split in manifest.splits.values())


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join("---" for _ in head) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _cell(text: str) -> str:
    """A name from a recording as plain text in a table, with its markup escaped."""
    text = " ".join(text.split())
    return _escaped(text if len(text) <= 80 else text[:79] + "…")


def _escaped(text: str) -> str:
    return _MARKUP.sub(lambda char: f"&#{ord(char[0])};", text)


def _fields() -> str:
    rows = [
        [f"`{each.name}`", f"list of {each.type.value_type}", words.FIELDS[each.name]]
        for each in PACKED_SCHEMA
    ]
    return _table(["column", "type", "what"], rows)


def _splits(manifest: Manifest) -> str:
    rows = [
        [
            name,
            f"{s.rows:,}",
            f"{s.samples:,}",
            f"{s.tokens:,}",
            f"{s.loss_tokens:,}",
            f"{s.fill:.1%}",
        ]
        for name, s in words.splits(manifest).items()
    ]
    return "\n\n".join(
        [
            _table(["split", "rows", "samples", "tokens", "with loss", "full"], rows),
            *_subsets(manifest),
            *_failures(manifest),
        ]
    )


def _failures(manifest: Manifest) -> Iterator[str]:
    """The configuration of failures, if there is one."""
    if any(map(split_names.of_failures, manifest.splits)):
        below = manifest.settings["index"]["failures"]["below"]
        yield (
            f"Splits whose names end with `{split_names.ENDING}` hold samples of workflows with a "
            f"reward under {below:g} and of steps that failed. They are in no other configuration "
            f'than `load_dataset("$place", "{split_names.FAILURES}")`.'
        )


def _subsets(manifest: Manifest) -> Iterator[str]:
    """The subsets of the training split, if there are any."""
    if not manifest.subsets:
        return
    yield (
        "The training split has nested subsets, with the domains in the same shares when they were "
        'filled: configurations of the dataset, such as `load_dataset("$place", '
        f'"{manifest.subsets[0].name}")`. The other splits are in all of them.'
    )
    rows = [
        [f"`{s.name}`", f"{s.rows:,}", f"{s.samples:,}", f"{s.tokens:,}", f"{s.asked:,}"]
        for s in manifest.subsets
    ]
    yield _table(["configuration", "rows", "samples", "tokens", "tokens asked for"], rows)


def _mix(manifest: Manifest, tables: Mapping[str, pl.DataFrame]) -> Iterator[str]:
    """The weights by which a trainer draws, if there are any."""
    if "mix" in manifest.settings:
        yield mixed.rule(manifest)
        head, rows, more = mixed.table(tables["mix"], _TOP)
        yield _table(head, [[*map(_cell, row)] for row in rows])
        if more:
            yield more


def _example(sample: Mapping[str, str]) -> str:
    """A sample as text, in fences that nothing in it can close."""
    if not sample:
        return "There are no samples."
    longest = max(
        (len(run) for run in _FENCE.findall(sample["prompt"] + sample["completion"])), default=0
    )
    fence = "`" * max(3, longest + 1)
    intro = f"`{sample['sample_id'].replace('`', '')}`. The prompt, without loss:"
    prompt, completion = (
        f"{fence}text\n{sample[part]}\n{fence}" for part in ("prompt", "completion")
    )
    return f"{intro}\n\n{prompt}\n\nThe completion, with loss:\n\n{completion}"


def _domains(domains: pl.DataFrame) -> str:
    head = [
        "domain",
        "workflows",
        "steps",
        "samples",
        "tokens",
        "of tokens",
        "raw -> pruned",
        "targets kept",
    ]
    rows = []
    for row in domains.head(_TOP).iter_rows(named=True):
        ratio = f"{row['pruned_chars'] / row['raw_chars']:.0%}" if row["raw_chars"] else ""
        survival = "" if row["survival"] is None else f"{row['survival']:.1%}"
        counts = [f"{row[name]:,}" for name in ("workflows", "steps", "samples", "tokens")]
        rows.append([_cell(row["domain"]), *counts, f"{row['share']:.1%}", ratio, survival])
    more = domains.height - _TOP
    return _table(head, rows) + (
        f"\n\nand {more:,} more in `stats/domains.parquet`" if more > 0 else ""
    )


def _drops(manifest: Manifest) -> str:
    own = of_rules(manifest.settings)
    rows = [
        [unit, drop.stage, drop.reason, f"{drop.count:,}", _cell(says(drop.reason, own))]
        for unit in UNITS
        for drop in manifest.accounting[unit].reasons
    ]
    return _table(["unit", "stage", "reason", "count", "what it means"], rows)


def _waterfall(made: pl.DataFrame | None) -> str:
    """From characters read to tokens packed, in total and by domain."""
    if made is None:
        return "An earlier version made the statistics, and did not count it."
    every = levels.flows(made)
    total = levels.cells(levels.lines(made.to_dicts()))
    lines = [[row[0].replace("  ", "&emsp;", 1), *row[1:]] for row in total]
    head, cells = levels.flow_cells(every[:_TOP])
    more = len(every) - _TOP
    return "\n\n".join(
        [
            _table(levels.HEAD, lines),
            _table(head, [[_cell(name), *rest] for name, *rest in cells]),
            *([f"and {more:,} more in `stats/waterfall.parquet`"] if more > 0 else []),
        ]
    )


def _budget(manifest: Manifest) -> Iterator[str]:
    """What observations hold within a budget, if there is one."""
    if texts := words.within_budget(manifest):
        yield " ".join([*texts, "By domain: `stats/budget.parquet`."])


def _license(card: Mapping[str, Any]) -> str:
    if card["license"] == licenses.UNKNOWN:
        return "No licence is given for the dataset."
    name = card.get("license_name") or card["license"]
    link = card.get("license_link") or licenses.text_of(card["license"])
    return f"The dataset: {_linked(name, link)}."


def _licenses(manifest: Manifest) -> str:
    rows = [
        [
            each["format"],
            f"{each['files']:,}",
            f"{each['samples']:,}",
            _linked(each["license"]) or "not given",
        ]
        for each in words.sources(manifest)
    ]
    return _table(["recorded as", "files", "samples", "licence"], rows)


def _linked(licence: str, link: str = "") -> str:
    link = link or licenses.text_of(licence)
    return f"[{_escaped(licence)}]({link})" if link else licence
