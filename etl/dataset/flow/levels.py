"""The waterfall as lines: levels from pages read to tokens packed, and what is lost between them.

A level is what is left: the level before it, less the losses between the two, exactly, in steps or
samples, in characters, and from encoding on in tokens. Lines are made of rows of the table
``waterfall`` (`etl.dataset.flow.waterfall`), of one domain or of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from etl.dataset.layout import FIT

READ: Final = "read"
USED: Final = "used"
PRUNED: Final = "pruned"
REWRITTEN: Final = "rewritten"
ENCODED: Final = "encoded"
PACKED: Final = "packed"
LEVELS: Final[Mapping[str, str]] = {
    READ: "pages read",
    USED: "pages of samples",
    PRUNED: "after pruning",
    REWRITTEN: "after redaction",
    ENCODED: "encoded",
    PACKED: "packed, in the dataset",
}
"""The levels, in order, and their words. ``rewritten`` is there if a stage rewrote observations."""
_DROPPED: Final = "dropped"
_REMOVED: Final = {PRUNED: "removed by pruning", REWRITTEN: "removed by redaction"}
_CUT: Final = "chunks that are not kept"
_NO_DOMAIN: Final = "(taken down)"

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A level, or a loss on the way to the next level."""

    # one of `LEVELS`; of a loss, the level that it leads to
    level: str
    # what is lost, in words; empty for the level itself
    loss: str
    # of a drop
    stage: str
    reason: str
    # ``step`` or ``sample``
    unit: str
    # of these, how many; None where what is lost is a part of each
    count: int | None
    # None where characters are not what is lost
    chars: int | None
    # None before encoding
    tokens: int | None

    @property
    def words(self) -> str:
        """The line in words, a loss indented."""
        if not self.loss:
            return LEVELS[self.level]
        return f"  {self.loss}: {self.stage} {self.reason}" if self.reason else f"  {self.loss}"


def lines(rows: Sequence[Row]) -> list[Line]:
    """The waterfall of some rows of the table; the largest losses come first."""
    used = [row for row in rows if row["samples"]]
    to_encode = [row for row in used if row["stage"] in {"", FIT}]
    kept = [row for row in used if not row["stage"]]
    before = [row for row in rows if not row["samples"]]
    chosen = [row for row in used if row["stage"] not in {"", FIT}]
    unpacked = [row for row in used if row["stage"] == FIT]
    pruned, left = _sum(used, "pruned_chars"), _sum(used, "chars")

    def level(name: str, of: Sequence[Row], chars: str, *, tokens: str = "") -> Line:
        unit = "step" if name == READ else "sample"
        total = _sum(of, tokens) if tokens else None
        return Line(name, "", "", "", unit, _sum(of, f"{unit}s"), _sum(of, chars), total)

    def removed(name: str, chars: int) -> Line:
        return Line(name, _REMOVED[name], "", "", "sample", None, chars, None)

    made = [level(READ, rows, "raw_chars")]
    made += _drops(USED, before, "step", "raw_chars")
    made += [level(USED, used, "raw_chars"), removed(PRUNED, _sum(used, "raw_chars") - pruned)]
    made.append(level(PRUNED, used, "pruned_chars"))
    if any(row["pruned_chars"] != row["chars"] for row in used):
        made += [removed(REWRITTEN, pruned - left), level(REWRITTEN, used, "chars")]
    made += _drops(ENCODED, chosen, "sample", "chars")
    made.append(level(ENCODED, to_encode, "chars", tokens="encoded_tokens"))
    made += _drops(PACKED, unpacked, "sample", "chars", "encoded_tokens")
    if cut := _sum(kept, "encoded_tokens") - _sum(kept, "packed_tokens"):
        of = _sum(kept, "cut_samples")
        made.append(Line(PACKED, f"{_CUT}, of {of:,} samples", "", "", "sample", None, None, cut))
    made.append(level(PACKED, kept, "chars", tokens="packed_tokens"))
    return made


def _sum(rows: Iterable[Row], name: str) -> int:
    return sum(row[name] for row in rows)


def _drops(level: str, rows: Sequence[Row], unit: str, chars: str, tokens: str = "") -> list[Line]:
    """What was dropped before a level, by stage and reason."""
    sums: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        total = sums.setdefault((row["stage"], row["reason"]), [0, 0, 0])
        for at, name in enumerate((f"{unit}s", chars, tokens)):
            total[at] += row[name] if name else 0
    ordered = sorted(sums.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
    return [
        Line(level, _DROPPED, *of, unit, count, chars, tokens_ if tokens else None)
        for of, (count, chars, tokens_) in ordered
    ]


@dataclass(frozen=True)
class Flow:
    """The waterfall of a domain in one row; all but names and tokens are characters."""

    # empty: what was taken down, of which the domain is not kept
    domain: str
    read: int
    # of steps of which no sample was made
    dropped: int
    # by pruning
    removed: int
    # by a later stage that rewrites observations
    redacted: int
    # of samples that the index dropped
    left_out: int
    to_encode: int
    encoded_tokens: int
    # by packing: of samples that it dropped, and of chunks that it cut
    lost_tokens: int
    packed_tokens: int

    @property
    def name(self) -> str:
        """The domain in words."""
        return self.domain or _NO_DOMAIN


def flows(table: pl.DataFrame) -> list[Flow]:
    """A row for each domain of the table; those with most characters read come first."""
    of_domain = {domain: flow(domain, rows) for domain, rows in by_domain(table).items()}
    return sorted(of_domain.values(), key=lambda each: (-each.read, each.domain))


def by_domain(table: pl.DataFrame) -> dict[str, list[Row]]:
    """The rows of the table by domain."""
    found: dict[str, list[Row]] = {}
    for row in table.iter_rows(named=True):
        found.setdefault(row["domain"], []).append(row)
    return found


def flow(domain: str, rows: Sequence[Row]) -> Flow:
    """The waterfall of some rows of the table in one row."""
    used = [row for row in rows if row["samples"]]
    to_encode = [row for row in used if row["stage"] in {"", FIT}]
    raw, pruned, left = (_sum(used, name) for name in ("raw_chars", "pruned_chars", "chars"))
    encoded, packed = _sum(used, "encoded_tokens"), _sum(used, "packed_tokens")
    return Flow(
        domain=domain,
        read=_sum(rows, "raw_chars"),
        dropped=_sum(rows, "raw_chars") - raw,
        removed=raw - pruned,
        redacted=pruned - left,
        left_out=left - _sum(to_encode, "chars"),
        to_encode=_sum(to_encode, "chars"),
        encoded_tokens=encoded,
        lost_tokens=encoded - packed,
        packed_tokens=packed,
    )


def as_rows(made: Sequence[Line]) -> list[dict[str, Any]]:
    """Lines for JSON and CSV."""
    return [asdict(each) for each in made]


HEAD: Final = ("", "steps or samples", "characters", "tokens")
FLOW_HEAD: Final = (
    *("domain", "characters read", "dropped", "removed by pruning", "by redaction", "left out"),
    *("encoded", "tokens encoded", "not packed", "packed"),
)


def cells(made: Sequence[Line]) -> list[list[str]]:
    """Lines as cells under `HEAD`; losses are negative."""
    return [
        [each.words, *(_cell(each, value) for value in (each.count, each.chars, each.tokens))]
        for each in made
    ]


def _cell(line: Line, value: int | None) -> str:
    if value is None:
        return ""
    return f"{-value:,}" if line.loss else f"{value:,}"


def flow_cells(every: Sequence[Flow]) -> tuple[list[str], list[list[str]]]:
    """Head and cells of a table of domains, without the column of redaction if there was none."""
    redacted = any(each.redacted for each in every)
    names = ("read", "dropped", "removed", "redacted", "left_out", "to_encode", "encoded_tokens",
             "lost_tokens", "packed_tokens")  # fmt: skip
    shown = [name for name in names if redacted or name != "redacted"]
    head = [each for each in FLOW_HEAD if redacted or each != "by redaction"]
    return head, [[each.name, *(f"{getattr(each, name):,}" for name in shown)] for each in every]
