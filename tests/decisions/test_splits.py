"""The splits that look at more than a key: Mind2Web's three, and a cut in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.decisions.recorded import Recorded, Timed
from etl.decisions.split import Split, check_filled
from etl.decisions.unseen import Unseen
from schemas.errors import BuildError, ConfigError

THREE: Final = ("test_task", "test_website", "test_domain")
SCHEMA: Final = {
    "position": pl.Int32, "shard": pl.String, "workflow": pl.String, "objective": pl.String,
    "topic": pl.String, "website": pl.String, "domain": pl.String, "recorded": pl.Int64,
}  # fmt: skip

# (topic, website, domains of its steps, recorded time or None)
FLOW: Final = st.tuples(
    st.sampled_from(["", "Travel", "travel ", "Shopping", "Info", "News"]),
    st.sampled_from(["", "", "united", "Target", "shop1.example"]),
    st.lists(
        st.sampled_from(["unknown", "united", *(f"shop{n}.example" for n in range(5))]),
        min_size=1, max_size=3,
    ),
    st.none() | st.integers(0, 50),
)  # fmt: skip
NIGHTS: Final = st.lists(st.lists(FLOW, max_size=14), min_size=1, max_size=4)
SHARE: Final = st.sampled_from([0.0, 0.1, 0.4, 0.8])


def frame(night: int, flows: Sequence[tuple[str, str, list[str], int | None]]) -> pl.DataFrame:
    """The light rows of a night, a row for each step."""
    rows = [
        (night, f"{night}", f"w:{night}.{number}", f"task {number}", topic, website, domain, time)
        for number, (topic, website, domains, time) in enumerate(flows)
        for domain in domains
    ]
    return pl.DataFrame(rows, SCHEMA, orient="row")


def assigned(split: Split, nights: Sequence[pl.DataFrame], cut: Any = None) -> pl.DataFrame:
    """All rows with their splits, as a build of these generations gives them."""
    splits = split.judge()
    if isinstance(splits.drawn, Timed):
        splits.drawn.begin(cut)
    for number, rows in enumerate(nights, 1):
        splits.learn(number, [rows])
    parts = [splits.assigned(number, rows) for number, rows in enumerate(nights, 1)]
    empty = pl.DataFrame(schema={**SCHEMA, "split": pl.String})
    return pl.concat([empty, *(part.select(*SCHEMA, "split") for part in parts)])


def flows_of(rows: pl.DataFrame) -> dict[str, dict[str, set[str]]]:
    """The values of each workflow's columns, in plain form."""
    found: dict[str, dict[str, set[str]]] = {}
    for row in rows.iter_rows(named=True):
        of = found.setdefault(row["workflow"], {"split": set(), "topics": set(), "sites": set()})
        domains = {row["domain"]} - {"unknown"}
        topic = row["topic"].strip().lower()
        of["split"].add(row["split"])
        of["topics"] |= {f"topic {topic}"} if topic else {f"domain {name}" for name in domains}
        of["sites"] |= domains | ({row["website"].lower()} - {""})
    return found


@given(NIGHTS, SHARE, SHARE, SHARE, st.integers(0, 5))
def test_the_three_splits_are_what_they_say(
    nights: list[Any], task: float, website: float, domain: float, seed: int
) -> None:
    """No workflow straddles splits. What is tested on new topics has one that no training sample
    has; on new websites: a site that none has, and topics that some have; on new tasks: only sites
    and topics that some have.
    """
    if not (task or website or domain):
        task = 0.4
    split = Split(test=0.0, seed=seed, draw=Unseen(task, website, domain))
    flows = flows_of(assigned(split, [frame(n, flows) for n, flows in enumerate(nights)]))
    assert all(len(of["split"]) == 1 for of in flows.values())
    by: dict[str, list[dict[str, set[str]]]] = {}
    for of in flows.values():
        (side,) = of["split"]
        by.setdefault(side, []).append(of)
    trained = by.get("train", [])
    topics = {topic for of in trained for topic in of["topics"]}
    sites = {site for of in trained for site in of["sites"]}
    topics |= {f"domain {site}" for site in sites}
    for of in by.get("test_domain", []):
        assert of["topics"] - topics
        named = {topic for topic in of["topics"] if topic.startswith("topic ")}
        assert not named & topics
    for of in by.get("test_website", []):
        assert of["sites"] - sites
        assert of["topics"] <= topics
    for of in by.get("test_task", []):
        assert of["sites"]
        assert of["sites"] <= sites
        assert of["topics"] <= topics


@given(NIGHTS, SHARE, SHARE, SHARE, st.floats(0.05, 0.9), st.randoms(use_true_random=False))
def test_a_night_moves_no_old_sample(
    nights: list[Any], task: float, website: float, domain: float, last: float, random: Any
) -> None:
    """Under each draw every old sample is in the split that it had before the last night, whatever
    the order in which the rows of a night are read.
    """
    frames = [frame(number, flows) for number, flows in enumerate(nights)]
    shuffled = [
        rows.sample(fraction=1.0, shuffle=True, seed=random.randrange(100)) for rows in frames
    ]
    draws: list[Any] = [Recorded(since=20), Recorded(generation=2), Recorded(last=last)]
    if task or website or domain:
        draws.append(Unseen(task, website, domain))
    for draw in draws:
        split = Split(test=0.0, validation=0.2, draw=draw)
        before = dict(assigned(split, frames[:-1]).select("workflow", "split").iter_rows())
        after = dict(assigned(split, shuffled).select("workflow", "split").iter_rows())
        assert {name: after[name] for name in before} == before


@given(NIGHTS, st.floats(0.05, 0.9))
def test_a_cut_in_time_is_one(nights: list[Any], last: float) -> None:
    """What is tested on began no earlier than anything that is trained on and has a time; a
    recording begins with its earliest time; one without any is trained on and counted. The share
    is that of the first night that has times, give or take what has the same time.
    """
    frames = [frame(number, flows) for number, flows in enumerate(nights)]
    rows = assigned(Split(test=0.0, draw=Recorded(last=last)), frames)
    begun = rows.group_by("workflow").agg(pl.col("recorded").min(), pl.col("split").unique())
    tested = begun.filter(pl.col("split").list.first() == "test")
    trained = begun.filter(pl.col("split").list.first() == "train")
    assert tested.height + trained.height == begun.height
    assert not tested["recorded"].null_count()
    if tested.height and trained["recorded"].drop_nulls().len():
        assert tested["recorded"].min() > trained["recorded"].max()  # type: ignore[operator]
    first = next((n for n, each in enumerate(frames) if each["recorded"].drop_nulls().len()), None)
    if first is not None:
        timed = begun.filter(pl.col("workflow").str.starts_with(f"w:{first}."))
        timed = timed.drop_nulls("recorded")
        held = timed.filter(pl.col("split").list.first() == "test")
        assert held.height >= max(1, round(last * timed.height))
        earliest = held.filter(pl.col("recorded") == pl.col("recorded").min()).height
        assert held.height - earliest < max(1, round(last * timed.height))


def test_a_cut_that_was_kept_stays() -> None:
    """The cut of an earlier build is used as long as the share is the same, even if the recordings
    that it was made of are gone; another share makes another one.
    """
    rows = frame(1, [("", "", ["a.example"], time) for time in range(10)])
    split = Split(test=0.0, draw=Recorded(last=0.2))
    tested = [
        assigned(split, [rows], cut).filter(pl.col("split") == "test").height
        for cut in (None, (0.2, 3), (0.5, 3))
    ]
    assert tested == [2, 7, 2]


def test_lists_come_before_a_draw() -> None:
    """A workflow on a list is in the list's split, and what it visits counts as not trained on: the
    next workflow there is the first one.
    """
    flows: list[Any] = [("Travel", "united", ["united"], None) for _ in range(20)]
    split = Split(
        test=0.0, draw=Unseen(test_task=0.9), named=(("mine", frozenset(["w:1.3", "w:1.4"])),)
    )
    rows = assigned(split, [frame(1, flows)])
    sides = dict(rows.select("workflow", "split").iter_rows())
    assert {name for name, side in sides.items() if side == "mine"} == {"w:1.3", "w:1.4"}
    assert set(sides.values()) == {"mine", "train", "test_task"}
    listed = frozenset(name for name, side in sides.items() if side == "train")
    again = assigned(
        Split(test=0.0, draw=Unseen(test_task=0.9), named=(("mine", listed),)), [frame(1, flows)]
    )
    assert "train" in set(again["split"])


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ((("train", frozenset("a")),), r"split\.lists\.train"),
        ((("Dev-1", frozenset("a")),), r"split\.lists\.Dev-1: a split has a name of a to z"),
        (
            (("dev", frozenset("a")), ("eval", frozenset("a"))),
            "'a' is held out for the dev and for the eval split",
        ),
    ],
)
def test_lists_that_make_no_sense_are_refused(named: Any, says: str) -> None:
    """The name of a list is that of a split that `datasets` can load, and no entry is on two."""
    with pytest.raises(ConfigError, match=says):
        Split(named=named)


def test_entries_that_differ_in_their_letters_hold_the_same() -> None:
    """Both are found, so neither is said to match nothing."""
    split = Split(test=0.0, held_out=frozenset({"Shop1.example", "shop1.EXAMPLE", "nowhere"}))
    splits = split.judge()
    rows = splits.assigned(1, frame(1, [("", "", ["shop1.example"], None)]))
    assert rows["split"].to_list() == ["test"]
    assert splits.unmatched() == {"split.held_out": ["nowhere"]}


def test_an_empty_split_says_whether_its_list_names_anything() -> None:
    """What an earlier list holds is named all the same; then no entry is to blame."""
    split = Split(held_out=frozenset({"w:1"}), named=(("hard", frozenset({"site"})),))
    asked = {"hard": "split.lists.hard = hard.txt"}
    with pytest.raises(BuildError, match="1 name recordings, but all of these are held by a list"):
        check_filled(asked, {"train": 1}, split)
    unmatched = ["split.lists.hard: 'site' matches nothing"]
    with pytest.raises(BuildError, match="none names the id, domain, website, topic or objective"):
        check_filled(asked, {"train": 1}, split, unmatched)
