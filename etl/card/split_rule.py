"""How the splits of a dataset were made, in words, from the manifest alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from etl.dataset.manifest import Manifest
from etl.terminal.words import counted

_KEYS: Final = {
    "workflow": "a workflow's steps are in one split",
    "domain": "a step's split is its domain's: no page of a test domain is trained on",
    "website": "all workflows of a website are in one split",
    "objective": "all workflows with the same objective are in one split",
    "template": "all workflows whose objectives differ only in numbers and quoted values are in "
    "one split",
}
_UNSEEN: Final = {
    "test_task": "{:.1%} of the workflows on sites that are trained on",
    "test_website": "{:.1%} of the sites of topics that are trained on",
    "test_domain": "{:.1%} of the topics (where there is none, of the registrable domains)",
}


def rule(manifest: Manifest) -> str:
    """How the splits were made, in one or more sentences."""
    split = manifest.settings["index"]["split"]
    lists = {"test": split["held_out"], "validation": split.get("held_out_validation", ())}
    shares = {"test": split["test"], "validation": split.get("validation", 0.0)}
    drawn = [
        f"{share:.1%} of the keys for the {name} split"
        for name, share in shares.items()
        if share and not lists[name]
    ]
    lists |= split.get("lists", {})
    texts = [
        f"The {name} split is what a list of {len(held):,} entries holds out."
        for name, held in lists.items()
        if held
    ]
    texts += _unseen(split, manifest.drawn or {})
    texts += _recorded(split, manifest.drawn or {})
    if drawn:
        texts.append(
            f"Split by `{split['key']}`: {_KEYS[split['key']]}. Drawn by a hash with seed "
            f"{split['seed']}: {' and '.join(drawn)}, so new recordings never move old ones."
        )
    return " ".join(texts) or "Everything is in the training split."


def _unseen(split: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[str]:
    """Mind2Web's three test splits, if there are any."""
    shares = {name: split[name] for name in _UNSEEN if split.get(name)}
    if not shares:
        return
    each = "; ".join(f"`{name}` {_UNSEEN[name].format(share)}" for name, share in shares.items())
    yield (
        f"Mind2Web's test splits, drawn by hashes with seed {split['seed']}: {each}. No held-out "
        "topic and no held-out site, which is a recording's website or a registrable domain of its "
        "pages, is in the training split. New recordings never move old ones."
    )
    yield (
        f"Of {counted(counts['topics_seen'] + counts['topics_held_out'], 'topic')} "
        f"{counts['topics_held_out']:,} are held out, and "
        f"{counted(counts['sites_held_out'], 'site')}; {counts['sites_seen']:,} sites are seen."
    )
    if count := counts["without_site"]:
        yield f"{counted(count, 'workflow')} without topic and site are in none of them."


def _recorded(split: Mapping[str, Any], counts: Mapping[str, int]) -> Iterator[str]:
    """The cut in time, if there is one."""
    if "generation" in split:
        yield (
            f"The test split is what came with generation g{split['generation']:04d} or a later "
            "one."
        )
    elif "since" in counts and ("since" in split or "last" in split):
        time = datetime.fromtimestamp(counts["since"] / 1000, UTC).isoformat(timespec="seconds")
        yield f"The test split is what was recorded at {time} or later."
        if "last" in split:
            yield (
                f"That is the last {split['last']:.1%} of the first generation by recorded time; "
                "the cut stays there when new recordings come."
            )
        yield (
            f"Of {counted(counts['workflows'], 'workflow')} {counts['without_time']:,} have no "
            "recorded time; they count as earlier."
        )
