"""Settings that name a file, relative to the recipe that holds them (`etl.build.recipes`)."""

from __future__ import annotations

from typing import Annotated, Final

A_FILE: Final = object()
"""Annotates the type of a setting that names a file."""

File = Annotated[str, A_FILE]
"""The name of a file; empty for none."""

Files = Annotated[tuple[str, ...], A_FILE]
"""Names of files or folders, globs, or URLs."""
