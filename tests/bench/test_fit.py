"""A short form of the curve, on the recordings shipped with the project."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.bench.fit import __main__ as fit
from tests.bench.fit import steps
from tests.bench.workloads import SHIPPED

BUDGETS = (2048, 4096)


def test_the_curve_of_our_own_recordings() -> None:
    """Ours keeps every target at 4k in little more than half of the reference's tokens; what the
    reference shows a model that is asked keeps less; with the label, Mind2Web's way keeps all.
    """
    found: fit.Found = defaultdict(fit.Cell)
    for each in fit.measured(steps.targets([str(SHIPPED)], 10), fit.WAYS, BUDGETS):
        fit.add(found, *each, domains=False)
    made = fit.rows(found)
    at = {row["way"]: row for row in made if (row["source"], row["budget"]) == (fit.ALL, 4096)}
    assert at["ours"]["kept"] == at["ours"]["named"] == at["near, label"]["kept"] == 1
    assert at["ours"]["p50"] <= 0.54 * at["reference"]["p50"]
    assert at["test"]["kept"] < at["ours"]["kept"]
    assert "mean of sources" in fit.text(made, BUDGETS)
    assert not any(row["domain"] for row in made)


def test_rows_of_domains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Domains have the steps of their sources, most first, and the same figures as sources; the
    table has ours beside the reference's, as many domains as asked for, and says of how many.
    """
    asked = [str(SHIPPED), "--most", "8", "--ways", "test,ours", "--budgets", "2048,4096"]
    to = tmp_path / "rows.json"
    monkeypatch.setattr(sys, "argv", ["fit", *asked, "--domains", "2", "--json", str(to)])
    fit.main()
    made = json.loads(to.read_text())
    domains = [row for row in made if row["domain"]]
    assert [row["steps"] for row in domains] == sorted(
        (row["steps"] for row in domains), reverse=True
    )
    for whole in made:
        if whole["domain"] or whole["source"] in (fit.ALL, fit.MEAN):
            continue
        parts = [
            row
            for row in domains
            if all(row[name] == whole[name] for name in ("source", "way", "budget"))
        ]
        assert sum(row["steps"] for row in parts) == whole["steps"]
        kept = sum(row["steps"] * row["kept"] for row in parts)
        assert kept == pytest.approx(whole["steps"] * whole["kept"])
    head, *lines, more = capsys.readouterr().out.rpartition("\n\n")[2].splitlines()
    assert head.split()[:5] == ["source", "domain", "steps", "ours", "4k"]
    assert "reference 4k" in head
    assert "2k" not in head
    ours = [row for row in domains if (row["way"], row["budget"]) == ("ours", 4096)]
    assert [line.split()[:2] for line in lines] == [
        [row["source"], row["domain"]] for row in ours[:2]
    ]
    assert lines[0].split()[3] == f"{ours[0]['kept']:.2%}"
    assert more == f"{len(ours) - 2} more domains: --json lists all"
