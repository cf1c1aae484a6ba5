"""Preference pairs: one prompt, an answer that succeeded and one that failed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import pytest

from etl.build.recipes import recipe
from etl.dataset.layout import Dataset
from etl.publish.pairs import OF_FAILURES, PAIRS_SCHEMA, Pairs
from etl.publish.rows import FileType
from schemas.errors import ConfigError
from tests.support import builds
from tokenization.messages import Chat

BUTTONS = ("more", "less", "buy", "sell")
PAGE = "<h1>Mugs of {}</h1>" + "".join(f"<button id={each}>{each}</button>" for each in BUTTONS)
STATES = 24
"""Of each kind of `planted`."""


def step(
    page: str, button: str = "more", error: str = "", said: str = "", number: int = 1
) -> dict[str, Any]:
    return {
        "step_id": str(number), "url": "https://shop.test/", "html": page, "error": error,
        "action": {"kind": "click", "description": said},
        "target": [{"kind": "css", "value": f"#{button}"}],
    }  # fmt: skip


def workflow(name: str, reward: float | None, objective: str, *steps: Mapping[str, Any]) -> Any:
    known = {} if reward is None else {"reward": reward}
    return {"workflow_id": name, "objective": objective, "steps": steps, **known}


def planted() -> list[Any]:
    """Workflows, each with one step in a state and another page that nobody else has.

    In each state a success; and a failure that is another answer, the same answer, the same in
    other words, or one that another failure gives too; or a failure alone; or a step that failed.
    """
    flows = []
    for number in range(STATES):

        def flow(name: str, reward: float | None, task: str, *steps: Any, at: int = number) -> None:
            last = step(f"<p>{name} {at}</p><button id=more>End</button>", number=9)
            flows.append(workflow(f"{name}-{at}", reward, f"{task} the mug {at}", *steps, last))

        page = PAGE.format(number)
        flow("yes", 1.0, "Buy", step(page, "buy"))
        flow("no", 0.0, "Buy", step(page, "sell"))
        flow("same", 0.0, "Buy", step(page, "buy"))
        flow("words", 0.0, "Buy", step(page, "buy", said="Take it"))
        flow("again", 0.5, "Buy", step(page, "sell", said="Do not take it"))
        flow("other", 0.0, "Buy", step(page, "less"))
        flow("alone", 0.0, "Sell", step(page, "sell"))
        flow("error", 1.0, "Buy", step(page, "more", error="not visible"))
        flow("unknown", None, "Show", step(page, "more"))
        flow("unlike", 0.0, "Show", step(page, "less"))
    return flows


def build(folder: Path, flows: list[Any], *settings: str) -> Dataset:
    source = folder / "flows.jsonl"
    source.write_text("".join(f"{json.dumps(flow)}\n" for flow in flows))
    both = ("filter.failed_actions=false", *settings)
    builds.build([source], folder / "out", *both)
    return Dataset(folder / "out" / "dataset")


def pairs(dataset: Dataset, out: Path, file_type: FileType = "jsonl", **options: Any) -> Any:
    """Export; the summary and the rows, by split."""
    chat = Chat(recipe.load("scribeagent-32k").packed.encoder)
    summary = Pairs(dataset, out, file_type, chat, **options).run()
    rows = {
        path.stem: pl.read_parquet(path).to_dicts()
        if file_type == "parquet"
        else [json.loads(line) for line in path.read_text().splitlines()]
        for path in sorted(out.glob(f"t*.{file_type}"))
    }
    return summary, rows


SETTINGS = {
    "apart": ("failures.apart=true", "split.key=objective", "split.test=0.3"),
    "together": ("split.key=objective", "split.test=0.3"),
}


@pytest.fixture(scope="module", params=SETTINGS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset of what is planted, with its failures apart or among all others."""
    return build(tmp_path_factory.mktemp("pairs"), planted(), *SETTINGS[request.param])


def test_all_planted_pairs_are_found(built: Dataset, tmp_path: Path) -> None:
    """Each answer that failed and never succeeded makes one pair; all failures are counted."""
    summary, rows = pairs(built, tmp_path / "out")
    found = Counter(
        tuple(row[name].split(":")[1].split("-")[0] for name in ("chosen_id", "rejected_id"))
        for of_split in rows.values()
        for row in of_split
    )
    # "no" and "again" give the same answer, and the first of their ids makes the pair
    assert found == {(("yes", name)): STATES for name in ("again", "other", "error")}
    total = sum((Counter(each) for each in summary["splits"].values()), Counter[str]())
    assert total["pairs"] == 3 * STATES
    assert total["equal"] == 2 * STATES
    assert total["repeated"] == STATES
    # those in states of their own, and the second step of each workflow that failed
    assert total["alone"] == 2 * STATES + 7 * STATES
    assert total["failures"] == sum(total[name] for name in OF_FAILURES)
    assert total["states"] == STATES
    assert total["unknown"] == 2 * STATES


def test_a_pair_has_one_prompt_one_split_and_two_answers(built: Dataset, tmp_path: Path) -> None:
    """The prompt is that of both samples, as are their answers, rewards and split."""
    from etl.publish.export import Export

    chat = Chat(recipe.load("scribeagent-32k").packed.encoder)
    Export(built, tmp_path / "all", "messages", "jsonl", chat=chat).run()
    messages, split = {}, {}
    for path in (tmp_path / "all").rglob("*.jsonl"):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            messages[row["sample_id"]] = row["messages"]
            split[row["sample_id"]] = path.name.split("-")[0].removesuffix("_failures")
    _, rows = pairs(built, tmp_path / "out")
    assert set(rows) == {"train", "test"}
    for name, of_split in rows.items():
        for row in of_split:
            one, other = (messages[row[f"{which}_id"]] for which in ("chosen", "rejected"))
            assert row["prompt"] == one[:-1] == other[:-1]
            assert (row["chosen"], row["rejected"]) == ([one[-1]], [other[-1]])
            assert row["chosen"] != row["rejected"]
            assert name == row["split"] == split[row["chosen_id"]] == split[row["rejected_id"]]
            assert row["chosen_reward"] == 1.0
            error = "error" in row["rejected_id"]
            assert row["rejected_failed"] == error
            assert row["rejected_reward"] == (
                1.0 if error else 0.5 if "again" in row["rejected_id"] else 0.0
            )


def test_datasets_loads_what_trl_takes(built: Dataset, tmp_path: Path) -> None:
    """Both file types have the same rows, in the columns of TRL's preference datasets."""
    loaded = {}
    for file_type in ("jsonl", "parquet"):
        out = tmp_path / f"pairs-{file_type}"
        _, rows = pairs(built, out, file_type)
        every = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache" / file_type))
        assert set(every) == {"train", "test"}
        assert every["train"].column_names == PAIRS_SCHEMA.names
        loaded[file_type] = {name: list(every[name]) for name in every}
        assert loaded[file_type] == rows
    assert loaded["jsonl"] == loaded["parquet"]
    first = loaded["jsonl"]["train"][0]
    assert [each["role"] for each in first["prompt"]] == ["system", "user"]
    assert [each["role"] for each in first["chosen"] + first["rejected"]] == ["assistant"] * 2


def test_the_order_of_recordings_and_rereading_change_nothing(tmp_path: Path) -> None:
    """The same workflows in another order give the same bytes; so does another export."""
    made = []
    for name, flows in (("one", planted()), ("two", planted()[::-1])):
        (tmp_path / name).mkdir()
        dataset = build(tmp_path / name, flows, *SETTINGS["apart"])
        for again in ("a", "b"):
            pairs(dataset, tmp_path / name / again)
            made.append({p.name: p.read_bytes() for p in (tmp_path / name / again).glob("*.jsonl")})
    assert made[0] == made[1] == made[2] == made[3]


def test_unknown_rewards_are_successes_where_asked(built: Dataset, tmp_path: Path) -> None:
    """Then an answer of a workflow without a reward is chosen over one that failed."""
    summary, rows = pairs(built, tmp_path / "out", unknown=True)
    found = {
        (row["chosen_id"].split("-")[0], row["rejected_id"].split("-")[0])
        for of_split in rows.values()
        for row in of_split
    }
    assert ("workflows:unknown", "workflows:unlike") in found
    assert summary["unknown"] == "success"
    assert "unknown" not in summary["splits"]["train"]


def test_a_pair_never_mixes_splits(tmp_path: Path) -> None:
    """A failure whose partner is in another split has none, and is counted."""
    dataset = build(tmp_path, planted(), "failures.apart=true", "split.test=0.4")
    summary, rows = pairs(dataset, tmp_path / "pairs")
    total = sum((Counter(each) for each in summary["splits"].values()), Counter[str]())
    assert total["in_other_split"] > 0
    assert 0 < total["pairs"] < 3 * STATES
    listed = pl.read_parquet(f"{dataset.listings}/**/*.parquet")
    split = dict(listed.select("sample_id", "split").iter_rows())
    for name, of_split in rows.items():
        for row in of_split:
            both = {split[row["chosen_id"]], split[row["rejected_id"]].removesuffix("_failures")}
            assert both == {name}


def test_splits_are_exported_one_by_one(built: Dataset, tmp_path: Path) -> None:
    """One split alone holds what it holds among all, and the next adds to the folder."""
    _, every = pairs(built, tmp_path / "all")
    _, test = pairs(built, tmp_path / "one", splits=("test",))
    assert test == {"test": every["test"]}
    _, both = pairs(built, tmp_path / "one", splits=("train",))
    assert both == every
    with pytest.raises(ConfigError, match=r"no split dev \(there are: test, train\)"):
        pairs(built, tmp_path / "none", splits=("dev",))


NOTHING = {
    "nothing in it is known to have failed": [
        flow for flow in planted() if flow.get("reward") is None
    ],
    "take those of which nothing is known for successes: --unknown success": [
        flow for flow in planted() if flow["workflow_id"].startswith(("unlike", "unknown"))
    ],
    "48 have a prompt that no success in their split has": [
        flow for flow in planted() if flow["workflow_id"].startswith(("yes", "alone"))
    ],
}


@pytest.mark.parametrize("said", NOTHING)
def test_no_pair_at_all_is_an_error_that_says_what_to_do(tmp_path: Path, said: str) -> None:
    """Nothing is written; the message tells why there is none."""
    dataset = build(tmp_path, NOTHING[said], "split.test=0")
    with pytest.raises(ConfigError, match=said):
        pairs(dataset, tmp_path / "pairs")
    assert not (tmp_path / "pairs").exists()


def test_a_published_dataset_has_the_same_pairs(built: Dataset, tmp_path: Path) -> None:
    """Its files have other names, and its list of samples is found all the same."""
    done = builds.command(
        "publish", str(built.root.parent), f"file://{tmp_path}/there", "--allow", "unlicensed"
    )
    assert done.returncode == 0, done.stderr
    _, here = pairs(built, tmp_path / "here")
    _, there = pairs(Dataset(tmp_path / "there"), tmp_path / "pairs")
    assert there == here


def test_the_command_says_what_became_of_failures(built: Dataset, tmp_path: Path) -> None:
    """One line a split; settings of other formats are refused."""
    whole = str(built.root.parent)
    done = builds.command("export", whole, "--out", tmp_path / "o", "--format", "pairs")
    assert done.returncode == 0, done.stderr
    assert "prompts with both outcomes; of" in done.stderr
    for option, said in (
        ("--quality", "--quality: pairs"),
        ("--format=messages", "--unknown is for"),
    ):
        last = ["--unknown", "success"] if "messages" in option else ["--format", "pairs"]
        done = builds.command("export", whole, "--out", tmp_path / "p", option, *last)
        assert done.returncode == 2
        assert said in done.stderr
