"""Publish a dataset to the Hugging Face Hub or to a folder, and export its samples.

A new place to publish to is a class with the methods of `etl.publish.place.Place`; a new export is
a kind in `etl.publish.export`. They read finished datasets: the room may import `etl.dataset`,
`etl.card`, `etl.files` and below, and nothing that builds.

A shard is published under the build's name and the beginning of its hash
(``data/g0001/train-00000-of-00012-1f0c9a2b7d3e4f5a.arrow``), so that a name always stands for the
same content, and the card lists every file. First the shards are added, which no card lists yet.
Then one commit puts card, manifest and statistics in place, and removes what they no longer list.
Then the tag is set. So readers see nothing of a publication until that commit. Files that are there
are not sent again: the place itself records how far an interrupted publication got.
"""

from __future__ import annotations

from typing import Final

REASONS: Final = ("gate-failed", "unlicensed", "privacy-findings", "edited-card", "taken-down")
"""Reasons against publishing, which the user may allow by name; see `etl.publish.reasons`."""
