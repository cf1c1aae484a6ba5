"""Repositories of the Hub of `tests.support.hub`: files, commits, branches and tags, with git's
identities.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Blob:
    """A file of a commit: its own bytes, or those of a large object."""

    data: bytes
    large: bool = False

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        lines = (
            "version https://git-lfs.github.com/spec/v1",
            f"oid sha256:{self.sha256}",
            f"size {len(self.data)}",
        )
        return "".join(f"{line}\n" for line in lines).encode()

    @cached_property
    def oid(self) -> str:
        content = self.pointer if self.large else self.data
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.large else self.oid

    def as_json(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": "file",
            "oid": self.oid,
            "size": len(self.data),
            "path": path,
        }
        if self.large:
            found["lfs"] = {
                "oid": self.sha256,
                "size": len(self.data),
                "pointerSize": len(self.pointer),
            }
        return found


@dataclass(frozen=True)
class Commit:
    parent: str
    title: str
    files: Mapping[str, Blob]

    @property
    def oid(self) -> str:
        tree = [[path, blob.oid] for path, blob in sorted(self.files.items())]
        return hashlib.sha1(json.dumps([self.parent, self.title, tree]).encode()).hexdigest()


@dataclass
class Repo:
    name: str
    private: bool
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def resolve(self, revision: str) -> str:
        """The commit that a branch, tag or commit names. Raises `Refused` if there is none."""
        known = self.branches.get(revision) or self.tags.get(revision)
        if known is None and revision not in self.commits:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return known or revision

    def files(self, revision: str = "main") -> Mapping[str, Blob]:
        return self.commits[self.resolve(revision)].files

    def history(self, revision: str = "main") -> list[str]:
        """Commits, newest first."""
        found, at = [], self.resolve(revision)
        while at:
            found.append(at)
            at = self.commits[at].parent
        return found

    def add(self, branch: str, title: str, files: Mapping[str, Blob]) -> str:
        commit = Commit(self.branches.get(branch, ""), title, dict(files))
        self.commits[commit.oid] = commit
        self.branches[branch] = commit.oid
        return commit.oid


class Refused(Exception):
    """An error as the Hub answers it."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str = "",
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.body = status, {"error": message, **(body or {})}
        self.headers = {
            "X-Error-Message": message,
            **({"X-Error-Code": code} if code else {}),
            **(headers or {}),
        }
