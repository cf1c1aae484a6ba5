"""Arguments, options and printing that commands share. stdout carries data only."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

from etl.build.jobs import DEFAULT_RECIPE
from etl.terminal import log

if TYPE_CHECKING:
    from etl.files.storage import AnyPath

"""The recipe of commands that are given none."""

CANDIDATE: Final = "Use the dataset that gates rejected, not the last complete one."
"""Help of ``--candidate``."""


def show(text: str) -> bool:
    """Print data to stdout; returns False if nobody reads stdout any more.

    Characters that the terminal cannot show are written as escapes.
    """
    try:
        click.echo(text)
    except BrokenPipeError:  # the reader, say `head`, has seen enough: no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    except UnicodeEncodeError as error:
        click.echo(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
    return True


def show_json(value: object) -> None:
    """Print a value to stdout as indented JSON."""
    show(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


class Folder(click.ParamType[Any]):
    """The type of an argument that names a folder, by a local path or a URL.

    exists: a local folder must exist. A remote one is checked when it is first read.
    """

    name = "directory"

    def __init__(self, *, exists: bool = False) -> None:
        self._local = click.Path(exists=exists, file_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The folder as a path.

        Raises:
            ConfigError: for a URL that cannot be used.
            click.BadParameter: for a local folder that cannot.
        """
        from etl.files import storage

        where = storage.location(value)
        if storage.here(where):
            self._local.convert(str(where), param, ctx)
        return where


class SliceType(click.ParamType[Any]):
    """The type of an argument like ``2/8``: the second of eight slices."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The slice.

        Raises:
            click.BadParameter: for anything but two numbers with a slash between them.
        """
        from etl.build.pools.slices import Slice

        number, _, of = str(value).partition("/")
        if not all(part.isascii() and part.isdigit() for part in (number, of)):
            self.fail(f"{value!r} is not of the form 2/8", param, ctx)
        return Slice(int(number), int(of))


def _log_format(context: click.Context, _option: click.Parameter, asked: str | None) -> None:
    """Set the format of messages for this command and the processes that it starts."""
    if asked is None:
        return
    before = os.environ.get(log.VARIABLE, "")
    os.environ[log.VARIABLE] = asked
    context.call_on_close(lambda: os.environ.update({log.VARIABLE: before}))


def at(directory: AnyPath, candidate: bool) -> AnyPath:
    """The folder of a build, or with ``candidate`` that of the dataset its gates rejected."""
    if not candidate:
        return directory
    from etl.dataset.candidate import rejected

    return rejected(directory)


def setting(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """Values of a repeatable option as the setting that they are; nothing without any."""
    from etl.build.recipes.toml import as_toml

    return (f"{name}={as_toml(list(values))}",) if values else ()


recipe_option = click.option(
    "--recipe",
    default=DEFAULT_RECIPE,
    show_default=True,
    help="A recipe's name, or a TOML file.",
)
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Change one setting; repeatable.",
)
pages_option = click.option(
    "--pages",
    multiple=True,
    metavar="ARCHIVE",
    help="Give recordings without pages theirs, by address and time, from a WARC, ARC, WACZ, HAR "
    "or MHTML file or saved HTML, or a folder of these; repeatable.",
)
objectives_option = click.option(
    "--objectives",
    multiple=True,
    metavar="FILE",
    help="Take objectives by workflow id or title from a JSON or CSV file, or by task from a task "
    "list of WebArena, VisualWebArena or Mind2Web; repeatable.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
domain_option = click.option(
    "--domain",
    default="",
    metavar="GLOB",
    help="Only domains that match: shop.example, '*.test'.",
)
log_option = click.option(
    "--log-format",
    type=click.Choice(log.FORMATS),
    expose_value=False,
    callback=_log_format,
    help="Write messages as dated lines or as JSON.  [default: plain, unless stderr is a terminal]",
)
workers_option = click.option(
    "--workers",
    type=click.IntRange(0),
    metavar="N",
    help="Use N worker processes; 0 works in this process.  [default: one a core]",
)
ray_option = click.option(
    "--ray",
    "ray",
    metavar="ADDRESS",
    help="Work on a Ray cluster: auto, host:port, or local to start one here.",
)
slice_option = click.option(
    "--shard", "part", type=SliceType(), help="Do only slice I of N of the work, such as 2/8."
)
removal_option = click.option(
    "--allow-removal",
    is_flag=True,
    help="Allow more samples to leave the dataset than gates.max_removal permits.",
)
candidate_option = click.option("--candidate", is_flag=True, help=CANDIDATE)
directory_argument = click.argument("directory", type=Folder(exists=True))


key_env_option = click.option(
    "--key-env",
    default="OPENAI_API_KEY",
    show_default=True,
    help="Environment variable that holds the API key.",
)
temperature_option = click.option(
    "--temperature", default="0", show_default=True, help="Sampling temperature; '' sends none."
)
parameter_option = click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME=JSON",
    help="Add a parameter to every request; repeatable.",
)
attempts_option = click.option(
    "--attempts",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Number of attempts per request.",
)


def parallel_option(default: int, most: int) -> Callable[[Any], Any]:
    """The option for how many requests run at the same time."""
    return click.option(
        "--parallel",
        type=click.IntRange(1, most),
        default=default,
        show_default=True,
        help="Number of concurrent requests.",
    )


def timeout_option(default: int) -> Callable[[Any], Any]:
    """The option for the seconds of an attempt."""
    return click.option(
        "--timeout",
        type=click.FloatRange(0.1),
        default=default,
        show_default=True,
        help="Seconds that one attempt may take.",
    )


def limit_option(shown: str) -> Callable[[Any], Any]:
    """The option for how many of these are shown."""
    return click.option(
        "--limit",
        type=click.IntRange(0),
        default=20,
        show_default=True,
        metavar="N",
        help=f"Show at most N {shown}; 0 shows all.",
    )
