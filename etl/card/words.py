"""A dataset in words, for its card and ``croissant.json``, from the manifest alone.

Each stage and decision says what it does (``in_words``); one of another version, which is not known
here, is listed with its settings. The card also says what was not done, where the settings name no
stage that does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from etl.card.settings import license_of
from etl.dataset import outcomes
from etl.dataset.flow.budget import shares
from etl.dataset.manifest import Manifest, Split
from etl.decisions import known as known_decisions
from etl.decisions.failures import Failures
from etl.inputs.find import UNKNOWN
from etl.stages import known as known_stages
from etl.terminal.text import percent
from etl.terminal.words import counted
from schemas.sample_table import PACKED_SCHEMA

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
    "waterfall": "per domain and fate of a step: pages and observations in characters, tokens "
    "encoded and packed",
    "subsets": "per subset and domain: samples, tokens, shares of the tokens of the subset and of "
    "the training split",
    "mix": "per split, source and domain: tokens, the share that is asked for, the weight by which "
    "a trainer draws a token, and the share that drawing rows by their weights gives",
    "weights": "per row, in the order in which they are loaded: the weight by which a trainer "
    "draws it",
    "contamination": "workflows whose tasks are those of benchmarks: benchmark, task, method, "
    "similarity from 0 to 1, samples",
    "outcomes": "samples by source and by the reward of their workflows; those that repeat the "
    "step before",
    "lint": "places where recordings contradict themselves, per source, domain, code, severity, "
    "and what was done about them",
    "privacy": "private values that were replaced by pseudonyms, by kind and domain",
    "budget": "per domain, of observations within a budget of tokens: targets, those kept and "
    "those cut, those kept that have a name, those whose name is shown; samples, with those that "
    "have no target; tokens of an observation at the median and at the 90th percentile",
}
"""The tables under ``stats``."""
OPTIONAL: Final = frozenset(
    ("subsets", "mix", "weights", "contamination", "lint", "privacy", "budget")
)
"""Those that are there only if a recipe asks for what they tell."""
LISTING: Final = "per sample: domain, action, lengths, and where it lies"
"""The tables under ``stats/samples``."""

_PRIVACY: Final = ("redact",)
"""Stages that treat personal data."""
_OVERLAPS: Final = {
    "near": "near-duplicates",
    "contamination": "overlap with benchmarks",
}
"""Settings of the index on copies that are not exact."""
_OF_INDEX: Final = ("split", "context", "shard_bytes", "subsets", "failures")
"""Settings of the index that other sentences describe."""
_FITS: Final = {
    "target": "the part with the target is kept",
    "first": "the right-most part is kept",
    "all": "all parts are kept, each a sample of its own",
    "drop": "the sample is left out",
}


_PAGES: Final = (
    "gives recordings that hold no pages those of web archives and saved pages, by address and time"
)


def splits(manifest: Manifest) -> dict[str, Split]:
    """The splits with rows, training first."""
    return dict(sorted(manifest.splits.items(), key=lambda item: (item[0] != "train", item[0])))


def stages(manifest: Manifest) -> list[tuple[str, str]]:
    """(name, what it does) of each step that made the dataset, in order."""
    samples, index, packed = (manifest.settings[name] for name in ("samples", "index", "packed"))
    used: dict[str, Any] = {}
    for name, settings in samples.items():
        if name.startswith("stage "):
            used[name.removeprefix("stage ")] = settings
    known = {stage.name: stage for stage in known_stages.KNOWN}
    texts = [("pages", _PAGES)] if "pages" in samples else []
    texts += [(name, known[name].in_words(used[name])) for name in known if name in used]
    texts += [(name, _plainly(used[name])) for name in sorted(used.keys() - known.keys())]
    texts.append(("index", "; ".join(["drops what was read twice, and splits", *_decided(index)])))
    return [*((name, text) for name, text in texts if text), *_packing(manifest, packed)]


def _decided(index: Settings) -> Iterator[str]:
    """What each decision of the index does; settings that no decision knows as they are."""
    known = {decision.name: decision for decision in known_decisions.KNOWN}
    for name, decision in known.items():
        if name in index and (text := decision.in_words(index[name])):
            yield text
    if "subsets" in index:
        most = ", ".join(f"{tokens:,}" for tokens in index["subsets"]["tokens"])
        yield f"chooses nested subsets of the training split, of {most} tokens"
    if "failures" in index:
        yield Failures.in_words(index["failures"])
    silent = {*known, *_OF_INDEX, *_OVERLAPS}
    if more := {name: setting for name, setting in index.items() if name not in silent}:
        yield _plainly(more)


def _packing(manifest: Manifest, packed: Settings) -> Iterator[tuple[str, str]]:
    context = manifest.context
    policies = {split: _FITS[packed["fits"][split]["policy"]] for split in splits(manifest)}
    kept = "; ".join(f"{split}: {text}" for split, text in policies.items())
    yield "fit", f"cuts pages that are too long for {context:,} tokens at tags ({kept})"
    yield (
        "encode",
        (
            f"tokenizes in the chat template `{chat(packed)}` with the vocabulary "
            f"{vocabulary(manifest)}"
        ),
    )
    how = "several samples a row, best fit first" if packed["packing"] else "one sample a row"
    yield "pack", f"writes rows of at most {context:,} tokens: {how}"


def _plainly(settings: Any) -> str:
    """Settings as text, without knowing what they mean."""
    if isinstance(settings, Mapping):
        return ", ".join(f"`{name}` {_plainly(value)}" for name, value in sorted(settings.items()))
    if isinstance(settings, list):
        return (
            f"({len(settings)} values)"
            if len(settings) > 8
            else f"({', '.join(map(str, settings))})"
        )
    return "off" if settings in (None, False) else "on" if settings is True else str(settings)


def chat(packed: Settings) -> str:
    """The chat template by name; a model's own with its hash and the variables that it is given."""
    if "own_chat" not in packed:
        return str(packed["chat"])
    own = packed["own_chat"]
    given = [f"{name} = {value}" for name, value in sorted(own["variables"].items())]
    return ", ".join([f"{packed['chat']}, sha256 {own['sha256'][:16]}…", *given])


def vocabulary(manifest: Manifest) -> str:
    """The vocabulary by name and hash; by hash alone if it has no name."""
    digest = str(manifest.settings["packed"]["vocabulary"])
    name = next(iter(manifest.vocabulary.values()), "")
    return f"`{name}` (sha256 {digest[:16]}…)" if name else f"of sha256 {digest[:16]}…"


def privacy(manifest: Manifest) -> list[str]:
    """What was done about personal data, sentence by sentence."""
    samples = manifest.settings["samples"]
    treated = [name for name in _PRIVACY if f"stage {name}" in samples]
    texts = [
        f"The stage `{name}` is for this; its settings: {_plainly(samples[f'stage {name}'])}."
        for name in treated
    ]
    replaced = (manifest.privacy or {}).get("replaced") or {}
    if treated and replaced:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(replaced.items()))
        texts.append(f"Replaced in what was read: {kinds}.")
    if not treated:
        texts.append(
            "Nothing was done about personal data: no stage of this build looks for names, "
            "addresses, credentials or other secrets. Pages, objectives and typed values are as "
            "they were recorded, less what pruning removes."
        )
    gone = _dropped(manifest, "workflow")["taken_down"]
    if manifest.takedown:
        texts.append(
            f"A takedown list was applied; {counted(gone, 'workflow')} left the dataset by it."
        )
    return texts


def contamination(manifest: Manifest) -> list[str]:
    """What was done about copies and benchmarks, sentence by sentence."""
    index = manifest.settings["index"]
    copies = _dropped(manifest, "workflow")["duplicate_workflow"]
    texts = [f"A recording that was read twice is in the dataset once ({copies:,} were left out)."]
    texts += [
        f"Looked for: {what} ({_plainly(index[key])})."
        for key, what in _OVERLAPS.items()
        if key in index and key != "contamination"
    ]
    if manifest.contamination is not None:
        texts += _benchmarks(manifest)
    missing = [what for key, what in _OVERLAPS.items() if key not in index]
    if missing:
        texts.append(
            f"Not looked for: {' and '.join(missing)}. Check before you report results on a "
            "benchmark."
        )
    return texts


def _benchmarks(manifest: Manifest) -> Iterator[str]:
    """What was found of benchmarks, sentence by sentence."""
    rows = manifest.contamination or ()
    tasks = sum(row["tasks"] for row in rows)
    yield (
        f"Compared with {counted(tasks, 'task')} of {counted(len(rows), 'benchmark')}, by id, "
        "text, words, entities, site and start address."
    )
    dropped = _dropped(manifest, "sample")["contaminated"]
    if manifest.settings["index"]["contamination"]["flagged"] == "drop":
        yield f"What overlaps has left the training split ({counted(dropped, 'sample')})."
    else:
        yield "What overlaps is listed and still in the training split."
    for row in rows:
        what = f"{row['benchmark']} {row['version']}"
        if row["date"]:
            what += f" of {row['date']}"
        yield (
            f"{what}: {counted(row['workflows'], 'workflow')} with "
            f"{counted(row['samples'], 'sample')}, {row['dropped']:,} of them left out."
        )


def limits(manifest: Manifest) -> list[str]:
    """Known limits, sentence by sentence."""
    totals, figures, settings = manifest.totals, manifest.figures, manifest.settings
    texts: list[str] = []
    shares = figures.domain_shares
    if shares:
        largest = max(sorted(shares), key=lambda name: shares[name])
        texts.append(
            f"The largest of {counted(len(shares), 'domain')}, {largest}, has "
            f"{shares[largest]:.1%} of all samples."
        )
    if totals.chunked:
        texts.append(
            f"{counted(totals.chunked, 'sample')} with a part of the page: it is longer than "
            "the context."
        )
    if figures.survival < 1:
        texts.append(
            f"{1 - figures.survival:.1%} of the actions on an element are left out: it was not "
            "found, or not kept."
        )
    if settings["samples"].get("stage prune", {}).get("keep_target"):
        texts.append(
            "A target that the pruning rules would have removed is kept, which tells it from its "
            "surroundings."
        )
    unseen = settings["index"]["split"]["key"] in ("domain", "website")
    if not unseen and "test" in manifest.splits:
        texts.append(
            "The test split holds out workflows, not domains: it does not measure unseen websites."
        )
    texts += outcomes.sentences(manifest.outcomes)
    if manifest.quarantined:
        texts.append(
            f"{counted(manifest.quarantined, 'record')} could not be read: not in the dataset."
        )
    texts.append("What happened between recorded steps is not in the dataset, nor are screenshots.")
    return texts


def within_budget(manifest: Manifest) -> list[str]:
    """What observations hold within a budget of tokens, sentence by sentence; empty without one."""
    if manifest.budget is None:
        return []
    found = shares(manifest.budget)
    texts = [f"Observations are made for a budget of {found['tokens']:,} tokens."]
    if found["targets"]:
        texts.append(
            f"Of {counted(found['targets'], 'target')} {percent(found['kept'], 2)} are kept; "
            f"{found['cut']:,} were cut, and their steps are not trained on (`target_cut`)."
        )
    if found["with_name"]:
        texts.append(
            f"Of {found['with_name']:,} of those kept that have a name "
            f"{percent(found['named'], 2)} have it in the observation."
        )
    if found["samples"]:
        texts.append(
            f"An observation has {found['p50']:,} tokens at the median and {found['p90']:,} at the "
            "90th percentile."
        )
        taken = ", ".join(f"{rule} {count:,}" for rule, count in found["removed"].items())
        texts.append(f"Characters that rules took from the lines of elements: {taken or 'none'}.")
    return texts


def _dropped(manifest: Manifest, unit: str) -> Counter[str]:
    """The number of drops of a unit, by reason."""
    counts: Counter[str] = Counter()
    for drop in manifest.accounting[unit].reasons:
        counts[drop.reason] += drop.count
    return counts


def sources(manifest: Manifest) -> list[dict[str, Any]]:
    """The recordings, one row for each format and licence.

    Each has ``format``, ``license`` (empty if none is given), and the numbers of ``files`` and
    ``samples``.
    """
    given = manifest.settings["card"].get("licenses", {})
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for each in manifest.inputs:
        if each.format == UNKNOWN:
            continue
        licence = license_of(each.name, each.format, given)
        row: dict[str, Any] = {"format": each.format, "license": licence, "files": 0, "samples": 0}
        row = rows.setdefault((each.format, licence), row)
        row["files"] += 1
        row["samples"] += each.samples
    return [rows[key] for key in sorted(rows)]
