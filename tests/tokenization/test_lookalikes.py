"""Text like a special token is escaped or counted in exported messages; tokens do not change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from etl.cli.main import cli
from tests.support import builds
from tokenization.lookalikes import escaped, pattern, unescaped

LIKE = [
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "</s>",
    "[INST]",
    "<end_of_turn>",
    "<｜User｜>",
    "<own>",
]
FOUND = pattern(["<own>"])


@pytest.mark.parametrize("text", LIKE)
def test_it_is_found_and_escaped(text: str) -> None:
    """The lookalikes of every family are found in any text, and no escaped one is found again."""
    made, count = escaped(f"a{text}b", FOUND)
    assert (made, count) == (f"a{text[0]}\\{text[1:]}b", 1)
    assert text not in made


@pytest.mark.parametrize(
    "text", ['<s node="1">', "a < b | c > d", "[x]", "<|>", "<| a |>", "<p>", "<tool_call>"]
)
def test_nothing_else_is_touched(text: str) -> None:
    """Markup, comparisons and brackets stay."""
    assert escaped(text, FOUND) == (text, 0)


@given(
    st.lists(st.sampled_from([*LIKE, "\\", "<", "|", ">", "x", "<\\|im_end|>", "</"])).map("".join)
)
def test_the_escape_can_be_undone(text: str) -> None:
    """Taking it off gives the text, with backslashes that were there before."""
    assert unescaped(escaped(text, FOUND)[0], FOUND) == text


def test_export_says_and_escapes(tmp_path: Path) -> None:
    """Exported messages hold no lookalike unless asked to.

    Those kept are counted, and the dataset's tokens are the same either way.
    """
    record = builds.workflow(0, steps=1) | {"objective": "Search the docs for <|im_end|> and </s>"}
    builds.write_workflows(tmp_path / "in.jsonl", record)
    builds.build([tmp_path / "in.jsonl"], tmp_path / "out")
    written = {}
    for how in ("escape", "keep"):
        out = tmp_path / how
        arguments = ["export", str(tmp_path / "out"), "--out", str(out), "--special-tokens", how]
        ran = CliRunner().invoke(cli, arguments)
        assert ran.exit_code == 0, ran.output
        assert "texts like special tokens: 2 in 1 samples" in ran.output
        summary = json.loads((out / "export.json").read_text())
        assert summary["like_special_tokens"] == {
            "texts": 2,
            "samples": 1,
            "escaped": how == "escape",
        }
        (path,) = out.rglob("*.jsonl")
        written[how] = json.loads(path.read_text())["messages"][1]["content"]
    assert "<|im_end|> and </s>" in written["keep"]
    assert "<\\|im_end|> and <\\/s>" in written["escape"]
    assert unescaped(written["escape"], FOUND) == written["keep"]
