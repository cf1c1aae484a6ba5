"""A file of texts that a stage puts in the place of what was recorded."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from schemas.errors import BuildError, ConfigError

Texts = TypeVar("Texts")


@dataclass(frozen=True)
class TextFile(ABC, Generic[Texts]):
    """A file of texts, read at first use in each process.

    The fingerprint holds the hash of its content.
    """

    path: str

    @property
    def name(self) -> str:
        """Its name without folders."""
        return Path(self.path).name

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file's bytes, in hex; the content is checked on the way.

        Raises:
            ConfigError: the file cannot be read, or does not hold what it should.
        """
        raw = self._raw()
        self._parsed(raw)
        return hashlib.sha256(raw).hexdigest()

    @cached_property
    def texts(self) -> Texts:
        """The texts.

        Raises:
            ConfigError: the file cannot be read, or does not hold what it should.
            BuildError: the file has changed since the build began.
        """
        raw = self._raw()
        if hashlib.sha256(raw).hexdigest() != self.sha256:
            raise BuildError(
                f"{self.path} has changed while the build ran; run the same command again"
            )
        return self._parsed(raw)

    def __getstate__(self) -> dict[str, str]:
        return {"path": self.path, "sha256": self.sha256}

    def _raw(self) -> bytes:
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            raise ConfigError(f"[augment] cannot read {self.path}: {error.strerror}") from error

    @abstractmethod
    def _parsed(self, raw: bytes) -> Texts:
        """The texts of a file's bytes.

        Raises:
            ConfigError: the file does not hold what it should.
        """
