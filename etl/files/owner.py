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
    """The process that holds a lock."""

    # the name of its host
    host: str = "?"
    # its id on that host; 0 if unknown
    process: int = 0
    # differs each time a process takes a lock
    token: str = ""
    # the number of renewals, so that each renewal writes other content
    beat: int = 0

    @classmethod
    def this(cls, token: str = "") -> Self:
        """This process."""
        return cls(socket.gethostname(), os.getpid(), token)

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """The owner that a lock file names; an unknown one if the file is not yet written."""
        try:
            fields = orjson.loads(raw)
            return cls(
                str(fields["host"]),
                int(fields["process"]),
                str(fields.get("token", "")),
                int(fields.get("beat", 0)),
            )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
            return cls()

    def as_bytes(self) -> bytes:
        """The content of the lock file."""
        return orjson.dumps(asdict(self))

    def dead(self) -> bool:
        """Whether it was a process of this host that no longer runs."""
        return self.host == socket.gethostname() and not alive(self.process)

    def refusal(self, where: object, age: float) -> BuildError:
        """The error for another build in the same place. age: seconds since its last heartbeat."""
        return BuildError(
            f"{where}: another build is working here: host {self.host}, process {self.process}, "
            f"last sign of life {age:.0f} s ago. Wait for it, or stop it and run this command again"
        )


def alive(process: int) -> bool:
    """Whether a process of this host runs; an unknown one counts as running."""
    if process <= 0:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
