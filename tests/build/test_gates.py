"""Gates: a build that fails one is not complete, says figure and limit, and is completed by the
command with others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from etl.build.gates import Gates
from etl.build.recipes.recipe import load
from etl.dataset import state
from etl.dataset.drift import distances, without
from etl.dataset.layout import Layout
from etl.dataset.manifest import Figures, as_json, of_json
from etl.look.verify import verify
from schemas.errors import ConfigError, GateError
from tests.support import builds

FIGURES: Final = Figures(
    samples=100,
    tokens=20_000,
    domains=2,
    tokens_per_sample=200.0,
    survival=0.9,
    drop_rate=0.3,
    drop_rates={"failed_action": 0.2, "wrong_type": 0.05},
    domain_shares={"a.example": 0.6, "b.example": 0.4},
    action_shares={"click": 0.7, "type": 0.3},
)
LATER: Final = replace(
    FIGURES,
    tokens_per_sample=220.0,
    survival=0.8,
    domain_shares={"a.example": 0.3, "b.example": 0.4, "c.example": 0.3},
    action_shares={"click": 0.6, "type": 0.3, "press": 0.1},
)

LIMITS: Final[dict[str, tuple[dict[str, Any], dict[str, Any], str]]] = {
    "drop rate": (
        {"max_drop_rate": 0.3},
        {"max_drop_rate": 0.2999},
        "30.00% of all steps are dropped; ",
    ),
    "drop rate of a reason": (
        {"max_drop_rates": {"failed_action": 0.2, "not_english": 0.0}},
        {"max_drop_rates": {"failed_action": 0.1999}},
        "20.00% are dropped as failed_action; gates.max_drop_rates.failed_action is 19.99%",
    ),
    "samples": (
        {"min_samples": 100},
        {"min_samples": 101},
        "100 samples are in the dataset; gates.min_samples is 101",
    ),
    "domains": (
        {"min_domains": 2},
        {"min_domains": 3},
        "2 domains are in the dataset; gates.min_domains is 3",
    ),
    "a domain's share": (
        {"max_domain_drift": 0.3},
        {"max_domain_drift": 0.2999},
        "30.00% is the change of the share of a.example; gates.max_domain_drift is 29.99%",
    ),
    "tokens a sample": (
        {"max_tokens_drift": 0.1},
        {"max_tokens_drift": 0.0999},
        "10.00% is the change of tokens a sample, 200.0 to 220.0; gates.max_tokens_drift is 9.99%",
    ),
    "mix of actions": (
        {"max_action_drift": 0.1},
        {"max_action_drift": 0.0999},
        "10.00% is the change of the mix of actions; gates.max_action_drift is 9.99%",
    ),
    "survival of targets": (
        {"max_survival_drift": 0.1},
        {"max_survival_drift": 0.0999},
        (
            "10.00% is the change of target survival, 90.00% to 80.00%; gates.max_survival_drift "
            "is 9.99%"
        ),
    ),
}
"""What -> limits that the figures are at, limits that they are just over, and what is said then."""


@pytest.mark.parametrize("what", LIMITS)
def test_a_gate_passes_at_its_limit_and_fails_just_over_it(what: str) -> None:
    """Each gate alone: no word at the limit, one line with figure and limit just over it."""
    at, over, said = LIMITS[what]
    assert Gates(**at).failures(LATER, FIGURES) == []
    (line,) = Gates(**over).failures(LATER, FIGURES)
    assert line.startswith(said)


def test_a_figure_and_a_limit_that_print_alike_are_told_apart() -> None:
    """Where two decimals would show the same number twice, as many are shown as it takes."""
    (line,) = Gates(max_drop_rate=0.299999).failures(FIGURES, None)
    assert line == "30.0000% of all steps are dropped; gates.max_drop_rate is 29.9999%"


def test_drift_needs_something_to_drift_from() -> None:
    """Without a build before, or with one without samples, the gates of drift say nothing, however
    low they are.
    """
    strict = Gates(max_domain_drift=0, max_tokens_drift=0, max_action_drift=0, max_survival_drift=0)
    empty = replace(FIGURES, samples=0, domain_shares={}, action_shares={}, tokens_per_sample=0.0)
    assert strict.failures(LATER, None) == strict.failures(LATER, empty) == []
    assert len(strict.failures(LATER, FIGURES)) == 4
    assert distances(FIGURES, empty)["action_mix"] == 1.0


def test_what_is_taken_down_is_no_drift() -> None:
    """Figures less some domains: the shares of the others add up to one; less none, the figures are
    what they were.
    """
    left = without(LATER, {"a.example"})
    assert left.domain_shares == pytest.approx({"b.example": 0.4 / 0.7, "c.example": 0.3 / 0.7})
    assert without(LATER, {"z.example"}) == LATER
    nothing = without(LATER, set(LATER.domain_shares))
    assert nothing.domain_shares == {}
    assert Gates(max_domain_drift=0).failures(FIGURES, nothing) == []


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("gates.max_drop_rate=1.1", "gates.max_drop_rate = 1.1: a share is between 0 and 1"),
        ("gates.max_drop_rate=nan", "a share is between 0 and 1"),
        ("gates.max_domain_drift=-0.1", "gates.max_domain_drift = -0.1: a share"),
        ("gates.max_action_drift=2", "gates.max_action_drift = 2.0: a share"),
        ("gates.max_removal=1.5", "gates.max_removal = 1.5: a share"),
        ("gates.max_survival_drift=1.01", "gates.max_survival_drift = 1.01: a share"),
        ("gates.max_tokens_drift=-1", "gates.max_tokens_drift = -1.0: it is 0 or more"),
        ("gates.min_samples=-1", "gates.min_samples = -1: it is 0 or more"),
        ("gates.min_domains=1.5", "gates.min_domains = 1.5: expected int, got float"),
        (
            "gates.max_drop_rates.failed_action=2",
            "gates.max_drop_rates.failed_action = 2.0: a share",
        ),
        (
            "gates.max_drop_rates.faild_action=0.1",
            "nothing is dropped for such a reason; did you mean failed_action?",
        ),
        ("gates.max_drop_rates.xyz=0.1", "there are after_broken_record, "),
        ("gates.max_drop_rates=0.1", "gates.max_drop_rates: expected a table"),
        ("gates.max_droprate=0.1", "did you mean 'max_drop_rate'?"),
    ],
)
def test_a_gate_that_makes_no_sense_is_refused(override: str, says: str) -> None:
    """A limit that no figure can have, of another type, or misspelt is a configuration error."""
    with pytest.raises(ConfigError) as stopped:
        load("scribeagent-32k", [override])
    assert says in str(stopped.value)


def test_a_gate_that_makes_no_sense_stops_the_build_before_it_starts(tmp_path: Path) -> None:
    """Exit code 2, and nothing is written but how it ended."""
    inputs = builds.write_workflows(tmp_path / "in.jsonl", builds.workflow(1))
    done = builds.command(
        "build", inputs, "--out", tmp_path / "out", "--set", "gates.max_drop_rate=2"
    )
    assert done.returncode == 2
    assert list(builds.contents(tmp_path / "out")) == ["work/last_build.json"]


def test_a_tokens_drift_may_be_above_one() -> None:
    """Tokens a sample can more than double, so a limit above 1 is a limit; infinity is none."""
    assert load("scribeagent-32k", ["gates.max_tokens_drift=1.5"]).gates.max_tokens_drift == 1.5
    assert (
        load("scribeagent-32k", ["gates.max_tokens_drift=inf"]).gates.failures(LATER, FIGURES) == []
    )


def folder(tmp_path: Path) -> Path:
    """Twenty good workflows of two steps, of which five fail in their second, and one record that
    cannot be read.
    """
    records = [builds.workflow(number, steps=2) for number in range(20)]
    for record in records[:5]:
        record["steps"][1]["error"] = "no such button"
    path = builds.write_workflows(tmp_path / "in" / "a.jsonl", *records)
    with path.open("a") as stream:
        stream.write('{"workflow_id": "bad", "objective": 5, "steps": []}\n')
    return path.parent


def test_a_failed_gate_leaves_no_manifest_and_other_limits_complete_it(tmp_path: Path) -> None:
    """By the command line, in a new folder: exit code 1, every failure with figure and limit,
    nothing in ``dataset``, the rejected build beside it; the same command with other limits
    completes it without doing any shard again, to the bytes of a build without gates.
    """
    inputs, out = folder(tmp_path), tmp_path / "out"
    arguments = ("build", inputs, "--out", out, "--workers", "0")
    done = builds.command(
        *arguments, "--set", "gates.max_drop_rate=0.1", "--set", "gates.min_samples=36"
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "the new dataset is rejected, because gates fail:" in done.stderr
    assert (
        "\n  14.63% of all steps are dropped; gates.max_drop_rate is 10.00%" in done.stderr
    )  # 6 of 41
    assert "\n  35 samples are in the dataset; gates.min_samples is 36" in done.stderr
    lies = Layout(out).candidate.root
    look = f"It lies in {lies}; look at it with: stepmill inspect {out} --candidate"
    assert look in done.stderr
    assert not (out / "dataset").exists()
    assert verify(Layout(out).candidate.root) == []
    before = {name: builds.stamps(out / "work" / name) for name in ("samples", *MADE)}
    before |= {name: builds.stamps(out / "work" / "candidate" / name) for name in MADE}
    done = builds.command(
        *arguments, "--set", "gates.max_drop_rate=0.15", "--set", "gates.min_samples=35"
    )
    assert done.returncode == 0, done.stderr
    assert {name: builds.stamps(out / name) for name in MADE} == {
        name: before[name] for name in MADE
    }
    assert builds.stamps(out / "work" / "samples") == before["samples"]
    builds.build([inputs], tmp_path / "plain")
    assert builds.contents(out / "dataset") == builds.contents(tmp_path / "plain" / "dataset")
    assert not Layout(out).candidate.root.exists()
    assert verify(out) == []


MADE: Final = ("work/fitted", "dataset/data")


@pytest.mark.parametrize(("reason", "rate"), [("failed_action", 5 / 40), ("wrong_type", 1 / 21)])
def test_rates_by_reason_are_of_steps_or_of_records(
    tmp_path: Path, reason: str, rate: float
) -> None:
    """A dropped step counts among the steps, an unreadable record among the records."""
    inputs = folder(tmp_path)
    figures = builds.build([inputs], tmp_path / "out", f"gates.max_drop_rates.{reason}={rate}")[
        "figures"
    ]
    assert figures["drop_rates"][reason] == pytest.approx(rate)
    with pytest.raises(
        GateError, match=rf"are dropped as {reason}; gates.max_drop_rates.{reason} is"
    ):
        builds.build([inputs], tmp_path / "new", f"gates.max_drop_rates.{reason}={rate - 0.001}")


def test_a_night_without_a_readable_record_is_no_night_without_drops(tmp_path: Path) -> None:
    """Nothing could be read, so no step was dropped; the drop rate is 100% all the same."""
    path = tmp_path / "in" / "a.jsonl"
    builds.write_workflows(path, *(builds.workflow(number) | {"steps": 5} for number in range(3)))
    with pytest.raises(GateError) as failed:
        builds.build([path.parent], tmp_path / "out", "gates.max_drop_rate=0.99")
    assert failed.value.failures == [
        "100.00% of all steps are dropped; gates.max_drop_rate is 99.00%",
        "0 samples are in the dataset; gates.min_samples is 1",
    ]


def drifted(number: int) -> dict[str, Any]:
    """A workflow like no other: one domain, other actions, long pages, and a target that is not
    there.
    """
    record = builds.workflow(7 * number, steps=2)
    page = record["steps"][0]
    page["html"] = page["html"].replace("<h1>", "<p>" + "many words more " * 200 + "</p><h1>")
    page["action"] = {"kind": "type", "value": "5", "description": "Type 5"}
    record["steps"][1]["target"] = [{"kind": "css", "value": "#absent"}]
    return record


DRIFTS: Final[dict[str, Callable[[dict[str, Any]], float]]] = {
    "max_domain_drift": lambda far: far["domain_shares"],
    "max_tokens_drift": lambda far: far["tokens_per_sample"],
    "max_action_drift": lambda far: far["action_mix"],
    "max_survival_drift": lambda far: far["survival"],
}


def test_drift_against_the_last_complete_build(tmp_path: Path) -> None:
    """Nights 1 to 4 with real builds. Night 2 drifts: each gate of drift passes at what it drifted,
    and fails just below. Night 3 after a failed gate is still measured against night 1, and opens
    the generation that night 2 would have; night 4 against night 3.
    """
    inputs, out = tmp_path / "in", tmp_path / "out"
    builds.write_workflows(
        inputs / "1.jsonl", *(builds.workflow(number, steps=2) for number in range(28))
    )
    strict = [f"gates.{name}=0" for name in DRIFTS]
    first = builds.build([inputs], out, *strict)["figures"]
    content = builds.contents(out / "dataset")
    builds.write_workflows(inputs / "2.jsonl", *(drifted(number) for number in range(10, 24)))
    with pytest.raises(GateError) as failed:
        builds.build([inputs], out, *strict)
    assert [line.split("gates.")[1].split()[0] for line in failed.value.failures] == list(DRIFTS)
    assert builds.contents(out / "dataset") == content
    second = builds.build([inputs], tmp_path / "fresh")["figures"]
    far = distances(of_json(Figures, first, "first"), of_json(Figures, second, "second"))
    assert far["domain"] == "shop0.example"
    for name, of in DRIFTS.items():
        with pytest.raises(GateError, match=f"gates.{name} is"):
            builds.build([inputs], out, f"gates.{name}={of(far) - 1e-6}")
        assert builds.contents(out / "dataset") == content
    at = [f"gates.{name}={of(far)}" for name, of in DRIFTS.items()]

    builds.write_workflows(inputs / "3.jsonl", builds.workflow(400))
    with pytest.raises(GateError):
        builds.build([inputs], out, *strict)
    assert previous(out) == first
    (inputs / "3.jsonl").unlink()
    manifest = builds.build([inputs], out, *at)
    assert [g["number"] for g in manifest["generations"]["every"]] == [1, 2]
    assert manifest["figures"] == second
    assert (
        builds.build([inputs], out, *strict)["figures"] == second
    )  # what was accepted is no drift any more
    assert builds.contents(out / "dataset") != content

    builds.write_workflows(
        inputs / "4.jsonl", *(builds.workflow(number, steps=2) for number in range(600, 607))
    )
    builds.build([inputs], out, "gates.max_domain_drift=0.2")
    assert previous(out) != second


def previous(out: Path) -> Any:
    """The figures that drift is measured against."""
    found = state.previous(out)
    assert found is not None
    return as_json(found.figures)


def test_a_finished_build_is_held_to_stricter_gates(tmp_path: Path) -> None:
    """A complete build that does not pass the gates of the same command, given again, is said to,
    and stays complete; a build that was accepted by other limits than it had failed is not failed
    by these again.
    """
    inputs, out = folder(tmp_path), tmp_path / "out"
    builds.build([inputs], out)
    builds.write_workflows(inputs / "b.jsonl", builds.workflow(30))
    with pytest.raises(GateError, match=r"36 samples are in the dataset; gates.min_samples is 38"):
        builds.build([inputs], out, "gates.min_samples=38")
    builds.build([inputs], out)
    content = builds.contents(out / "dataset")
    with pytest.raises(GateError, match="the complete dataset is left as it is") as failed:
        builds.build([inputs], out, "gates.min_samples=37")
    assert failed.value.failures == ["36 samples are in the dataset; gates.min_samples is 37"]
    assert builds.build([inputs], out, "gates.min_samples=38")["figures"]["samples"] == 36
    assert builds.contents(out / "dataset") == content
    builds.write_workflows(inputs / "b.jsonl", builds.workflow(31))
    with pytest.raises(GateError, match=r"gates.min_samples is 38"):
        builds.build([inputs], out, "gates.min_samples=38")
