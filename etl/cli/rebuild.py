"""``stepmill rebuild``: make a dataset again from its keys and the recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from etl.cli.options import (
    Folder,
    json_option,
    log_option,
    pages_option,
    ray_option,
    set_option,
    setting,
    show_json,
    workers_option,
)
from etl.terminal import log
from etl.terminal.words import counted

if TYPE_CHECKING:
    from etl.files.storage import AnyPath


@click.command()
@click.argument("keys", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("recordings", nargs=-1, required=True)
@click.option(
    "--out",
    type=Folder(),
    required=True,
    help="Folder of the build: a path, or a URL such as s3://bucket/path, gs:// or hf://.",
)
@set_option
@pages_option
@workers_option
@ray_option
@log_option
@json_option
def rebuild(
    keys: Path,
    recordings: tuple[str, ...],
    out: AnyPath,
    overrides: tuple[str, ...],
    pages: tuple[str, ...],
    workers: int | None,
    ray: str | None,
    as_json: bool,
) -> None:
    """Rebuild a dataset that was published without pages, from its keys and the recordings.

    KEYS is the folder that stepmill export --format keys wrote. RECORDINGS are files and folders
    from which the recorded files have their recorded names; others in them are left out. Files that
    the recipe names are not published with it: --set names them.

    Versions, settings and recordings are checked before anything is built. Then every file of the
    dataset is compared with its recorded hash. Exit code 1 if one differs.

    \b
    stepmill rebuild keys/ recordings/ --out rebuilt/
    stepmill rebuild keys/ recordings/ --out rebuilt/ --workers 8 --json
    """
    from etl.build import rebuild as again

    settings = (*overrides, *setting("inputs.pages", pages))
    made = again.rebuild(keys, recordings, out, settings, workers, ray)
    log.say(f"the same: {counted(made.files, 'file')} with the recorded hashes, in {out}")
    for name in made.by_hand:
        log.say(f"not compared: {name}, in which people have written")
    if as_json:
        show_json(
            {
                "fingerprint": made.manifest.fingerprint,
                "same": made.files,
                "by_hand": list(made.by_hand),
                "totals": made.manifest.as_json()["totals"],
            }
        )
