"""The right answers of a step, in the form that a protocol reads: what ``perfect`` writes.

Where answers name node ids they are those of training, the completion, unless a protocol is named
that reads another form. Families without pages have guesses of their own, too.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from etl.evaluate.baselines.lexical import best
from etl.evaluate.facts import known, mind2web_direct, mind2web_multichoice, webarena, weblinx
from etl.evaluate.facts.mind2web_multichoice import Candidate
from etl.evaluate.protocols import mind2web_direct as direct
from etl.evaluate.protocols import mind2web_multichoice as choice
from etl.evaluate.protocols import webarena as answer_and_address
from etl.evaluate.protocols import weblinx as turns
from etl.evaluate.protocols.known import KNOWN, fits, protocol
from etl.evaluate.protocols.mind2web_multichoice import MultiChoice
from schemas.errors import ConfigError

Row = Mapping[str, Any]
"""The first row of a step: its gold and its facts."""
Guess = Callable[[Row, random.Random], list[str]]


@dataclass(frozen=True)
class Right:
    """How right answers are written, and which guesses there are besides."""

    # the outputs of a prompt: one, or one a round
    answers: Callable[[Row], list[str]]
    # whether answers name nodes of the page
    holds_nodes: bool = False
    # guesses of families whose answers name none, by the baseline's name
    guesses: Mapping[str, Callable[[Iterable[Row]], Guess]] = field(default_factory=dict)

    def __call__(self, row: Row) -> list[str]:
        """The right outputs."""
        return self.answers(row)

    @property
    def names(self) -> list[str]:
        """The baselines that there are."""
        return [*self.guesses, "perfect", "shuffled"]


def right_of(family: str, name: str = "") -> Right:
    """The right answers of a family, for the protocol of a name.

    Raises:
        ConfigError: the protocol does not fit, or is needed and is not named.
    """
    if name:
        chosen = protocol(name, family)
        if isinstance(chosen, MultiChoice):
            return _choices(chosen)
        if chosen.family == mind2web_direct.FAMILY:
            return Right(_of_reference, holds_nodes=True)
    if family in known.HOLDING_STEPS:
        return Right(lambda row: [row["gold"]["text"]], holds_nodes=True)
    if family == mind2web_multichoice.FAMILY:
        fitting = " or ".join(each.name for each in KNOWN if fits(each, family))
        raise ConfigError(f"{family}: say in whose form to answer: --protocol {fitting}")
    if family == webarena.FAMILY:
        return Right(_answer, guesses={"majority": _commonest(_answer)})
    return Right(_call, guesses={"majority": _commonest(_call), "random": _any_element})


def _of_reference(row: Row) -> list[str]:
    """The answer that ScribeAgent's benchmark holds to be right."""
    return [direct.right_answer(mind2web_direct.read(row["facts"]), row["step"])]


def _answer(row: Row) -> list[str]:
    return [answer_and_address.right_answer(webarena.read(row["facts"]))]


def _call(row: Row) -> list[str]:
    return [turns.right_answer(weblinx.read(row["facts"]))]


def _commonest(right: Callable[[Row], list[str]]) -> Callable[[Iterable[Row]], Guess]:
    """The commonest right answer of a split, to each of its steps."""

    def counted(rows: Iterable[Row]) -> Guess:
        counts: dict[str, Counter[str]] = {}
        for row in rows:
            counts.setdefault(row["split"], Counter()).update(filter(None, right(row)))
        best_of = {
            split: min(each, key=lambda text: (-each[text], text), default="")
            for split, each in counts.items()
        }
        return lambda row, _: [best_of[row["split"]]]

    return counted


def _any_element(_: Iterable[Row]) -> Guess:
    """A click on any element of the page that has a box."""

    def guess(row: Row, chance: random.Random) -> list[str]:
        boxes = weblinx.read(row["facts"]).boxes
        there = [uid for uid, box in boxes.items() if box.on_page]
        return [f'click(uid="{chance.choice(there)}")' if there else ""]

    return guess


def _choices(chosen: MultiChoice) -> Right:
    """Answers round by round."""

    def right(row: Row) -> list[str]:
        return choice.right_answers(mind2web_multichoice.read(row["facts"]), chosen)

    def played(pick: Callable[[Row, tuple[Candidate, ...], random.Random], int | None]) -> Guess:
        def guess(row: Row, chance: random.Random) -> list[str]:
            facts, outputs = mind2web_multichoice.read(row["facts"]), list[str]()
            while (shown := chosen.next_round(facts, outputs)) is not None:
                outputs.append(choice.answer(chosen, pick(row, shown, chance), "CLICK", ""))
            return outputs

        return guess

    def any_of(_row: Row, shown: tuple[Candidate, ...], chance: random.Random) -> int | None:
        return chance.randrange(len(shown))

    def like(row: Row, shown: tuple[Candidate, ...], _chance: random.Random) -> int | None:
        return best(row["objective"], [each.text for each in shown])

    return Right(
        right,
        guesses={
            "majority": lambda _: played(lambda _row, _shown, _chance: 0),
            "random": lambda _: played(any_of),
            "lexical": lambda _: played(like),
        },
    )
