"""Compiles `etl/pages/compiled/engine.pyx` when the package is built or installed.

That takes a C++ compiler with Python's headers.

Without one, or with ``STEPMILL_PLAIN=1``, the package is built without it: the same in plain
Python, some twenty times slower. `stepmill --version` says which of the two an installation has
(see `etl.pages.compiled`).
"""

from __future__ import annotations

import hashlib
import os
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension
from setuptools.errors import BaseError, CCompilerError


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling's hook for what goes into a wheel; an editable install has the compiled file beside
    its source.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say that the wheel holds the result."""
        if self.target_name != "wheel" or os.environ.get("STEPMILL_PLAIN", "0") not in ("", "0"):
            return
        root = Path(self.root)
        name = f"engine{sysconfig.get_config_var('EXT_SUFFIX')}"
        self.folder = (
            tempfile.TemporaryDirectory()
        )  # until the hook is gone: after the wheel is written
        try:
            made = _compile(root, Path(self.folder.name)) / "etl" / "pages" / "compiled" / name
        except (BaseError, CCompilerError) as error:
            self.app.display_warning(
                "etl/pages/compiled/engine.pyx is not compiled, pages are read by plain Python: "
                f"{error}"
            )
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version == "editable":
            staged = root / "etl" / "pages" / "compiled" / f"{name}.new"
            staged.write_bytes(made.read_bytes())
            staged.replace(
                root / "etl" / "pages" / "compiled" / name
            )  # a process that has the old one open keeps it
        else:
            build_data["force_include"][str(made)] = f"etl/pages/compiled/{name}"


def _compile(root: Path, folder: Path) -> Path:
    """The folder that holds the compiled module."""
    here = root / "etl" / "pages" / "compiled"
    sources = sorted(here.glob("*.p[yx][xi]"))  # as `etl.pages.compiled` has them
    fingerprint = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    extension = Extension(
        "etl.pages.compiled.engine",
        [str(here / "engine.pyx")],
        define_macros=[("STEPMILL_FINGERPRINT", f'"{fingerprint}"')],
        # no product is rounded together with a sum: numbers are the same on all processors
        extra_compile_args=["-O3", "-std=c++17", "-ffp-contract=off"],
        language="c++",
    )
    modules = cythonize([extension], build_dir=str(folder / "c"), quiet=True)
    command = Distribution({"ext_modules": modules}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(folder / "lib"), str(folder / "temp")
    command.ensure_finalized()
    command.run()
    return folder / "lib"
