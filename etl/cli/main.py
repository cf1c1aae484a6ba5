"""The command line's entry: the list of commands, exit codes, and what errors print.

stdout carries data only; progress and messages go to stderr. Exit codes: 0 done; 1 finished or
stopped with something wrong; 2 unusable arguments or configuration.
"""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from typing import NoReturn

import click

from etl.cli import (
    augment,
    benchmarks,
    build,
    evaluate,
    export,
    inspect_samples,
    inspect_waterfall,
    learn,
    lint,
    look,
    publish,
    rebuild,
    record,
    report,
    score,
    study,
)
from etl.cli.inspect import inspect
from etl.terminal import log
from schemas.errors import ConfigError, StepmillError


def _version(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    """Print the version and which engine reads pages, and stop."""
    if asked:
        from etl.pages import compiled

        click.echo(f"stepmill, version {version('stepmill')}; pages are read by {compiled.PATH}")
        if advice := compiled.advice():
            log.warn(advice)
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Turn recorded web workflows into train-ready token datasets.

    \b
    stepmill check recordings/                    see what recordings hold
    stepmill build recordings/ --out dataset/     build; the same command again continues
    stepmill inspect dataset/                     look at the result

    Help on a command: stepmill COMMAND --help
    """


def main() -> None:
    """Run the command line and exit with its code."""
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
        where = error.filename or "file system"
        _stop(f"{where}: {error.strerror or error}; mend it and run the same command again", 1)


def _interrupted(_number: int, _frame: object) -> NoReturn:
    """Treat SIGTERM, by which batch systems end a job, like Ctrl-C."""
    raise KeyboardInterrupt


def _stop(message: str, code: int) -> NoReturn:
    """Print an error and exit."""
    log.error(message)
    sys.exit(code)


for _command in (
    augment.augment,
    benchmarks.benchmarks,
    benchmarks.contamination,
    build.build,
    build.clean,
    build.compact,
    build.finish,
    build.retry,
    evaluate.evalset,
    evaluate.baseline,
    evaluate.predict,
    evaluate.rounds,
    export.export,
    inspect,
    learn.example,
    learn.explain_setting,
    learn.formats,
    learn.reasons,
    learn.recipes,
    learn.schema,
    lint.lint,
    look.check,
    look.diff,
    look.explain,
    look.verify,
    publish.publish,
    rebuild.rebuild,
    record.record,
    report.report,
    score.score,
    study.study,
):
    cli.add_command(_command)
for _view in (inspect_samples.samples, inspect_samples.sample, inspect_samples.tokens):
    inspect.add_command(_view)
inspect.add_command(inspect_waterfall.waterfall)
inspect.add_command(inspect_waterfall.fit)
