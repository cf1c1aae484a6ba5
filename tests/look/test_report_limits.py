"""A report stays within its size, writes over nothing else, and says what it leaves out."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from etl.dataset.place import Place
from etl.look.report import packed, page, steps
from schemas.errors import ConfigError
from tests.look.test_report import run, steps_of


def test_only_a_report_is_written_over(small: Path) -> None:
    """A file of anything else stays as it is, and a folder too, unless --replace says otherwise; a
    report is replaced, and --json, which writes no file, minds none.
    """
    file = small / "thesis.html"
    file.write_text("<html>my thesis</html>")
    with pytest.raises(
        ConfigError,
        match="is not a report of stepmill; name another file, or overwrite it: --replace",
    ):
        run(small / "out", "--out", file, "--samples", 1)
    assert file.read_text() == "<html>my thesis</html>"
    assert run(small / "out", "--out", file, "--samples", 0, "--json").exit_code == 0
    with pytest.raises(ConfigError, match="is a folder"):
        run(small / "out", "--out", small)
    assert run(small / "out", "--out", file, "--samples", 0, "--replace").exit_code == 0
    first = file.read_bytes()
    assert run(small / "out", "--out", file, "--samples", 1).exit_code == 0
    assert file.read_bytes() != first


def test_pages_are_left_out_first_and_then_steps(place: Place, data: dict[str, Any]) -> None:
    """However low the limit, what is packed keeps to it; what is missing is counted, and said in
    the file.
    """
    every = [*steps.drawn(place, 12)]
    whole = packed.packed(every, 10**9)
    assert (whole.without_page, whole.left_out, len(whole.steps)) == (0, 0, 12)
    sizes = [len(step["data"]) for step in whole.steps]
    assert whole.size == sum(sizes)
    some = packed.packed(every, int(whole.size * 0.8))
    assert some.size <= whole.size * 0.8
    assert some.without_page > 0
    assert len(some.steps) + some.left_out == 12
    few = packed.packed(every, sizes[0])
    assert few.left_out >= 10
    assert len(few.steps) == 1
    none = packed.packed(every, 1)
    assert (none.left_out, none.without_page, none.steps) == (12, 0, [])
    said = page._about_steps(data, some, 12, 0)
    assert f"Of {some.without_page} the recorded page is left out" in said
    assert "12 of them are left out, because the file would become too large" in page._about_steps(
        data, none, 12, 0
    )
    html = page.render(data, none, drawn=12, seed=0)
    assert "12 of them are left out" in html
    assert 'id="chosen"' not in html


def test_a_page_too_large_to_be_shown_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recorded page over the limit is left out with its size; the page after pruning is there."""
    monkeypatch.setattr(packed, "PAGE_CHARS", 100)
    step = next(steps.drawn(place, 1))
    (found,) = packed.packed([step], 10**9).steps
    shown = json.loads(gzip.decompress(base64.b64decode(found["data"])))
    assert shown["before"] == {
        "missing": f"Left out: it has {step['raw_chars']:,} characters, and pages of up to 100 are "
        "shown."
    }
    assert shown["after"]["source"] == step["observation"]


def test_recordings_that_are_gone_are_said_to_be(small: Path) -> None:
    """Without the input each step says so in the place of its page, and all else is there; no path
    is told.
    """
    shutil.rmtree(small / "in")
    assert run(small / "out", "--out", small / "r.html").exit_code == 0
    found = steps_of(small / "r.html")
    assert len(found) == 6
    said = (
        "The recording a.jsonl is gone from the inputs of the build (work/order.json names them)."
    )
    assert {step["before"]["missing"] for step in found} == {said}
    assert all("Order" in step["after"]["document"] for step in found)


def test_a_published_dataset_shows_what_it_has(small: Path) -> None:
    """Without a work folder there are figures, tokens and loss; pages are said to be missing, with
    the reason.
    """
    assert run(small / "out" / "dataset", "--out", small / "r.html").exit_code == 0
    found = steps_of(small / "r.html")
    assert len(found) == 6
    assert {step["before"]["missing"] for step in found} == {
        "There is no work folder, which knows where the recordings are."
    }
    assert {step["after"]["missing"] for step in found} == {
        "A published dataset has only tokens: see the prompt."
    }
    assert all("Objective: Order item" in "".join(step["tokens"]) for step in found)
    text = (small / "r.html").read_text()
    assert "only the work folder knows where their targets lie" in text
    assert "6</b> samples in the dataset" in text
