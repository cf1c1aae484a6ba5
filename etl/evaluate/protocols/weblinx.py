"""`weblinx/turn`: intent, element, text and address of one turn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlparse

from etl.evaluate.facts.weblinx import FAMILY, UID, Argument, Box, Facts
from etl.evaluate.protocols.protocol import (
    NO_ANSWER,
    SCORED,
    STOPPED,
    STOPS,
    Answers,
    Row,
    Scored,
    Stops,
    mean,
    of_steps,
    stops_in,
)
from etl.evaluate.protocols.weblinx_calls import Call, read
from etl.evaluate.texts import chrf

METRICS: Final = ("intent_match", "exact_match", "iou", "chrf", "urlf", "overall")
LEFT_OUT: Final = "left_out"

COMPARED: Final = {"say": "utterance", "textinput": "text", "change": "value", "load": "url"}
"""The argument that is compared, by intent."""

NO_RECORD: Final = "the reference's means stop here: KeyError"
NUMBER: Final = "the same text scores 0: the reference reads it as a number"

ELEMENT: Final = frozenset("click hover textinput submit change scroll copy paste".split())
TEXT: Final = frozenset("say textinput change load copy paste".split())

RECORDS: Final = {
    "change": ("exact-match", "intent-match", "iou"),
    "click": ("exact-match", "intent-match", "iou"),
    "load": ("exact-match", "intent-match", "urlf"),
    "say": ("exact-match", "intent-match", "chrf"),
    "scroll": ("exact-match", "intent-match"),
    "submit": ("exact-match", "intent-match", "iou"),
    "textinput": ("exact-match", "intent-match", "chrf", "iou"),
}
"""The means that the reference records, by the intent of the recorded turn."""

DEFECTS: Final = (
    "Typed text that is a number, quoted or not, is read as one, and scores 0 against itself.",
    "The text group takes the larger of chrF and urlF, so for load it is not urlF.",
    (
        "A turn with the wrong intent enters both the element group and the text group with 0 in "
        "the unconditional means, whatever was recorded."
    ),
    "Leading letters w are stripped of hosts one by one: `world` and `orld` are equal.",
    "A scroll is scored by its element alone, and is 0 in overall where it has none.",
    "Means start from scores that are rounded to two decimals.",
    STOPPED,
)

Scores = dict[str, float | None]

_NUMERIC: Final = ("exact-match", "intent-match", "chrf", "iou", "urlf")


@dataclass(frozen=True, slots=True)
class Turn:
    """The one protocol of WebLINX."""

    name: str = "weblinx/turn"
    family: str = FAMILY
    metrics: tuple[str, ...] = METRICS
    defects: tuple[str, ...] = DEFECTS

    def score(self, facts: Any, answers: Answers) -> Scored:
        """Score the answer to one turn: the first output of the first prompt that has one."""
        assert isinstance(facts, Facts)
        nothing = dict.fromkeys(self.metrics)
        wrong: Scores = {**nothing, "intent_match": 0.0, "exact_match": 0.0}
        place = next((chunk for chunk, outputs in enumerate(answers) if outputs), None)
        outputs = answers[place] if place is not None else None
        try:
            call = read(outputs[0]) if outputs else None
            if facts.left_out:
                notes = (facts.left_out,)
                return Scored(LEFT_OUT, nothing, strict=None, notes=notes, group=facts.intent)
            if call is None or place is None:
                return Scored(NO_ANSWER, wrong, group=facts.intent)
            uid = element_of(facts, call)
            scored = _scores(facts, call, uid)
        except Stops as stopped:
            if facts.left_out:
                wrong = nothing
            return Scored(f"{STOPS}{stopped}", wrong, group=facts.intent)
        strict = _is_strict(facts, call, uid)
        return Scored(
            SCORED,
            scored,
            answer=(place, 0),
            strict=strict,
            notes=tuple(_notes(facts, scored, strict=strict)),
            group=facts.intent,
        )

    def aggregate(self, rows: Sequence[Row]) -> dict[str, float | None]:
        """The reference's records, ``intent.metric``, each with its ``.unconditional`` mean.

        It stops for recorded intents without records of their own (hover and the like); here these
        turns are in the means over all.
        """
        turns = [
            row.scored for row in of_steps(rows) if row.scored.metrics["intent_match"] is not None
        ]
        scores = [rounded(turn) for turn in turns]
        zeroed = [turn if turn["intent-match"] else dict.fromkeys(turn, 0.0) for turn in scores]
        means: dict[str, float | None] = {}

        def put(name: str, values: Iterable[float | None], others: Iterable[float | None]) -> None:
            means[name] = mean(values)
            means[f"{name}.unconditional"] = mean(others)

        for intent in dict.fromkeys(turn.group for turn in turns):
            own = [at for at, turn in enumerate(turns) if turn.group == intent]
            for metric in RECORDS.get(intent, ()):
                put(
                    f"{intent}.{metric}",
                    [scores[at][metric] for at in own],
                    [zeroed[at][metric] for at in own],
                )
        for metric in ("overall", "intent-match"):
            put(
                f"overall.{metric}", *([turn[metric] for turn in all_] for all_ in (scores, zeroed))
            )
        put("element-group.iou", *([turn["iou"] for turn in all_] for all_ in (scores, zeroed)))
        put("text-group.chrf-urlf", *(map(_text, all_) for all_ in (scores, zeroed)))
        means["scored_turns"] = len(turns)
        means["reference_stops"] = stops_in(of_steps(rows)) + sum(
            turn.group not in RECORDS for turn in turns
        )
        return means


def rounded(turn: Scored) -> Scores:
    """Scores rounded as the reference stores them, and overall of these."""
    scores: Scores = {
        name: None if (value := turn.metrics[name.replace("-", "_")]) is None else _round(value)
        for name in _NUMERIC
    }
    return {**scores, "overall": _overall(scores)}


def _round(value: float) -> float:
    return round(value * 100) / 100  # as numpy does: halves of the product go to even


def _text(turn: Mapping[str, float | None]) -> float | None:
    return max((score for score in (turn["chrf"], turn["urlf"]) if score is not None), default=None)


def _overall(scores: Mapping[str, float | None]) -> float | None:
    iou, words, url = scores["iou"], scores["chrf"], scores["urlf"]
    if iou is not None and words is not None:
        return iou * words
    return next((score for score in (url, words, iou) if score is not None), None)


def _scores(facts: Facts, call: Call, uid: str | None) -> Scores:
    scores: Scores = dict.fromkeys(METRICS)
    scores["intent_match"] = float(call.intent == facts.intent)
    if call.intent != facts.intent:
        scores["exact_match"] = 0.0
        return scores
    scores["exact_match"] = float(_is_exact(facts, call, uid))
    if call.intent in TEXT:
        scores["chrf"] = _chrf(*_texts(facts, call))
    if call.intent in ELEMENT:
        scores["iou"] = _iou(facts, uid)
    if call.intent == "load":
        scores["urlf"] = _urlf(*_texts(facts, call))
    scores["overall"] = _overall(scores)
    return scores


def element_of(facts: Facts, call: Call) -> str | None:
    """The id of the element that a call names; None unless it has a box and is on the page."""
    if call.intent not in ELEMENT:
        return None
    given = call.arguments
    if "uid" in given:
        uid = given["uid"]
    elif UID in given:
        uid = given[UID]
    elif "x" in given and "y" in given:
        uid = _at(facts.boxes, given["x"], given["y"])
    else:
        return None
    if not uid or not isinstance(uid, str):
        return None
    box = facts.box(uid)
    return uid if box is not None and box.on_page else None


def _at(boxes: dict[str, Box], x: Argument, y: Argument) -> str | None:
    """The smallest box with an area whose edges, rounded outward, include a point."""
    if not isinstance(x, float) or not isinstance(y, float):
        return None
    around = [
        (box.area, uid)
        for uid, box in boxes.items()
        if math.floor(box.left) <= x <= math.ceil(box.right)
        and math.floor(box.top) <= y <= math.ceil(box.bottom)
        and box.area != 0
    ]
    return min(around, key=lambda one: one[0])[1] if around else None


def _iou(facts: Facts, uid: str | None) -> float:
    recorded = facts.box(facts.uid) if facts.uid is not None else facts.own_box
    named = None if uid is None else facts.box(uid)
    if named is None or recorded is None:
        return 0.0
    left, top, right, bottom = named[:4]
    other_left, other_top, other_right, other_bottom = recorded[:4]
    width = max(0, min(right, other_right) - max(left, other_left))
    height = max(0, min(bottom, other_bottom) - max(top, other_top))
    common = width * height
    area = (right - left) * (bottom - top)
    other_area = (other_right - other_left) * (other_bottom - other_top)
    union = area + other_area - common
    if union == 0:
        raise Stops("ZeroDivisionError")
    return common / union


def _texts(facts: Facts, call: Call) -> tuple[Argument, Argument]:
    """The predicted and the recorded text of an intent."""
    if call.intent == "textinput":
        given, recorded = call.arguments, facts.arguments
        return (
            given["text"] if "text" in given else given.get("value"),
            recorded["text"] if "text" in recorded else recorded.get("value"),
        )
    name = COMPARED.get(call.intent, "")
    return call.arguments.get(name), facts.arguments.get(name)


def _chrf(text: Argument, recorded: Argument) -> float:
    if not isinstance(text, str) or not isinstance(recorded, str):
        return 0.0
    return chrf(text, recorded)


def _urlf(text: Argument, recorded: Argument) -> float:
    if not text or not recorded:
        return 0.0
    if not isinstance(text, str) or not isinstance(recorded, str):
        raise Stops("AttributeError")
    try:
        one, two = _url_parts(text), _url_parts(recorded)
    except ValueError:
        return 0.0
    common = len(one & two)
    if not common:
        return 0.0
    recall, precision = common / len(two), common / len(one)
    return 2 * (recall * precision) / (precision + recall)


def _url_parts(url: str) -> set[str]:
    parts = urlparse(url)
    path = parts.path.strip("/")
    return {parts.netloc.lstrip("w."), *(path.split("/") if path else ())}


def _is_strict(facts: Facts, call: Call, uid: str | None) -> bool:
    """Whether intent, element and value are all right, with texts compared as they were written."""
    if call.intent != facts.intent:
        return False
    if call.intent == "scroll":
        return facts.uid in (None, uid) and _is_place(facts, call)
    if call.intent in ELEMENT and uid != facts.uid:
        return False
    name = COMPARED.get(call.intent)
    said = call.texts.get(name or "", call.texts.get("value") if name == "text" else None)
    return name is None or said == facts.arguments.get(name)


def _is_place(facts: Facts, call: Call) -> bool:
    return all(call.arguments.get(name) == facts.arguments.get(name) for name in ("x", "y"))


def _notes(facts: Facts, scores: Scores, *, strict: bool) -> Iterator[str]:
    if facts.intent not in RECORDS:
        yield NO_RECORD
    if strict and scores["chrf"] == 0:
        yield NUMBER


def _is_exact(facts: Facts, call: Call, uid: str | None) -> bool:
    """Of equal intents: the same element, and the same text or place."""
    if call.intent in ELEMENT and (uid is None or uid != facts.uid):
        return False
    if call.intent == "scroll":
        return _is_place(facts, call)
    name = COMPARED.get(call.intent)
    return name is None or call.arguments.get(name) == facts.arguments.get(name)


def right_answer(facts: Facts) -> str:
    """The call that was recorded; empty for a turn that is left out."""
    if facts.left_out:
        return ""
    arguments = [f'{name}="{value}"' for name, value in facts.arguments.items()]
    if facts.uid is not None:
        arguments.insert(0, f'uid="{facts.uid}"')
    return f"{facts.intent}({', '.join(arguments)})"


TURN: Final = Turn()
