"""Settings that name files: in a recipe file they are relative to it (`etl.build.recipe`)."""

from __future__ import annotations

from typing import Annotated, Final

A_FILE: Final = "file"
File = Annotated[str, A_FILE]
"""A setting that names a file; empty for none."""
