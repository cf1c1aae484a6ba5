"""``stepmill export``: write the samples of a dataset for other trainers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from etl.cli.options import (
    Folder,
    at,
    candidate_option,
    directory_argument,
    json_option,
    log_option,
    show_json,
)
from etl.terminal import log
from etl.terminal.words import counted
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from etl.dataset.manifest import Manifest
    from etl.files.storage import AnyPath
    from etl.publish.export import FileType, Kind
    from etl.publish.messages import Chat


@click.command()
@directory_argument
@click.option(
    "--out",
    type=Folder(),
    required=True,
    help="Folder of the export: a path, or a URL such as s3://bucket/path or gs://.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["messages", "tokens"]),
    default="messages",
    show_default=True,
    help="Chat messages, or tokens with attention_mask and labels.",
)
@click.option(
    "--file-type",
    type=click.Choice(["jsonl", "parquet"]),
    help="File type.  [default: jsonl for messages, parquet for tokens]",
)
@click.option("--split", "splits", multiple=True, help="Export only this split; repeatable.")
@click.option(
    "--special-tokens",
    type=click.Choice(["escape", "keep"]),
    default="escape",
    show_default=True,
    help="What to do with text in messages that looks like a special token; escape writes "
    "<|im_end|> as <\\|im_end|>.",
)
@click.option(
    "--replace",
    is_flag=True,
    help="Replace another export in the folder, with all of its splits.",
)
@click.option(
    "--vocabulary",
    metavar="FILE",
    help="File or model's folder of the dataset's vocabulary, if it is your own and the build is "
    "not here.",
)
@log_option
@candidate_option
@json_option
def export(
    directory: AnyPath,
    out: AnyPath,
    kind: Kind,
    file_type: FileType | None,
    splits: tuple[str, ...],
    special_tokens: str,
    replace: bool,
    vocabulary: str | None,
    candidate: bool,
    as_json: bool,
) -> None:
    """Write samples one by one, as messages or tokens.

    DIRECTORY is the folder of a build, or a published dataset. Messages serve models with another
    vocabulary; tokens serve trainers that do their own packing, such as axolotl. Pages are cut to
    the context, as in the dataset. Text in messages that looks like a special token is escaped, or
    kept and counted.

    The same command with another --split adds to the folder. An export in another format, or of a
    dataset that has changed since, is refused, unless --replace lets it replace the old one. Files
    that stepmill did not write stay.

    \b
    stepmill export dataset/ --out messages/
    stepmill export dataset/ --out tokens/ --format tokens --split train --json
    stepmill export dataset/ --out tokens/ --format tokens --replace
    """
    from etl.dataset.layout import Dataset, Layout
    from etl.files import storage
    from etl.publish.export import Export, manifest_of

    directory = at(directory, candidate)
    built, alone = Layout(directory).dataset, Dataset(directory)
    published = storage.exists(alone.manifest) and not storage.exists(built.manifest)
    dataset = alone if published else built
    chat = None
    if kind == "messages":
        chat = _chat(manifest_of(dataset), directory, vocabulary)
        chat = dataclasses.replace(chat, escape=special_tokens == "escape")
    chosen: FileType = file_type or ("jsonl" if kind == "messages" else "parquet")
    summary = Export(dataset, out, kind, chosen, splits, chat, replace).run()
    if as_json:
        show_json(summary)
        return
    _report(summary, out)


def _report(summary: dict[str, Any], out: AnyPath) -> None:
    """Say what was exported, the training split first."""
    counts = []
    for split, each in sorted(summary["splits"].items(), key=lambda item: item[0] != "train"):
        files = counted(each["files"], "file")
        counts.append(f"{split}: {counted(each['samples'], 'sample')} in {files}")
    log.say(f"{'; '.join(counts) or 'no samples'}, in {out}")
    if not summary["complete"]:
        log.warn(f"{out}: other splits there are not complete; export them again")
    lookalikes = summary.get("like_special_tokens", {"texts": 0})
    if not lookalikes["texts"]:
        return
    outcome = "kept: a chat template may read them as special tokens"
    if lookalikes["escaped"]:
        outcome = "escaped with a backslash"
    log.say(
        f"texts like special tokens: {lookalikes['texts']:,} in {lookalikes['samples']:,} samples, "
        f"{outcome}"
    )


def _chat(manifest: Manifest, directory: AnyPath, given: str | None) -> Chat:
    """What turns the dataset's tokens back into text: vocabulary, chat template, system message.

    Raises:
        ConfigError: if the dataset's vocabulary is not here, or the file given is another one.
    """
    from etl.dataset import state
    from etl.dataset.layout import Layout
    from etl.publish.messages import Chat
    from tokenization import encode
    from tokenization import vocabulary as vocabularies

    packed, noted = manifest.settings["packed"], manifest.vocabulary
    if given and Path(given).is_dir():
        vocabulary = vocabularies.load(model=given)
    elif given:
        vocabulary = vocabularies.load(noted.get("name", "of your own"), file=given)
    elif "name" in noted:
        vocabulary = vocabularies.load(noted["name"])
    elif asked := state.vocabulary(Layout(directory).work):
        vocabulary = vocabularies.noted(asked)
    else:
        raise ConfigError(
            f"{directory}: its vocabulary is {next(iter(noted.values()), 'a file')} (sha256 "
            f"{packed['vocabulary']}); say where that is: --vocabulary FILE"
        )
    if vocabulary.sha256 != packed["vocabulary"]:
        raise ConfigError(
            f"{directory}: its vocabulary has sha256 {packed['vocabulary']}, {vocabulary.name} has "
            f"{vocabulary.sha256}; give the file with the first: --vocabulary FILE"
        )
    return Chat(encode.noted(packed, vocabulary))
