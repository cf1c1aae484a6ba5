"""What is known to have failed is a configuration of its own, and takes no other sample's place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import pytest

from etl.build.recipes.recipe import load
from etl.build.run.whole import run
from etl.dataset.index import scan
from etl.dataset.layout import Dataset, Work
from etl.look import verify
from etl.publish.export import Export
from schemas.errors import ConfigError
from tests.support import builds

PAGE = "<h1>Mugs</h1><button id=more>More</button><button id=less>Less</button>"
APART = ("failures.apart=true", "filter.failed_actions=false")


def step(number: int, button: str = "more", error: str = "", page: str = PAGE) -> dict[str, Any]:
    return {
        "step_id": str(number), "url": "https://shop.test/", "html": page, "error": error,
        "action": {"kind": "click"}, "target": [{"kind": "css", "value": f"#{button}"}],
    }  # fmt: skip


def workflow(name: str, reward: float | None, *steps: Mapping[str, Any]) -> dict[str, Any]:
    known = {} if reward is None else {"reward": reward}
    return {"workflow_id": name, "objective": "Show more of the mugs", "steps": steps, **known}


FLOWS = (
    *(workflow(f"good{n}", 1.0, step(0), step(1, page=f"{PAGE}<p>{n}</p>")) for n in range(20)),
    *(
        workflow(f"bad{n}", 0.5, step(0, "less"), step(1, page=f"{PAGE}<i>{n}</i>"))
        for n in range(20)
    ),
    workflow("old", None, step(0, page=f"{PAGE}<p>old</p>"), step(1, "less", "not visible")),
)


def written(folder: Path, flows: tuple[dict[str, Any], ...] = FLOWS) -> Path:
    path = folder / "flows.jsonl"
    path.write_text("".join(f"{json.dumps(flow)}\n" for flow in flows))
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("failures")
    settings = ("split.test=0.3", "pack.packing=false", *APART)
    builds.build([written(folder)], folder / "out", *settings)
    return folder / "out"


def kept(out: Path) -> dict[str, str]:
    """The split of each sample in the index that is kept."""
    rows = scan(Work(out / "work")).filter(pl.col("reason") == "").collect()
    return dict(rows.select("sample_id", "split").iter_rows())


def test_failures_are_a_configuration_that_datasets_loads(built: Path, tmp_path: Path) -> None:
    """It has the splits of all others; the default configuration has every other sample."""
    split, cache = kept(built), str(tmp_path / "cache")
    failed = {id for id in split if "bad" in id or id == "workflows:old/2"}
    assert {id for id, name in split.items() if name.endswith("_failures")} == failed
    for config, ids in (("failures", failed), ("default", split.keys() - failed)):
        loaded = datasets.load_dataset(str(built / "dataset"), config, cache_dir=cache)
        assert set(loaded) == {"train", "test"}
        found = {name: {id for row in loaded[name] for id in row["sample_ids"]} for name in loaded}
        assert found["train"] | found["test"] == ids
        for name, inside in found.items():
            assert {split[id].removesuffix("_failures") for id in inside} == {name}
    assert verify.verify(built) == []


def test_the_same_samples_are_there_without_the_setting(built: Path, tmp_path: Path) -> None:
    """Only the names of splits differ, so what is held out is held out either way."""
    settings = ("split.test=0.3", "filter.failed_actions=false")
    builds.build([written(tmp_path)], tmp_path / "out", *settings)
    apart = {id: name.removesuffix("_failures") for id, name in kept(built).items()}
    assert kept(tmp_path / "out") == apart


def test_the_card_and_an_export_tell_the_configuration(built: Path, tmp_path: Path) -> None:
    """The card says what it holds; messages and tokens of all splits are loaded by it too."""
    card = (built / "dataset" / "README.md").read_text()
    assert "reward under 1 and of steps that failed" in card
    Export(Dataset(built / "dataset"), tmp_path / "tokens", "tokens", "parquet").run()
    cache = str(tmp_path / "cache")
    for config in ("default", "failures"):
        inside = datasets.load_dataset(str(tmp_path / "tokens"), config, cache_dir=cache)
        assert {name: len(inside[name]) for name in inside} == {
            name: sum(
                split == name + "_failures" * (config == "failures")
                for split in kept(built).values()
            )
            for name in ("train", "test")
        }


@pytest.mark.parametrize(
    "setting",
    ["near.what=page", "caps.samples_per_domain=5", "templates.workflows_per_template=2"],
)
def test_no_failure_takes_the_place_of_a_sample(tmp_path: Path, setting: str) -> None:
    """Decisions keep of all other samples what they keep without any failure."""
    good = tuple(flow for flow in FLOWS if flow.get("reward") == 1.0)
    ids = []
    for name, flows in (("all", FLOWS[:-1]), ("good", good)):
        folder = tmp_path / name
        folder.mkdir()
        builds.build([written(folder, flows)], folder / "out", "split.test=0", setting, *APART)
        ids.append({id for id, split in kept(folder / "out").items() if split == "train"})
    assert ids[0] == ids[1]
    assert len(ids[0]) < 2 * len(good)
    failed = [id for id, split in kept(tmp_path / "all" / "out").items() if split != "train"]
    assert len(failed) == 40


def test_drawn_splits_are_drawn_of_other_workflows_first(tmp_path: Path) -> None:
    """Sites that only failures visit change nothing about who is held out of the others."""

    def site(flow: dict[str, Any], number: int) -> dict[str, Any]:
        steps = [{**each, "url": f"https://shop{number % 7}.test/"} for each in flow["steps"]]
        return {**flow, "steps": steps}

    flows = tuple(site(flow, at) for at, flow in enumerate(FLOWS[:-1]))
    shares = ("split.test_domain=0.3", "split.test_task=0.3")
    found = []
    for name, some in (("all", flows), ("good", flows[:20])):
        folder = tmp_path / name
        folder.mkdir()
        builds.build([written(folder, some)], folder / "out", *shares, *APART)
        found.append({id: s for id, s in kept(folder / "out").items() if "good" in id})
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("failures.below=0.5",), "without failures.apart = true"),
        (("failures.apart=true", "failures.below=nan"), "is no number"),
        (("failures.apart=true", "filter.min_reward=1"), "drops all of them before"),
    ],
)
def test_settings_that_keep_nothing_apart_are_refused(settings: tuple[str, ...], said: str) -> None:
    """A limit without the switch, and a filter that drops what should be kept."""
    with pytest.raises(ConfigError, match=said):
        load("scribeagent-32k", settings)


def test_a_list_must_not_take_the_name_of_failures(tmp_path: Path) -> None:
    """A split of such a name would be loaded as failures."""
    (tmp_path / "list").write_text("good1\n")
    recipe = load(
        "scribeagent-32k", [f"split.lists.hard_failures={json.dumps(str(tmp_path / 'list'))}"]
    )
    with pytest.raises(ConfigError, match="does not end with _failures"):
        _ = recipe.index


def test_a_build_in_which_nothing_failed_says_so(tmp_path: Path) -> None:
    """It has no configuration of failures, and a warning says what would be in it."""
    made = builds.prepared([written(tmp_path, FLOWS[:20])], tmp_path / "out", "failures.apart=true")
    run(made)
    assert any("no sample is known to have failed" in line for line in made.record.warnings)
    assert "failures" not in datasets.get_dataset_config_names(str(tmp_path / "out" / "dataset"))
