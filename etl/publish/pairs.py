"""Export preference pairs: one prompt, an answer that succeeded and one that failed.

Two samples have the same prompt if they were encoded to the same tokens: the same objective,
address, page (as it was cut to the context) and history. A pair has the answer of a workflow that
succeeded (its reward is known, and not under the limit), and that of a failure: of a workflow with
a lower reward, or of a step that failed. Both are in the same split.

- Answers are the same if they say the same but for the step's number; for kinds of action without
  a value, but for the description too. A failure whose answer succeeded elsewhere in the same state
  makes no pair: it says nothing against the answer.
- Each answer that failed makes one pair, with the answer that succeeded most often; of equal
  numbers that of the first sample id.

The columns are those of TRL's preference datasets, as messages: ``prompt``, ``chosen``,
``rejected``. Samples are compared by hashes, spread over files by the first bits of those of their
prompts. Then the files of what makes pairs are read again. Memory: one part of the hashes, some 150
bytes for each pair, and a 64th of the answers that are rejected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import xxhash

from etl.dataset.layout import Dataset
from etl.decisions import failures
from etl.files import scratch
from etl.files.arrow import atomic
from etl.files.spill import Spread
from etl.files.storage import AnyPath
from etl.publish import exported, rows
from etl.publish.export import (
    MESSAGES,
    check_outside,
    data_files,
    listed,
    manifest_of,
    unpacked,
)
from schemas import splits as split_names
from schemas.actions import KINDS
from schemas.errors import ConfigError, IntegrityError
from schemas.samples import NO_LOSS
from tokenization.messages import Chat

PAIRS_SCHEMA: Final = pa.schema(
    [
        ("prompt", MESSAGES),
        ("chosen", MESSAGES),
        ("rejected", MESSAGES),
        ("split", pa.string()),
        ("chosen_id", pa.string()),
        ("rejected_id", pa.string()),
        ("chosen_reward", pa.float64()),  # null if it is not known
        ("rejected_reward", pa.float64()),
        ("rejected_failed", pa.bool_()),  # its own action failed, as the recording says
    ]
)
OF_FAILURES: Final = ("pairs", "equal", "repeated", "alone")
"""What becomes of failures: a pair; its answer succeeded in the same state; an earlier pair rejects
it; nothing has succeeded in its state.
"""
_SAMPLES: Final = pa.schema(
    [
        ("state", pa.string()),
        ("split", pa.string()),
        ("bad", pa.bool_()),
        ("answer", pa.uint64()),
        ("sample_id", pa.string()),
        ("reward", pa.float64()),
        ("failed", pa.bool_()),
        ("file", pa.int32()),
        ("at", pa.int32()),
    ]
)
_ANSWERS: Final = pa.schema([("pair", pa.int64()), ("text", pa.large_string())])
_STATE: Final = ("split", "state")
_PART_ROWS: Final = 100_000
"""Samples whose prompts are compared together, about."""
_PART_BITS: Final = 8
_AT_ONCE: Final = 2**15
_ANSWER_PARTS: Final = 64
"""Parts that data files are in, for each of which the answers that are rejected are held."""


@dataclass(frozen=True)
class Pairs:
    """One export of pairs, as it is requested."""

    dataset: Dataset
    out: AnyPath
    file_type: rows.FileType
    # how to decode tokens
    chat: Chat
    # the splits to write; empty for all
    splits: tuple[str, ...] = ()
    # whether workflows count as successes whose reward is not known
    unknown: bool = False
    # whether to replace an export of another request
    replace: bool = False

    def run(self) -> dict[str, Any]:
        """Write the pairs, a file for each split; returns a summary with what was counted.

        Raises:
            ConfigError: before anything is written, if the request or the folder cannot be used, or
                there is no pair.
            IntegrityError: a data file is broken, or does not fit its vocabulary or template.
        """
        check_outside(self.dataset, self.out)
        with scratch.folder() as folder:
            counts, found = self._compared(folder)
            if not found.height:
                raise ConfigError(self._nothing(counts))
            splits = found["split"].unique().sort().to_list()
            targets = {f"{split}.{self.file_type}": split for split in splits}
            noted = exported.begin(self.out, self._request, targets, replace=self.replace)
            answers = self._rejected(found, folder)
            written: dict[str, dict[str, int]] = {}
            for target, split in targets.items():
                with atomic(self.out / target) as stream:
                    mine = found.filter(split=split)
                    like = self._write(stream, mine, answers)
                noted.written(target, stream.sha256.hexdigest())
                written[split] = {"files": 1, "bytes": stream.size, **counts[split], **like}
        noted.end(written)
        without = {split: counts[split] for split in counts if split not in written}
        return {**noted.summary(), "splits": written, "without_pairs": without}

    @cached_property
    def _manifest(self) -> Any:
        return manifest_of(self.dataset)

    @cached_property
    def _wanted(self) -> dict[str, str]:
        """The data files to read, each with the split that its samples come from."""
        files = {
            name: split_names.shown_as(split) for name, split in data_files(self._manifest).items()
        }
        there = sorted({*files.values()})
        if unknown := sorted({*self.splits} - {*there}):
            raise ConfigError(
                f"{self.dataset.root}: there is no split {', '.join(unknown)} (there are: "
                f"{', '.join(there) or 'none'})"
            )
        return {
            name: split for name, split in files.items() if not self.splits or split in self.splits
        }

    @property
    def _below(self) -> float:
        """The limit under which a workflow failed."""
        kept = self._manifest.settings["index"].get("failures", {})
        return float(kept.get("below", failures.SUCCESS))

    @property
    def _request(self) -> dict[str, str]:
        """Everything that determines the bytes of a file."""
        return {
            "format": "pairs",
            "file_type": self.file_type,
            "fingerprint": self._manifest.fingerprint,
            "special_tokens": "escape" if self.chat.escape else "keep",
            "unknown": "success" if self.unknown else "leave",
        }

    def _compared(self, folder: Path) -> tuple[dict[str, Counter[str]], pl.DataFrame]:
        """What is counted in each split, and the pairs in order."""
        spread = Spread(folder, _SAMPLES)
        bits = min((self._manifest.totals.samples // _PART_ROWS).bit_length(), _PART_BITS)
        counts = {split: Counter[str]() for split in sorted({*self._wanted.values()})}
        for number, (name, split) in enumerate(self._wanted.items()):
            for group in self._known(number, name, split, counts[split]):
                first = pl.col("state").str.slice(0, 2).str.to_integer(base=16)
                part = (first // 2 ** (_PART_BITS - bits)).alias("part")
                for (at,), each in group.group_by(part, maintain_order=True):
                    spread.add(f"part-{at:03}", each)
        pairs = [_paired(spread.take(name), counts) for name in spread.names]
        if not pairs:
            return counts, pl.DataFrame(schema={"split": pl.String})
        order = ("split", "file", "at", "rejected_id")
        found = pl.concat(pairs).sort(*order).with_row_index("pair")
        part = (pl.col("file").cast(pl.Int64) * _ANSWER_PARTS // len(self._wanted)).cast(pl.String)
        return counts, found.with_columns(part=pl.col("split") + "-" + part)

    def _known(
        self, number: int, name: str, split: str, counts: Counter[str]
    ) -> Iterator[pl.DataFrame]:
        """The samples of a data file of which it is known how they ended, with `_SAMPLES`."""
        columns = ("reward", "failed", "action_kind")
        table = listed(self.dataset, self._manifest, name, columns, "--format pairs")
        labels = {id: values for id, *values in table.iter_rows()}
        waiting: list[tuple[Any, ...]] = []
        for at, (id, ids, loss) in enumerate(unpacked(self.dataset.file(name))):
            if id not in labels:
                raise IntegrityError(f"{name}: the list of samples lacks {id}")
            reward, failed, kind = labels[id]
            bad = failed or (reward is not None and reward < self._below)
            if not bad and reward is None and not self.unknown:
                counts["unknown"] += 1
                continue
            start = int(np.argmax(loss != NO_LOSS))
            state = xxhash.xxh3_128_hexdigest(np.ascontiguousarray(ids[:start]).tobytes())
            try:
                answer = _said(self.chat.answer(ids, loss), kind)
            except IntegrityError as error:
                raise IntegrityError(f"{name}, sample {id}: {error}") from error
            counts["failures" if bad else "successes"] += 1
            waiting.append((state, split, bad, answer, id, reward, failed, number, at))
            if len(waiting) >= _AT_ONCE:
                yield _frame(waiting)
                waiting = []
        if waiting:
            yield _frame(waiting)

    def _chosen(self, number: int, places: Mapping[int, Any]) -> Iterator[tuple[int, Any, Any]]:
        """Samples of a data file by their places: each with its tokens and labels."""
        name = [*self._wanted][number]
        for at, (_, ids, loss) in enumerate(unpacked(self.dataset.file(name))):
            if at in places:
                yield at, ids, loss

    def _rejected(self, found: pl.DataFrame, folder: Path) -> Spread:
        """The answers that pairs reject, by the part that the data file of the chosen one is in."""
        answers = Spread(folder, _ANSWERS)
        for (number,), of_file in found.sort("rejected_file").group_by(
            "rejected_file", maintain_order=True
        ):
            places = _by_place(of_file, "rejected_at")
            lines = [
                (pair["part"], pair["pair"], self.chat.answer(ids, loss))
                for at, ids, loss in self._chosen(int(str(number)), places)
                for pair in places[at]
            ]
            every = pl.DataFrame(lines, ["part", "pair", "text"], orient="row")
            for (part,), group in every.group_by("part", maintain_order=True):
                answers.add(f"answers-{part}", group)
        return answers

    def _write(self, stream: Any, found: pl.DataFrame, answers: Spread) -> dict[str, int]:
        """Write the pairs of a split; returns the counts of texts like special tokens."""
        writer = rows.writer(self.file_type, stream, PAIRS_SCHEMA)
        counts = {exported.LIKE: 0, exported.WITH_LIKE: 0}
        texts: dict[int, str] = {}
        part = ""
        for (of, file), of_file in found.group_by("part", "file", maintain_order=True):
            if part != of:
                part = str(of)
                texts = dict(answers.take(f"answers-{part}").iter_rows())
            places = _by_place(of_file, "at")
            for at, ids, loss in self._chosen(int(str(file)), places):
                *prompt, chosen = self.chat(ids, loss)
                for pair in places[at]:
                    rejected = {"role": "assistant", "content": texts[pair["pair"]]}
                    guarded, like = self.chat.guarded([*prompt, chosen, rejected])
                    counts[exported.LIKE] += like
                    counts[exported.WITH_LIKE] += bool(like)
                    row = {"prompt": guarded[:-2], "chosen": [guarded[-2]]}
                    row |= {"rejected": [guarded[-1]]}
                    row |= {name: pair[name] for name in PAIRS_SCHEMA.names if name not in row}
                    writer.add(row, sum(len(each["content"]) for each in guarded))
        writer.close()
        return counts

    def _nothing(self, counts: Mapping[str, Mapping[str, int]]) -> str:
        """Why there is no pair, and what to do about it."""
        total = sum((Counter(each) for each in counts.values()), Counter[str]())
        where = f"{self.dataset.root}: there is no pair"
        if not total["failures"]:
            return (
                f"{where}: nothing in it is known to have failed; build it without "
                "filter.min_reward, of recordings with rewards, or with filter.failed_actions = "
                "false, which keeps steps that failed"
            )
        if not total["successes"]:
            return (
                f"{where}: of {total['failures']:,} failures and {total['unknown']:,} samples of "
                f"which nothing is known, none has a reward of {self._below:g} or more; take "
                "those of which nothing is known for successes: --unknown success"
            )
        return (
            f"{where}: of {total['failures']:,} failures {total['alone']:,} have a prompt that no "
            f"success in their split has ({total['in_other_split']:,} of them have that of one in "
            f"another split), and {total['equal']:,} have the answer of a success. A prompt is the "
            'same only with the same objective, page and history; split.key = "objective" keeps '
            "equal objectives in one split, and unroll.max_history shortens the history"
        )


def _said(answer: str, kind: str) -> int:
    """A hash of what an answer does: without its number, and what describes a plain action."""
    lines = answer.split("\n")[1:]
    if kind in KINDS and KINDS[kind].value == "none":
        lines = lines[1:]
    return xxhash.xxh3_64_intdigest("\n".join(lines).encode("utf-8", "surrogatepass"))


def _frame(samples: list[tuple[Any, ...]]) -> pl.DataFrame:
    columns = zip(*samples, strict=True)
    arrays = [pa.array(each, field.type) for each, field in zip(columns, _SAMPLES, strict=True)]
    frame = pl.from_arrow(pa.table(arrays, schema=_SAMPLES))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _paired(samples: pl.DataFrame, counts: Mapping[str, Counter[str]]) -> pl.DataFrame:
    """The pairs among samples, which are all those of some states; adds to what is counted."""
    ordered = samples.sort("split", "state", "sample_id", "file", "at")
    good, bad = ordered.filter(~pl.col("bad")), ordered.filter("bad")
    answers = good.group_by(*_STATE, "answer", maintain_order=True).agg(
        pl.len().alias("often"), pl.first("sample_id", "reward", "file", "at")
    )
    best = answers.sort(*_STATE, "often", "sample_id", descending=[False, False, True, False])
    best = best.unique(_STATE, keep="first", maintain_order=True)
    paired = bad.join(good, on=_STATE, how="semi", maintain_order="left")
    alone = bad.join(good, on=_STATE, how="anti", maintain_order="left")
    elsewhere = alone.join(good, on="state", how="semi", maintain_order="left")
    equal = paired.join(answers, on=(*_STATE, "answer"), how="semi", maintain_order="left")
    other = paired.join(answers, on=(*_STATE, "answer"), how="anti", maintain_order="left")
    first = other.unique((*_STATE, "answer"), keep="first", maintain_order=True)
    groups = {
        "states": paired.unique(_STATE), "alone": alone, "in_other_split": elsewhere,
        "equal": equal, "repeated": other, "pairs": first,
    }  # fmt: skip
    for name, group in groups.items():
        for split, count in group.group_by("split").len().iter_rows():
            counts[split][name] += count
    for split, count in first.group_by("split").len().iter_rows():
        counts[split]["repeated"] -= count
    return first.join(best, on=_STATE, maintain_order="left", suffix="_chosen").select(
        "split",
        file="file_chosen",
        at="at_chosen",
        chosen_id="sample_id_chosen",
        chosen_reward="reward_chosen",
        rejected_id="sample_id",
        rejected_reward="reward",
        rejected_failed="failed",
        rejected_file="file",
        rejected_at="at",
    )


def _by_place(pairs: pl.DataFrame, at: str) -> dict[int, list[dict[str, Any]]]:
    """The pairs of one data file by the place of one of their samples."""
    found: dict[int, list[dict[str, Any]]] = {}
    for pair in pairs.iter_rows(named=True):
        found.setdefault(pair[at], []).append(pair)
    return found
