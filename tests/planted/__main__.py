"""`python -m tests.planted [PART ...]`: plants, looks for what was planted, and prints the figures.

A part is a module beside this one with ``measure(folder, shared, seed)``: the figures. folder: an
empty one to work in. shared: the shared recordings. Exits with 1 if a figure is less than is asked.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path

from tests.planted.figures import Figure, table

PARTS: tuple[str, ...] = (
    "near",
    "nopages",
    "contamination",
    "first_pages",
    "leaks",
    "leaks_in_texts",
    "lint",
    "privacy",
    "quality",
    "explain",
)


def main(parts: list[str]) -> int:
    """Print the figures of these parts, or of all."""
    shared = os.environ.get("STEPMILL_SHARED") or Path(__file__).parents[3] / "shared"
    figures: list[Figure] = []
    for part in parts or PARTS:
        module = importlib.import_module(f"tests.planted.{part}")
        with tempfile.TemporaryDirectory() as folder:
            figures += module.measure(Path(folder), Path(shared), seed=0)
    print(table(figures))
    return 0 if all(each.holds for each in figures) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
