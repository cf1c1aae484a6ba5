"""Near-duplicates: of samples that say almost the same, the first is kept.

What is compared is chosen:

- ``sample``: the pages are nearly equal; objective, kind of action and typed value are the same but
  for case and punctuation; and the target is the same element (`etl.decisions.near.signature`).
  Steps on one page with other targets are no duplicates, nor are two tasks that take the same step.
- ``page``: the pages are nearly equal, whatever is done there.
- ``workflow``: the same steps with other values. A workflow goes as a whole if an earlier one has
  as many samples, on the same sites, with the same kinds of action on the same elements. A start
  tag is compared without numbers and value, and if it has no attribute, with its text.

First come, first kept, in the order (generation, hash(seed, workflow id), step), and samples that
earlier decisions drop do not count. A cluster is a kept sample with all later ones that are like
it. With ``drop`` these go. With ``mark`` they stay, each with its cluster in the index, in the
split of the first: a cluster never lies in two.

How they come there: where workflows are drawn one by one, a workflow is drawn with its leader, the
first workflow of the first cluster that it has a sample in (`etl.decisions.unseen`). A
list, a key, a site or a time may place it elsewhere, and it may join clusters that lie in several
splits. A workflow lies in one split, and nothing older ever moves, so then those of its samples
whose first is in another split go, each with that split in its detail.

Memory: some 700 bytes for each sample while all are compared, and the ids of those that are like
another. With ``mark``, the split of each cluster, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
import polars as pl

from etl.decisions.decision import LEADER, Hashed, dropped
from etl.decisions.near.match import Found, Items, Rule, first_alike
from etl.decisions.near.signature import BINS, mixed
from schemas.errors import ConfigError
from schemas.reasons import OwnReason

NEAR_DUPLICATE: Final = OwnReason(
    "near_duplicate",
    "It says almost the same as an earlier sample or workflow, which its detail names; what came "
    "first is kept.",
    "the same step of the same task, recorded again on a page with another advertisement",
    ("near.what", "near.threshold", "near.within", "near.across", "near.action"),
)
CLUSTER: Final = "cluster"

_IN_WORDS: Final = {
    "sample": "the same step of the same task on a nearly equal page",
    "page": "a nearly equal page",
    "workflow": "a workflow of the same steps with other values",
}


@dataclass(frozen=True)
class Near:
    """The policy.

    Raises:
        ConfigError: the threshold is no share, workflows shall be compared within one, or nothing
            shall be compared.
    """

    name: ClassVar[str] = "near"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "what says almost the same as something before it"
    reasons: ClassVar[tuple[OwnReason, ...]] = (NEAR_DUPLICATE,)
    columns: ClassVar[tuple[str, ...]] = (
        *("sample_id", "workflow", "step", "split"),
        *("page", "task", "by_tag", "by_text", "deed"),
    )

    what: Annotated[
        Literal["sample", "page", "workflow"],
        "what must be almost the same: page, target and task of a sample; only its page; the steps "
        "of a whole workflow, whatever the values",
    ] = "sample"
    threshold: Annotated[
        float, "the share of nodes that pages must have in common, estimated; not of workflows"
    ] = 0.7
    within: Annotated[bool, "compare the samples of one workflow with each other"] = False
    across: Annotated[bool, "compare samples of different workflows"] = True
    min_steps: Annotated[int, "workflows of fewer samples are not compared as a whole"] = 3
    action: Annotated[
        Literal["drop", "mark"],
        "drop what comes later; mark keeps it, with its cluster in the index, in the split of the "
        "first, and drops what is in another split all the same",
    ] = "drop"

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise ConfigError(f"near.threshold {self.threshold} is not a share above 0, to 1")
        if not (self.within or self.across):
            raise ConfigError(
                "near.within and near.across are both false: nothing is compared; leave the "
                "section out"
            )
        if self.what == "workflow" and not self.across:
            raise ConfigError('near.across is false, but near.what = "workflow" needs it')
        if self.min_steps < 1:
            raise ConfigError(f"near.min_steps {self.min_steps} is not 1 or more")

    def __bool__(self) -> bool:
        return True

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says what is compared and what becomes of it, for the data card."""
        verb = "leaves out" if settings["action"] == "drop" else "marks"
        what = f"{verb} what repeats an earlier one: {_IN_WORDS[settings['what']]}"
        if settings["what"] == "workflow":
            return f"{what}, of at least {settings['min_steps']} samples"
        where = {
            (True, True): "in the same or another workflow",
            (False, True): "in another workflow",
            (True, False): "in the same workflow",
        }[settings["within"], settings["across"]]
        return f"{what} (at least {settings['threshold']:.0%} of its nodes), {where}"

    def judge(self, hashed: Hashed) -> Alike:
        """A judge that has seen nothing yet."""
        return Alike(self, hashed)


class Alike:
    """The judge: it collects all samples, and compares them when it is asked first."""

    def __init__(self, near: Near, hashed: Hashed) -> None:
        self._near, self._hashed = near, hashed
        self._rows: list[pl.DataFrame] = []
        self._own = "workflow" if near.what == "workflow" else "sample_id"
        # of the first of each cluster; empty before it is known
        self._splits = pl.DataFrame(schema={"first": pl.String, "of_split": pl.String})

    @property
    def marks(self) -> bool:
        """Whether what comes later stays, and so has to lie in the split of the first."""
        return self._near.action == "mark"

    def learn(self, generation: int, groups: Iterable[pl.DataFrame]) -> None:
        """Take what is compared of a generation."""
        for rows in groups:
            if not rows.height:
                continue
            flows = rows["workflow"].unique(maintain_order=True)
            orders = pl.Series(map(self._hashed, flows), dtype=pl.UInt64)
            self._rows.append(
                rows.select(
                    *("sample_id", "workflow", "step", *self._compared),
                    generation=pl.lit(generation, pl.Int32),
                    order=pl.col("workflow").replace_strict(flows, orders),
                )
            )

    @property
    def _compared(self) -> tuple[str, ...]:
        """The columns of signatures that the policy looks at."""
        if self._near.what == "workflow":
            return ("deed",)
        return ("page", "task", "by_tag", "by_text") if self._near.what == "sample" else ("page",)

    def place(self, groups: Iterable[pl.DataFrame]) -> None:
        """Look up in which splits clusters lie. groups: rows of a generation with their split."""
        firsts = self._alike.select("first").unique()
        for rows in groups:
            mine = rows.sort("step", maintain_order=True).unique(
                self._own, keep="first", maintain_order=True
            )
            mine = mine.select(first=self._own, of_split="split")
            mine = mine.join(firsts, on="first", how="semi", maintain_order="left")
            self._splits = pl.concat([self._splits, mine]).unique(
                "first", keep="first", maintain_order=True
            )

    def judged(self, generation: int, rows: pl.DataFrame) -> pl.DataFrame:
        """The same rows with their ``cluster``; it is empty for what is dropped before.

        Of what is marked, nothing goes before `place` has seen all generations.
        """
        near, own = self._near, self._own
        judged = rows.join(self._alike, on=own, how="left", maintain_order="left")
        judged = judged.with_columns(
            pl.when(pl.col("reason") == "")
            .then(pl.coalesce("first", own))
            .otherwise(pl.lit(""))
            .alias(CLUSTER)
        )
        goes, kept = pl.col("first").is_not_null(), [*rows.columns, CLUSTER]
        detail = pl.format("as {}", "first")
        if near.what != "workflow":
            detail = pl.format("as {}, {}% of the page", "first", "percent")
        if self.marks:
            judged = judged.join(self._splits, on="first", how="left", maintain_order="left")
            judged = judged.join(self._leaders, on="workflow", how="left", maintain_order="left")
            kept.append(LEADER)
            goes &= (pl.col("split") != pl.col("of_split")).fill_null(value=False)
            detail = pl.format("{}, which is in the {} split", detail, "of_split")
        return dropped(judged, goes, NEAR_DUPLICATE, detail).select(kept)

    @property
    def _alike(self) -> pl.DataFrame:
        """What is like something before it: ``first``, and how like (``percent``).

        By ``sample_id``, or by ``workflow`` where these are compared as a whole.
        """
        return self._found[0]

    @property
    def _leaders(self) -> pl.DataFrame:
        """``leader`` by ``workflow``."""
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        if not self._rows:
            alike = {self._own: pl.String, "first": pl.String, "percent": pl.Int32}
            leaders = {"workflow": pl.String, LEADER: pl.String}
            return pl.DataFrame(schema=alike), pl.DataFrame(schema=leaders)
        rows = pl.concat(self._rows)
        self._rows = []
        rows = rows.sort("generation", "order", "workflow", "step", "sample_id")
        if self._own == "workflow":
            found = self._workflows(rows)
            return found, found.select("workflow", leader="first")
        return self._samples(rows)

    def _samples(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        near = self._near
        found = first_alike(
            _items(rows, near), Rule(near.threshold, near.what == "sample", near.within)
        )
        later = np.flatnonzero(found.first != np.arange(rows.height, dtype=np.int32))
        led = pl.DataFrame(
            {"workflow": rows["workflow"][later], "number": found.first[later]},
            schema={"workflow": pl.String, "number": pl.Int32},
        ).with_columns(leader=rows["workflow"][found.first[later]])
        led = led.filter(pl.col(LEADER) != pl.col("workflow")).sort("number", maintain_order=True)
        leaders = led.unique("workflow", keep="first", maintain_order=True)
        return _verdict(rows, found, later), leaders.select("workflow", LEADER)

    def _workflows(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Workflows whose steps came before: compared by a sum of hashes of (place, step)."""
        begins = (rows["workflow"] != rows["workflow"].shift()).fill_null(True)
        first = np.flatnonzero(begins.to_numpy())
        lengths = np.diff(first, append=rows.height)
        place = np.arange(rows.height) - np.repeat(first, lengths)
        steps = mixed(mixed(rows["deed"].to_numpy()) + place.astype(np.uint64))
        keys = np.add.reduceat(steps, first)
        flows = rows[first].select(
            "workflow", key=pl.Series(keys, dtype=pl.UInt64), length=pl.Series(lengths)
        )
        flows = flows.filter(pl.col("length") >= self._near.min_steps).with_columns(
            first=pl.col("workflow").first().over("key", "length")
        )
        return flows.filter(pl.col("first") != pl.col("workflow")).select(
            "workflow", "first", percent=pl.lit(100, pl.Int32)
        )


def _items(rows: pl.DataFrame, near: Near) -> Items:
    """The samples as arrays. rows: in their order."""
    size = rows.height
    begins = (rows["workflow"] != rows["workflow"].shift()).fill_null(True)
    workflow = begins.cast(pl.Int32).cum_sum().to_numpy()
    nothing = np.zeros(size, np.uint64)
    task, by_tag, by_text = (
        rows[name].to_numpy() if near.what == "sample" else nothing
        for name in ("task", "by_tag", "by_text")
    )
    if not near.across:
        task = mixed(task + workflow.astype(np.uint64))
    pages = rows["page"].to_numpy().reshape(size, BINS)
    return Items(pages, task, by_tag, by_text, workflow)


def _verdict(rows: pl.DataFrame, found: Found, later: Any) -> pl.DataFrame:
    """The columns of `Alike._alike` for the samples with these numbers."""
    firsts = rows.select(first="sample_id")[found.first[later]]
    # of the bytes that differ one in 256 is equal by chance: (equal / 128 - 1 / 256) * 256 / 255
    percent = ((2 * found.equal[later] - 1) * 100 // 255).astype(np.int32)
    verdict: pl.DataFrame = firsts.with_columns(
        rows["sample_id"][later].alias("sample_id"), pl.Series("percent", percent, pl.Int32)
    )
    return verdict
