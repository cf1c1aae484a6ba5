"""The top of a report: how the last run ended, what was read and when, and by which versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from etl.dataset import state
from etl.dataset.manifest import Manifest
from etl.dataset.place import Place
from etl.terminal.words import counted


def verdict(place: Place) -> dict[str, Any]:
    """The verdict on a dataset.

    ``says``: a sentence; ``good``: whether all is well; ``failures``: those of gates; ``facts``:
    names and values. A published dataset has no work folder, so nothing is known about runs and
    gates, and the sentence says so.
    """
    manifest = place.manifest
    last = state.last_run(place.work) if place.work is not None else {}
    status = last.get("status", "")
    failures = [str(line) for line in last.get("gate_failures", ())]
    good = status in ("", state.COMPLETE, state.NOTHING)
    if not status:
        says = (
            "A complete dataset. The work folder, which knows of runs and gates, is not beside it."
        )
    elif good:
        says = "Complete: the last run ended well, and every gate that is set holds."
    else:
        says = f"The last run ended as {status}: {last.get('message', '')}".strip().splitlines()[0]
    return {"says": says, "good": good, "failures": failures, "facts": _facts(manifest, last)}


def _facts(manifest: Manifest, last: Mapping[str, Any]) -> list[tuple[str, str]]:
    inputs = manifest.inputs
    size = sum(each.size for each in inputs)
    generations = manifest.generations.every
    read = (
        f"{counted(len(inputs), 'file')}, {size / 1e6:,.1f} MB, in "
        f"{counted(len(generations), 'generation')}"
    )
    if last.get("newest_input"):
        read += f", the newest of {last['newest_input']}"
    facts = [("Inputs", read)]
    if last.get("ended"):
        facts.append(
            ("Last run", f"{last['ended']}, {sum(last.get('seconds', {}).values()):,.0f} s")
        )
    settings = manifest.settings
    libraries = {
        **settings["samples"].get("libraries", {}),
        **settings["packed"].get("libraries", {}),
    }
    stages = {
        name.removeprefix("stage "): of["version"]
        for name, of in settings["samples"].items()
        if name.startswith("stage ") and isinstance(of, Mapping) and "version" in of
    }
    facts.append(("Stages", ", ".join(f"{name} {version}" for name, version in stages.items())))
    facts.append(
        ("Libraries", ", ".join(f"{name} {version}" for name, version in sorted(libraries.items())))
    )
    return [(name, value) for name, value in facts if value]
