"""``stepmill export``: write the samples of a dataset for other trainers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

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
    from collections.abc import Mapping

    from etl.dataset.layout import Dataset
    from etl.dataset.manifest import Manifest
    from etl.files.storage import AnyPath
    from etl.publish.export import Kind
    from etl.publish.rows import FileType
    from etl.publish.trajectories import TrajectoryKind
    from tokenization.messages import Chat


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
    type=click.Choice(["messages", "tokens", "pairs", "adp", "atif", "keys"]),
    default="messages",
    show_default=True,
    help="Chat messages; tokens with attention_mask and labels; preference pairs of a success and "
    "a failure with one prompt, as messages; the recorded workflows as trajectories of the Agent "
    "Data Protocol or the Agent Trajectory Interchange Format; or keys, which hold no page.",
)
@click.option(
    "--file-type",
    type=click.Choice(["jsonl", "parquet"]),
    help="File type.  [default: parquet for tokens, else jsonl; trajectories are jsonl]",
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
    "--unknown",
    type=click.Choice(["leave", "success"]),
    default="leave",
    show_default=True,
    help="For pairs: what to do with samples of workflows without a known reward; success takes "
    "their answers for good ones.",
)
@click.option(
    "--quality",
    is_flag=True,
    help="Add what is known of a sample's workflow: reward, success, failed_steps, loops.",
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
    kind: Kind | TrajectoryKind | Literal["keys", "pairs"],
    file_type: FileType | None,
    splits: tuple[str, ...],
    special_tokens: str,
    unknown: str,
    quality: bool,
    replace: bool,
    vocabulary: str | None,
    candidate: bool,
    as_json: bool,
) -> None:
    """Write samples one by one, as messages or tokens, or recorded workflows as trajectories.

    DIRECTORY is the folder of a build, or a published dataset. Messages serve models with another
    vocabulary; tokens serve trainers that do their own packing, such as axolotl. Pages are cut to
    the context, as in the dataset. Text in messages that looks like a special token is escaped, or
    kept and counted.

    Pairs are for preference training, such as TRL's DPO: prompt, chosen and rejected, with the ids
    and rewards of both samples. Both have the same objective, page and history and are in the same
    split; the one succeeded, the other is of a failed workflow or step.

    Trajectories (adp, atif) are made of the recordings of a build, which must still be there: whole
    pages, all steps of each workflow that has samples. stepmill reads them to the same workflows.
    Of a build with pseudonyms there are none: its recordings hold the values.

    Keys are for those who may not publish pages: ids, hashes, spans of tokens, statistics and the
    recipe, from which a holder of the recordings makes the same bytes (stepmill rebuild).

    The same command with another --split adds to the folder. An export in another format, or of a
    dataset that has changed since, is refused, unless --replace lets it replace the old one. Files
    that stepmill did not write stay.

    \b
    stepmill export dataset/ --out messages/
    stepmill export dataset/ --out tokens/ --format tokens --split train --json
    stepmill export dataset/ --out tokens/ --format tokens --quality --replace
    stepmill export dataset/ --out pairs/ --format pairs
    stepmill export dataset/ --out adp/ --format adp
    stepmill export dataset/ --out keys/ --format keys
    """
    from etl.dataset.layout import Dataset, Layout
    from etl.files import storage
    from etl.publish.export import Export, manifest_of
    from etl.publish.pairs import Pairs

    if kind == "keys":
        if splits or candidate or file_type == "jsonl":
            raise ConfigError(
                "--format keys is of a whole dataset, as parquet: leave out --split, "
                "--candidate and --file-type"
            )
        summary = _keys(directory, out, replace)
        show_json(summary) if as_json else _report(summary, out)
        return
    directory = at(directory, candidate)
    built, alone = Layout(directory).dataset, Dataset(directory)
    published = storage.exists(alone.manifest) and not storage.exists(built.manifest)
    dataset = alone if published else built
    if kind == "adp" or kind == "atif":  # noqa: PLR1714 - for the type check
        if file_type == "parquet":
            raise ConfigError(f"--file-type parquet: {kind} is written as jsonl")
        if quality:
            raise ConfigError(
                f"--quality: {kind} holds reward and errors of whole workflows anyway"
            )
        summary = _trajectories(directory, dataset, out, kind, splits, replace)
        show_json(summary) if as_json else _report(summary, out)
        return
    if kind == "pairs" and quality:
        raise ConfigError("--quality: pairs hold the rewards of both samples anyway")
    if kind != "pairs" and unknown != "leave":
        raise ConfigError(f"--unknown is for --format pairs, not {kind}")
    chat = None
    if kind != "tokens":
        chat = _chat(manifest_of(dataset), directory, vocabulary)
        chat = dataclasses.replace(chat, escape=special_tokens == "escape")
    if kind == "pairs":
        assert chat is not None
        pairs = Pairs(
            dataset, out, file_type or "jsonl", chat, splits, unknown == "success", replace
        )
        summary = pairs.run()
        show_json(summary) if as_json else _report(summary, out)
        return
    chosen: FileType = file_type or ("jsonl" if kind == "messages" else "parquet")
    summary = Export(dataset, out, kind, chosen, splits, chat, replace, quality).run()
    if as_json:
        show_json(summary)
        return
    _report(summary, out)


def _keys(directory: AnyPath, out: AnyPath, replace: bool) -> dict[str, Any]:
    """Export the keys of a build.

    Raises:
        ConfigError: if there is no work folder, or its recipe has changed.
        IntegrityError: if a file of the dataset has changed.
    """
    from etl.build.jobs import ordered, prepared
    from etl.build.rebuild import of_build
    from etl.build.recipes.portable import portable
    from etl.dataset.place import place_of
    from etl.publish.keys.export import KeysExport

    place = place_of(directory)
    place.inside("--format keys")
    build, _ = prepared(ordered(directory), 0)
    of_build(build, place.manifest)
    recipe = portable(build.recipe)
    return KeysExport(place, out, recipe.toml, recipe.needs, replace).run()


def _trajectories(
    directory: AnyPath,
    dataset: Dataset,
    out: AnyPath,
    kind: TrajectoryKind,
    splits: tuple[str, ...],
    replace: bool,
) -> dict[str, Any]:
    """Export recorded workflows.

    Raises:
        ConfigError: if there is no work folder, or no such split.
        IntegrityError: if a recording is gone or has changed.
    """
    from etl.dataset.layout import Layout
    from etl.dataset.place import place_of
    from etl.files import storage
    from etl.look.original import workflows
    from etl.publish.export import check_splits, manifest_of
    from etl.publish.trajectories import export as write
    from etl.stages.redact import Redact

    place_of(directory).inside("the recordings that trajectories are made of")
    build = Layout(directory)
    if f"stage {Redact.name}" in manifest_of(dataset).settings["samples"]:
        raise ConfigError(
            f"--format {kind}: trajectories are made of the recordings, which hold what this "
            "dataset's [redact] replaces by pseudonyms; export messages or tokens, or build "
            "without [redact]"
        )
    if any(storage.within(out, folder) for folder in (dataset.root, build.good.work.root)):
        raise ConfigError(
            f"{out} is within the dataset or its build; choose another folder with --out"
        )
    manifest = manifest_of(dataset)
    wanted = splits or tuple(manifest.splits)
    check_splits(dataset, manifest, splits)
    found = workflows(directory, wanted)
    return write(manifest, out, kind, wanted, found, replace=replace)


def _report(summary: dict[str, Any], out: AnyPath) -> None:
    """Say what was exported, the training split first."""
    counts = []
    for split, each in sorted(summary["splits"].items(), key=lambda item: item[0] != "train"):
        files = counted(each["files"], "file")
        what = next((name for name in ("sample", "pair") if f"{name}s" in each), "workflow")
        counts.append(f"{split}: {counted(each[f'{what}s'], what)} in {files}")
    log.say(f"{'; '.join(counts) or 'nothing'}, in {out}")
    _report_pairs({**summary["splits"], **summary.get("without_pairs", {})})
    if not summary["complete"]:
        log.warn(f"{out}: other splits there are not complete; export them again")
    if several := summary.get("in_several_splits"):
        log.warn(
            f"{counted(several, 'workflow')} with samples in several splits: each of their files "
            "has all its steps, those of the other splits too; with split.key=workflow none has"
        )
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


def _report_pairs(splits: Mapping[str, Mapping[str, int]]) -> None:
    """Say what became of the failures, if these are pairs."""
    for split, each in splits.items():
        if "failures" not in each:
            continue
        left = counted(each.get("unknown", 0), "sample")
        log.say(
            f"{split}: {counted(each.get('states', 0), 'prompt')} with both outcomes; of "
            f"{counted(each['failures'], 'failure')} {each.get('pairs', 0):,} are in pairs, "
            f"{each.get('repeated', 0):,} repeat one of these, {each.get('equal', 0):,} have the "
            f"answer of a success, {each.get('alone', 0):,} have no partner "
            f"({each.get('in_other_split', 0):,} only in another split)"
            f"; {left} without a known reward left out"
        )


def _chat(manifest: Manifest, directory: AnyPath, given: str | None) -> Chat:
    """What turns the dataset's tokens back into text: vocabulary, chat template, system message.

    Raises:
        ConfigError: if the dataset's vocabulary is not here, or the file given is another one.
    """
    from etl.dataset import state
    from etl.dataset.layout import Layout
    from tokenization import encode
    from tokenization import vocabulary as vocabularies
    from tokenization.messages import Chat

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
