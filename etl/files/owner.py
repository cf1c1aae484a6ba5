"""Who holds a lock: host and process, and whether that process is still there."""

from __future__ import annotations

import os
import socket
from dataclasses import asdict, dataclass
from typing import Self

import orjson

from schemas.errors import BuildError


@dataclass(frozen=True)
class Owner:
    """host, process: where it runs. token: tells one holding from another of the same process.
    beat: how often it was renewed, so that each renewal has content of its own.
    """

    host: str = "?"
    process: int = 0
    token: str = ""
    beat: int = 0

    @classmethod
    def this(cls, token: str = "") -> Self:
        """This process."""
        return cls(socket.gethostname(), os.getpid(), token)

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """What a lock file says; nobody in particular if it was created, but not yet written."""
        try:
            said = orjson.loads(raw)
            return cls(
                str(said["host"]),
                int(said["process"]),
                str(said.get("token", "")),
                int(said.get("beat", 0)),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            return cls()

    def as_bytes(self) -> bytes:
        """As it stands in the file."""
        return orjson.dumps(asdict(self))

    def dead(self) -> bool:
        """Whether it was a process of this host that is no more."""
        return self.host == socket.gethostname() and not alive(self.process)

    def refusal(self, where: object, age: float) -> BuildError:
        """Why nobody else may work there. age: seconds since the last heartbeat."""
        return BuildError(
            f"{where}: another build is working here: host {self.host}, process {self.process}, "
            f"last sign of life {age:.0f} s ago. Wait for it, or stop it and run this command again"
        )


def alive(process: int) -> bool:
    """Whether a process of this host runs; unknown ones count as running."""
    if process <= 0:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
