"""Task files of WebArena, VisualWebArena and WebArena-Verified as evaluation sets.

Tasks have no pages: nobody knows what an agent will see. So a task is one step, whose prompt is the
objective and the start address in the recipe's own frame, with nothing where the page stands. What
scoring needs is the evaluator's configuration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from etl.build.evalset.built import step_of
from etl.build.evalset.prompts import prompter
from etl.build.recipes.recipe import Recipe
from etl.evaluate.facts import known, webarena
from etl.evaluate.files import split_name
from etl.evaluate.schema import EvalStep
from etl.inputs.columns import Fields, ident, records, text
from etl.inputs.find import Found
from etl.inputs.records import InputHead, InputShard
from etl.pages.domain import domain_of
from schemas.errors import RecordError
from schemas.samples import Sample

_KEYS: Final = frozenset(("task_id", "intent", "eval"))
_COLUMNS: Final = _KEYS | {
    "sites",
    "require_login",
    "storage_state",
    "start_url",
    "start_urls",
    "geolocation",
    "intent_template",
    "instantiation_dict",
    "require_reset",
    "intent_template_id",
    "revision",
}
_SEPARATOR: Final = " |AND| "
"""Stands between several start addresses in one text."""


def recognised(head: InputHead) -> bool:
    """Whether a file holds tasks of WebArena."""
    return head.keys.top >= _KEYS


@dataclass
class WebArenaTasks:
    """Some task files."""

    files: Sequence[Found]
    recipe: Recipe
    # placeholders such as ``__GITLAB__`` -> addresses
    hosts: Mapping[str, str] = field(default_factory=dict)
    split: str = ""
    family: str = webarena.FAMILY
    lost: Counter[str] = field(default_factory=Counter)

    def steps(self) -> Iterator[EvalStep]:
        """The tasks, one at a time."""
        for found in self.files:
            split = self.split or split_name(found.name.rpartition("/")[2].partition(".")[0])
            prompt = prompter(self.recipe.packed, split, "recipe")
            shard = InputShard(found.name, found.place, self.family, found.size, "")
            for record in records(shard, _COLUMNS):
                try:
                    task = record.checked()
                    sample = self._sample(task, record.id, split)
                except RecordError as error:
                    self.lost[error.reason] += 1
                    continue
                made = step_of(sample, split, 1, prompt, ())
                facts = known.text(webarena.made(task, self.hosts))
                yield replace(made, facts=facts, text="", operation="", value="")

    def _sample(self, task: Fields, origin: str, split: str) -> Sample:
        """A task as a sample without a page.

        Raises:
            RecordError: it lacks an id or an objective.
        """
        id = f"{self.family}:{split}-{ident(task, 'task_id', required=True)}"
        url = self._url(task)
        sites = task.get("sites")
        website = ",".join(map(str, sites)) if isinstance(sites, list) else ""
        domain = domain_of(url, website)
        return Sample(
            sample_id=id,
            workflow=id,
            step=1,
            source=self.family,
            origin=origin,
            workflow_hash="",
            objective=" ".join(text(task, "intent", required=True).split()),
            website=website,
            topic="",
            url=url,
            domain=domain.domain,
            subdomain=domain.subdomain,
            domain_from=domain.domain_from,
            observation="",
            history=(),
            action_kind="",
            action_value="",
            description="",
            node=-1,
            target_html="",
            raw_chars=0,
            language_score=-1.0,
            reward=None,
            repeat=False,
        )

    def _url(self, task: Fields) -> str:
        """The start address; several are joined, as WebArena writes them."""
        urls: Any = task.get("start_urls") or [task.get("start_url") or ""]
        url = _SEPARATOR.join(map(str, urls))
        for placeholder in sorted(self.hosts, key=len, reverse=True):
            url = url.replace(placeholder, self.hosts[placeholder])
        return url
