"""Several vocabularies in one build: a dataset for each, from one pass over the pages."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from etl.build.dry_run import foresee
from etl.build.recipes.recipe import load, placed
from etl.dataset import candidate, state
from etl.dataset.layout import Layout
from etl.dataset.place import place_of
from etl.files import storage
from etl.look import overview
from etl.look.story import explain
from etl.look.verify import verify
from schemas.errors import ConfigError, GateError
from tests.support import builds

SMALL: Final = ("fit.context=2048", "split.test=0.2")
PLAIN: Final = '{ label = "plain", name = "qwen2.5", chat = "plain" }'
BARE: Final = '{ label = "bare", name = "qwen2.5", chat = "plain" }'


def of(*listed: str) -> str:
    """The setting that lists vocabularies: names in quotes, or tables."""
    return f"vocabularies=[{', '.join(listed)}]"


BOTH: Final = of('"qwen2.5"', PLAIN)


def write(folder: Path, night: int, steps: int = 2) -> Path:
    """The recordings of a night."""
    records = (builds.workflow(number, steps) for number in range(100 * night, 100 * night + 20))
    builds.write_workflows(folder / f"{night}.jsonl", *records)
    return folder


def dataset(out: Path, label: str = "") -> dict[str, str]:
    """The files of a vocabulary's dataset by hash; without a label those of the first."""
    build = Layout(out).of_vocabulary(label) if label else Layout(out)
    return builds.contents(Path(str(build.dataset.root)))


def test_two_vocabularies_from_one_build_are_those_of_two_builds(tmp_path: Path) -> None:
    """Over two nights, each dataset of a build of two vocabularies equals, file for file, that of a
    build with its vocabulary alone; `verify`, the overview, a trace and the rows work on either.
    """
    pytest.importorskip("mistral_common")
    inputs, out = tmp_path / "in", tmp_path / "out"
    other = ("vocabulary.name=mistral-v3-tekken", "prompt.chat=mistral")
    alone = {"": (), "mistral-v3-tekken": other}
    both = of('"qwen2.5"', '"mistral-v3-tekken"')
    for night in (1, 2):
        write(inputs, night)
        builds.build([inputs], out, *SMALL, both, workers=night)
        for label, settings in alone.items():
            single = tmp_path / f"single{label}"
            builds.build([inputs], single, *SMALL, *settings)
            assert dataset(out, label) == dataset(single)
    assert dataset(out) != dataset(out, "mistral-v3-tekken")
    assert len([*(out / "work" / "samples").glob("*.arrow")]) == 2
    assert verify(out) == []
    folder = out / "vocabularies" / "mistral-v3-tekken"
    assert verify(folder) == []
    (shown,) = overview.view(place_of(out))["vocabularies"]
    totals = place_of(folder).manifest.totals
    assert shown == {"folder": str(folder), "samples": 80, "tokens": totals.tokens}
    assert str(folder) in overview.text(overview.view(place_of(out)), out)
    (traced,) = explain.view(folder, "workflows:w100")["occurrences"]
    assert traced["steps"][0]["sample"]["packed"].startswith("g0001/")


def test_a_vocabulary_comes_later_and_goes(tmp_path: Path) -> None:
    """A vocabulary that is added to a complete build is packed alone: nothing is read, no file of
    the first dataset or of its work is written. One that leaves needs consent, and leaves alone.
    """
    inputs, out = write(tmp_path / "in", 1), tmp_path / "out"
    builds.build([inputs], tmp_path / "expected", *SMALL, BOTH)
    builds.build([inputs], out, *SMALL)
    before = builds.stamps(out)
    build = builds.prepared([inputs], out, *SMALL, BOTH)
    seen = foresee(build)
    assert (seen.finished, seen.changes, seen.read) == (False, [], [])
    assert {name.split("/")[0] for name, _ in seen.write} == {"plain"}
    builds.build([inputs], out, *SMALL, BOTH)
    for label in ("", "plain"):
        assert dataset(out, label) == dataset(tmp_path / "expected", label)
    # listing and hashes are noted once their files are no longer new
    listings = {
        f"{folder}work/{name}.json"
        for folder in ("", "vocabularies/plain/")
        for name in ("listing", "remembered")
    }
    notes = {"work/order.json", "work/last_build.json"} | listings
    after = builds.stamps(out)
    assert {name for name in before if after[name] != before[name]} <= notes
    builds.build([inputs], out, *SMALL, BOTH)
    now = builds.stamps(out)
    assert {name for name, stamp in now.items() if after.get(name) != stamp} <= notes

    with pytest.raises(ConfigError, match="are removed"):
        builds.build([inputs], out, *SMALL)
    assert dataset(out, "plain")
    builds.build([inputs], out, *SMALL, redo=True)
    assert not (out / "vocabularies").exists()
    left = builds.stamps(out)
    assert {name for name in before if left[name] != before[name]} <= notes
    assert verify(out) == []


def test_other_settings_of_one_vocabulary_redo_it_alone(tmp_path: Path) -> None:
    """If only the second vocabulary's settings change, the message names it, and with consent only
    its dataset is made again.
    """
    inputs, out = write(tmp_path / "in", 1), tmp_path / "out"
    builds.build([inputs], out, *SMALL, BOTH)
    before, old = builds.stamps(out / "dataset"), dataset(out, "plain")
    other = of('"qwen2.5"', PLAIN.replace('"plain" }', '"chatml" }'))
    with pytest.raises(
        ConfigError, match=r"vocabulary plain: packed\.chat: 'plain' is now 'chatml'"
    ):
        builds.build([inputs], out, *SMALL, other)
    builds.build([inputs], out, *SMALL, other, redo=True)
    assert builds.stamps(out / "dataset") == before
    assert dataset(out, "plain") != old
    assert verify(out) == []


def test_gates_accept_all_vocabularies_or_none(tmp_path: Path) -> None:
    """If the gates of one vocabulary fail, no dataset is replaced: both candidates lie beside the
    old datasets, which stay whole. Other limits accept both.
    """
    inputs, out = write(tmp_path / "in", 1), tmp_path / "out"
    tight = ("fit.context=400", "fit.train=drop", "fit.test=drop", BOTH)
    builds.build([inputs], out, *tight)
    old = {label: dataset(out, label) for label in ("", "plain")}
    samples = place_of(out).manifest.totals.samples
    write(inputs, 2)
    limit = f"gates.min_samples={2 * samples + 1}"
    with pytest.raises(GateError) as error:
        builds.build([inputs], out, *tight, limit)
    assert any(line.startswith("vocabulary plain: ") for line in error.value.failures)
    assert {label: dataset(out, label) for label in ("", "plain")} == old
    assert verify(out) == []
    for folder in (out, out / "vocabularies" / "plain"):
        beside = candidate.rejected(folder)
        assert verify(beside) == []
        assert place_of(beside).manifest.totals.samples == 2 * samples
    builds.build([inputs], out, *tight)
    builds.build([inputs], tmp_path / "two", *tight, given=state.generations(Layout(out).work))
    for label in ("", "plain"):
        assert dataset(out, label) == dataset(tmp_path / "two", label)
    assert verify(out) == []


def test_one_failing_vocabulary_rejects_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first build of which only the second vocabulary fails its gates gives no dataset at all."""
    from etl.build.verdict import Verdict

    inputs, out = write(tmp_path / "in", 1), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(
            Verdict,
            "failures",
            lambda self, _: ["too odd"] if "plain" in str(self.out) else [],
        )
        with pytest.raises(GateError, match="vocabulary plain: too odd"):
            builds.build([inputs], out, *SMALL, BOTH)
    assert dataset(out) == dataset(out, "plain") == {}
    assert candidate.failures(out) == ["vocabulary plain: too odd"]
    assert verify(candidate.rejected(out)) == []
    builds.build([inputs], out, *SMALL, BOTH)
    builds.build([inputs], tmp_path / "expected", *SMALL, BOTH)
    for label in ("", "plain"):
        assert dataset(out, label) == dataset(tmp_path / "expected", label)
    assert verify(out) == []


class Killed(BaseException):
    """The process dies here."""


def killing(nth: int, call: Callable[..., Any]) -> Callable[..., Any]:
    """A function that does what another does, but dies the nth time."""
    counter = iter(range(1, 10**6))

    def instead(*arguments: Any, **options: Any) -> Any:
        if next(counter) == nth:
            raise Killed
        return call(*arguments, **options)

    return instead


@pytest.mark.parametrize("what", ["move", "remove"])
def test_a_switch_that_dies_is_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A second night dies at one of the moves and removals by which both datasets are replaced. The
    same command then gives the datasets of a build that did not die.
    """
    inputs, start = write(tmp_path / "in", 1), tmp_path / "start"
    builds.build([inputs], start, *SMALL, BOTH)
    write(inputs, 2)
    expected = tmp_path / "expected"
    shutil.copytree(start, expected)
    builds.build([inputs], expected, *SMALL, BOTH)
    died = 0
    for nth in range(1, 200, 9 if what == "remove" else 5):
        out = tmp_path / f"{what}{nth}"
        shutil.copytree(start, out)
        with monkeypatch.context() as patch:
            patch.setattr(storage, what, killing(nth, getattr(storage, what)))
            try:
                builds.build([inputs], out, *SMALL, BOTH)
            except Killed:
                died += 1
            else:
                break
        builds.build([inputs], out, *SMALL, BOTH)
        for label in ("", "plain"):
            assert dataset(out, label) == dataset(expected, label), nth
        assert verify(out) == [], nth
    assert died > 2


def test_a_takedown_leaves_every_vocabulary(tmp_path: Path) -> None:
    """A domain on the takedown list leaves all datasets and their work folders."""
    inputs, out = write(tmp_path / "in", 1), tmp_path / "out"
    builds.build([inputs], out, *SMALL, BOTH)
    named = 'takedown.domains=["shop5.example"]'
    builds.build([inputs], out, *SMALL, BOTH, named)
    assert verify(out) == []
    for folder in (out, out / "vocabularies" / "plain"):
        listed = place_of(folder).listing(["domain"]).collect()
        assert "shop5.example" not in set(listed["domain"])
        assert listed.height


def test_folders_of_vocabularies_are_no_builds(tmp_path: Path) -> None:
    """Commands that change a build name the whole build if they are given a vocabulary's folder;
    what lies where a vocabulary should be built stays.
    """
    inputs, out = write(tmp_path / "in", 1), tmp_path / "out"
    builds.build([inputs], out, *SMALL, BOTH)
    folder = out / "vocabularies" / "plain"
    for arguments in (("retry", folder), ("compact", folder), ("clean", folder)):
        done = builds.command(*arguments)
        assert done.returncode == 2
        assert f"of the build in {out}; name that folder" in done.stderr
    with pytest.raises(ConfigError, match="name that folder"):
        builds.build([inputs], folder, *SMALL)
    (out / "vocabularies" / "bare").mkdir()
    (out / "vocabularies" / "bare" / "mine").touch()
    with pytest.raises(ConfigError, match="holds something else"):
        builds.build([inputs], out, *SMALL, of('"qwen2.5"', PLAIN, BARE))


def test_the_list_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists that make no sense are refused; a path in the list becomes absolute; a vocabulary
    has the chat template of its models, or the one that is asked for.
    """
    cases = {
        "vocabularies=[]": "list names, or tables",
        "vocabularies=3": "list names, or tables",
        of('"qwen2.5"', "3"): r"vocabularies\[1\] = 3: list names",
        of('"qwen2.5"', '"qwen2.5"'): "'qwen2.5' is listed twice",
        of('{ file = "x.json" }'): "needs a label",
        of('{ name = "../x" }'): "needs a label",
        of('{ name = "x", nme = "y" }'): "did you mean 'name'",
        of('{ name = "x", chat = 3 }'): r"vocabularies\[0\].chat = 3",
    }
    for setting, says in cases.items():
        with pytest.raises(ConfigError, match=says):
            load("scribeagent-32k", [setting])
    with pytest.raises(ConfigError, match=r"leave \[vocabulary\] out"):
        load("scribeagent-32k", [of('"qwen2.5"'), "vocabulary.name=o200k"])
    monkeypatch.chdir(tmp_path)
    expected = f'vocabularies=["a", {{ "name" = "b", "file" = "{tmp_path}/x.tiktoken" }}]'
    assert placed('vocabularies=["a",{name="b",file="x.tiktoken"}]') == expected
    pytest.importorskip("mistral_common")
    recipe = load("scribeagent-32k", [of('"qwen2.5"', '"mistral-v3-tekken"')])
    chats = [each.packed.settings["chat"] for each in (recipe, *recipe.further.values())]
    assert chats == ["chatml", "mistral"]
    strict = load("scribeagent-32k", [of('{ name = "mistral-v3-tekken", chat = "chatml" }')])
    with pytest.raises(ConfigError, match="no special token"):
        _ = strict.packed
