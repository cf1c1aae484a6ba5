"""The words by which drops are counted: why something that was read goes no further.

The type is the list, so whoever gives a reason that is not on it fails the type check; `REASONS` is the same to look
things up in. A new source or stage adds its own.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Reason = Literal[
    # an input as a whole, or a record of it
    "not_a_file",
    "unknown_format",
    "broken_compression",
    "truncated_gzip",
    "truncated_zstd",
    "broken_csv",
    "broken_json",
    "broken_parquet",
    "broken_pickle",
    "truncated_csv",
    "truncated_json",
    "hostile_pickle",
    "pickle_too_large",
    "unsupported_pickle",
    "invalid_utf8",
    "lone_surrogate",
    "missing_field",
    "unknown_field",
    "unknown_locator",
    "wrong_type",
    "after_broken_record",
    "after_broken_row",
    "source_crashed",
    "workflow_dropped",
    # a record that is no action
    "choice_not_recorded",
    "end_state",
    "key_outside_field",
    "keyup_alone",
    "modifier_alone",
    "mouseup_alone",
    "no_action",
    "not_a_step",
    "scroll_without_effect",
    "step_out_of_order",
    "typing_without_effect",
    "unknown_event",
    "unnamed_key",
    # a workflow
    "conflicting_id",
    "duplicate_workflow",
    "killed_worker",
    "low_reward",
    "no_objective",
    "no_samples",
    "no_steps_left",
    "non_ascii",
    "not_english",
    "over_time",
    "page_too_large",
    "section_or_stack",
    "stage_crashed",
    "taken_down",
    "unlocated_target",
    "workflow_without_steps",
    # a step
    "costly_css",
    "costly_xpath",
    "duplicate_step",
    "empty_page",
    "failed_action",
    "instruction",
    "invalid_css",
    "invalid_markup",
    "invalid_node",
    "invalid_xpath",
    "missing_description",
    "missing_dom",
    "no_element",
    "target_absent",
    "target_ambiguous",
    "target_pruned",
    "target_unknown",
    # a sample
    "over_context",
    "target_not_in_observation",
    "tokenizer_panic",
    "too_many_chunks",
]

REASONS: Final[frozenset[str]] = frozenset(get_args(Reason))
