"""No command removes or writes over what stepmill did not write for the same request."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from etl.build.pools.slices import Slice
from etl.build.run import slices
from etl.dataset import own_files, state
from etl.files import storage
from etl.files.paths import is_part
from schemas.errors import ConfigError
from tests.support import builds


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of one file, and its input."""
    folder = tmp_path_factory.mktemp("own")
    builds.write_workflows(
        folder / "in" / "a.jsonl", *(builds.workflow(number) for number in range(20))
    )
    builds.build([folder / "in"], folder / "out")
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "site"))


def more(site: Path, number: int = 100) -> None:
    """A second input, which a build reads."""
    builds.write_workflows(
        site / "in" / "b.jsonl", *(builds.workflow(number + each) for each in range(4))
    )


def put(folder: Path, *names: str) -> dict[str, str]:
    """Files of somebody else, with their hashes."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"mine: {name}")
    return {name: builds.contents(folder)[name] for name in names}


def test_only_what_a_build_left_half_written_is_swept(site: Path) -> None:
    """Half-written files under names of a build's own go, also where nothing is to do; those of
    exports beside it, and whatever else ends so, stay.
    """
    out = site / "out"
    mine = put(
        out,
        "notes.part",
        "work/thesis.part",
        "dataset/x.arrow.part",
        "messages/g0001/a.jsonl.0123abcd.part",
    )
    put(out, "work/samples/x.arrow.0123abcd.part", "dataset/data/g0001/train.arrow.89abcdef.part")
    for _ in range(2):
        builds.build([site / "in"], out)
        assert {name for name in builds.contents(out) if name.endswith(".part")} == set(mine)
        more(site)
    assert mine.items() <= builds.contents(out).items()


def test_files_of_others_among_the_data_are_named_and_stay(
    site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with another name than stepmill gives stays through builds, compacting and cleaning,
    and each build names it; one that would be read as data stops it before anything is done.
    """
    out = site / "out"
    names = [
        "dataset/data/notes.txt",
        "dataset/data/g0001/.keep",
        "dataset/LICENSE",
        "work/samples/a.txt",
    ]
    mine = put(
        out, *names, "work/light/mine.arrow", "work/index/readme.md", "work/candidate/report.html"
    )
    more(site)
    builds.build([site / "in"], out)
    builds.build([site / "in"], out, compact=True)
    assert (
        f"{out / 'dataset/data/notes.txt'}: not a file of this build; it is left"
        in capsys.readouterr().err
    )
    assert builds.command("clean", out).returncode == 0
    assert mine.items() <= builds.contents(out).items()
    for name in (
        "dataset/data/mine.arrow",
        "dataset/data/g0001/train-x.arrow",
        "work/index/old.parquet",
    ):
        before = put(out, name)
        with pytest.raises(
            ConfigError, match=f"{name}: not a file of this build, but it would be read as one"
        ):
            builds.build([site / "in"], out)
        assert before.items() <= builds.contents(out).items()
        (out / name).unlink()
    assert builds.command("verify", out).returncode == 1  # which names what is not in the manifest


def test_clean_keeps_what_a_build_in_the_making_has_read(site: Path) -> None:
    """Between slices, before a first index is made, and after a killed phase 1 over new inputs
    nothing that was read is stale; once the build is complete nothing says that it is in the
    making.
    """
    new = site / "new"
    more(site)
    for out in (site / "out", new):
        build = builds.prepared([site / "in"], out)
        for number in (1, 2):
            slices.read(build, Slice(number, 2))
            before = builds.contents(out)
            assert builds.command("clean", out).stdout == ""
            assert builds.contents(out) == before
        builds.build([site / "in"], out)
        assert not (out / "work" / "reading.json").exists()
    (site / "in" / "b.jsonl").unlink()
    builds.build([site / "in"], new, allow_removal=True)
    stale = state.stale(new)
    assert {path.parent.name for path in stale} == {"samples", "light", "ledger"}
    assert builds.command("clean", new).stdout.splitlines() == [str(path) for path in stale]


def test_a_folder_of_somebody_else_is_left_alone(site: Path) -> None:
    """A folder ``work`` does not make a build: `build` and `clean` refuse it, and nothing in it
    changes.
    """
    other = site / "project"
    mine = put(
        other,
        "work/samples/0123456789abcdef0123.json",
        "dataset/data/g0001/train-00000-of-00001.arrow",
    )
    with pytest.raises(ConfigError, match="is not empty and holds no build"):
        builds.build([site / "in"], other)
    done = builds.command("clean", other)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no build of stepmill; nothing is removed" in done.stderr
    assert builds.contents(other) == mine


@pytest.mark.parametrize("grows", [False, True])
def test_an_edited_card_is_kept_aside(
    site: Path, capsys: pytest.CaptureFixture[str], grows: bool
) -> None:
    """A card or Croissant file edited outside the notes is kept before it is written anew, and
    said; notes are taken in without a word. The dataset has the bytes that it has without the edit.
    """
    out = site / "out"
    plain = Path(shutil.copytree(out, site / "plain"))
    if grows:
        more(site)
    card, croissant = out / "dataset" / "README.md", out / "dataset" / "croissant.json"
    edits = [card.read_text().replace("# ", "# My own ", 1), croissant.read_text() + "\n"]
    card.write_text(edits[0])
    croissant.write_text(edits[1])
    builds.build([site / "in"], out)
    kept = sorted((out / "work" / "edited").iterdir(), key=lambda path: path.suffix, reverse=True)
    assert [path.read_text() for path in kept] == edits
    said = capsys.readouterr().err
    assert (
        f"{card} was edited, and every build overwrites it. The edited one is kept: {kept[0]}"
        in said
    )
    builds.build([site / "in"], plain)
    assert builds.contents(out / "dataset") == builds.contents(plain / "dataset")
    mark = "<!-- notes: limits -->"
    card.write_text(card.read_text().replace(mark, f"{mark}\nOurs.", 1))
    capsys.readouterr()
    builds.build([site / "in"], out)
    assert "Ours." in card.read_text()
    assert "was edited" not in capsys.readouterr().err
    assert len([*(out / "work" / "edited").iterdir()]) == 2


def test_a_card_kept_aside_leaves_with_what_is_taken_down(site: Path) -> None:
    """The copy of an edited card names domains; where one of these is taken down it goes, and
    `verify` is content.
    """
    out = site / "out"
    card = out / "dataset" / "README.md"
    card.write_text(card.read_text() + "\nshop3.example is the best\n")
    builds.build([site / "in"], out)
    assert len([*(out / "work" / "edited").iterdir()]) == 1
    listed = 'takedown.domains=["shop3.example"]'
    builds.build([site / "in"], out, listed, allow_removal=True)
    assert not [*storage.files(out / "work" / "edited")]
    assert builds.command("verify", out).returncode == 0


def test_names_are_told_apart() -> None:
    """What stepmill names is known, and no neighbour of it."""
    assert is_part("a.arrow.0123abcd.part")
    assert not any(
        map(
            is_part,
            ("a.part", "a.arrow.part", "a.0123ABCD.part", "a.0123abcd.part.gz", ".part"),
        )
    )
    assert own_files.is_of_output("g0001/train-00000-of-00012.arrow")
    assert not any(
        map(
            own_files.is_of_output,
            ("train-00000-of-00012.arrow", "g0001/train-1.arrow", "g0001/x.arrow"),
        )
    )
    assert own_files.generation_of("g0012-test-00000.parquet") == "g0012"
    assert own_files.generation_of("g0012.parquet") == ""
