"""The test splits of a build as an evaluation set of the family ``steps``.

Samples are read from the build's work folder in the order of workflows and steps, so the prompts
are those of the packed dataset: the same samples, fit and encoder. Steps of these workflows that
the build left out are counted by their reasons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import polars as pl

from etl.build.evalset.prompts import Chunks, Prompter, prompter
from etl.build.recipes.recipe import Recipe
from etl.dataset.drops import drops
from etl.dataset.index import scan
from etl.dataset.layout import Work
from etl.dataset.place import Place
from etl.dataset.samples import gather
from etl.evaluate.facts import known
from etl.evaluate.facts import steps as facts
from etl.evaluate.schema import EvalStep
from schemas import splits as split_names
from schemas.errors import ConfigError
from schemas.samples import Sample
from tokenization.fit import Drop

_TRAINED: Final = ("train", "validation")
"""Splits that are no test splits."""


@dataclass
class Built:
    """A build whose test splits are asked."""

    place: Place
    recipe: Recipe
    chunks: Chunks = "recipe"
    # names of splits; none: all test splits
    wanted: tuple[str, ...] = ()
    family: str = facts.FAMILY

    @property
    def work(self) -> Work:
        """The build's work folder.

        Raises:
            ConfigError: it is a published dataset, which has none.
        """
        return self.place.inside("an evaluation set")

    @cached_property
    def splits(self) -> tuple[str, ...]:
        """The splits that are asked.

        Raises:
            ConfigError: the build has none, or not one of those that are wanted.
        """
        there = self.place.manifest.splits
        if unknown := [name for name in self.wanted if name not in there]:
            raise ConfigError(
                f"{self.place.given}: there is no split {', '.join(unknown)}; there are "
                f"{', '.join(there)}"
            )
        found = self.wanted or tuple(
            name for name in there if name not in _TRAINED and not split_names.of_failures(name)
        )
        if not found:
            raise ConfigError(
                f"{self.place.given}: the build has no test split; build with split.test or a "
                "held-out list, or name a split: --split"
            )
        return found

    @cached_property
    def _rows(self) -> pl.DataFrame:
        """The index rows of all samples of the splits, in the order of workflows and steps."""
        columns = ("sample_id", "workflow", "step", "bundle", "row", "chars", "split")
        mine = pl.col("split").is_in(list(self.splits)) & (pl.col("reason") == "")
        rows = scan(self.work).filter(mine).select(columns).collect()
        order = {name: number for number, name in enumerate(self.splits)}
        return (
            rows.with_columns(at=pl.col("split").replace_strict(order))
            .sort("at", "workflow", "step", "sample_id")
            .drop("at")
        )

    def steps(self) -> Iterator[EvalStep]:
        """Every sample with its prompts, one at a time.

        Raises:
            IntegrityError: a samples file is broken.
        """
        rows = self._rows
        of_workflow = dict(rows["workflow"].value_counts().iter_rows())
        made = {name: prompter(self.recipe.packed, name, self.chunks) for name in self.splits}
        for split, sample in zip(rows["split"], gather(rows, self.work), strict=True):
            yield step_of(sample, split, of_workflow[sample.workflow], made[split])

    @property
    def lost(self) -> Counter[str]:
        """Steps of these workflows that are in no split, by reason."""
        workflows = self._rows["workflow"].unique().to_list()
        mine = (pl.col("unit") == "step") & pl.col("parent").is_in(workflows)
        reasons = drops(self.work).filter(mine).select("reason").collect()["reason"]
        return Counter(reasons.to_list())


def step_of(
    sample: Sample,
    split: str,
    steps: int,
    prompt: Prompter,
    nodes: Sequence[int] | None = None,
    unasked: str = "",
) -> EvalStep:
    """A sample as a step of the family ``steps``.

    steps: the number of steps of its workflow. nodes: its gold elements, if there are more than the
    sample's own. unasked: why it has no prompt.
    """
    if nodes is None:
        nodes = [sample.node] if sample.node >= 0 else []
    made = [] if unasked else prompt(sample, nodes)
    prompts = [] if isinstance(made, Drop) else made
    text = prompt.encoder.prompt.completion(sample)
    held = any(each.in_chunk for each in prompts) if nodes else None
    refs = (sample.ref,) if sample.ref else ()
    kind, value = sample.action_kind, sample.action_value
    own = facts.Facts(kind, value, tuple(nodes), text, held, refs)
    return EvalStep(
        step_id=sample.sample_id,
        workflow_id=sample.workflow,
        split=split,
        objective=sample.objective,
        step=sample.step,
        steps=steps,
        prompts=prompts,
        facts=known.text(own),
        kind=kind,
        website=sample.website or sample.subdomain,
        domain=sample.domain,
        topic=sample.topic,
        url=sample.url,
        page_tokens=prompt.page_tokens(sample),
        context=prompt.fit.context,
        nodes=nodes,
        operation=kind,
        value=value,
        text=text,
        unasked=made.reason if isinstance(made, Drop) else unasked,
    )
