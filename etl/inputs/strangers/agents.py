"""Files of benchmarks and agents that hold no page: recognised by their keys.

Each says what it is, why it cannot be used, and what would be needed.
"""

from __future__ import annotations

from typing import Final

from etl.inputs.strangers.sign import Sign
from etl.inputs.strangers.stranger import GIVE_OBJECTIVES

_AGAIN: Final = (
    "a step needs the page before its action: run the agent again with a recorder of pages, such "
    "as a Playwright trace"
)
_TASKS: Final = "it has objectives and no steps: give recordings of runs on them"
_RESULTS: Final = "it says how a run ended, not what was done: give the recording of the run"

AGENT_SIGNS: Final = (
    Sign("weblinx_candidates", "candidates of WebLINX: elements of a turn, ranked by a model",
         "it has single elements and no page: give the demonstrations of WebLINX with their pages "
         "(WebLINX-full), folders with replay.json",
         "query doc uid"),
    Sign("weblinx_replay", "a replay of WebLINX without its folder",
         "its pages lie in files beside it: give the folder, with pages/", "data",
         "data.type data.speaker"),
    Sign("weblinx_splits", "lists of the demonstrations in each split of WebLINX",
         "it has names alone: give the demonstrations, folders with replay.json",
         "train valid test_iid"),
    Sign("mind2web_live_tasks", "tasks of Mind2Web-Live with the states that a run must reach",
         GIVE_OBJECTIVES, "task evaluation",
         "evaluation.match_function_name"),
    Sign("mind2web_actions", "action lists of Mind2Web: operation, tag and label of each action",
         "it has no pages: give Mind2Web's own files, with raw_html or cleaned_html in actions",
         "task actions website"),
    Sign("webcanvas_run", "runs of WebCanvas: thought, CSS selector and address of each step",
         f"it has no pages: {_AGAIN}", "task_name step_list", "step_list.trace_description"),
    Sign("webcanvas_run", "runs of WebCanvas: thought, CSS selector and address of each step",
         f"it has no pages: {_AGAIN}", "task_id task_name step_list"),
    Sign("webvoyager_log", "a log of WebVoyager: its model's messages",
         "its screenshots are left out, and it has no pages; actions name labels in the "
         f"screenshots: {_AGAIN}",
         "role content", text="Numerical Label"),
    Sign("webvoyager_tasks", "a list of tasks of WebVoyager", GIVE_OBJECTIVES, "web_name ques web"),
    Sign("bananalyzer_tasks", "tasks of Bananalyzer for saved pages",
         "it has a page for each task (index.mhtml beside it), and no actions: " + _TASKS,
         "evals schema_ url"),
    Sign("tasks", "a list of tasks of WebArena-Verified", GIVE_OBJECTIVES,
         "intent task_id start_urls"),
    Sign("webarena_trajectories",
         "runs on WebArena with accessibility trees, as the Agent Data Protocol takes them in",
         "its pages are accessibility trees: give the standardized file (sample_std.json)",
         "intent task_id trajectory", "trajectory.axtree"),
    Sign("chat_sft", "conversations for fine-tuning, as the Agent Data Protocol makes them",
         "the pages are parts of prompts, cut and mixed with other texts: give the standardized "
         "trajectories they were made of (sample_std.json)",
         "conversations", "conversations.from conversations.value"),
    Sign("chat_sft", "conversations of a model for fine-tuning",
         "the pages, if there are any, are parts of prompts: give the recordings they were made of",
         "conversations", "conversations.role conversations.content"),
    Sign("agent_prompts", "prompts of an agent with the model's answers",
         "the pages are parts of prompts: give the recordings they were made of",
         "messages output prompt"),
    Sign("agent_prompts", "prompts and answers of a model",
         "the pages, if there are any, are parts of prompts: give the recordings they were made of",
         "prompt response"),
    Sign("task_template", "an answer of TurkingBench with its inputs, without the form",
         "it has no page: give the folder of the task, with template.html and batch.csv",
         "Title Description Answer", ""),
    Sign("run_result", "the result of an agent's run", _RESULTS, "task_id passed is_done"),
    Sign("run_result", "the answer of an agent on WebArena-Verified", _RESULTS,
         "task_type status retrieved_data"),
    Sign("run_result", "the evaluation of an agent's run", _RESULTS, "task_id score status"),
    Sign("run_result", "a summary of an episode", _RESULTS, "n_steps cum_reward"),
    Sign("instructions", "instructions for a model on the sites of WebArena",
         "it has no pages and no steps: give recordings", "map reddit shopping"),
    Sign("article_metadata", "what a reader of articles found in a page",
         "it has no page and no actions: leave it out", "byline readerable siteName"),
)  # fmt: skip
"""In the order in which they are tried, before those of other tools."""
