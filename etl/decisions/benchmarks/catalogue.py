"""The benchmarks of web agents that are known by name, and where their users find the files.

The facts are those of the publications and of the files' own repositories. None of the files is
shipped, and no registry of them: their authors publish new versions, and some ask readers not to
pass the tasks on in the clear. `stepmill benchmarks build` makes a registry of the user's copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Benchmark:
    """What is known of a benchmark."""

    # in commands, registries and cards
    name: str
    title: str
    # year and month of the publication
    date: str
    # where its tasks are
    where: str
    # which files there, and what of them is read
    files: str
    # of the tasks, as their publisher names it; empty if none is stated
    licence: str
    # the number of its tasks; 0 if it has no fixed list
    tasks: int = 0


_METADATA: Final = "github.com/ServiceNow/BrowserGym, browsergym/experiments, benchmark/metadata"

KNOWN: Final = (
    Benchmark(
        "mind2web",
        "Mind2Web, the three test sets",
        "2023-06",
        "huggingface.co/datasets/osunlp/Mind2Web",
        "test_task, test_website and test_domain: JSON or Parquet with annotation_id, website, "
        "confirmed_task",
        "CC-BY-4.0",
        1341,
    ),
    Benchmark(
        "mind2web_live",
        "Mind2Web-Live",
        "2024-06",
        "huggingface.co/datasets/iMeanAI/Mind2Web-Live",
        "JSON with index, task, reference_task_length, evaluation",
        "",
    ),
    Benchmark(
        "online_mind2web",
        "Online-Mind2Web",
        "2025-04",
        "huggingface.co/datasets/osunlp/Online-Mind2Web",
        "Online_Mind2Web.json: task_id, confirmed_task or task_description, website, level",
        "CC-BY-4.0",
        300,
    ),
    Benchmark(
        "webarena",
        "WebArena",
        "2023-07",
        "github.com/web-arena-x/webarena",
        "config_files/test.raw.json: task_id, sites, start_url, intent, intent_template",
        "Apache-2.0",
        812,
    ),
    Benchmark(
        "webarena_lite",
        "WebArena-Lite",
        "2024-08",
        "github.com/THUDM/VisualAgentBench",
        "VAB-WebArena-Lite/new/test_webarena_lite.raw.json: as WebArena's with old_task_id",
        "",
        165,
    ),
    Benchmark(
        "webarena_verified",
        "WebArena-Verified",
        "2025",
        "github.com/ServiceNow/webarena-verified",
        "webarena-verified.json: as WebArena's with start_urls and revision",
        "Apache-2.0",
        812,
    ),
    Benchmark(
        "webchorearena",
        "WebChoreArena",
        "2025-06",
        "github.com/WebChoreArena/WebChoreArena",
        "config_files of either agent: as WebArena's with type_main and required_obs",
        "",
        532,
    ),
    Benchmark(
        "visualwebarena",
        "VisualWebArena",
        "2024-01",
        "github.com/web-arena-x/visualwebarena",
        "config_files/vwa/test_*.raw.json: as WebArena's with image and visual_difficulty",
        "MIT",
        910,
    ),
    Benchmark(
        "webvoyager",
        "WebVoyager",
        "2024-01",
        "github.com/MinorJerry/WebVoyager",
        "data/WebVoyager_data.jsonl: web_name, id, ques, web",
        "Apache-2.0",
        643,
    ),
    Benchmark(
        "workarena",
        "WorkArena and WorkArena++",
        "2024-03",
        _METADATA,
        "workarena.csv: task_name; goals are drawn anew each time, so tasks are compared by name",
        "Apache-2.0",
    ),
    Benchmark(
        "miniwob",
        "MiniWoB and MiniWoB++",
        "2018-02",
        _METADATA,
        "miniwob.csv: task_name; goals are drawn anew each time, so tasks are compared by name",
        "MIT",
        125,
    ),
    Benchmark(
        "weblinx",
        "WebLINX, all splits but train",
        "2024-02",
        "huggingface.co/datasets/McGill-NLP/WebLINX-full",
        "splits.json: names of demonstrations by split; they have no objective of one sentence, so "
        "they are compared by name",
        "CC-BY-NC-SA-4.0",
    ),
    Benchmark(
        "assistantbench",
        "AssistantBench",
        "2024-07",
        "huggingface.co/datasets/AssistantBench/AssistantBench",
        "JSON lines or Parquet: id, task, answer, gold_url",
        "",
        214,
    ),
    Benchmark(
        "bananalyzer",
        "Bananalyzer",
        "2023",
        "github.com/reworkd/bananalyzer",
        "static/examples.json: id, url, goal; examples without a goal are compared by address",
        "MIT",
    ),
)

BY_NAME: Final[Mapping[str, Benchmark]] = {each.name: each for each in KNOWN}
