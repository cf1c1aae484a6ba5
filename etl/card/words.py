"""What a dataset is, in words, for its card and ``croissant.json``: read off the manifest, nothing
else.

What no stage of a build does is said because the settings name none that does it. A stage, or a
setting of the index, that has no words here is listed as it is; `tests/card/test_markdown.py` fails
until it has some.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from etl.card.settings import license_of
from etl.dataset import outcomes
from etl.inputs.find import UNKNOWN
from etl.terminal.words import counted
from schemas.samples import PACKED_SCHEMA

Settings = Mapping[str, Any]

FIELDS: Final = {
    "input_ids": "tokens of the samples in the row, one after the other",
    "labels": "the same where there is loss, -100 elsewhere: loss is on the completion and the "
    "token that ends it",
    "seq_lengths": "lengths of the samples in the row, in order: their only stored boundary; "
    "positions restart at each",
    "sample_ids": "names of the samples in the row: workflow and number of the step",
}
"""The columns of the rows."""
assert list(FIELDS) == PACKED_SCHEMA.names

STATISTICS: Final = {
    "domains": "per registrable domain: what was read, what is in the dataset, tokens, characters, "
    "targets kept",
    "subdomains": "per host: what is in the dataset, tokens, characters",
    "actions": "samples per domain and kind of action",
    "drops": "what was read and is not in the dataset, per unit, stage, domain and reason",
    "outcomes": "samples by source and by the reward of their workflows; those that repeat the "
    "step before",
}
"""The tables under ``stats``."""
LISTING: Final = "per sample: domain, action, lengths, and where it lies"
"""The tables under ``stats/samples``."""

_PRIVACY: Final = ("redact",)
"""Stages that are about personal data."""
_OVERLAPS: Final = {
    "near_duplicates": "near-duplicates",
    "contamination": "overlap with benchmarks",
}
"""Settings of the index that are about copies that are not exact."""
_SPLIT_KEYS: Final = {
    "workflow": "a workflow's steps are in one split",
    "domain": "a step's split is its domain's: no page of a test domain is trained on",
    "website": "all workflows of a website are in one split",
    "objective": "all workflows with the same objective are in one split",
    "template": "all workflows whose objectives differ only in numbers and quoted values are in "
    "one split",
}
_FITS: Final = {
    "target": "the part with the target is kept",
    "first": "the right-most part is kept",
    "all": "all parts are kept, each a sample of its own",
    "drop": "the sample is left out",
}


def splits(manifest: Settings) -> dict[str, Any]:
    """The splits with rows, training first."""
    return dict(sorted(manifest["splits"].items(), key=lambda item: (item[0] != "train", item[0])))


def stages(manifest: Settings) -> list[tuple[str, str]]:
    """(name, what it does) of everything that made the dataset, in order."""
    samples, index, packed = (manifest["settings"][name] for name in ("samples", "index", "packed"))
    found = {
        name.removeprefix("stage "): s for name, s in samples.items() if name.startswith("stage ")
    }
    order = [*(name for name in STAGES if name in found), *sorted(found.keys() - STAGES.keys())]
    texts = [
        (name, STAGES[name](found[name]) if name in STAGES else _plainly(found[name]))
        for name in order
    ]
    more = {name: setting for name, setting in index.items() if name not in INDEX}
    caps = {name: cap for name, cap in index.get("caps", {}).items() if cap is not None}
    said = "drops what was read twice, and splits" + (f"; caps: {_plainly(caps)}" if caps else "")
    texts.append(("index", said + (f"; {_plainly(more)}" if more else "")))
    return [*((name, text) for name, text in texts if text), *_packing(manifest, packed)]


def _packing(manifest: Settings, packed: Settings) -> Iterator[tuple[str, str]]:
    context = manifest["settings"]["index"]["context"]
    policies = {split: _FITS[packed["fits"][split]["policy"]] for split in splits(manifest)}
    kept = "; ".join(f"{split}: {text}" for split, text in policies.items())
    yield "fit", f"cuts pages that are too long for {context:,} tokens at tags ({kept})"
    yield (
        "encode",
        (
            f"tokenizes in the chat template `{packed['chat']}` with the vocabulary "
            f"{vocabulary(manifest)}"
        ),
    )
    how = "several samples a row, best fit first" if packed["packing"] else "one sample a row"
    yield "pack", f"writes rows of at most {context:,} tokens: {how}"


def _filter(settings: Settings) -> str:
    on = [f"`{name}`" for name, value in settings.items() if value is True]
    limits = []
    if settings["min_english"] > 0:
        limits.append(
            "objectives that speak for another language (probability of English under "
            f"{settings['min_english']:g})"
        )
    if settings["max_non_ascii"] < 1:
        limits.append(
            f"objectives with more than {settings['max_non_ascii']:.0%} non-ASCII letters"
        )
    if settings["min_reward"] is not None:
        limits.append(f"workflows with a known reward under {settings['min_reward']:g}")
    rules = "leaves out, or does not train on, what these rules are about: " + ", ".join(
        [*sorted(on), *limits]
    )
    return rules if settings["min_reward"] is not None else f"{rules}; workflows of any reward stay"


def _augment(settings: Settings) -> str:
    what = [name for name in ("objectives", "descriptions") if settings[name]]
    return f"{' and '.join(what)} rewritten, from texts made beforehand" if what else ""


def _locate(settings: Settings) -> str:
    lost = (
        "its whole workflow is left out"
        if settings["drop_workflow"]
        else "the step is history only"
    )
    bare = "are samples too" if settings["train_without_element"] else "are history only"
    return (
        f"finds the element of each action in the page as recorded; if it is not found, {lost}; "
        f"page actions {bare}"
    )


def _prune(settings: Settings) -> str:
    rules = settings["rules"]
    target = (
        "stays even where the rules would remove it"
        if settings["keep_target"]
        else "goes as the rules say"
    )
    return (
        f"reduces each page to text: {len(rules['kept_tags'])} kinds of tags and "
        f"{len(rules['kept_attributes'])} of attributes stay, every element gets a node id, the "
        f"target {target}"
    )


def _unroll(settings: Settings) -> str:
    latest = settings["max_history"]
    history = f"the {latest} steps before it" if latest else "all steps before it"
    return f"makes one sample of each step that is trained on, with {history} as text"


def _select(settings: Settings) -> str:
    asked = [
        f"{verb} {len(entries):,} entries of {what}"
        for verb, section in (("takes only", "include"), ("leaves out", "exclude"))
        for what, entries in settings[section].items()
        if entries
    ]
    return "by name: " + "; ".join(asked) if asked else ""


STAGES: Final[Mapping[str, Callable[[Settings], str]]] = {
    "select": _select,
    "filter": _filter,
    "augment": _augment,
    "locate": _locate,
    "prune": _prune,
    "unroll": _unroll,
}
"""What each stage of phase 1 does, by its settings, in order."""

INDEX: Final = frozenset(("split", "context", "shard_bytes", "caps", *_OVERLAPS))
"""Settings of the index that have their words."""


def _plainly(settings: Any) -> str:
    """Settings as they are."""
    if isinstance(settings, Mapping):
        return ", ".join(f"`{name}` {_plainly(value)}" for name, value in sorted(settings.items()))
    if isinstance(settings, list):
        return (
            f"({len(settings)} values)"
            if len(settings) > 8
            else f"({', '.join(map(str, settings))})"
        )
    return "off" if settings in (None, False) else "on" if settings is True else str(settings)


def vocabulary(manifest: Settings) -> str:
    """The vocabulary by name and hash;
    by hash alone if the manifest is of before names were in it.
    """
    digest = str(manifest["settings"]["packed"]["vocabulary"])
    name = next(iter(manifest.get("vocabulary", {}).values()), "")
    return f"`{name}` (sha256 {digest[:16]}…)" if name else f"of sha256 {digest[:16]}…"


def split_rule(manifest: Settings) -> str:
    """How the splits were made."""
    split = manifest["settings"]["index"]["split"]
    lists = {"test": split["held_out"], "validation": split.get("held_out_validation", ())}
    shares = {"test": split["test"], "validation": split.get("validation", 0.0)}
    drawn = [
        f"{share:.1%} of the keys for the {name} split"
        for name, share in shares.items()
        if share and not lists[name]
    ]
    texts = [
        f"The {name} split is what a list of {len(held):,} entries holds out."
        for name, held in lists.items()
        if held
    ]
    if drawn:
        texts.append(
            f"Split by `{split['key']}`: {_SPLIT_KEYS[split['key']]}. Drawn by a hash with seed "
            f"{split['seed']}: {' and '.join(drawn)}, so new recordings never move old ones."
        )
    return " ".join(texts) or "Everything is in the training split."


def privacy(manifest: Settings) -> list[str]:
    """What was done about personal data, sentence by sentence."""
    samples = manifest["settings"]["samples"]
    treated = [name for name in _PRIVACY if f"stage {name}" in samples]
    texts = [
        f"The stage `{name}` is for this; its settings: {_plainly(samples[f'stage {name}'])}."
        for name in treated
    ]
    if not treated:
        texts.append(
            "Nothing was done about personal data: no stage of this build looks for names, "
            "addresses, credentials or other secrets. Pages, objectives and typed values are as "
            "they were recorded, less what pruning removes."
        )
    gone = _dropped(manifest, "workflow")["taken_down"]
    if manifest.get("takedown"):
        texts.append(
            f"A takedown list was applied; {counted(gone, 'workflow')} left the dataset by it."
        )
    return texts


def contamination(manifest: Settings) -> list[str]:
    """What was done about copies and benchmarks, sentence by sentence."""
    index = manifest["settings"]["index"]
    copies = _dropped(manifest, "workflow")["duplicate_workflow"]
    texts = [f"A recording that was read twice is in the dataset once ({copies:,} were left out)."]
    texts += [
        f"Looked for: {what} ({_plainly(index[key])})."
        for key, what in _OVERLAPS.items()
        if key in index
    ]
    missing = [what for key, what in _OVERLAPS.items() if key not in index]
    if missing:
        texts.append(
            f"Not looked for: {' and '.join(missing)}. Check before you report results on a "
            "benchmark."
        )
    return texts


def limits(manifest: Settings) -> list[str]:
    """Known limits, sentence by sentence."""
    totals, figures, settings = manifest["totals"], manifest["figures"], manifest["settings"]
    texts: list[str] = []
    shares = figures["domain_shares"]
    if shares:
        largest = max(sorted(shares), key=lambda name: shares[name])
        texts.append(
            f"The largest of {counted(len(shares), 'domain')}, {largest}, has "
            f"{shares[largest]:.1%} of all samples."
        )
    if totals["chunked"]:
        texts.append(
            f"{counted(totals['chunked'], 'sample')} with a part of the page: it is longer than "
            "the context."
        )
    if figures["survival"] < 1:
        texts.append(
            f"{1 - figures['survival']:.1%} of the actions on an element are left out: it was not "
            "found."
        )
    if settings["samples"].get("stage prune", {}).get("keep_target"):
        texts.append(
            "A target that the pruning rules would have removed is kept, which tells it from its "
            "surroundings."
        )
    if (
        settings["index"]["split"]["key"] not in ("domain", "website")
        and "test" in manifest["splits"]
    ):
        texts.append(
            "The test split holds out workflows, not domains: it does not measure unseen websites."
        )
    texts += outcomes.sentences(manifest)
    if manifest["quarantined"]:
        texts.append(
            f"{counted(manifest['quarantined'], 'record')} could not be read: not in the dataset."
        )
    texts.append("What happened between recorded steps is not in the dataset, nor are screenshots.")
    return texts


def _dropped(manifest: Settings, unit: str) -> Counter[str]:
    """How many of a unit were dropped, by reason."""
    counts: Counter[str] = Counter()
    for drop in manifest["accounting"][unit]["reasons"]:
        counts[drop["reason"]] += drop["count"]
    return counts


def sources(manifest: Settings) -> list[dict[str, Any]]:
    """What was recorded: ``format``, ``license`` (empty if none is given), number of ``files`` and
    ``samples``.
    """
    given = manifest["settings"]["card"].get("licenses", {})
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for each in manifest["inputs"]:
        if each["format"] == UNKNOWN:
            continue
        licence = license_of(each["name"], each["format"], given)
        row = {"format": each["format"], "license": licence, "files": 0, "samples": 0}
        row = found.setdefault((each["format"], licence), row)
        row["files"] += 1
        row["samples"] += each["samples"]
    return [found[key] for key in sorted(found)]
