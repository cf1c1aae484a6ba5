"""`stepmill inspect DIR leaks`: names marks that sit almost only on targets, and nothing else."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from etl.cli.main import cli
from etl.dataset.place import place_of
from etl.look.leaks import chance, counts
from etl.look.leaks import view as views
from etl.pages.marks.names import Mark
from etl.pages.reading import read
from tests.support import builds

BUTTONS: Final = 12
SAID: Final = "Save Open Close Send Print Share Merge Split Lock Rename Move Copy Paste".split()


def recordings(folder: Path, mark: bool = True) -> Path:
    """40 workflows of one step in two domains, with marks in one of them.

    ``submit`` is on many buttons, and on every target; ``only`` is on one button that is always the
    target. The mark is an attribute and a badge.
    """
    rng = random.Random(3)
    records = []
    for number in range(40):
        at = rng.randrange(BUTTONS)
        word = SAID[number % len(SAID)]
        buttons = []
        for place in range(BUTTONS):
            kind = "submit" if place == at or rng.random() < 0.2 else "button"
            text = f"{word} {place}"
            if place == at and mark and number % 2:
                text = f'{text}<span class="zz-badge">seen</span>'
            role = ' role="marked"' if place == at and mark and number % 2 else ""
            buttons.append(f'<button id="b{place}" type="{kind}"{role}>{text}</button>')
        last = number % 4 == 0
        if last:
            buttons.append('<button id="go" title="only">Go</button>')
        record = builds.workflow(number)
        page = record["steps"][0]
        page["url"] = f"https://{'shop' if number % 2 else 'other'}.example/{number}"
        page["html"] = f"<html><body><p>{number}</p>{''.join(buttons)}</body></html>"
        page["target"] = [{"kind": "css", "value": "#go" if last else f"#b{at}"}]
        records.append(record)
    builds.write_workflows(folder / "in" / "a.jsonl", *records)
    builds.build([folder / "in"], folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recordings(tmp_path_factory.mktemp("marked"))


def told(build: Path, *options: str) -> str:
    done = CliRunner().invoke(cli, ["inspect", str(build), "leaks", *options])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_marks_are_named_with_their_domain(marked: Path) -> None:
    """Attribute and badge are named where they are, with counts; what many buttons have is not, nor
    what one button alone has.
    """
    result = json.loads(told(marked, "--json"))
    assert [(row["entry"], row["setting"], row["place"]) for row in result["leaks"]] == [
        (".zz-badge", "leaks.elements", "near"),
        ("role=marked", "leaks.attributes", "on"),
        ("seen", "leaks.texts", "on"),
    ]
    assert result["samples"] == 40
    for row in result["leaks"]:
        assert (row["source"], row["domain"]) == ("workflows", "shop.example")
        assert (row["targets"], row["others"]) == (20, 0)
        assert len(row["examples"]) == 3
        assert 0 < row["p_value"] * result["tests"] <= chance.LEVEL


def test_forms(marked: Path) -> None:
    """Text and CSV hold the same; the recipe is a section of its own, and takes the marks off."""
    result = json.loads(told(marked, "--json"))
    assert told(marked, "--recipe").strip() == result["recipe"]
    assert result["recipe"] in told(marked)
    rows = list(csv.DictReader(io.StringIO(told(marked, "--csv"))))
    assert [row["mark"] for row in rows] == [row["mark"] for row in result["leaks"]]
    (marked.parent / "leaks.toml").write_text(told(marked, "--recipe"))
    file = marked.parent / "leaks.toml"
    builds.build([marked.parent / "in"], marked.parent / "without", f"leaks.file={file}")
    assert json.loads(told(marked.parent / "without", "--json"))["leaks"] == []
    assert "nothing sits" in told(marked.parent / "without")
    assert len(json.loads(told(marked.parent / "without", "--recorded", "--json"))["leaks"]) == 3


def test_no_marks_no_leaks(tmp_path: Path) -> None:
    """Without the marks nothing is named, as observed or as recorded."""
    out = recordings(tmp_path, mark=False)
    for options in ((), ("--recorded",)):
        assert json.loads(told(out, "--json", *options))["leaks"] == []


def test_our_own_recordings_have_none(own_build: Path) -> None:
    """Our recorder marks no target."""
    assert json.loads(told(own_build, "--json"))["leaks"] == []


def test_what_is_not_looked_at_is_said(tmp_path: Path) -> None:
    """A sample without an element, and a recording that is gone, are counted with the reason; a
    published dataset has no pages.
    """
    records = [builds.workflow(number, steps=2) for number in range(3)]
    records[0]["steps"][1] |= {"action": {"kind": "scroll", "value": "down"}, "target": []}
    file = builds.write_workflows(tmp_path / "in" / "a.jsonl", *records)
    builds.build([tmp_path / "in"], tmp_path / "out", "locate.train_without_element=true")
    result = json.loads(told(tmp_path / "out", "--json"))
    assert result["left_out"] == {"the action has no element": 1}
    file.write_text("{}")
    result = json.loads(told(tmp_path / "out", "--recorded", "--json"))
    assert sum(result["left_out"].values()) == 6
    assert result["samples"] == 0
    done = CliRunner().invoke(cli, ["inspect", str(tmp_path / "out" / "dataset"), "leaks"])
    assert done.exit_code != 0


@given(st.integers(1, 40), st.integers(0, 40), st.integers(1, 99))
def test_the_tail_is_exact(successes: int, more: int, percent: int) -> None:
    """The tail of the binomial is the sum of its terms in whole numbers."""
    trials, share = successes + more, Fraction(percent, 100)
    exact = sum(
        math.comb(trials, k) * share**k * (1 - share) ** (trials - k)
        for k in range(successes, trials + 1)
    )
    assert chance.tail(successes, trials, percent / 100) == pytest.approx(float(exact), rel=1e-9)


def test_what_is_no_leak() -> None:
    """Too few different elements, too many others, or a chance too good: none of it is named."""
    assert chance.found(40, 0, 20, 0.1, 1000) is not None
    assert chance.found(40, 0, chance.LEAST - 1, 0.0001, 1) is None
    assert chance.found(40, 10, 20, 0.1, 1000) is None
    assert chance.found(40, 0, 20, 0.9, 1000) is None


def test_the_bound_loses_only_what_is_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for few marks, those that come often stay, and it is said what may be lost."""
    monkeypatch.setattr(counts, "MOST", 40)
    pages = [
        counts.Seen(f"s{n}", "x", "d", read(f'<p>a</p><b data-r="1" id="i{n}">w{n}</b>'), 1, False)
        for n in range(200)
    ]
    wanted, lost = counts.frequent(pages)
    assert lost > 0
    assert Mark("attribute", "data-r=1") in wanted["x"]
    assert len(wanted["x"]) < 60


def test_the_order_of_samples_does_not_matter(marked: Path) -> None:
    """The same leaks come of the same pages in another order."""
    pages = list(views._Pages(place_of(marked), False))
    found = []
    for order in (pages, pages[::-1]):
        groups = counts.counted(order, counts.frequent(order)[0])
        leaks, tests = views._found(groups)
        found.append((Counter((leak.where, leak.mark, leak.chance) for leak in leaks), tests))
    assert found[0] == found[1]
