"""Select and caps: workflows and steps by name, and limits for one domain."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

import polars as pl
import pytest

from etl.dataset import account
from etl.look.verify import verify
from etl.stages.select import Names, Select
from etl.tally import Entry, Tally
from schemas.draft import Draft
from schemas.errors import ConfigError
from tests.support import builds
from tests.support.strategies import draft, step


def names(given: dict[str, list[str]]) -> Names:
    """Lists of names, by their fields."""
    lists: dict[str, Any] = {what: frozenset(entries) for what, entries in given.items()}
    return Names(**lists)


def run(
    row: Draft, **lists: dict[str, list[str]]
) -> tuple[list[Draft], list[Entry], dict[str, list[str]]]:
    """The workflows that come out, the drops, and the entries that match nothing."""
    sections = {section: names(given) for section, given in lists.items()}
    tally, stage = Tally("select"), Select(**sections)
    out = list(stage(iter([row]), tally))
    return out, tally.entries, stage.unmatched(frozenset(tally.matched))


def mixed() -> Draft:
    """A workflow with a click in the shop and a hover on another host."""
    row = draft(step(), step(kind="hover", number=1), origin="nightly/a.jsonl#line=3")
    row.domains[1] = ("pay.example", "admin.pay.example", "url")
    return row


WHOLE: Final[list[tuple[dict[str, Any], str]]] = [
    ({"exclude": {"sources": ["work*"]}}, "excluded_source"),
    ({"exclude": {"sources": ["nightly/*"]}}, "excluded_source"),
    ({"include": {"sources": ["mind2web"]}}, "excluded_source"),
    ({"exclude": {"workflows": ["w1"]}}, "excluded_workflow"),
    ({"include": {"workflows": ["workflows:x*"]}}, "excluded_workflow"),
    ({"include": {"domains": ["*.test"]}}, "excluded_domain"),
    ({"exclude": {"kinds": ["click", "hover"]}}, "excluded_kind"),
]


@pytest.mark.parametrize(("lists", "reason"), WHOLE)
def test_whole_workflows(lists: dict[str, Any], reason: str) -> None:
    """A workflow is dropped with all its steps for its format, input or id.

    So is one all of whose steps are left out.
    """
    out, drops, _ = run(mixed(), **lists)
    assert out == []
    assert Counter((drop.unit, drop.reason) for drop in drops) == {
        ("workflow", reason): 1,
        ("step", reason): 2,
    }


STEPS: Final[list[tuple[dict[str, Any], list[str]]]] = [
    ({"exclude": {"domains": ["pay.example"]}}, ["", "excluded_domain"]),
    ({"exclude": {"domains": ["Admin.*"]}}, ["", "excluded_domain"]),
    ({"include": {"domains": ["pay.*", "x"]}}, ["excluded_domain", ""]),
    ({"include": {"kinds": ["click"]}}, ["", "excluded_kind"]),
    (
        {"include": {"kinds": ["click"], "sources": ["w*"]}, "exclude": {"workflows": ["w2"]}},
        ["", "excluded_kind"],
    ),
    ({}, ["", ""]),
]


@pytest.mark.parametrize(("lists", "reasons"), STEPS)
def test_single_steps_stay_in_the_history(lists: dict[str, Any], reasons: list[str]) -> None:
    """A step on another domain or of another kind gets the reason.

    Its workflow goes on with all steps.
    """
    (row,), drops, _ = run(mixed(), **lists)
    assert [step_draft.reason for step_draft in row.steps] == reasons
    assert drops == []
    row.steps[1].drop("locate", "target_absent", override=True)
    assert row.steps[1].reason == (reasons[1] or "target_absent")


def test_entries_that_match_nothing_are_known() -> None:
    """An entry also counts as matched beside others, and in a workflow that is dropped."""
    lists = {
        "domains": ["pay.example", "*.example", "pya.example"],
        "kinds": ["hover", "hovr"],
        "workflows": ["w1"],
    }
    _, _, unmatched = run(mixed(), exclude=lists)
    assert unmatched == {"exclude.domains": ["pya.example"], "exclude.kinds": ["hovr"]}


@pytest.mark.parametrize(
    "bad", [{"domains": frozenset(["https://a.example/"])}, {"kinds": frozenset([" "])}]
)
def test_entries_that_can_match_nothing_are_refused(bad: dict[str, Any]) -> None:
    """A URL as a domain and an empty entry are refused."""
    with pytest.raises(ConfigError):
        Names(**bad)


def test_a_build_with_lists_and_caps(tmp_path: Path) -> None:
    """No domain exceeds its cap, no excluded kind or domain is left, and accounts add up.

    A second night changes no old decision.
    """
    first = [builds.workflow(n, steps=3) for n in range(28)]
    first[0]["steps"][1]["action"]["kind"] = "hover"
    builds.write_workflows(tmp_path / "in" / "a.jsonl", *first)
    changes = (
        "caps.samples_per_domain=7",
        'exclude.domains=["shop6.*", "no.example"]',
        'exclude.kinds=["hover"]',
    )
    out = tmp_path / "out"
    builds.build([tmp_path / "in"], out, *changes)
    before = {each.sample_id for each in builds.emitted(out)}
    counts = Counter(sample.domain for sample in builds.samples(out).values())
    assert counts == {f"shop{n}.example": 7 for n in range(6)}
    assert verify(out) == []
    reasons = account.ledger(out).filter((pl.col("unit") == "step") & (pl.col("reason") != ""))[
        "reason"
    ]
    # 12 steps of shop6; one hover; the others are over the caps
    assert Counter(reasons) == {
        "excluded_domain": 12,
        "excluded_kind": 1,
        "over_domain_cap": 84 - 12 - 1 - 42,
    }
    (said,) = json.loads((out / "work" / "unmatched.json").read_text())
    assert (said["setting"], said["entry"]) == ("exclude.domains", "no.example")
    builds.write_workflows(
        tmp_path / "in" / "b.jsonl", *(builds.workflow(n, steps=2) for n in range(100, 128))
    )
    builds.build([tmp_path / "in"], out, *changes)
    assert {each.sample_id for each in builds.emitted(out)} == before


def test_limits_of_a_build_without_samples(tmp_path: Path) -> None:
    """Nothing is over a limit where there is nothing: the build ends."""
    builds.write_workflows(tmp_path / "a.jsonl", {"workflow_id": "w", "objective": "", "steps": []})
    out = tmp_path / "out"
    limits = "caps.samples_per_domain=7", "caps.workflows_per_domain=2"
    builds.build([tmp_path / "a.jsonl"], out, "gates.min_samples=0", *limits)
    assert not [*builds.emitted(out)]


@pytest.mark.parametrize("cap", [1, 2])
def test_caps_of_workflows(tmp_path: Path, cap: int) -> None:
    """At most the given number of workflows of each domain stay, whole."""
    path = builds.write_workflows(
        tmp_path / "a.jsonl", *(builds.workflow(n, steps=2) for n in range(21))
    )
    builds.build([path], tmp_path / "out", f"caps.workflows_per_domain={cap}")
    flows = {
        (sample.domain, sample.workflow) for sample in builds.samples(tmp_path / "out").values()
    }
    assert Counter(domain for domain, _ in flows) == {f"shop{n}.example": cap for n in range(7)}
    assert len(list(builds.emitted(tmp_path / "out"))) == 14 * cap
