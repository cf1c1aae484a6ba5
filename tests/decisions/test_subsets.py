"""Subsets: nested, as large as asked, mixed like the whole, and never moved by new recordings."""

from __future__ import annotations

from itertools import accumulate

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.decisions.split import Split
from etl.decisions.subsets import Chosen, Subsets

HASH = Split().hash


def night(number: int, sizes: dict[str, list[int]]) -> pl.DataFrame:
    """The samples of a night. sizes: tokens of each, by domain."""
    ids = [
        (domain, f"{number}/{domain}/{i}")
        for domain, each in sizes.items()
        for i in range(len(each))
    ]
    return pl.DataFrame(
        {
            "sample_id": [id for _, id in ids],
            "domain": [domain for domain, _ in ids],
            "order": [HASH(id) for _, id in ids],
            "tokens": [tokens for each in sizes.values() for tokens in each],
            "split": "train",
            "reason": "",
        },
        schema={
            "sample_id": pl.String,
            "domain": pl.String,
            "order": pl.UInt64,
            "tokens": pl.Int32,
            "split": pl.String,
            "reason": pl.String,
        },
    )


def chosen(nights: list[pl.DataFrame], tokens: tuple[int, ...]) -> tuple[Chosen, pl.DataFrame]:
    """The judge of these nights, and all samples with their subsets."""
    judge = Subsets(tokens).judge(HASH)
    for number, rows in enumerate(nights, 1):
        judge.learn(number, [rows[: rows.height // 2], rows[rows.height // 2 :]])
    return judge, pl.concat(judge.judged(number, rows) for number, rows in enumerate(nights, 1))


def members(rows: pl.DataFrame, subset: int) -> set[str]:
    """The ids of the samples in a subset."""
    return set(rows.filter(pl.col("subset").is_between(1, subset))["sample_id"])


SIZES = st.dictionaries(
    st.sampled_from(["a.example", "b.example", "c.example", "d.example"]),
    st.lists(st.integers(0, 300), max_size=30),
)


@settings(max_examples=60)
@given(
    st.lists(SIZES, min_size=1, max_size=4),
    st.lists(st.integers(1, 4000), min_size=1, max_size=4),
)
def test_new_nights_only_add(nights: list[dict[str, list[int]]], more: list[int]) -> None:
    """After each night, each subset holds all that it held before, is inside the next, and has the
    tokens asked for up to one and a half samples, or all there are; the tokens that the judge
    says are those of its samples, and no held-out sample is in one.
    """
    tokens = tuple(accumulate(more))
    frames = [night(number, sizes) for number, sizes in enumerate(nights, 1)]
    before: list[set[str]] = [set()] * len(tokens)
    for count in range(1, len(frames) + 1):
        judge, rows = chosen(frames[:count], tokens)
        sizes = dict(rows.select("sample_id", "tokens").iter_rows())
        now = [members(rows, number) for number in range(1, len(tokens) + 1)]
        total, longest = sum(sizes.values()), max(sizes.values(), default=0)
        for number, most in enumerate(tokens):
            there = sum(sizes[id] for id in now[number])
            assert there == judge.filled[number]
            # half a sample of its own, and one that enters later with a smaller subset
            off = longest * (1.5 if number and count > 1 else 0.5)
            assert abs(there - min(most, total)) <= off
            assert before[number] <= now[number]
            assert number == 0 or now[number - 1] <= now[number]
        before = now
    held_out = rows.drop("subset").with_columns(split=pl.lit("test"))
    assert set(judge.judged(1, held_out)["subset"]) <= {0}


def test_shares_of_domains_are_those_of_the_whole() -> None:
    """250 domains of very different sizes: in a subset of a tenth and of a half, the share of each
    of the larger domains is within a tenth of its share of the whole.
    """
    sizes = {
        f"d{i}.example": [500 + (37 * i + 101 * j) % 9000 for j in range(20 + 4000 // (i + 1))]
        for i in range(250)
    }
    frame = night(1, sizes)
    whole = sum(map(sum, sizes.values()))
    _, rows = chosen([frame], (whole // 10, whole // 2))
    for number, share in ((1, 10), (2, 2)):
        inside = rows.filter(pl.col("subset").is_between(1, number))
        total = int(inside["tokens"].sum())
        assert abs(total / (whole // share) - 1) < 0.001
        for domain, tokens in inside.group_by("domain").agg(pl.col("tokens").sum()).iter_rows():
            expected = sum(sizes[domain]) / whole
            if len(sizes[domain]) >= 10 * share * 2:
                assert abs(tokens / total / expected - 1) < 0.1, domain


def test_single_samples_of_many_domains_are_drawn_too() -> None:
    """Of 400 domains with one sample each, a subset of a quarter has about a quarter."""
    frame = night(1, {f"d{i}.example": [1000] for i in range(400)})
    _, rows = chosen([frame], (100_000,))
    assert len(members(rows, 1)) == 100
