"""Count the tokens of samples, so that the index can fill subsets (`etl.decisions.subsets`).

A sample is encoded as a training sample would be, and its tokens are thrown away: packing encodes
it again. Counting costs about what encoding costs, a sixth of a build of pages that repeat. To
estimate the tokens from characters is not exact enough: pages of one domain differ by a third in
characters a token, and of what is longer than the context only a part is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from etl.build.pack import PackPlan
from etl.build.pools.failures import Refused, Watch, known_as
from etl.dataset.layout import COUNTS, IN_WORK, SAMPLES, Shelf
from etl.dataset.samples import every
from etl.files import storage
from etl.files.arrow import open_arrow, read_json, write_table
from schemas.ledger import COUNTS_SCHEMA

_MADE_OF = b"made_of"
"""Key of the schema's metadata: what the counts were made of."""


@dataclass(frozen=True)
class CountsWorker:
    """Counts the tokens of the samples that were read together, by their key."""

    # what counts
    plan: PackPlan
    # where samples lie, and counts beside them
    shelf: Shelf

    def __call__(self, item: str, refused: tuple[Refused, ...], watch: Watch) -> str:
        """Count, unless the counts are there as they should be; returns the key."""
        if self.finished(item):
            return item
        fit, names = self.plan.fits["train"], {each.name for each in refused}
        tokens: list[int] = []
        for sample in every(self.shelf, item):
            name = known_as(sample.sample_id)
            result: object = None
            if name not in names:
                watch(name)
                result = self.plan.fitted(sample, fit)
            chunks = result if isinstance(result, list) else []
            tokens.append(sum(len(chunk.input_ids) for chunk in chunks))
        schema = COUNTS_SCHEMA.with_metadata({_MADE_OF: self._made_of(item)})
        column = pa.array(np.array(tokens, np.int32))
        write_table(self.shelf.file(COUNTS, item), pa.table([column], schema=schema))
        return item

    def finished(self, key: str) -> bool:
        """Whether the counts are there, for these samples and settings."""
        path = self.shelf.file(COUNTS, key)
        if not storage.exists(path):
            return False
        metadata = open_arrow(path).schema.metadata or {}
        return bool(metadata.get(_MADE_OF) == self._made_of(key))

    def _made_of(self, key: str) -> bytes:
        report = read_json(self.shelf.work(key).read_report(key))
        samples = report["files"].get(IN_WORK.of_input(SAMPLES, key).as_posix(), "")
        return f"{self.plan.fingerprint} {samples}".encode()
