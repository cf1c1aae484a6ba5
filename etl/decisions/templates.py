"""Templates: limit the workflows of one template.

Workflows are of one template if they are on one domain, do the same kinds of actions on the same
kinds of elements, and their objectives differ only in entities (`masked`): numbers, dates, quoted
texts, addresses and names. Only steps that earlier decisions keep count, in their order.

First come, first kept, in the order (generation, hash(seed, workflow id)): once a template is full,
later workflows of it are dropped whole and name the first, so new data never change an old
decision.

Memory: a hash, a count and a workflow's id for each template; an id for each workflow that is
dropped; and one row for each workflow of one generation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated, Any, ClassVar, Final

import polars as pl

from etl.decisions.decision import Hashed, dropped
from schemas.errors import ConfigError
from schemas.reasons import OwnReason

OVER_TEMPLATE_CAP: Final = OwnReason(
    "over_template_cap",
    "Enough workflows before it do the same steps on the same domain for the same objective with "
    "other values.",
    "the 21st order of a mug, with templates.workflows_per_template = 20",
    ("templates.workflows_per_template",),
)
MASK: Final = "#"

_CERTAIN: Final = re.compile(
    r"""https?://\S+|[\w.+-]+@[\w-]+\.[\w.-]+|"[^"]*"|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w)"""
    r"|(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
    r")\b\.?|[$€£¥]?\w*\d(?:[\w.,:/-]*\w)?%?"
)
"""What is an entity wherever it stands."""
_WORD: Final = re.compile(r"[^\W\d_][\w'’-]*")
_ENDS: Final = (".", "!", "?", ":")
_RUN: Final = re.compile(rf"{MASK}(?:[\s,.&/+-]*{MASK})*")
_MOST_CAPITALS: Final = 0.5
"""Where names, each of one or more words with capitals, are a larger share of what is said, as in
titles and in German, capitals say nothing.
"""


def masked(objective: str) -> str:
    """An objective with its entities masked, in lower case and with single spaces.

    A word with a capital that does not begin a sentence is a name.
    """
    text = _CERTAIN.sub(MASK, objective)
    words = [word for word in _WORD.finditer(text) if not _begins(text, word.start())]
    named = [word for word in words if _named(word)]
    names = sum(1 for each, _ in groupby(words, _named) if each)
    if names <= _MOST_CAPITALS * (len(words) - len(named) + names):
        ends = [0, *(word.end() for word in named)]
        starts = [*(word.start() for word in named), len(text)]
        parts = [text[end:start] for end, start in zip(ends, starts, strict=True)]
        text = MASK.join(parts)
    return " ".join(_RUN.sub(MASK, text).lower().split())


def _begins(text: str, at: int) -> bool:
    """Whether a sentence begins at a place of a text: a mark that ends one is before it."""
    at -= 1
    while at >= 0 and text[at].isspace():
        at -= 1
    return at < 0 or text[at] in _ENDS


def _named(word: re.Match[str]) -> bool:
    return word[0][0].isupper() and word[0] != "I"


@dataclass(frozen=True)
class Templates:
    """The limit."""

    name: ClassVar[str] = "templates"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "how many workflows there are at most that differ only in values"
    reasons: ClassVar[tuple[OwnReason, ...]] = (OVER_TEMPLATE_CAP,)
    columns: ClassVar[tuple[str, ...]] = (
        *("workflow", "step", "domain", "objective", "action_kind", "target_html"),
    )

    workflows_per_template: Annotated[
        int | None,
        "the most workflows with one domain, the same actions and an objective that differs only "
        "in values, over all splits; no limit unless given",
    ] = None

    def __post_init__(self) -> None:
        most = self.workflows_per_template
        if most is not None and most < 1:
            raise ConfigError(f"templates.workflows_per_template = {most}: it is 1 or more")

    def __bool__(self) -> bool:
        return self.workflows_per_template is not None

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Names the limit, for the data card."""
        most = settings["workflows_per_template"]
        if most is None:
            return ""
        return f"keeps at most {most:,} workflows that differ only in the values of their objective"

    def judge(self, hashed: Hashed) -> Taken:
        """A judge for which no template is full yet."""
        return Taken(self.workflows_per_template or 0, hashed)


class Taken:
    """The judge: how many workflows of each template there are, and which are too many."""

    def __init__(self, most: int, hashed: Hashed) -> None:
        self._most, self._hashed = most, hashed
        # template -> its number of workflows, at most the limit, and the first of them
        self._taken: dict[int, tuple[int, str]] = {}
        # generation -> the workflows that are too many, each with the first of its template
        self._over: dict[int, pl.DataFrame] = {}

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Count the workflows of a generation."""
        parts = [_skeletons(rows) for rows in groups]
        if not parts:
            return
        flows = pl.concat(parts).sort("begins", "workflow", "skeleton")
        flows = flows.group_by("workflow", maintain_order=True).agg(
            pl.first("domain", "objective"), pl.col("skeleton").str.join(" ")
        )
        ordered = sorted(
            (
                self._hashed(workflow),
                workflow,
                self._hashed("\n".join((domain, did, masked(wanted)))),
            )
            for workflow, domain, wanted, did in flows.iter_rows()
        )
        over: dict[str, str] = {}
        for _, workflow, template in ordered:
            count, first = self._taken.get(template, (0, workflow))
            if count < self._most:
                self._taken[template] = count + 1, first
            else:
                over[workflow] = first
        if over:
            columns = {"workflow": list(over), "first_of_template": list(over.values())}
            self._over[generation] = pl.DataFrame(columns)

    def judged(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The same rows of a generation; those of workflows that are too many get the reason."""
        over = self._over.get(generation)
        if over is None:
            return rows
        judged = rows.join(over, on="workflow", how="left", maintain_order="left")
        first = pl.col("first_of_template")
        detail = pl.format(
            "of one template with {}: templates.workflows_per_template is {}",
            first,
            pl.lit(self._most),
        )
        return dropped(judged, first.is_not_null(), OVER_TEMPLATE_CAP, detail).select(rows.columns)


def _skeletons(rows: pl.DataFrame) -> pl.DataFrame:
    """The workflows of a group: where each begins, and what is done in it, without values."""
    tag = pl.col("target_html").str.extract(r"^<([^\s/>]+)", 1).fill_null("")
    done = rows.select(
        "workflow", "step", "domain", "objective", did=pl.col("action_kind") + " " + tag
    )
    return (
        done.sort("step", "did")
        .group_by("workflow", maintain_order=True)
        .agg(
            pl.first("domain", "objective"),
            skeleton=pl.col("did").str.join(" "),
            begins=pl.col("step").min(),
        )
    )
