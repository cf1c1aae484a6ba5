"""Caps of workflow templates: what a template is, and that the first few are kept."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.dataset.drops import drops
from etl.dataset.layout import Layout
from etl.decisions.templates import Templates, _begins, masked
from etl.files.hashes import order_hash
from schemas.errors import ConfigError
from tests.support import builds

Flow = tuple[str, str, str]
"""Id of a workflow, objective, what it clicks on."""


def hashed(text: str) -> int:
    return order_hash(text, 7)


def rows(flows: Sequence[Flow]) -> pl.DataFrame:
    """Light rows of two steps for each workflow."""
    lines = [
        (name, number, "shop.example", objective, "click", f'<{tag} node="1">', "", "")
        for name, objective, tag in flows
        for number in (1, 2)
    ]
    names = ("workflow", "step", "domain", "objective", "action_kind", "target_html", "reason")
    schema = dict.fromkeys((*names, "detail"), pl.String) | {"step": pl.Int32}
    return pl.DataFrame(lines, schema, orient="row")


def kept(most: int, *generations: Sequence[Flow]) -> list[set[str]]:
    """The workflows that are kept of each generation."""
    judge = Templates(most).judge(hashed)
    for number, flows in enumerate(generations, 1):
        judge.learn(number, [rows(flows[:2]), rows(flows[2:])])
    return [
        set(judge.judged(number, rows(flows)).filter(pl.col("reason") == "")["workflow"])
        for number, flows in enumerate(generations, 1)
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('Order 2 "blue mugs" for Anna Smith', 'Order 15 "red cups" for Bob', True),
        ("Fly from Oslo to New York City on 3 May", "Fly from Rome to Bern on 12 June", True),
        ("Send it to a.b@shop.test", "Send it to info@mugs.example", True),
        ("Pay invoice INV-2031-7", "Pay invoice INV-2031-81", True),
        ("Order a mug", "Order a cup", False),
        ("Cancel order 17", "Track order 17", False),
        ("Book A Room In The Attic", "Book A Room In The Cellar", False),
        ("Bestelle Tassen im Laden", "Bestelle Teller im Laden", False),
    ],
)  # fmt: skip
def test_objectives_of_one_template(one: str, other: str, same: bool) -> None:
    """They differ in numbers, dates, quoted texts, addresses or names; where nearly every word has
    a capital, capitals name nothing.
    """
    assert (masked(one) == masked(other)) is same


def test_the_first_few_of_a_template_are_kept() -> None:
    """By the order of their hashes, whatever the order of the rows; the others name the first."""
    flows = [(f"w{n}", f"Order {n} mugs", "button") for n in range(6)]
    ordered = sorted((name for name, _, _ in flows), key=hashed)
    assert kept(2, flows) == [set(ordered[:2])]
    assert kept(2, flows[::-1]) == [set(ordered[:2])]
    judge = Templates(2).judge(hashed)
    judge.learn(1, [rows(flows)])
    dropped = judge.judged(1, rows(flows)).filter(pl.col("reason") != "")
    assert set(dropped["reason"]) == {"over_template_cap"}
    assert all(f"with {ordered[0]}:" in detail for detail in dropped["detail"])


def test_other_steps_are_another_template() -> None:
    """The same objective with other elements is not the same workflow."""
    flows = [("a", "Order 1 mug", "button"), ("b", "Order 2 mugs", "a"), ("c", "Order 3", "a")]
    assert kept(1, flows[:2]) == [{"a", "b"}]


_flows = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["Order # mugs", "Find # cups"]),
              st.sampled_from(["a", "button"])),
    max_size=12, unique_by=lambda flow: flow[0],
)  # fmt: skip


@given(_flows, _flows, st.integers(1, 3))
def test_new_recordings_change_no_old_decision(
    first: list[tuple[int, str, str]], second: list[tuple[int, str, str]], most: int
) -> None:
    """What is kept of a generation is the same with another after it, no template has more than
    the limit, and none has less where there was more.
    """
    one = [(f"w{n}", text.replace("#", str(n)), tag) for n, text, tag in first]
    two = [(f"x{n}", text.replace("#", str(n)), tag) for n, text, tag in second]
    alone = kept(most, one)
    both = kept(most, one, two)
    assert both[0] == alone[0]
    there: defaultdict[tuple[str, str], int] = defaultdict(int)
    left: defaultdict[tuple[str, str], int] = defaultdict(int)
    for name, objective, tag in [*one, *two]:
        template = masked(objective), tag
        there[template] += 1
        left[template] += name in both[0] | both[1]
    assert left == {template: min(count, most) for template, count in there.items()}


def test_a_build_with_a_cap(tmp_path: Path) -> None:
    """Workflows leave whole, and the accounts add up (the build checks them)."""
    builds.build([builds.RECORDINGS], tmp_path / "out", "templates.workflows_per_template=1")
    found = drops(Layout(tmp_path / "out").work).collect()
    mine = found.filter(pl.col("reason") == "over_template_cap")
    assert mine.filter(unit="workflow").height > 0
    assert set(mine["stage"]) == {"index"}


def test_a_cap_that_cannot_be() -> None:
    """It is 1 or more."""
    with pytest.raises(ConfigError, match=r"templates\.workflows_per_template = 0"):
        Templates(0)


_ENDS = re.compile(r"[.!?:]\s*$|^\s*$")


@given(st.text("aB .!?:\n\tI1'", max_size=40))
def test_a_name_does_not_begin_a_sentence(objective: str) -> None:
    """Words are names as a regular expression over all that is before them tells."""
    words = [*re.finditer(r"[^\W\d_][\w'’-]*", objective)]
    begins = [bool(_ENDS.search(objective[: word.start()])) for word in words]
    assert [_begins(objective, word.start()) for word in words] == begins


def test_a_very_long_objective() -> None:
    """Each word is looked at once, however many there are."""
    long = "put the mug of Ann into the cart and " * 30_000
    assert masked(long).split()[:6] == ["put", "the", "mug", "of", "#", "into"]
