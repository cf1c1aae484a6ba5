"""Remote inputs as nodes (`etl.files.nodes`): one listing per folder, turned into a tree."""

from __future__ import annotations

import glob
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, cast
from urllib.parse import unquote

from etl.files.entries import Info, Node, stamp_of_info
from etl.files.remote.errors import of_input
from etl.files.remote.urls import of_web, system_of
from etl.files.retries import transient


def matching(given: str) -> list[Node]:
    """The nodes that a URL or glob stands for, in order.

    Raises:
        OSError: the storage does not answer.
    """
    return of_input(given, lambda: _matching(given))


def _matching(given: str) -> list[Node]:
    system, path = system_of(given)
    try:
        matches = [(path, _info(system, path, given))]
    except FileNotFoundError as error:
        if transient(error):
            raise
        matches = _glob(system, path)
    return [_node(system, match, info) for match, info in matches]


def node(place: str, *, anew: bool) -> Node:
    """The node of one file or folder.

    anew: ask the storage, even if a listing is remembered.

    Raises:
        OSError: there is no such file or folder, or the storage does not answer.
    """

    def attempt() -> Node:
        system, path = system_of(place)
        if anew:
            system.invalidate_cache()
        return _node(system, path, _info(system, path, place))

    return of_input(place, attempt)


def basename(place: str) -> str:
    """The last part of a URL."""
    if not of_web(place):
        return place.rstrip("/").rpartition("/")[2]
    return unquote(place.partition("?")[0].rstrip("/").rpartition("/")[2])


def _info(system: Any, path: str, place: str) -> Info:
    # A web server answers for a folder as it does for a page.
    if of_web(place) and place.endswith("/"):
        return {"type": "directory"}
    return cast("Info", system.info(path))


def _glob(system: Any, path: str) -> list[tuple[str, Info]]:
    """The matches of a glob; hidden files only if the glob names a dot, as on disk."""
    if not glob.has_magic(path):
        return []
    matches = sorted(system.glob(path, detail=True).items())
    return [match for match in matches if "/." in path or "/." not in match[0]]


def _node(system: Any, path: str, info: Info) -> Node:
    place = str(system.unstrip_protocol(path))
    name = basename(place)
    if info["type"] == "directory":
        inside = cache(partial(_children, system, path))
        return Node(place.rstrip("/") + "/", name, "folder", children=inside)
    if info.get("size") is None:  # it comes from a web server's listing
        info = system.info(path)
    return Node(place, name, "file", stamp_of_info(info))


def _children(system: Any, path: str) -> list[Node]:
    return of_input(str(system.unstrip_protocol(path)), lambda: _listed(system, path.rstrip("/")))


def _listed(system: Any, root: str) -> list[Node]:
    """All nodes of a remote folder, by one listing."""
    infos = system.find(root + "/" if of_web(root) else root, detail=True)
    tree: dict[str, Any] = {}
    for name, info in sorted(infos.items()):
        parts = name.removeprefix(root).strip("/").split("/")
        if name.endswith("/") or any(part.startswith(".") or not part for part in parts):
            continue
        folder = tree
        for part in parts[:-1]:
            folder = folder.setdefault(part, {})
        folder[parts[-1]] = (name, info)
    return _nodes(system, root, tree)


def _nodes(system: Any, root: str, tree: Mapping[str, Any]) -> list[Node]:
    nodes: list[Node] = []
    for name, item in tree.items():
        if isinstance(item, tuple):
            nodes.append(_node(system, *item))
        else:
            inside = _nodes(system, f"{root}/{name}", item)
            place = f"{system.unstrip_protocol(root)}/{name}/"
            nodes.append(Node(place, basename(place), "folder", children=partial(list, inside)))
    return sorted(nodes, key=lambda node: node.name)
