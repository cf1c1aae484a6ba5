"""Strangers: files in no known format. Says what each is, which format is nearest, and what to do.

A file's content decides, not its name: its first 64 KiB, or an archive's list of files. Signs of
other tools' files enter here; formats that are read belong to `etl.sources`.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection
from pathlib import Path
from typing import Final

from etl.files import nodes
from etl.inputs.description import Format
from etl.inputs.records import HEAD_BYTES, InputHead
from etl.inputs.strangers import containers, records, texts
from etl.inputs.strangers.distance import measured
from etl.inputs.strangers.stranger import NO_FILE, Stranger
from etl.inputs.streams import BOM, GZIP_MAGIC, Truncated, chunks, is_zstd

__all__ = ["NO_FILE", "Stranger", "meet"]

_ENCODINGS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL: Final = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))


def meet(place: str | Path, formats: Collection[Format]) -> Stranger:
    """What a file is that no source recognises.

    formats: those that are read.

    Raises: OSError if the file cannot be read.
    """
    node = nodes.node(place)
    if node.kind != "file":
        return Stranger(
            NO_FILE, "a pipe, socket, device, or a link that leads nowhere", "leave it out"
        )
    with nodes.open_binary(place, block=nodes.SMALL_BLOCK) as stream:
        raw = stream.read(512)
    if not raw:
        return Stranger("empty", "empty", "it has no bytes; leave it out, or write it again")
    wrapped = "gzip" if raw[:2] == GZIP_MAGIC else "zstd" if is_zstd(raw[:4]) else ""
    head = InputHead.at(node)
    inner = _content(head, "" if wrapped else place, formats)
    if not wrapped:
        return inner
    if (broken := _broken(place, head)) is not None:
        says = f"compressed with {wrapped}, and {broken}"
        return Stranger(
            f"truncated_{wrapped}",
            says,
            f"copy or compress it again; what is left of it: {inner.says}",
        )
    return inner._replace(says=f"compressed with {wrapped}; within, {inner.says}")


def _broken(place: str | Path, head: InputHead) -> str | None:
    """Why a compressed file breaks off within its first 64 KiB; None if it does not."""
    if len(head.start) >= HEAD_BYTES:
        return None
    try:
        for _ in chunks(place, HEAD_BYTES, block=nodes.SMALL_BLOCK):
            pass
    except Truncated as error:
        return error.detail
    return None


def _content(head: InputHead, place: str | Path, formats: Collection[Format]) -> Stranger:
    """What the bytes are. place: of the file; empty if they were compressed in it."""
    start = head.start
    if not start.removeprefix(BOM).strip():
        return Stranger(
            "empty",
            "nothing but white space" if start else "empty",
            "leave it out, or write it again",
        )
    if head.keys.form == "table":
        return measured(head.keys, "a Parquet file", formats)
    if (container := containers.told(start, place)) is not None:
        return container
    for mark, name in _ENCODINGS:
        if start.startswith(mark):
            inner = _text(
                start.decode(name, errors="replace").removeprefix("\ufeff").encode(), formats
            )
            return Stranger(
                f"text_in_{name.replace('-', '')}",
                f"text in {name.upper()}; within, {inner.says}",
                f"write it in UTF-8: iconv -f {name.upper()} -t UTF-8; {inner.advice}",
                *inner[3:],
            )
    return _text(start.removeprefix(BOM), formats)


def _text(start: bytes, formats: Collection[Format]) -> Stranger:
    """What a text is, or bytes that may be one."""
    if start.count(b"\0") or len(start.translate(None, _CONTROL)) < 0.99 * len(start):
        return Stranger(
            "binary", "neither text nor any binary format that is known here", "leave it out"
        )
    if start.lstrip()[:1] in (b"{", b"["):
        keys = InputHead("", "", start).keys
        return records.told(start, keys, formats)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError as error:
        inner = texts.told(start.decode("latin-1"), formats)
        says = f"text that is not UTF-8 (byte {error.start}: {error.reason}); within, {inner.says}"
        return inner._replace(
            says=says, advice=f"write it in UTF-8: iconv -f LATIN1 -t UTF-8; {inner.advice}"
        )
    return texts.told(text, formats)
