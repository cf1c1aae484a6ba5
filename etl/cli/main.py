"""The command line. stdout carries data only; progress and messages go to stderr.

Exit codes: 0 done; 1 finished or stopped with something wrong; 2 unusable arguments or
configuration.
"""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from typing import NoReturn

import click

from etl.cli import augment, build, export, inspect_samples, learn, look, publish, report
from etl.cli.inspect import inspect
from etl.terminal import log
from schemas.errors import ConfigError, StepmillError


def _version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked:
        from etl.pages import engine

        click.echo(f"stepmill, version {version('stepmill')}; pages are read by {engine.PATH}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Show the version.",
)
def cli() -> None:
    """Turn recorded web workflows into train-ready token datasets.

    \b
    stepmill check recordings/                    what is in there
    stepmill build recordings/ --out dataset/     build; the same command again goes on
    stepmill inspect dataset/                     look at the result
    """


def main() -> None:
    """The console script."""
    signal.signal(signal.SIGTERM, _interrupted)
    try:
        sys.exit(cli(standalone_mode=False))  # click returns the code of an Exit
    except click.exceptions.Abort:
        _stop("stopped; run the same command again to go on", 1)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except ConfigError as error:
        _stop(str(error), 2)
    except StepmillError as error:
        _stop(str(error), 1)
    except OSError as error:
        _stop(
            f"{error.filename or 'file system'}: {error.strerror or error}; mend it and run the "
            "same command again",
            1,
        )


def _interrupted(_number: int, _frame: object) -> NoReturn:
    """A batch system's way to end a job is a user's Ctrl-C."""
    raise KeyboardInterrupt


def _stop(message: str, code: int) -> NoReturn:
    log.error(message)
    sys.exit(code)


for _command in (
    *(build.build, look.check, inspect, report.report, look.explain, look.diff, look.verify),
    *(build.retry, build.finish, build.compact, build.clean, augment.augment),
    *(
        export.export,
        publish.publish,
        learn.formats,
        learn.schema,
        learn.example,
        learn.recipes,
        learn.explain_setting,
        learn.reasons,
    ),
):
    cli.add_command(_command)
for _view in (inspect_samples.samples, inspect_samples.sample, inspect_samples.tokens):
    inspect.add_command(_view)
