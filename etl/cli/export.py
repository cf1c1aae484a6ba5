"""The command that writes a dataset's samples for other tools: export."""

from __future__ import annotations

import dataclasses
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
    from etl.files.storage import AnyPath
    from etl.publish.export import Chat, FileType, Kind


@click.command()
@directory_argument
@click.option(
    "--out",
    type=Folder(),
    required=True,
    help="Folder of the export: a path, s3://bucket/path, gs://.",
)
@click.option(
    "--format", "kind", type=click.Choice(["messages", "tokens"]), default="messages",
    show_default=True,
    help="Chat messages, or tokens with attention_mask and labels.",
)  # fmt: skip
@click.option(
    "--file-type",
    type=click.Choice(["jsonl", "parquet"]),
    help="jsonl for messages, parquet for tokens unless given.",
)
@click.option("--split", "splits", multiple=True, help="Only this split; repeatable.")
@click.option(
    "--special-tokens", type=click.Choice(["escape", "keep"]), default="escape", show_default=True,
    help="What becomes of text in messages that looks like one: <|im_end|> is written "
         "<\\|im_end|>.",
)  # fmt: skip
@click.option(
    "--replace",
    is_flag=True,
    help="Let it take the place of another export in the folder, with all splits of that.",
)
@click.option(
    "--vocabulary",
    metavar="FILE",
    help="Where it is, if it is one of your own and the build is elsewhere.",
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
    """Write the samples of a dataset one by one, as chat messages or as tokens.

    DIRECTORY is the folder of a build, or a dataset without its build. Long pages are as in the
    dataset: cut to the context. Messages serve models with another vocabulary; tokens serve
    trainers that pack by themselves, like axolotl. Text in messages that looks like a special token
    is escaped, or kept and counted.

    The same command with another --split adds to the folder. Another format, or a dataset that has
    changed since, is refused there, or takes the place of what was exported: --replace. Files of
    others in the folder stay.

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
        found = _chat(manifest_of(dataset), directory, vocabulary)
        chat = dataclasses.replace(found, escape=special_tokens == "escape")
    chosen: FileType = file_type or ("jsonl" if kind == "messages" else "parquet")
    summary = Export(dataset, out, kind, chosen, splits, chat, replace).run()
    if as_json:
        show_json(summary)
        return
    counts = [
        f"{split}: {counted(each['samples'], 'sample')} in {counted(each['files'], 'file')}"
        for split, each in _counts(summary)
    ]
    log.say(f"{'; '.join(counts) or 'no samples'}, in {out}")
    if not summary["complete"]:
        log.warn(f"{out}: other splits there are not complete; export them again")
    like = summary.get("like_special_tokens", {"texts": 0})
    if like["texts"]:
        done = (
            "escaped with a backslash"
            if like["escaped"]
            else "kept: a chat template may take them for such"
        )
        log.say(
            f"texts like special tokens: {like['texts']:,} in {like['samples']:,} samples, {done}"
        )


def _counts(summary: dict[str, Any]) -> list[tuple[str, dict[str, int]]]:
    return sorted(summary["splits"].items(), key=lambda item: item[0] != "train")


def _chat(manifest: dict[str, Any], directory: AnyPath, file: str | None) -> Chat:
    """How to read the dataset's tokens. Raises `ConfigError` without its very vocabulary."""
    from etl.dataset.layout import Layout
    from etl.files import storage
    from etl.files.arrow import read_json
    from etl.publish.export import Chat
    from tokenization import vocabulary as vocabularies

    packed, order = manifest["settings"]["packed"], Layout(directory).work.order
    known = manifest.get("vocabulary", {})
    if file:
        found = vocabularies.load(known.get("name", "of your own"), file=file)
    elif "name" in known:
        found = vocabularies.load(known["name"])
    elif storage.exists(order) and "vocabulary" in (asked := read_json(order)):
        found = vocabularies.noted(asked["vocabulary"])
    else:
        raise ConfigError(
            f"{directory}: its vocabulary is {known.get('file', 'a file')} (sha256 "
            f"{packed['vocabulary']}); say where that is: --vocabulary FILE"
        )
    if found.sha256 != packed["vocabulary"]:
        raise ConfigError(
            f"{directory}: its vocabulary has sha256 {packed['vocabulary']}, {found.name} has "
            f"{found.sha256}; give the very one: --vocabulary FILE"
        )
    return Chat(found, packed["chat"], packed["prompt"]["system"])
