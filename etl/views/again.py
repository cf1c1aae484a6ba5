"""A step read again from the recorded input that it was built from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Final, NamedTuple

from etl import discover, files
from etl.files import Node
from etl.plan import InputShard, Tally, enter
from etl.retries import patiently
from etl.shards import read_json
from etl.sources import SOURCES
from etl.storage import AnyPath
from etl.views.ledger import inputs
from etl.views.place import Place
from schemas.errors import ConfigError
from schemas.trail import Mark

_REPEATED: Final = re.compile(r"~[0-9]+$")


class Missing(NamedTuple):
    """Why a step cannot be read again. status: ``gone``, ``changed`` or ``taken down``; input: its file's name."""

    status: str
    detail: str
    input: str


def recorded_step(place: Place, shard: str, sample_id: str) -> tuple[str, Mark] | Missing:
    """The step of a sample as its input has it now, and the input's name; or why there is none to be had.

    shard: key of the input shard, which is a hash of the input's content too: what is read is what was built.
    """
    work = place.inside("the page as it was recorded")
    name = inputs(work)[shard]
    found = _located(work, name, shard, place)
    if isinstance(found, Missing):
        return found
    workflow, _, number = sample_id.rpartition("/")
    seen: dict[str, str] = {}
    for read in SOURCES[found.format].read(found, Tally()):
        trail = enter(read, Tally(), seen)
        if trail.uid == workflow:
            return name, trail.marks[int(number) - 1]
    return Missing("changed", f"{name} has the content that was built, but is read otherwise by this version", name)


def _located(work: AnyPath, name: str, key: str, place: Place) -> InputShard | Missing:
    """The input shard with this key, among those that the inputs of the build have under this name now."""
    order = read_json(work / "order.json")
    looked = []
    part_bytes = int(place.manifest["settings"]["samples"]["part_mb"] * 2**20)
    for node in _candidates(order["inputs"], name):
        looked.append(node.place)
        try:
            (item,) = discover.find([node.place], SOURCES)
            shards = discover.shards(
                [item._replace(name=name)],
                sources=SOURCES,
                part_bytes=part_bytes,
                cache=work / "remembered.json",
                remember=False,
            )
        except (ConfigError, ValueError):
            continue
        ours = [shard for shard in shards if shard.key == key]
        if ours:
            return ours[0]
    if looked:
        detail = f"{', '.join(looked)} is not what it was when it was built; build again to see what it is now"
        return Missing("changed", detail, name)
    where = ", ".join(order["inputs"])
    return Missing("gone", f"there is no {name} any more in {where}; put it back there to see its pages", name)


def _candidates(given: list[str], name: str) -> Iterator[Node]:
    """Where an input of this name may lie: inputs have the path relative to the root that they were found under, and
    those of two roots with the same path a number.
    """
    names = {name: None, _REPEATED.sub("", name): None}
    for each in given:
        try:
            roots = patiently(each, partial(files.expand, each))
        except ConfigError:
            continue
        for root in roots:
            for wanted in names:
                if root.name == wanted:
                    yield root
                if root.kind == "folder":
                    yield from _inside(root, wanted)


def _inside(folder: Node, name: str) -> Iterator[Node]:
    """A file or folder by its path within a folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        found = patiently(folder.place, lambda: files.node(f"{folder.place.rstrip('/')}/{name}"))
        if found.kind != "other":
            yield found
