"""What the settings of a recipe mean, and a recipe as the TOML that it is read from.

`SECTIONS` and `MEANINGS` have a line for each section and key that a recipe can have; a test holds
them together.
"""

from __future__ import annotations

import difflib
import json
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from datetime import date
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin, get_type_hints

from etl.build import recipe
from etl.build.recipe import Recipe
from schemas.errors import ConfigError
from schemas.reasons import MEANINGS as REASONS

_BASE: Final = "scribeagent-32k"
_WIDTH: Final = 100

SECTIONS: Final[Mapping[str, str]] = {
    "inputs": "how recordings are cut into tasks",
    "include": "what alone is asked for, by name; a list that is empty asks for everything",
    "exclude": "what is left out by name",
    "filter": "which workflows and steps are left out before pages are looked at",
    "augment": "texts that are put in the place of objectives and descriptions",
    "locate": "how the element of an action is found in its page",
    "prune": "what a model sees of a page",
    "unroll": "how steps become samples",
    "vocabulary": "which tokens",
    "prompt": "what stands around a page",
    "fit": "how a sample gets into the context",
    "pack": "how samples get into rows, and rows into files",
    "split": "which samples are held out",
    "caps": "how much of one domain there is at most",
    "card": "what only people know of the dataset",
    "limits": "what a page may cost before its workflow is left out",
    "takedown": "what must not be kept",
    "gates": "when a build fails itself",
}

MEANINGS: Final[Mapping[str, str]] = {
    "inputs.part_mb": "MiB on disk; a larger file is cut into several tasks where it can be cut",
    "include.domains": "train only on steps on these registrable domains or hosts; patterns with * "
    "and ? are allowed",
    "include.sources": "train only on workflows of these formats or names of inputs; patterns with "
    "* and ? are allowed",
    "include.workflows": "train only on workflows with these ids; patterns with * and ? are "
    "allowed",
    "include.kinds": "train only on steps with these kinds of actions; patterns with * and ? are "
    "allowed",
    "include.file": "a file with more of them, lines as domain NAME, source NAME, workflow NAME, "
    "kind NAME",
    "exclude.domains": "do not train on steps on these registrable domains or hosts; patterns with "
    "* and ? too",
    "exclude.sources": "do not train on workflows of these formats or names of inputs; patterns "
    "with * and ? too",
    "exclude.workflows": "do not train on workflows with these ids; patterns with * and ? too",
    "exclude.kinds": "do not train on steps with these kinds of actions; patterns with * and ? too",
    "exclude.file": "a file with more of them, lines as domain NAME, source NAME, workflow NAME, "
    "kind NAME",
    "filter.section_or_stack": "drop workflows that have rows of these kinds",
    "filter.instruction": "drop rows that only instruct",
    "filter.duplicate_steps": "drop steps that are equal in every field, id included",
    "filter.no_objective": "drop workflows without an objective",
    "filter.missing_description": "do not train on steps without a description",
    "filter.missing_dom": "do not train on steps without a page",
    "filter.failed_actions": "do not train on steps that are known to have failed; they stay in "
    "the history",
    "filter.incomplete_history": "do not train on steps after a gap, whose history would be false",
    "filter.min_english": "least probability that the objective is English; 0 turns the rule off",
    "filter.max_non_ascii": "greatest share of letters of the objective that are not ASCII; 1 "
    "turns the rule off",
    "filter.min_reward": "drop workflows with a known reward under this; off unless given",
    "augment.objectives": "a JSON file of objectives by workflow id, made by stepmill augment",
    "augment.descriptions": "a JSON file of descriptions by step id, made by stepmill augment",
    "augment.only_bare": "put descriptions only where the recording's says no more than the action",
    "locate.drop_workflow": "drop a whole workflow for one target that is not found, as the "
    "reference does",
    "locate.train_without_element": "train on page actions too (scroll, navigate), as samples "
    "without target",
    "prune.kept_tags": "tags that stay",
    "prune.dropped_with_content": "tags that go with all that is in them",
    "prune.kept_attributes": "attributes that stay",
    "prune.never_filtered_attributes": "attributes whose value stays, however few characters a "
    "token it has",
    "prune.kept_when_empty_tags": "tags that stay without content",
    "prune.kept_when_empty_attributes": "attributes that keep an element without content",
    "prune.style_kept_only_as": "the one value with which a style attribute stays",
    "prune.min_chars_per_token": "a value of fewer characters a token is noise, and goes",
    "prune.inert_content": "whether content of noscript and template stays, which a browser with "
    "scripts does not show",
    "prune.pseudo_elements": "whether marks like <::before> stay, which recorders write as text",
    "prune.max_data_uri": "characters; of a longer data URI its media type stays; 0: of any length",
    "prune.javascript_urls": "keep them, leave short ones without the program, or drop them",
    "prune.ratio_vocabulary": "the vocabulary of that rule",
    "prune.keep_target": "keep the target whatever the rules say; false leaves such steps out",
    "unroll.max_history": "at most so many of the latest steps in the history; 0 for all",
    "vocabulary.name": "a known vocabulary",
    "vocabulary.file": "a rank file or tokenizer.json of your own",
    "vocabulary.engine": "the program that encodes; all give the same ids",
    "vocabulary.pattern": "of a rank file of your own: the regular expression that cuts text into "
    "pretokens",
    "vocabulary.special_tokens": "of a rank file of your own: texts of special tokens and their "
    "ids",
    "vocabulary.nfc": "of a rank file of your own: normalise text first",
    "prompt.system": "the system message",
    "prompt.node_repeats": "how often the completion says the node",
    "prompt.chat": "the chat template",
    "fit.context": "tokens of a row",
    "fit.train": "what is kept of a training sample that is longer",
    "fit.test": "what is kept of a test sample that is longer",
    "fit.max_chunks": "a training sample of more chunks is dropped; 0 for no limit",
    "pack.packing": "several samples a row",
    "pack.window": "samples that are packed together",
    "pack.shard_mb": "MiB of an output file",
    "split.key": "what stays together in one split",
    "split.test": "share of the keys in the test split",
    "split.validation": "share of the keys in a validation split; 0 for none",
    "split.held_out": "a file of what the test split is instead: ids, domains, websites or "
    "objectives, one a line",
    "split.held_out_validation": "the same for the validation split",
    "split.seed": "of every hash by which samples are ordered and split",
    "caps.samples_per_domain": "the most samples of one domain, over all splits; no limit unless "
    "given",
    "caps.workflows_per_domain": "the most workflows of one domain, over all splits; no limit "
    "unless given",
    "card.pretty_name": "the dataset's name for people",
    "card.license": "an identifier of the Hub; other with license_name and license_link",
    "card.license_name": "of a license that the Hub does not know",
    "card.license_link": "where that license is",
    "card.licenses": "of what was recorded, by format or by a pattern of input names",
    "card.language": "of the objectives",
    "card.tags": "for those who search the Hub",
    "card.source_datasets": "original, or datasets of the Hub",
    "card.creators": "who made the dataset",
    "card.url": "where the dataset is",
    "card.published": "the day",
    "card.version": "of the dataset",
    "card.citation": "BibTeX; one is made of the above unless given",
    "card.template": "a file instead of data_cards/dataset.md",
    "card.notes": "a file with the parts that are written by hand",
    "limits.page_mb": "a workflow with a page of more characters (times 2**20) is quarantined",
    "limits.page_seconds": "a workflow that takes longer is quarantined, where another process "
    "works on it",
    "takedown.workflows": "ids of workflows that must not be kept, nor copies of them",
    "takedown.domains": "domains that must not be kept",
    "takedown.file": "a file with more of both",
    "gates.max_drop_rate": "dropped steps over steps read",
    "gates.max_drop_rates": "the same by reason",
    "gates.min_samples": "least number of samples in the dataset",
    "gates.min_domains": "least number of domains in the dataset",
    "gates.max_removal": "share of the last complete build's samples that may go; 1 turns the gate "
    "off",
    "gates.max_domain_drift": "change of one domain's share of the samples",
    "gates.max_tokens_drift": "change of tokens a sample, relative",
    "gates.max_action_drift": "change of the mix of actions, 0 to 1",
    "gates.max_survival_drift": "change of the share of targets that survive",
}


class Setting(NamedTuple):
    """One setting of a recipe. choices: the values that it can have, if they are few."""

    name: str
    says: str
    value: Any
    default: Any
    choices: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether it is other than the default."""
        return bool(self.value != self.default)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        values = {"value": _plain(self.value), "default": _plain(self.default)}
        reasons = [name for name, each in REASONS.items() if self.name in each.settings]
        return {"setting": self.name, "says": self.says, **values, "changed": self.changed,
                "choices": [*self.choices], "decides": reasons}  # fmt: skip


def of(chosen: Recipe) -> dict[str, list[Setting]]:
    """All settings of a recipe by section. What a section has no default for has that of the first
    shipped recipe.
    """
    base = recipe.load(_BASE)
    found: dict[str, list[Setting]] = {}
    for name, hint in _sections().items():
        hints = get_type_hints(hint)
        found[name] = [
            Setting(
                f"{name}.{each.name}",
                MEANINGS.get(f"{name}.{each.name}", ""),
                getattr(getattr(chosen, name), each.name),
                _default(each, getattr(base, name)),
                tuple(map(str, get_args(hints[each.name])))
                if get_origin(hints[each.name]) is Literal
                else (),
            )
            for each in fields(hint)
        ]
    return found


def _sections() -> dict[str, Any]:
    hints = get_type_hints(Recipe)
    return {
        each.name: hints[each.name]
        for each in fields(Recipe)
        if hasattr(hints[each.name], "__dataclass_fields__")
    }


def _default(field: Field[Any], base: object) -> Any:
    if field.default is not MISSING:
        return field.default
    return (
        field.default_factory()
        if field.default_factory is not MISSING
        else getattr(base, field.name)
    )


def one(name: str, chosen: Recipe) -> Setting:
    """A setting by its name. Raises `ConfigError` for one that there is not."""
    known = {each.name: each for settings in of(chosen).values() for each in settings}
    if name not in known:
        close = difflib.get_close_matches(name, known, 1) or [
            each for each in known if each.endswith(f".{name}")
        ]
        said = f"; did you mean {close[0]}?" if close else "; see: stepmill recipes scribeagent-32k"
        raise ConfigError(f"there is no setting {name!r}{said}")
    return known[name]


def toml(chosen: Recipe, about: str) -> str:
    """The recipe as TOML that is a recipe with the same settings, each with its meaning and
    default.
    """
    lines = [f"about = {_value(about)}", f"name = {_value(chosen.name)}"]
    for section, settings in of(chosen).items():
        lines += ["", f"# {SECTIONS.get(section, '')}", f"[{section}]"]
        for each in settings:
            lines += ["", *_lines(each)]
    return "\n".join(lines)


def _lines(setting: Setting) -> Iterator[str]:
    said = f"{setting.says}: {', '.join(setting.choices)}" if setting.choices else setting.says
    yield from textwrap.wrap(said, _WIDTH, initial_indent="# ", subsequent_indent="# ")
    default = "off" if setting.default is None else _value(setting.default)
    if setting.changed:
        short = default if len(default) < _WIDTH else f"as in {_BASE}"
        yield f"# CHANGED; default: {short}"
    key = setting.name.partition(".")[2]
    if setting.value is None:
        yield f"# {key} = ..."
        return
    text = f"{key} = {_value(setting.value)}"
    if len(text) <= _WIDTH or not isinstance(setting.value, frozenset | tuple):
        yield text
        return
    yield f"{key} = ["
    items = ", ".join(_value(item) for item in _plain(setting.value))
    yield from textwrap.wrap(
        f"{items},", _WIDTH, initial_indent="    ", subsequent_indent="    ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    yield "]"


def _plain(value: Any) -> Any:
    """As JSON knows it."""
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return list(value)
    return value.isoformat() if isinstance(value, date) else value


def _value(value: Any) -> str:
    """A value of TOML."""
    value = _plain(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{_value(key)} = {_value(each)}" for key, each in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)
