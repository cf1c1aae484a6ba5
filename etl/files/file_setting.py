"""Settings that name files: a recipe file names them relative to itself (`etl.build.recipes`)."""

from __future__ import annotations

from typing import Annotated, Final

A_FILE: Final = object()
File = Annotated[str, A_FILE]
"""A setting that names a file; empty for none."""
