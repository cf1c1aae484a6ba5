"""A build of exactly the recorded inputs: they are all there, unchanged, and no others are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from etl.build.run.build import Build
from etl.inputs.records import InputShard
from etl.terminal import log
from etl.terminal.words import counted
from schemas.errors import ConfigError

_SHOWN: Final = 20
"""The most inputs that are named."""


def chosen(build: Build, shards: Sequence[InputShard]) -> list[InputShard]:
    """The input shards that the generations of a build name; says how many others there are.

    Raises:
        ConfigError: an input is missing, or has another content.
    """
    recorded = build.before.digests
    there = {shard.name: shard.sha256 for shard in shards}
    by_content = {sha256: name for name, sha256 in there.items()}
    wrong = [
        _wrong(name, sha256, there.get(name), by_content.get(sha256))
        for name, sha256 in sorted(recorded.items())
        if there.get(name) != sha256
    ]
    if wrong:
        more = [f"and {len(wrong) - _SHOWN:,} more"] if len(wrong) > _SHOWN else []
        lines = "\n  ".join([*wrong[:_SHOWN], *more])
        raise ConfigError(
            f"{len(wrong):,} of {counted(len(recorded), 'recorded input')} are not given as they "
            f"were:\n  {lines}\nNames are relative to the folders that are given; nothing was read"
        )
    if others := there.keys() - recorded.keys():
        log.say(f"{counted(len(others), 'other file')} left out, such as {min(others)}")
    return [shard for shard in shards if shard.name in recorded]


def _wrong(name: str, sha256: str, found: str | None, elsewhere: str | None) -> str:
    """What is wrong with an input.

    found: the hash of the file with its name. elsewhere: the name of a file with its content.
    """
    if elsewhere is not None:
        return f"{name}: it is there as {elsewhere}; give a folder from which it has its name"
    if found is None:
        return f"{name}: missing (sha256 {sha256})"
    return f"{name}: changed (sha256 {found}, recorded {sha256})"
