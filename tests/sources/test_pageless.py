"""What holds for all recordings without pages: who recognises them, and damage of any kind."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from etl.inputs.pageless.addresses import absolute, stays
from etl.inputs.records import InputHead
from etl.sources import FORMATS, SOURCES
from tests.support.pageless import check_ledger, read

NAMES = [name for name, format in FORMATS.items() if not format.pages]


@pytest.mark.parametrize("name", NAMES)
def test_mutated_recordings_are_read_or_quarantined(tmp_path: Path, name: str) -> None:
    """500 mutations of bytes: nothing raises, and every record is accounted for."""
    chance, whole = random.Random(name), FORMATS[name].example.encode()
    path = tmp_path / FORMATS[name].example_name
    for _ in range(500):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            match chance.randrange(4):
                case 0:
                    data[at] ^= 1 << chance.randrange(8)
                case 1:
                    del data[at : at + chance.randint(1, 30)]
                case 2:
                    data[at:at] = data[chance.randrange(len(data)) :][:40]
                case _:
                    data[at : at + 1] = chance.choice([b"null", b"[", b"{}", b'"', b"1e999", b"\\"])
        path.write_bytes(bytes(data) if chance.random() < 0.8 else bytes(data[: len(data) // 2]))
        _, _, tally = read(path)
        check_ledger(tally)


def test_nobody_else_recognises_them(shared: Path) -> None:
    """Each real file is recognised by its own source alone, and these take no others' files."""
    own = {"chrome_recorder", "selenium_ide", "workflow_use"}
    asked = [source for name, source in SOURCES.items() if name in own]
    for folder in sorted((shared / "data").iterdir()):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for path in files[:60]:
            head = InputHead.of(path)
            names = {source.name for source in asked if source.recognise(head)}
            assert names == ({folder.name} if folder.name in own else set()), path
            if folder.name in own:
                assert {n for n, source in SOURCES.items() if source.recognise(head)} == names


@pytest.mark.parametrize(
    ("url", "base", "expected"),
    [
        ("/a", "https://x.example/b", "https://x.example/a"),
        ("", "https://x.example", "https://x.example"),
        ("/a", "", ""),
        ("chrome://new-tab-page/", "", "chrome://new-tab-page/"),
        ("file:///C:/a.html", "", "file:///C:/a.html"),
        ("https://", "", ""),
        ("http://[::1", "", ""),
    ],
)
def test_addresses(url: str, base: str, expected: str) -> None:
    """What makes no address of a page is empty."""
    assert absolute(url, base) == expected


@pytest.mark.parametrize(
    ("css", "xpath", "tag", "expected"),
    [
        ("form > input#a.b", "", "", False),
        ("form > input[type=checkbox]", "", "", True),
        ("#a", "//input[@type='text']", "INPUT", True),
        ("#a", "", "", False),
        ("", "//form/textarea[2]", "", True),
        ("", "//form/button", "", False),
        ("#a", "", "SELECT", True),
        ("input[type='submit']", "", "INPUT", False),
        ("a", "", "INPUT", False),
    ],
)
def test_fields_of_forms(css: str, xpath: str, tag: str, expected: bool) -> None:
    """A click stays on its page only if all that is known of its element says field of a form."""
    assert stays(css, xpath, tag) is expected
