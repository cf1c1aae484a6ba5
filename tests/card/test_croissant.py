"""``croissant.json`` is valid, complete, and loads with mlcroissant, the format's own library."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlcroissant
import polars as pl
import pyarrow.parquet as pq
import pytest
import rdflib

from etl.build.recipes.recipe import load
from etl.card import croissant, words
from etl.card.croissant import Repository
from etl.dataset.manifest import Manifest
from etl.files.arrow import open_arrow, read_json, read_parquet
from tests.card.test_markdown import EVERYTHING
from tests.support import builds

pytestmark = [  # mlcroissant, and rdflib by which it reads JSON-LD, use what will go
    pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index is deprecated"),
]

PROV = rdflib.Namespace("http://www.w3.org/ns/prov#")
RAI = rdflib.Namespace("http://mlcommons.org/croissant/RAI/")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of several small files and generations, with all settings of [card]."""
    folder = tmp_path_factory.mktemp("croissant")
    for night in range(2):
        records = [builds.workflow(100 * night + number, steps=2) for number in range(30)]
        records[0]["steps"][0] |= {
            "url": "https://bare.example/",
            "target": [],
            "action": {"kind": "scroll"},
        }
        builds.write_workflows(folder / "in" / f"{night}.jsonl", *records)
        builds.build([folder / "in"], folder / "out", *EVERYTHING, "fit.context=1024")
    return folder / "out"


def manifest_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_json(out / "dataset" / "manifest.json")
    return found


def tables_of(out: Path) -> dict[str, pl.DataFrame]:
    return {path.stem: read_parquet(path) for path in (out / "dataset" / "stats").glob("*.parquet")}


def opened(path: Path, **options: Any) -> Any:
    return mlcroissant.Dataset(str(path), **options)


def rows(dataset: Any, record_set: str) -> Iterator[dict[str, Any]]:
    """The records that mlcroissant yields, by column, as Python values."""
    for record in dataset.records(record_set):
        yield {name.partition("/")[2]: plain(value) for name, value in record.items()}


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value


@pytest.fixture(scope="module")
def published(out: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same dataset as Parquet, with a manifest that names its files.

    One more file is of no publication.
    """
    folder = tmp_path_factory.mktemp("published")
    splits: dict[str, list[dict[str, Any]]] = {}
    for path in sorted((out / "dataset" / "data").rglob("*.arrow")):
        made = folder / "data" / f"{path.parent.name}-{path.stem}.parquet"
        made.parent.mkdir(exist_ok=True)
        pq.write_table(open_arrow(path).read_all(), made)
        about = {
            "bytes": made.stat().st_size,
            "sha256": hashlib.sha256(made.read_bytes()).hexdigest(),
        }
        splits.setdefault(path.name.split("-")[0], []).append(
            {"path": f"data/{made.name}", **about}
        )
    shutil.copy(made, made.with_name("g0000-train-left-over.parquet"))
    shutil.copytree(out / "dataset" / "stats", folder / "stats")
    manifest = manifest_of(out)
    files = {
        name: digest
        for name, digest in manifest["files"].items()
        if not name.startswith("dataset/data/")
    }
    files |= {
        f"dataset/{each['path']}": each["sha256"] for split in splits.values() for each in split
    }
    manifest |= {
        "files": files,
        "published": {"format": "parquet", "splits": splits, "listing": []},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def described(published: Path, repository: Repository | None) -> Path:
    """The published folder's description, written into it."""
    tables = {table.stem: read_parquet(table) for table in (published / "stats").glob("*.parquet")}
    manifest = json.loads((published / "manifest.json").read_text())
    path = published / "croissant.json"
    path.write_text(
        json.dumps(
            croissant.render(Manifest.from_json(manifest, "here"), tables, repository=repository)
        )
    )
    return path


def test_it_is_valid_without_a_warning(out: Path) -> None:
    """The library finds no error, and no warning where the recipe gives what only people know.

    The file conforms to Croissant 1.1 and the RAI vocabulary 1.0.
    """
    metadata = opened(out / "dataset" / "croissant.json").metadata
    assert (metadata.issues.errors, metadata.issues.warnings) == (set(), set())
    assert metadata.ctx.conforms_to.value == "http://mlcommons.org/croissant/1.1"
    stored = read_json(out / "dataset" / "croissant.json")
    assert stored["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    assert (metadata.name, metadata.url) == ("Shops: 'mugs' & more", "https://shop.example/data")
    assert [each.name for each in metadata.creators] == ["Ann Example", "Bo Example"]
    assert (metadata.version, f"{metadata.date_published:%Y-%m-%d}") == ("1.2.0", "2026-01-31")
    assert metadata.license == ["https://shop.example/license"]
    assert stored["identifier"] == manifest_of(out)["fingerprint"]


def test_without_settings_it_is_valid(own_build: Path) -> None:
    """Facts that only people know are left out, not made up: there are warnings and no error."""
    metadata = opened(own_build / "dataset" / "croissant.json").metadata
    assert metadata.issues.errors == set()
    missing = {"datePublished", "version", "license"}
    assert {
        name for name in missing if any(name in text for text in metadata.issues.warnings)
    } == missing
    assert len(metadata.issues.warnings) == len(missing)


def test_every_record_set_loads(out: Path) -> None:
    """All record sets of a build load with the rows of the statistics and listings.

    They are compared value by value, over all generations; splits are named.
    """
    dataset = opened(out / "dataset" / "croissant.json")
    assert {each.id for each in dataset.metadata.record_sets} == {
        "splits",
        "samples",
        *(words.STATISTICS.keys() - words.OPTIONAL),
    }
    for name, table in tables_of(out).items():
        assert list(rows(dataset, name)) == table.to_dicts()
        assert table.height
    listings = sorted((out / "dataset" / "stats" / "samples").rglob("*.parquet"))
    assert list(rows(dataset, "samples")) == [
        row for path in listings for row in read_parquet(path).to_dicts()
    ]
    assert len({path.parent for path in listings}) == 2
    assert None in tables_of(out)["domains"]["survival"]
    assert [record["name"] for record in rows(dataset, "splits")] == ["train", "test"]


def test_the_table_of_a_budget_loads(tmp_path: Path) -> None:
    """A dataset whose observations have a budget declares what that kept, value by value."""
    chosen = load("compact-4k", ["observe.budget=512"])
    builds.build([builds.RECORDINGS / "shop.jsonl.zst"], tmp_path, recipe=chosen)
    dataset = opened(tmp_path / "dataset" / "croissant.json")
    assert dataset.metadata.issues.errors == set()
    assert list(rows(dataset, "budget")) == tables_of(tmp_path)["budget"].to_dicts()


@pytest.mark.parametrize("repository", [None, Repository("shop/web")])
def test_published_as_parquet_the_rows_load(
    out: Path, published: Path, repository: Repository | None
) -> None:
    """Each split of a published dataset is a record set with exactly its rows.

    They are loaded from a folder and from a repository of the Hub (here a copy of it); a file
    beside them that is of no publication is not read.
    """
    options = {"mapping": {"repo": str(published)}} if repository else {}
    dataset = opened(described(published, repository), **options)
    assert dataset.metadata.issues.errors == set()
    for split in ("train", "test"):
        stored = [
            row
            for path in sorted((out / "dataset" / "data").rglob(f"{split}-*.arrow"))
            for row in open_arrow(path).read_all().to_pylist()
        ]
        assert list(rows(dataset, split)) == stored
        assert stored


def test_of_a_repository_every_file_has_its_address(published: Path) -> None:
    """URLs of the Hub name the files, and the dataset unless the recipe names another."""
    stored = json.loads(described(published, Repository("shop/web")).read_text())
    files = [each for each in stored["distribution"] if each["@type"] == "cr:FileObject"]
    base = "https://huggingface.co/datasets/shop/web"
    assert [each["contentUrl"] for each in files if each["@id"] != "repo"] == [
        f"{base}/resolve/main/{each['@id']}" for each in files if each["@id"] != "repo"
    ]
    assert {each["contentUrl"] for each in files if each["@id"] == "repo"} == {base}
    assert (stored["url"], stored["sameAs"]) == ("https://shop.example/data", [base])
    nightly = json.loads(described(published, Repository("shop/web", "nightly")).read_text())[
        "distribution"
    ]
    assert nightly[0]["contentUrl"].startswith(f"{base}/resolve/nightly/")
    assert {each["contentUrl"] for each in nightly if each["@id"] == "repo"} == {
        f"{base}/tree/refs%2Fheads%2Fnightly"
    }


def test_every_file_is_there_with_its_hash(out: Path) -> None:
    """The distribution is all files of the dataset but the card, the manifest and itself.

    Hash, size and media type are right, and mlcroissant notices a changed file.
    """
    stored = read_json(out / "dataset" / "croissant.json")
    files = {
        each["@id"]: each for each in stored["distribution"] if each["@type"] == "cr:FileObject"
    }
    there = {
        path.relative_to(out / "dataset").as_posix()
        for path in (out / "dataset").rglob("*")
        if path.is_file()
    }
    assert set(files) == there - {"README.md", "manifest.json", "croissant.json"}
    for name, about in files.items():
        content = (out / "dataset" / name).read_bytes()
        assert about["sha256"] == hashlib.sha256(content).hexdigest()
        if name.startswith("data/"):
            assert about["contentSize"] == f"{len(content)} B"
        assert about["encodingFormat"] == {
            "arrow": "application/vnd.apache.arrow.file", "parquet": "application/x-parquet",
            "json": "application/json"
        }[name.rpartition(".")[2]]  # fmt: skip


def test_a_changed_file_is_noticed(out: Path, tmp_path: Path) -> None:
    """The library compares the hashes."""
    dataset = Path(shutil.copytree(out / "dataset", tmp_path / "dataset"))
    pl.DataFrame({"domain": ["x"]}).write_parquet(dataset / "stats" / "actions.parquet")
    with pytest.raises(mlcroissant.GenerationError) as raised:
        list(opened(dataset / "croissant.json").records("actions"))
    assert "not identical" in str(raised.value.__cause__)


def test_mlcroissant_reads_no_arrow(out: Path) -> None:
    """Rows of a build, declared as those of a Parquet publication, are valid but do not load.

    So a build declares no record sets of its rows. When this fails, they can be declared.
    """
    manifest = manifest_of(out)
    files = {
        split: [{"path": f"data/*/{split}-*.arrow", "bytes": 0, "sha256": ""}]
        for split in manifest["splits"]
    }
    manifest["published"] = {"format": "parquet", "splits": files, "listing": []}
    stored = croissant.render(Manifest.from_json(manifest, "here"), tables_of(out))
    for each in stored["distribution"]:
        if each["@type"] == "cr:FileSet":
            each["encodingFormat"] = "application/vnd.apache.arrow.file"
    path = out / "arrow.json"
    path.write_text(
        json.dumps(stored)
        .replace('"data/*/', '"dataset/data/*/')
        .replace('"stats/', '"dataset/stats/')
    )
    dataset = opened(path)
    assert dataset.metadata.issues.errors == set()
    with pytest.raises(mlcroissant.GenerationError) as raised:
        list(dataset.records("train"))
    assert "None of the provided encoding formats" in str(raised.value.__cause__)


def test_provenance_and_responsible_ai(out: Path) -> None:
    """Provenance and responsible AI can be read as RDF.

    The dataset was derived from recordings with licences, by one activity for each stage, with the
    software that did it, and is attributed to its creators; each RAI property says what the card
    says.
    """
    path = out / "dataset" / "croissant.json"
    manifest, metadata = manifest_of(out), opened(path).metadata
    known = Manifest.from_json(manifest, out)
    graph = rdflib.Graph().parse(data=path.read_text(), format="json-ld")
    labels = {str(label) for label in graph.objects(None, PROV.label)}
    assert {f"{name}: {text.replace('`', '')}" for name, text in words.stages(known)} <= labels
    (dataset,) = set(graph.subjects(PROV.wasGeneratedBy, None))
    assert len(set(graph.objects(dataset, PROV.wasGeneratedBy))) == 1 + len(words.stages(known))
    agents = {
        str(graph.value(agent, PROV.label))
        for agent in graph.objects(dataset, PROV.wasAttributedTo)
    }
    assert agents == {"Ann Example", "Bo Example"}
    derived = {
        str(graph.value(entity, PROV.label))
        for entity in graph.objects(dataset, PROV.wasDerivedFrom)
    }
    assert derived == {"recordings in the format workflows: 2 files, 118 samples"}
    assert {
        str(graph.value(agent, PROV.label)) for agent in graph.objects(None, PROV.wasAssociatedWith)
    } == {"stepmill"}
    limits = [*words.limits(known), *words.contamination(known)]
    assert sorted(metadata.data_limitations) == sorted(text.replace("`", "") for text in limits)
    assert metadata.personal_sensitive_information == words.privacy(known)
    assert len(metadata.data_preprocessing_protocol) == len(words.stages(known))
    assert (
        metadata.data_collection
        == "Recordings of people or agents using websites, in the formats workflows."
    )
    assert "recorded steps are not in the dataset" in metadata.data_collection_missing_data
    shares = manifest["figures"]["domain_shares"]
    assert len(metadata.data_biases) == min(5, len(shares))
    assert set(graph.predicates(dataset)) >= {
        RAI.dataUseCases,
        RAI.dataCollectionType,
        RAI.dataBiases,
    }


def test_a_dataset_without_rows_is_described(tmp_path: Path) -> None:
    """A dataset without samples is valid too, with statistics and no splits."""
    inputs = builds.write_workflows(tmp_path / "in.jsonl", builds.workflow(0) | {"objective": ""})
    builds.build([inputs], tmp_path / "out", "gates.min_samples=0")
    dataset = opened(tmp_path / "out" / "dataset" / "croissant.json")
    assert dataset.metadata.issues.errors == set()
    assert {each.id for each in dataset.metadata.record_sets} == set(
        words.STATISTICS
    ) - words.OPTIONAL
    assert [row["reason"] for row in rows(dataset, "drops")] == ["no_objective"] * len(
        list(rows(dataset, "drops"))
    )
