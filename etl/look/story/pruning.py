"""What pruning took from the page of one sample, rule by rule (`etl.look.story.removed`).

The page is read again from the recorded input, which must still be there and unchanged.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any

from etl.dataset.place import Place
from etl.look.story.removed import MEANINGS, removed
from etl.pages.marks.removal import Marks, Remover
from etl.pages.reading import read
from etl.pages.rules import Policy, PruneRules
from schemas.errors import ConfigError
from schemas.samples import Sample
from schemas.utf8 import characters
from tokenization import vocabulary as vocabularies
from tokenization.ranks import NAMES

_MOST = 8  # removals that are listed in text


def view(place: Place, shard: str, made: Sample, pruned: int) -> dict[str, Any]:
    """What pruning took: the fields of `etl.look.story.removed.Removed`, and what others took.

    ``missing``: why it cannot be told; empty if it can. ``marks``: characters of recorders' marks,
    taken off before. ``redacted``: characters by which pseudonyms are shorter. shard: key of the
    sample's input shard. pruned: characters of the observation as pruning left it. The sum is::

        raw = observation + redacted - added + the characters of all removals + rewritten + marks
    """
    from etl.look.original import recorded_step  # late: it loads every source

    step = recorded_step(place.given, shard, made.sample_id)
    if isinstance(step, str):
        return {"missing": step}
    settings = place.manifest.settings["samples"]["stage prune"]
    try:
        counted = _vocabulary(settings["vocabulary"])
    except ConfigError as error:
        return {"missing": str(error)}
    rules: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in settings["rules"].items()
    }
    page = _without_marks(step.page, made.node, place)
    account = removed(Policy(PruneRules(**rules), counted.count), page, made.utf8)
    removals = [each._asdict() | {"means": MEANINGS[each.rule]} for each in account.removals]
    raw, redacted = characters(step.page), pruned - account.observation
    apart = {
        "raw": raw,
        "marks": raw - account.raw,
        "redacted": redacted,
        "rewritten": account.rewritten - redacted,
    }
    return {"missing": "", **asdict(account), "removals": removals, **apart}


def _without_marks(page: str | bytes, node: int, place: Place) -> str | bytes:
    """A page without the marks that the build took off it.

    node: id of the target, which keeps its own.
    """
    settings = place.manifest.settings["samples"].get("stage leaks")
    if settings is None:
        return page
    marks = Marks(**{each.name: frozenset(settings[each.name]) for each in fields(Marks)})
    whole = read(page)
    target = [whole.elements - 1 - node] if node >= 0 else []
    return Remover(marks).clean(whole, target).html or page


@lru_cache(maxsize=1)
def _vocabulary(sha256: str) -> vocabularies.Vocabulary:
    """The shipped vocabulary with a hash.

    Raises:
        ConfigError: there is none, or its package is missing.
    """
    for name in NAMES:
        with suppress(ConfigError):  # not installed
            if (known := vocabularies.shared(name)).sha256 == sha256:
                return known
    raise ConfigError(f"no vocabulary here has sha256 {sha256}, by which values were judged")


def text(result: dict[str, Any]) -> list[str]:
    """`view` as lines, the largest removals first."""
    if result["missing"]:
        return [f"what it took is not known: {result['missing']}"]
    lines = [
        _line(each["characters"], each["times"], f"{each['means']}: {each['name']}".rstrip(": "))
        for each in result["removals"][:_MOST]
    ]
    if rest := result["removals"][_MOST:]:
        size, count = (sum(each[key] for each in rest) for key in ("characters", "times"))
        lines.append(_line(size, count, f"{len(rest)} others"))
    if result["marks"]:
        lines.append(_line(result["marks"], 0, "marks of recorders (leaks)"))
    if result["rewritten"]:
        lines.append(_line(result["rewritten"], 0, "spelling and white space"))
    lines.append(_line(-result["added"], 0, "node ids were added"))
    return lines


def _line(size: int, count: int, what: str) -> str:
    return f"{-size:>+11,}  {what}" + (f", {count:,} times" if count > 1 else "")
