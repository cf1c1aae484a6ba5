"""Progress and messages: bars on a terminal, dated lines or JSON in a log, never long silence."""

from __future__ import annotations

import io
import json
import re
import sys
import time

import pytest

from etl.terminal import log, progress
from etl.terminal.progress import Progress


class Clock:
    """Stands in for the clock and for the thread that looks at it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(Progress, "_tick", lambda _: None)

    def wait(self, work: Progress, seconds: float) -> None:
        """Look every half second, as the thread does."""
        for _ in range(round(seconds / 0.5)):
            self.now += 0.5
            work._look()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line.split(" ", 1)[1] for line in capsys.readouterr().err.splitlines()]


def test_lines_in_a_log_become_rare(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines come after 2 seconds, then after doubling gaps up to a minute, and at the end."""
    clock = Clock(monkeypatch)
    with Progress("samples", 100_000_000, "MB") as work:
        work.advance(40_000_000, 120)
        clock.wait(work, 10)
        work.advance(60_000_000, 180)
        clock.wait(work, 300)
    lines = _lines(capsys)
    assert lines[0] == "samples 40%, 40.0 of 100.0 MB, 20.0 MB/s, 120 samples, ETA 0:03"
    assert lines[-1] == "samples 100%, 100.0 of 100.0 MB, 0.3 MB/s, 300 samples, in 5:10"
    at = [2, 4, 8, 16, 32, 64, 124, 184, 244, 304]
    assert len(lines) == len(at) + 1


def test_work_without_an_end_in_sight_shows_its_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nothing can be counted, a log still says that it goes on."""
    clock = Clock(monkeypatch)
    with Progress("phase 3 of 5: index") as work:
        clock.wait(work, 2)
    assert _lines(capsys) == ["phase 3 of 5: index, in 0:02"] * 2


def test_brief_work_says_nothing_and_failed_work_no_last_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is over at once leaves no line, unless it takes long; an error is no end of the work."""
    clock = Clock(monkeypatch)
    with Progress("finding inputs", brief=True) as work:
        clock.wait(work, 1)
    assert _lines(capsys) == []
    with Progress("finding inputs", brief=True) as work:
        clock.wait(work, 3)
    assert _lines(capsys) == ["finding inputs, in 0:02", "finding inputs, in 0:03"]
    with pytest.raises(OSError, match="gone"), Progress("samples", 5, "files"):
        raise OSError("gone")
    assert _lines(capsys) == []


def test_json_is_for_programs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With ``json`` each message is an object on a line, with time, level and figures."""
    monkeypatch.setenv(log.VARIABLE, "json")
    clock = Clock(monkeypatch)
    with Progress("samples", 8, "files") as work:
        work.advance(2)
        clock.wait(work, 2)
    log.warn("two\nlines", of="this")
    first, _, last = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", first.pop("time"))
    message = "samples 25%, 2 of 8 files, 1.0 files/s, ETA 0:06"
    figures = {
        "work": "samples",
        "done": 2,
        "total": 8,
        "unit": "files",
        "samples": 0,
        "seconds": 2.0,
    }
    assert first == {"level": "info", "message": message, **figures}
    assert (last["level"], last["message"], last["of"]) == ("warning", "two\nlines", "this")


def test_every_line_of_a_plain_log_has_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    """A message of several lines is dated on each; errors say whose they are."""
    log.error("two\nlines")
    assert _lines(capsys) == ["stepmill: two", "lines"]


def test_a_terminal_has_a_bar_and_messages_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar shows share, amounts and samples; a message gets its own line, without date.

    The bar of work whose inputs grew ends at 100%.
    """
    monkeypatch.delenv(log.VARIABLE, raising=False)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    clock = Clock(monkeypatch)
    with Progress("phase 2 of 5: samples", 3_000_000, "MB") as work:
        work.advance(1_500_000, 7)
        clock.wait(work, 1)
        log.say("beside")
        work.advance(4_000_000, 7)
    text = terminal.getvalue()
    assert re.search(
        r"phase 2 of 5: samples  50% \|#+\d? +\| 1\.5 of 3\.0 MB, 7 samples, \d\d:\d\d, ETA", text
    )
    assert "\rbeside\n" in text or "\nbeside\n" in text
    assert re.search(
        r"samples 100% \|#+\| 3\.0 of 3\.0 MB, 14 samples, \d\d:\d\d, ETA 00:00\n$", text
    )


def test_the_thread_shows_work_that_does_not_come_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a single call of ``advance`` there are lines."""
    monkeypatch.setattr(progress, "FIRST_LINE", 0.01)
    monkeypatch.setattr(progress, "_TICK", 0.01)
    with Progress("samples", 10, "files") as work:
        for _ in range(1000):
            if work._lines:
                break
            time.sleep(0.01)
    assert _lines(capsys)[0].startswith("samples 0%, 0 of 10 files")
