"""Keep copies of documents that somebody edited, because every build overwrites them.

Notes in the data card stay where they are (`etl.dataset.hand_written`). A build overwrites the rest
of the card and ``croissant.json``. It first copies an edited document to ``work/edited``, under a
name with the beginning of its hash, and warns. Copies that name what is taken down are removed.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath
from typing import Final

from etl.dataset import hand_written
from etl.dataset.layout import CARD, CROISSANT, Layout
from etl.dataset.manifest import hashes
from etl.decisions import leftovers
from etl.decisions.takedown import Takedown
from etl.files import storage
from etl.files.arrow import atomic
from etl.files.storage import AnyPath
from etl.terminal import log

_DOCUMENTS: Final = (CARD, CROISSANT)


def set_aside(out: AnyPath) -> None:
    """Keep a copy of each document that was edited since the last complete build wrote it."""
    path, work = Layout(out).dataset.manifest, Layout(out).work
    digests = hashes(path)
    for name in _DOCUMENTS:
        written = digests.get(name)
        try:
            raw = storage.read_bytes(out / name) if written else b""
        except FileNotFoundError:
            continue
        digest = hashlib.sha256(raw).hexdigest()
        if not written or digest == written or (name == CARD and hand_written.edited(out, written)):
            continue
        file = PurePosixPath(name)
        aside = work.edited / f"{file.stem}-{digest[:16]}{file.suffix}"
        if not storage.exists(aside):
            with atomic(aside) as stream:
                stream.write(raw)
        hint = "; in the card, what stands between <!-- notes: NAME --> and <!-- /notes --> stays"
        log.warn(
            f"{out / name} was edited, and every build overwrites it. The edited one is kept: "
            f"{aside}{hint}"
        )


def forget(out: AnyPath, takedown: Takedown) -> None:
    """Remove copies that name what is taken down."""
    for path in storage.files(Layout(out).work.edited):
        if leftovers.named_in(path, takedown):
            storage.remove(path)
            log.warn(f"{path} named what is taken down, and is removed")
