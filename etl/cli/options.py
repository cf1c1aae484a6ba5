"""What commands have in common: arguments, options, and printing. stdout carries data only."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

from etl.terminal import log

if TYPE_CHECKING:
    from etl.files.storage import AnyPath

DEFAULT_RECIPE: Final = "scribeagent-32k"
CANDIDATE: Final = "The build that its gates rejected, instead of the last complete one."


def show(text: str) -> bool:
    """Data on stdout; whether more of it would be read. A reader of a pipe that has seen enough is
    no error: the rest goes nowhere; nor is a terminal without some character: it gets its escape.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    except UnicodeEncodeError as error:
        click.echo(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
    return True


def show_json(value: object) -> None:
    """The same as JSON."""
    show(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


class Folder(click.ParamType[Any]):
    """A folder here or elsewhere. exists: it must be there; elsewhere that is found out by reading
    from it.
    """

    name = "directory"

    def __init__(self, *, exists: bool = False) -> None:
        self._local = click.Path(exists=exists, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raises `ConfigError` for a URL that cannot be used."""
        from etl.files.storage import location

        where = location(value)
        if isinstance(where, Path):
            self._local.convert(str(where), param, ctx)
        return where


class SliceType(click.ParamType[Any]):
    """``2/8``."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Raises click's own error for anything else."""
        from etl.build.pools.slices import Slice

        number, _, of = str(value).partition("/")
        if not (number.isascii() and number.isdigit() and of.isascii() and of.isdigit()):
            self.fail(f"{value!r} is not of the form 2/8", param, ctx)
        return Slice(int(number), int(of))


def _log_format(context: click.Context, _option: click.Parameter, asked: str | None) -> None:
    """Holds for the command and the processes that it starts."""
    if asked is None:
        return
    before = os.environ.get(log.VARIABLE, "")
    os.environ[log.VARIABLE] = asked
    context.call_on_close(lambda: os.environ.update({log.VARIABLE: before}))


def at(directory: AnyPath, candidate: bool) -> AnyPath:
    """A build, or the one beside it that its gates rejected."""
    if not candidate:
        return directory
    from etl.dataset.candidate import rejected

    return rejected(directory)


recipe_option = click.option(
    "--recipe", default=DEFAULT_RECIPE, show_default=True, help="Name of a recipe, or a TOML file."
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change one setting; repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
log_option = click.option(
    "--log-format",
    type=click.Choice(log.FORMATS),
    expose_value=False,
    callback=_log_format,
    help="Messages as plain dated lines or as JSON; plain where stderr is no terminal.",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(0),
    help="Processes; all cores unless given; 0 works in this process.",
)
ray_option = click.option(
    "--ray",
    "ray",
    metavar="ADDRESS",
    help="Work on a Ray cluster: auto, host:port, or local for one of its own.",
)
slice_option = click.option(
    "--shard", "part", type=SliceType(), help="Only this slice of the work, say 2/8."
)
removal_option = click.option(
    "--allow-removal",
    is_flag=True,
    help="Whatever leaves the last complete dataset (gates.max_removal).",
)
candidate_option = click.option("--candidate", is_flag=True, help=CANDIDATE)
directory_argument = click.argument("directory", type=Folder(exists=True))
