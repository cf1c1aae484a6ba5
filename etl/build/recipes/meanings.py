"""What the sections and keys of a recipe mean: a line for each; a test holds them to the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
