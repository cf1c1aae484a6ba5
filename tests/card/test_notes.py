"""What people write into a card by hand stays when a build writes it again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.card.template import PLACEHOLDERS, CardTemplate
from etl.dataset.generations import Generations
from etl.dataset.hand_written import Notes
from etl.look import verify
from schemas.errors import ConfigError
from tests.card.test_markdown import little, manifest_of, section, text_of
from tests.support import builds


def edit(out: Path, name: str, text: str) -> None:
    """Write into a place for notes of the card, as an editor on any system does."""
    path = out / "dataset" / "README.md"
    before = path.read_text("utf-8")
    mark = f"<!-- notes: {name} -->\n"
    assert before.count(mark) == 1
    path.write_text(before.replace(mark, f"{mark}{text}\n"), "utf-8")


def test_notes_stay(tmp_path: Path) -> None:
    """Notes between marks stay after a build over the same or more recordings, and compacted.

    A build takes them in without writing a data file; then the hashes hold again and there is
    nothing to do.
    """
    inputs, out = little(tmp_path), tmp_path / "out"
    builds.build([inputs], out)
    before = builds.stamps(out / "dataset" / "data")
    fingerprint = manifest_of(out)["fingerprint"]
    edit(out, "limits", "Recorded in $HOME & <b>half</b> asleep.\n\n- really")
    edit(out, "about", "## Ours\n\n```sh\ncat\n```")
    (problem,) = verify.verify(out)
    assert (
        problem
        == "dataset/README.md: its notes were edited; run the build command again, which takes "
        "them in"
    )
    written = text_of(out)
    builds.build([inputs], out)
    assert text_of(out) == written.replace(fingerprint, manifest_of(out)["fingerprint"]).replace(
        fingerprint[:8], manifest_of(out)["fingerprint"][:8]
    )
    assert manifest_of(out)["fingerprint"] != fingerprint
    assert builds.stamps(out / "dataset" / "data") == before
    assert verify.verify(out) == []
    stamps = builds.stamps(out / "dataset")
    builds.build([inputs], out)
    assert builds.stamps(out / "dataset") == stamps
    builds.write_workflows(
        inputs / "b.jsonl", *(builds.workflow(n, steps=2) for n in range(20, 30))
    )
    for compact in (False, True):
        builds.build([inputs], out, compact=compact)
        assert Notes.of_text(text_of(out), "card").parts == {
            "limits": "Recorded in $HOME & <b>half</b> asleep.\n\n- really",
            "about": "## Ours\n\n```sh\ncat\n```",
        }  # fmt: skip
        assert verify.verify(out) == []
    again = tmp_path / "again"
    (tmp_path / "kept.md").write_bytes((out / "dataset" / "README.md").read_bytes())
    generations = Generations.from_json(manifest_of(out)["generations"])
    builds.build([inputs], again, f"card.notes={tmp_path / 'kept.md'}", given=generations)
    assert builds.contents(again / "dataset") == builds.contents(out / "dataset")


def test_notes_of_a_file_are_written_there(tmp_path: Path) -> None:
    """A file of notes that the recipe names decides.

    A card that was edited beside it stops the build, with the names, and nothing is lost; without
    the setting the card's own notes count again.
    """
    file, out = tmp_path / "notes.md", tmp_path / "out"
    file.write_text(
        "Notes of the team.\r\n\r\n<!-- notes: privacy -->\r\nOne.\r\nTwo.\r\n<!-- /notes -->\r\n"
    )
    order = [little(tmp_path)], out, f"card.notes={file}"
    builds.build(*order)
    assert "<!-- notes: privacy -->\nOne.\nTwo.\n<!-- /notes -->" in text_of(out)
    file.write_text(
        "<!-- notes: privacy -->\nThree.\n<!-- /notes -->\n<!-- notes: mine -->\nFour.\n<!-- "
        "/notes -->\n"
    )
    builds.build(*order)
    assert "Three." in section(text_of(out), "Privacy")
    assert text_of(out).endswith("```\n\n<!-- notes: mine -->\nFour.\n<!-- /notes -->\n")
    edit(out, "about", "Five.")
    edited = text_of(out)
    with pytest.raises(ConfigError, match=r"its notes \(about\) were edited there"):
        builds.build(*order)
    assert text_of(out) == edited
    builds.build(*order[:2])
    assert Notes.of_text(text_of(out), "card").parts == {
        "about": "Five.",
        "privacy": "Three.",
        "mine": "Four.",
    }


def test_notes_outlive_the_card(tmp_path: Path) -> None:
    """A missing card comes back with its notes.

    A card with damaged marks stops the build before it does anything, and one whose notes were
    emptied has none.
    """
    inputs, out = little(tmp_path), tmp_path / "out"
    builds.build([inputs], out)
    edit(out, "limits", "Ours.")
    builds.build([inputs], out)
    path = out / "dataset" / "README.md"
    path.unlink()
    builds.build([inputs], out)
    assert Notes.of_text(text_of(out), "card").parts == {"limits": "Ours."}
    whole = text_of(out)
    path.write_text(whole.replace("Ours.\n<!-- /notes -->", "Ours."))
    stamps = builds.stamps(out)
    with pytest.raises(
        ConfigError, match=r"README.md, line \d+: .* before the end of the notes 'limits'"
    ):
        builds.build([inputs], out)
    stamps["work/last_build.json"] = builds.stamps(out)["work/last_build.json"]
    assert builds.stamps(out) == stamps
    path.write_bytes(b"caf\xe9")
    with pytest.raises(ConfigError, match=r"README\.md is not UTF-8"):
        builds.build([inputs], out)
    path.write_text(whole.replace("Ours.\n", ""))
    builds.build([inputs], out)
    assert Notes.of_text(text_of(out), "card").parts == {}
    assert not (out / "work" / "notes.json").exists()
    assert verify.verify(out) == []


def test_other_changes_of_the_card_are_not_notes(own_build: Path, tmp_path: Path) -> None:
    """A card that was edited outside the marks does not match the manifest."""
    out = Path(shutil.copytree(own_build, tmp_path / "out"))
    path = out / "dataset" / "README.md"
    path.write_text(path.read_text().replace("# Web workflows", "# My workflows"))
    assert verify.verify(out) == [
        (
            "dataset/README.md: not the content that the manifest says (sha256); remove it and "
            "build again"
        )
    ]


_texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("$<!->\n#"), max_size=60
)


_notes = st.dictionaries(st.from_regex(r"[A-Za-z0-9_-]{1,12}", fullmatch=True), _texts, max_size=5)


@given(_notes)
def test_what_is_written_is_read_again(parts: dict[str, str]) -> None:
    """Any text between marks, except marks, comes through a card unchanged.

    Only white space at its ends goes; a card that is written twice is the same.
    """
    parts = {
        name: text.strip() for name, text in parts.items() if text.strip() and "<!--" not in text
    }
    template = CardTemplate("# $samples\n\n<!-- notes: about -->\n<!-- /notes -->\n\nend\n")
    values = dict.fromkeys(PLACEHOLDERS, "x")
    text = template.filled(values, Notes(parts))
    assert Notes.of_text(text, "card").parts == parts
    assert template.filled(values, Notes.of_text(text, "card")) == text
