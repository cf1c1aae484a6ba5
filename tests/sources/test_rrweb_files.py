"""rrweb: all wrappings of events are read, damage is quarantined, and memory is bounded."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
import zstandard

from etl.inputs.records import InputHead, InputShard
from etl.sources import SOURCES
from etl.sources.rrweb.recordings import Rrweb
from etl.tally import Tally
from tests.support.rrweb import Recording, element, read, text

dumps = orjson.dumps


def packed(event: Any) -> str:
    return zlib.compress(dumps({**event, "v": "v1"})).decode("latin-1")


def compressed(event: Any) -> Any:
    """As PostHog writes large events."""

    def zipped(value: Any) -> str:
        return gzip.compress(dumps(value), mtime=0).decode("latin-1")

    if event["type"] == 2:
        return {**event, "data": zipped(event["data"]), "cv": "2024-10"}
    if event["type"] == 3 and event["data"]["source"] == 0:
        lists = {key: zipped(event["data"][key]) for key in ("texts", "attributes", "adds")}
        return {**event, "data": {**event["data"], **lists}, "cv": "2024-10"}
    return event


def lined(values: list[Any]) -> bytes:
    return b"\n".join(map(dumps, values)) + b"\n"


def halves(events: list[Any]) -> list[list[Any]]:
    return [events[:3], events[3:]]


FORMS: Final[dict[str, Callable[[list[Any]], bytes]]] = {
    "a list": dumps,
    "a list over lines": lambda events: orjson.dumps(events, option=orjson.OPT_INDENT_2),
    "lines": lined,
    "an object": lambda events: dumps({"id": "x", "events": events}),
    "snapshots": lambda events: dumps({"snapshots": events, "next": None}),
    "a list of lists": lambda events: dumps(halves(events)),
    "lists on lines": lambda events: lined(halves(events)),
    "Sentry's segments": lambda events: lined(
        [part for n, half in enumerate(halves(events)) for part in ({"segment_id": n}, half)]
    ),
    "PostHog's export": lambda events: dumps(
        {"version": "2023-04-28", "data": {"id": "x", "person": {"a": [1]}, "snapshots": events}}
    ),
    "PostHog's windows": lambda events: dumps({"data": {"snapshotsByWindowId": {"w": events}}}),
    "PostHog's lines": lambda events: lined([{"window_id": "w", "data": e} for e in events]),
    "PostHog's lines of lists": lambda events: lined(
        [{"window_id": "w", "data": half} for half in halves(events)]
    ),
    "PostHog's pairs": lambda events: lined([["w", event] for event in events]),
    "PostHog's compression": lambda events: lined([compressed(event) for event in events]),
    "packed": lambda events: dumps([packed(event) for event in events]),
    "packed, on lines": lambda events: lined([packed(event) for event in events]),
    "JSON within JSON": lambda events: dumps([dumps(event).decode() for event in events]),
    "gzip": lambda events: gzip.compress(dumps(events)),
    "zstandard": lambda events: zstandard.compress(lined(events)),
    "a byte order mark": lambda events: b"\xef\xbb\xbf" + dumps(events),
}


def session() -> list[Any]:
    recording = Recording().click(10).write(10, "mug")
    recording.change(adds=[{"parentId": 3, "nextId": None, "node": element(40, "p")}])
    return recording.click(18).events


def told(content: bytes, folder: Path) -> bool:
    path = folder / "recording"
    path.write_bytes(content)
    return Rrweb().recognise(InputHead.of(path))


@pytest.mark.parametrize("name", FORMS)
def test_all_wrappings_give_the_same_steps(tmp_path: Path, name: str) -> None:
    """Each is recognised, and read to the same steps, with nothing quarantined."""
    content = FORMS[name](session())
    assert told(content, tmp_path)
    (workflow,), tally = read(content, tmp_path)
    (plain,), _ = read(dumps(session()), tmp_path)
    assert tally.quarantined == []
    assert [(step.step_id, step.html, step.action, step.target) for step in workflow.steps] == [
        (step.step_id, step.html, step.action, step.target) for step in plain.steps
    ]
    assert len(workflow.steps) == 3


def test_a_long_first_event_is_enough(tmp_path: Path) -> None:
    """A snapshot that fills the head is recognised, whichever of its keys comes first."""
    recording = Recording(element(10, "p", text(11, "x" * 200_000)))
    snapshot = recording.events[1]
    assert told(dumps([snapshot]), tmp_path)
    assert told(dumps({key: snapshot[key] for key in ("data", "timestamp", "type")}), tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'["a", "b"]',
        dumps([{"type": "click", "data": {"source": 1}, "timestamp": 1}]),
        dumps([{"type": 5, "data": {"tag": "x"}, "timestamp": 1}]),
        dumps([{"type": 4, "data": {"href": "x"}}, {"kind": "x"}]).replace(b'"href"', b'"ref"'),
        dumps({"type": "FeatureCollection", "data": [{"type": "Point"}]}),
        dumps({"log": {"entries": [{"type": 3, "data": {"source": 1}}]}}),
        dumps([{"type": 9, "data": {"href": "x"}}]),
        b'{"type": 4, "data": {"href": ',
        b'"type" "data"',
        zlib.compress(b"x" * 100).decode("latin-1").encode(),
    ],
)
def test_other_json_is_not_claimed(tmp_path: Path, content: bytes) -> None:
    """Not even if it has keys of events."""
    assert not told(content, tmp_path)


def test_other_formats_are_not_claimed_and_do_not_claim(shared: Path) -> None:
    """Of all real files, those of rrweb are, and no other source takes them."""
    for path in sorted((shared / "data").rglob("*")):
        if path.is_file() and path.stat().st_size < 20_000_000:
            head = InputHead.of(path)
            ours = path.is_relative_to(shared / "data" / "rrweb")
            assert Rrweb().recognise(head) == ours, path
            if ours:
                claimed = (name for name, each in SOURCES.items() if each.recognise(head))
                assert next(claimed) == "rrweb"


def test_a_broken_event_is_quarantined_and_the_rest_read(tmp_path: Path) -> None:
    """The page is not known until the next snapshot, and later steps have a gap."""
    recording = Recording().click(18)
    lines = [dumps(event) for event in recording.events]
    lines.append(b'{"type": 3, "data": {"source": 0, ')
    recording.events.clear()
    recording.click(18).load(href="https://shop.test/").click(18)
    lines += [dumps(event) for event in recording.events]
    (workflow,), tally = read(b"\n".join(lines), tmp_path)
    assert [(one.id, one.reason, one.raw) for one in tally.quarantined] == [
        ("session.json#event=6", "truncated_json", lines[6])
    ]
    assert [(bool(step.html), bool(step.gap)) for step in workflow.steps] == [
        (True, False), (False, True), (True, True),
    ]  # fmt: skip


def test_a_change_that_cannot_be_applied_loses_the_page_alone(tmp_path: Path) -> None:
    """It was no action, so the history is whole."""
    recording = Recording().click(18).change(adds=[{"parentId": "x"}]).click(18)
    recording.load(href="https://shop.test/").click(18)
    (workflow,), tally = read(recording.json(), tmp_path)
    assert [one.reason for one in tally.quarantined] == ["wrong_type"]
    assert [(bool(step.html), step.gap) for step in workflow.steps] == [
        (True, ""), (False, ""), (True, ""),
    ]  # fmt: skip
    ids = [entry.id for entry in tally.entries if not entry.reason]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", ["a list", "lines", "PostHog's export", "gzip", "zstandard"])
def test_a_file_that_is_cut_off_gives_what_came_before(tmp_path: Path, name: str) -> None:
    """The last piece is quarantined."""
    content = FORMS[name](session())
    for share in (0.55, 0.81, 0.97):
        workflows, tally = read(content[: int(len(content) * share)], tmp_path)
        assert [one.reason.partition("_")[0] for one in tally.quarantined] == ["truncated"]
        assert len(workflows) <= 1


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"data": {}}, "missing_field"),
        ({"type": 3}, "missing_field"),
        ({"type": "3", "data": {}}, "wrong_type"),
        ({"type": 8, "data": {}}, "wrong_type"),
        ({"type": 3, "data": {}}, "wrong_type"),
        ({"type": 3, "data": {"source": -1}}, "wrong_type"),
        ({"type": 3, "data": "x"}, "wrong_type"),
        ({"type": 4, "data": {}, "timestamp": "now"}, "wrong_type"),
        ({"type": 2, "data": {"node": {"type": 1}}}, "wrong_type"),
        ({"type": 2, "data": "x", "cv": "2024-10"}, "broken_compression"),
        (packed({"type": 4, "data": {}})[:-3], "broken_compression"),
        (zlib.compress(b"{}").decode("latin-1"), "wrong_type"),
        ("{", "truncated_json"),
        (7, "wrong_type"),
        (None, "wrong_type"),
    ],
)
def test_bad_events_have_reasons(tmp_path: Path, event: Any, reason: str) -> None:
    """Each is quarantined with its bytes; the steps before it are read."""
    recording = Recording().click(18)
    (workflow,), tally = read(dumps([*recording.events, event]), tmp_path)
    assert [(one.reason, one.raw) for one in tally.quarantined] == [(reason, dumps(event))]
    assert len(workflow.steps) == 1


def test_what_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packed event is bounded."""
    monkeypatch.setattr("etl.sources.rrweb.events.MAX_UNPACKED", 1000)
    bomb = packed({"type": 5, "data": {"tag": "x" * 10_000}})
    _, tally = read(dumps([*Recording().click(18).events, bomb]), tmp_path)
    assert [one.reason for one in tally.quarantined] == ["broken_compression"]


def mutated(chance: random.Random, content: bytes, other: bytes) -> bytes:
    """Damaged: bits, bytes, pieces cut out, cut off, doubled, or of another file."""
    raw = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        at, size = chance.randrange(len(raw) + 1), chance.randint(1, 400)
        piece = other[at : at + size]
        match chance.randrange(6):
            case 0 if at < len(raw):
                raw[at] ^= 1 << chance.randrange(8)
            case 1:
                raw[at : at + 1] = bytes(chance.choices(b'{}[]",:0-1\\ntf\xff\0', k=3))
            case 2:
                del raw[at : at + size]
            case 3:
                raw[at:at] = piece
            case 4:
                raw[at:at] = raw[at : at + size]
            case _:
                del raw[at + size :]
    return bytes(raw)


@pytest.mark.parametrize("name", FORMS)
def test_damaged_files_are_read_or_refused(tmp_path: Path, name: str) -> None:
    """Whatever is damaged: no exception, each record once, each quarantine with a reason."""
    chance = random.Random(f"rrweb {name}")
    content, other = FORMS[name](session()), FORMS["a list of lists"](session())
    for _ in range(40):
        workflows, tally = read(mutated(chance, content, other), tmp_path)
        ids = [entry.id for entry in tally.entries if not entry.reason]
        assert len(ids) == len(set(ids))
        assert all(one.reason for one in tally.quarantined)
        assert len(workflows) < 5


def values_of(chance: random.Random, depth: int = 3) -> Any:
    """Any value, often one that an event could have."""
    simple = [None, True, -1, 0, 1, 3, 10, 11, 18, 2**70, 1.5, "", "x", "style", "value", "*"]
    if not depth or chance.random() < 0.6:
        return chance.choice(simple)
    if chance.random() < 0.5:
        return [values_of(chance, depth - 1) for _ in range(chance.randrange(3))]
    keys = chance.sample(["id", "type", "node", "parentId", "nextId", "attributes", "x"], 3)
    return {key: values_of(chance, depth - 1) for key in keys}


def spoiled(chance: random.Random, value: Any) -> Any:
    """A copy in which some values are others."""
    if chance.random() < 0.03:
        return values_of(chance)
    if isinstance(value, dict):
        return {key: spoiled(chance, each) for key, each in value.items() if chance.random() > 0.01}
    if isinstance(value, list):
        return [spoiled(chance, each) for each in value]
    return value


def test_events_of_any_values_are_read_or_refused(tmp_path: Path) -> None:
    """Values of other kinds anywhere: no exception, and targets are in their pages."""
    chance = random.Random("rrweb values")
    steps = 0
    for _ in range(400):
        events = [spoiled(chance, event) for event in session()]
        if chance.random() < 0.2:
            chance.shuffle(events)
        workflows, _ = read(json.dumps(events).encode(), tmp_path)
        for workflow in workflows:
            for step in workflow.steps:
                steps += 1
                for locator in step.target:
                    assert int(locator.value) < step.html.count("<")
    assert steps > 400


def long_session(path: Path, size: int, clicks: bool = False) -> int:
    """Write a recording; returns the number of its clicks.

    size: bytes, about. clicks: two follow each change of the page, else two follow the last.
    """
    rows = [element(100 + n, "tr", text(5000 + n, "cell " * 20)) for n in range(1000)]
    recording = Recording(element(10, "button"), element(11, "table", *rows))
    written = number = 0
    with path.open("wb") as file:
        file.write(b"[" + b",".join(map(dumps, recording.events)))
        while written < size:
            recording.events.clear()
            number += 1
            recording.change(
                removes=[{"parentId": 11, "id": 100 + number}] * (number < 900),
                attributes=[{"id": 11, "attributes": {"title": "x" * 3000 + str(number)}}],
                adds=[{"parentId": 11, "nextId": None, "node": element(9000 + number % 50, "tr")}],
            )
            if number % 300 == 0:
                recording.load(
                    element(10, "button"), element(11, "table", *rows), href="https://a.test/"
                )
            if clicks:
                recording.click(10).click(10)
            for event in recording.events:
                written += file.write(b"," + dumps(event))
        recording.events.clear()
        recording.click(10).click(10)
        file.write(b"," + b",".join(map(dumps, recording.events)) + b"]")
    return 2 * number * clicks + 2


def peak(path: Path, clicks: int) -> tuple[int, int]:
    """The most bytes that reading a file takes, and those of its steps' pages."""
    tally = Tally()
    shard = InputShard(path.name, str(path), "rrweb", path.stat().st_size, "")
    tracemalloc.start()
    try:
        (workflow,) = Rrweb().read(shard, tally)
        assert len(workflow.steps) == clicks
        assert tally.quarantined == []
        return tracemalloc.get_traced_memory()[1], sum(step.size for step in workflow.steps)
    finally:
        tracemalloc.stop()


def test_memory_follows_the_page_and_not_the_recording(tmp_path: Path) -> None:
    """Six times the events take no more memory."""
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    few, many = long_session(small, 4_000_000), long_session(large, 24_000_000)
    assert peak(large, many)[0] < 1.2 * peak(small, few)[0]


def test_memory_does_not_follow_the_number_of_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more pages, memory grows by a small part of them."""
    monkeypatch.setattr("etl.files.compressed.PLAIN", 2**18)
    monkeypatch.setattr("etl.files.compressed.BLOCK", 2**18)
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    few, many = (
        long_session(small, 400_000, clicks=True),
        long_session(large, 2_000_000, clicks=True),
    )
    (small_peak, small_pages), (large_peak, large_pages) = peak(small, few), peak(large, many)
    assert large_pages > 4 * small_pages > 10_000_000
    assert large_peak - small_peak < (large_pages - small_pages) / 10
