"""What a stage or source gives changes only with its ``version``, by which builds know that their
work files are old.

`tests/goldens/versions.json` holds a hash of what each gives for recordings of ours, and for some
of the shared folder. Where one is meant to change, raise its version, and then::

    python -m tests.test_versions --update
"""

from __future__ import annotations

import copy
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import xxhash

from etl.build.plan import Plan
from etl.build.recipes.recipe import load
from etl.inputs import find
from etl.look.recordings import schema
from etl.sources import FORMATS
from etl.tally import Tally
from schemas.workflow import Workflow
from tests.support import builds
from tests.support.strategies import GOLDENS

KNOWN: Final = GOLDENS / "versions.json"
OF_SHARED: Final = {
    "mind2web": "mind2web",
    "browsergym": "browsergym_webarena",
    "miniwob": "miniwob_demos",
    "adp": "adp",
    "chrome_recorder": "chrome_recorder",
    "selenium_ide": "selenium_ide",
    "workflow_use": "workflow_use",
}
"""Formats that none of our own recordings has, and folders of real ones."""
OF_FORMATS: Final = builds.RECORDINGS.parent / "formats"
"""A folder for each format in which other tools recorded our applications."""


def plan() -> Plan:
    return load("scribeagent-32k").samples


def workflows(folder: Path, source: str = "") -> list[Workflow]:
    """All recordings in a folder in the order of their names; of one format, if it is given."""
    sources = plan().sources
    shards = sorted(find.shards(find.find([str(folder)], sources)), key=lambda shard: shard.name)
    wanted = [shard for shard in shards if source in ("", shard.format)]
    return [flow for shard in wanted for flow in sources[shard.format].read(shard, Tally())]


def example(name: str) -> list[Workflow]:
    """The workflows of a format's example."""
    with tempfile.TemporaryDirectory() as folder:
        schema.write(FORMATS[name], Path(folder))
        return workflows(Path(folder), name)


_NOTHING: Final = re.compile(
    rb',"(?:number|repeat)":0|,"pruned":-1|,"(?:gap|meta|axtree|ref|cleaned)":""'
    rb'|,"observation_kind":"html"|,"lines":false|,"fitted":""'
    rb'|,"whole":(?:true|false)|,"place":[0-9]+'
)


def digest(rows: Iterable[Any]) -> str:
    """Hash of records. Fields that say nothing, which came later, are left out."""
    found = xxhash.xxh3_128()
    for row in rows:
        raw = orjson.dumps(row, bytes.decode, orjson.OPT_APPEND_NEWLINE)
        raw = raw.replace(b'},"steps":[', b'},"marks":[')  # a draft's, as they were called once
        found.update(_NOTHING.sub(b"", raw))
    return found.hexdigest()


def outputs(shared: Path | None) -> Iterator[tuple[str, int, str]]:
    """Of each source and stage: name, version, hash of what it gives. shared: None leaves out what
    needs it.
    """
    from tests.support.strategies import draft

    made = plan()
    for name, source in sorted(made.sources.items()):
        if name == find.UNKNOWN or (name in OF_SHARED and shared is None):
            continue
        folder = (
            shared / "data" / OF_SHARED[name] if shared and name in OF_SHARED else builds.RECORDINGS
        )
        if (OF_FORMATS / name).is_dir():
            folder = OF_FORMATS / name
        found = workflows(folder, name) or example(name)
        assert found, f"no recording in format {name} in {folder}, nor an example"
        yield f"source {name}", source.version, digest(found)
    rows: list[Any] = []
    for flow in workflows(builds.RECORDINGS):
        row = draft(*flow.steps, objective=flow.objective)
        row.uid = flow.uid
        rows.append(row)
    redacting = load("publishable").samples.stages
    assert [stage.name for stage in redacting if stage not in made.stages] == ["redact"]
    observing = load("compact-8k").samples.stages
    assert [stage.name for stage in observing if stage not in made.stages] == ["observe"]
    for stage in made.stages:
        if stage.name == "prune":
            observes = next(each for each in observing if each.name == "observe")
            again = list(observes(iter(copy.deepcopy(rows)), Tally()))
            yield f"stage {observes.name}", observes.version, digest(again)
        if stage.name == "unroll":
            private = next(each for each in redacting if each.name == "redact")
            again = list(private(iter(copy.deepcopy(rows)), Tally()))
            yield f"stage {private.name}", private.version, digest(again)
        rows = list(stage(iter(rows), Tally()))
        assert rows
        yield f"stage {stage.name}", stage.version, digest(rows)


def complaint(name: str, version: int, output: str, known: dict[str, dict[str, Any]]) -> str:
    """What is wrong with an output, in view of what is known; empty if it is as it was."""
    before = known.get(name, {"version": 0, "output": ""})
    if before["version"] != version:
        return (
            f"{name} has version {version}, {before['version']} is known: python -m "
            "tests.test_versions --update"
        )
    if before["output"] != output:
        return f"{name} gives something else than it did under the same version {version}: raise it"
    return ""


def changed_alone(
    found: Sequence[tuple[str, int, str]], known: dict[str, dict[str, Any]]
) -> list[str]:
    """Complaints about outputs that changed under the same version, and not because of what they
    are made of: a stage reads what the sources and the stages before it give.
    """
    refused, raised = [], False
    for row in found:
        said = complaint(*row, known)
        if "raise" in said and not (raised and row[0].startswith("stage ")):
            refused.append(said)
        raised = raised or (said != "" and "raise" not in said)
    return refused


def test_outputs_change_only_with_versions(shared: Path) -> None:
    """Every source and stage gives what is known of its version."""
    known = json.loads(KNOWN.read_text())
    found = list(outputs(shared))
    assert {name for name, _, _ in found} == set(known)
    assert [said for row in found if (said := complaint(*row, known))] == []


def test_outputs_of_our_own_recordings() -> None:
    """The same without the shared folder."""
    known = json.loads(KNOWN.read_text())
    found = list(outputs(None))
    assert len(found) > 5
    assert [said for row in found if (said := complaint(*row, known))] == []


@pytest.mark.parametrize(
    ("version", "output", "said"),
    [(1, "a", ""), (1, "b", "raise it"), (2, "b", "--update"), (2, "a", "--update")],
)
def test_a_changed_output_is_found(version: int, output: str, said: str) -> None:
    """Another output under the same version is complained of, and so is a version that is not
    known.
    """
    found = complaint("stage x", version, output, {"stage x": {"version": 1, "output": "a"}})
    assert said in found
    assert bool(found) == bool(said)


def test_a_change_is_looked_for_where_it_began() -> None:
    """A stage after one whose version was raised may give something else; a source or an earlier
    stage may not.
    """
    known = {name: {"version": 1, "output": "a"} for name in ("source s", "stage f", "stage g")}
    assert (
        changed_alone([("source s", 1, "a"), ("stage f", 2, "b"), ("stage g", 1, "b")], known) == []
    )
    assert (
        len(changed_alone([("source s", 1, "a"), ("stage f", 1, "b"), ("stage g", 2, "b")], known))
        == 1
    )
    assert (
        len(changed_alone([("source s", 1, "b"), ("stage f", 2, "b"), ("stage g", 1, "b")], known))
        == 1
    )


def main() -> int:
    """Renew what is known; refuses what has changed under the same version."""
    known = json.loads(KNOWN.read_text()) if KNOWN.exists() else {}
    shared = Path(os.environ.get("STEPMILL_SHARED") or builds.ROOT.parent / "shared")
    found = list(outputs(shared))
    refused = changed_alone(found, known)
    print("\n".join(refused) or f"{len(found)} outputs are known now")
    if not refused:
        renewed = {name: {"version": version, "output": output} for name, version, output in found}
        KNOWN.write_text(json.dumps(renewed, indent=2) + "\n")
    return bool(refused)


if __name__ == "__main__" and "--update" in sys.argv[1:]:
    sys.exit(main())
