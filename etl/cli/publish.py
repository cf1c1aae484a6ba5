"""``stepmill publish``: publish a dataset to the Hub or to a folder."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

import click

from etl.cli.options import Folder, at, candidate_option, json_option, log_option, show, show_json
from etl.publish import REASONS
from etl.terminal import log
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from etl.files.storage import AnyPath
    from etl.publish.files import Format
    from etl.publish.place import Place

_HUB: Final = re.compile(
    r"(?:hf://datasets/|https://huggingface\.co/datasets/)?([\w-][\w.-]*(?:/[\w.-]+)?)/?"
)
"""A dataset repository of the Hub, by its name or its URL."""


@click.command()
@click.argument("directory", required=False)
@click.argument("repo", required=False)
@click.option(
    "--format",
    type=click.Choice(("arrow", "parquet")),
    default="arrow",
    show_default=True,
    help="File format of the rows.",
)
@click.option("--private", is_flag=True, help="If the repository is new, make it private.")
@click.option(
    "--revision",
    default="main",
    show_default=True,
    help="Branch to publish to; created if it does not exist.",
)
@click.option("--tag", default="", help="Tag what is published.")
@click.option("--rollback", metavar="TAG", help="Publish again what TAG names; takes no DIRECTORY.")
@click.option(
    "--allow",
    type=click.Choice(REASONS),
    multiple=True,
    help="Publish in spite of this; repeatable.",
)
@candidate_option
@click.option(
    "--dry-run", is_flag=True, help="Print every operation with its bytes; publish nothing."
)
@log_option
@json_option
def publish(
    directory: str | None,
    repo: str | None,
    format: str,
    private: bool,
    revision: str,
    tag: str,
    rollback: str | None,
    allow: tuple[str, ...],
    candidate: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish a dataset, or the keys of one, to the Hub or to a folder.

    DIRECTORY is that of a build, or of an export with --format keys, which holds no page.
    REPO is user/name on the Hugging Face Hub, or a folder: file://folder, s3://bucket/folder, ...
    The Hub's token is taken from HF_TOKEN or from hf auth login. Only files that are new are sent.
    Readers see the old dataset until one last commit, and the new one after it. The same command
    continues an interrupted publication.

    \b
    stepmill publish dataset/ file://published --allow unlicensed --tag first
    stepmill publish dataset/ file://published --allow unlicensed --dry-run
    stepmill publish file://published --rollback first
    """
    from etl.publish import publication
    from etl.publish.keys import send

    if rollback is not None and repo is None:
        directory, repo = None, directory
    if repo is None or (directory is None and rollback is None):
        raise click.UsageError("name the folder of the build, and where to publish it")
    order = publication.Order(cast("Format", format), tag, private, frozenset(allow), dry_run)
    place = _place(repo, revision, private)
    if rollback is not None:
        report = publication.rollback(place, rollback, order)
    else:
        out = Folder(exists=True).convert(directory, None, click.get_current_context())
        _apart(out, place)
        if not candidate and send.is_export(out):
            report = send.publish_keys(out, place, order)
        else:
            report = publication.publish(at(out, candidate), place, order)
    for note in report.notes:
        log.warn(note)
    if as_json:
        show_json(report.as_json())
    else:
        show(report.as_text())


def _place(repo: str, revision: str, private: bool) -> Place:
    """The place that REPO names: a repository of the Hub, or a folder.

    Raises:
        ConfigError: for options that a folder does not have.
    """
    from etl.files.storage import location
    from etl.publish.folder import PublishedFolder
    from etl.publish.hub import Hub

    name = _HUB.fullmatch(repo)
    if name is not None:
        return Hub(name[1], revision)
    if private or revision != "main":
        option = "--private" if private else "--revision"
        raise ConfigError(f"{repo}: {option} is for repositories of the Hub; leave it out")
    return PublishedFolder(location(repo))


def _apart(out: AnyPath, place: Place) -> None:
    """Check that a build is not published into its own folder.

    Raises:
        ConfigError: if it would be.
    """
    from etl.publish.folder import PublishedFolder

    if not isinstance(place, PublishedFolder):
        return
    inner, outer = (f"{str(path.absolute()).rstrip('/')}/" for path in (place.root, out))
    if inner.startswith(outer):
        raise ConfigError(
            f"{place.name} lies within the build {out}; publish to a folder of its own"
        )
