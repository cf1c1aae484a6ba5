"""``dataset/croissant.json``: Croissant 1.1 metadata, made of the manifest and the statistics.

It includes provenance (PROV-O) and the vocabulary of responsible AI (RAI 1.0). Each file is listed
with its hash. Record sets are what mlcroissant can load: statistics, the listing of samples, and
the rows of each split where they are published as Parquet.

Two limits of mlcroissant 1.1.1 (``operations/read.py``) shape the rest. It reads CSV, TSV, JSON,
Parquet, text and media, but no Arrow files, so for a build only the descriptions of the file sets
name the columns. It reads several files as one record set only from a local folder or a git
repository, so file sets are in one of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import pyarrow as pa

from etl.card import licenses, markdown, provenance, words
from etl.dataset.layout import CARD, CROISSANT, IN_DATASET, LISTINGS, PREFIX
from etl.dataset.manifest import Manifest
from etl.decisions.split import TEST_LIKE
from etl.decisions.subsets import TRAIN
from schemas import splits as split_names
from schemas.ledger import LISTING_SCHEMA
from schemas.sample_table import PACKED_SCHEMA

SPECIFICATIONS: Final = (
    "http://mlcommons.org/croissant/1.1",
    "http://mlcommons.org/croissant/RAI/1.0",
)

_CROISSANT_TERMS: Final = (
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field "
    "fileObject fileProperty fileSet format includes isArray isLiveDataset jsonPath key md5 "
    "parentField path readLines recordSet references regex repeated replace samplingRate sdVersion "
    "separator source subField transform unArchive value"
)
_CONTEXT: Final[dict[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{term: f"cr:{term}" for term in _CROISSANT_TERMS.split() if term != "value"},
}
_MEDIA_TYPES: Final = {
    "arrow": "application/vnd.apache.arrow.file",
    "parquet": "application/x-parquet",  # what mlcroissant knows it by
    "json": "application/json",
    "md": "text/markdown",
}
_SPLITS: Final = {
    "train": "cr:TrainingSplit", "test": "cr:TestSplit", "validation": "cr:ValidationSplit"
}  # fmt: skip
_REPOSITORY: Final = "repo"
_NO_HASH: Final = "https://github.com/mlcommons/croissant/issues/80"
"""What the Hub writes for the hash of a git repository, which has none and must have one."""
_NOT_LISTED: Final = frozenset((CARD, CROISSANT))
"""The card and this file: neither can hold the other's hash and its own."""
_TYPES: Final = {
    "int32": "cr:Int32", "int64": "cr:Int64", "uint32": "cr:UInt32", "double": "cr:Float64",
    "bool": "sc:Boolean",
    "string": "sc:Text", "large_string": "sc:Text",
}  # fmt: skip
"""Croissant's types, by Arrow's."""


@dataclass(frozen=True)
class Repository:
    """A dataset repository of the Hub."""

    # owner/name
    name: str
    branch: str = "main"

    @property
    def page(self) -> str:
        """Its URL."""
        return f"https://huggingface.co/datasets/{self.name}"

    @property
    def git(self) -> str:
        """The URL from which mlcroissant clones it."""
        if self.branch == "main":
            return self.page
        return f"{self.page}/tree/refs%2Fheads%2F{self.branch}"


def render(
    manifest: Manifest,
    tables: Mapping[str, pl.DataFrame],
    sizes: Mapping[str, int] | None = None,
    repository: Repository | None = None,
) -> dict[str, Any]:
    """The metadata, as values for JSON.

    tables: the statistics, by name. sizes: bytes of files by their paths in the dataset, where
    known. repository: where the dataset is published; None for a folder.
    """
    settings = manifest.settings["card"]
    sizes = {**(sizes or {}), **_published_sizes(manifest)}
    files = _files(manifest, sizes, repository)
    given = {
        "url": settings.get("url") or (repository.page if repository else ""),
        "datePublished": settings.get("published", ""),
        "version": settings.get("version", ""),
        "keywords": [*settings.get("tags", ()), "web agents", "next-step prediction"],
        "inLanguage": settings["language"],
        "license": _license(settings),
        "citeAs": markdown.citation(manifest),
        "creator": [
            {"@type": "sc:Organization", "name": name} for name in settings.get("creators", ())
        ],
        "sameAs": [repository.page] if repository and settings.get("url") else [],
    }
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(SPECIFICATIONS),
        "name": settings["pretty_name"],
        "description": _description(manifest),
        "identifier": manifest.fingerprint,
        **{name: value for name, value in given.items() if value},
        **provenance.provenance(manifest),
        **provenance.responsible(manifest),
        "distribution": [*files, *_file_sets(manifest, repository)],
        "recordSet": [*_record_sets(manifest, tables)],
    }


def _description(manifest: Manifest) -> str:
    totals, workflows = manifest.totals, manifest.accounting["workflow"].kept
    return (
        "Next-step examples of recorded web workflows, tokenized and packed for training: "
        f"{totals.samples:,} samples from {workflows:,} workflows on "
        f"{manifest.figures.domains:,} domains, {totals.tokens:,} tokens. Rows hold "
        f"several samples and at most {manifest.context:,} tokens of the "
        f"vocabulary {provenance.plain(words.vocabulary(manifest))}. Settings, inputs and accounts "
        "are in manifest.json."
    )


def _license(settings: Mapping[str, Any]) -> str:
    if settings["license"] == licenses.UNKNOWN:
        return ""
    return str(
        settings.get("license_link") or licenses.text_of(settings["license"]) or settings["license"]
    )


def _published_sizes(manifest: Manifest) -> dict[str, int]:
    published = manifest.published
    if published is None:
        return {}
    groups = [*published.splits.values(), published.listing]
    return {file.path: file.bytes for files in groups for file in files}


def _files(
    manifest: Manifest, sizes: Mapping[str, int], repository: Repository | None
) -> list[dict[str, Any]]:
    """All files except the card and this one."""
    base = f"{repository.page}/resolve/{repository.branch}/" if repository else ""
    listed: list[dict[str, Any]] = []
    for name, digest in sorted(manifest.files.items()):
        path = name.removeprefix(PREFIX)
        kind = _MEDIA_TYPES.get(path.rpartition(".")[2])
        if kind is None or name in _NOT_LISTED:
            continue
        size = {"contentSize": f"{sizes[path]} B"} if path in sizes else {}
        about = {
            "@type": "cr:FileObject",
            "@id": path,
            "name": path.rpartition("/")[2],
            "contentUrl": base + path,
        }
        listed.append({**about, "encodingFormat": kind, **size, "sha256": digest})
    if repository:
        about = {
            "@type": "cr:FileObject",
            "@id": _REPOSITORY,
            "name": _REPOSITORY,
            "contentUrl": repository.git,
        }
        listed.append({**about, "encodingFormat": "git+https", "sha256": _NO_HASH})
    return listed


def _file_sets(manifest: Manifest, repository: Repository | None) -> list[dict[str, Any]]:
    """The files with the rows of each split, and the listings of their samples."""
    inside = {"containedIn": {"@id": _REPOSITORY}} if repository else {}
    columns = "; ".join(f"{name}: {text}" for name, text in words.FIELDS.items())
    sets = [
        (
            each["split"],
            _format(manifest),
            each["path"],
            f"Rows of the split {each['split']}. Columns: {columns}.",
        )
        for each in markdown.data_files(manifest)
    ]
    sets += [
        (
            f"{split_names.FAILURES}-{each['split']}",
            _format(manifest),
            each["path"],
            f"Failures of the split {each['split']}. Columns: {columns}.",
        )
        for each in markdown.data_files(manifest, failed=True)
    ]
    for number, subset in enumerate(manifest.subsets or (), 1):
        train = [e for e in markdown.data_files(manifest, number) if e["split"] == TRAIN]
        about = f"Rows of the training split in the subset of {subset.asked:,} tokens."
        sets += [
            (f"{subset.name}-{TRAIN}", _format(manifest), each["path"], about) for each in train
        ]
    if listings := [
        name.removeprefix(PREFIX) for name in manifest.files if name.startswith(f"{LISTINGS}/")
    ]:
        sets.append(("samples", "parquet", sorted(listings), f"Statistics {words.LISTING}."))
    return [
        {
            "@type": "cr:FileSet",
            "@id": f"{name}-files",
            "name": f"{name}-files",
            "description": about,
            **inside,
        }
        | {"encodingFormat": _MEDIA_TYPES[kind], "includes": paths}
        for name, kind, paths, about in sets
    ]


def _format(manifest: Manifest) -> str:
    return manifest.published.format if manifest.published else "arrow"


def _record_sets(
    manifest: Manifest, tables: Mapping[str, pl.DataFrame]
) -> Iterator[dict[str, Any]]:
    """The splits' names, their rows if they can be loaded, the listing, and the statistics."""
    splits = words.splits(manifest)
    if splits:
        yield _names_of(splits)
        for split in splits if _format(manifest) == "parquet" else ():
            shown = split_names.shown_as(split)
            name = f"{split_names.FAILURES}-{shown}" if split_names.of_failures(split) else split
            fields = _columns(split, PACKED_SCHEMA, {"fileSet": {"@id": f"{name}-files"}})
            described = [field | {"description": words.FIELDS[field["name"]]} for field in fields]
            yield _record_set(split, f"Packed rows of the split {split}.", described)
        listed = _columns("samples", LISTING_SCHEMA, {"fileSet": {"@id": "samples-files"}})
        yield _record_set("samples", f"Statistics {words.LISTING}.", listed)
    for name, table in sorted(tables.items()):
        schema = table.head(0).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        columns = _columns(name, schema, {"fileObject": {"@id": IN_DATASET.table(name).as_posix()}})
        yield _record_set(name, f"Statistics {words.STATISTICS[name]}.", columns)


def _names_of(splits: Iterable[str]) -> dict[str, Any]:
    names = [{"splits/name": split, "splits/url": _kind(split)} for split in splits]
    columns = [
        {"@type": "cr:Field", "@id": "splits/name", "name": "name", "dataType": "sc:Text"},
        {"@type": "cr:Field", "@id": "splits/url", "name": "url", "dataType": "sc:URL"},
    ]
    record_set = _record_set("splits", "The splits, and what each is for.", columns)
    return record_set | {"dataType": "cr:Split", "key": {"@id": "splits/name"}, "data": names}


def _kind(split: str) -> str:
    """What a split is for."""
    split = split_names.shown_as(split)
    return _SPLITS["test"] if TEST_LIKE.fullmatch(split) else _SPLITS.get(split, "cr:Split")


def _record_set(name: str, description: str, columns: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "field": columns,
    }


def _columns(record_set: str, schema: pa.Schema, source: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The columns of a schema as fields."""
    columns = []
    for column in schema:
        kind, array = column.type, {}
        if pa.types.is_list(kind):
            kind, array = kind.value_type, {"isArray": True, "arrayShape": "-1"}
        where = {"source": {**source, "extract": {"column": column.name}}}
        about = {"@type": "cr:Field", "@id": f"{record_set}/{column.name}", "name": column.name}
        columns.append({**about, "dataType": _TYPES[str(kind)], **array, **where})
    return columns
