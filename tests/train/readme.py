"""The README's Python, as tests run it."""

from __future__ import annotations

import re
from typing import Any, Final

from tests.support import builds

README: Final = (builds.ROOT / "README.md").read_text("utf-8")


def snippet(word: str) -> str:
    """The Python block of the README that has a word."""
    (found,) = (
        code
        for code in re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
        if word in code
    )
    return str(found)


def run(code: str, changes: dict[str, str]) -> dict[str, Any]:
    """Run a snippet with some of its texts changed; returns its names."""
    for old, new in changes.items():
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    return names
