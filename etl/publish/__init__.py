"""Publishing a dataset to a repository of the Hugging Face Hub, or to a folder anywhere fsspec
reaches.

A shard is published under the build's name and the beginning of its hash
(``data/g0001/train-00000-of-00012-1f0c9a2b7d3e4f5a.arrow``), so a name stands for one content for
ever, and the card names every file. That makes a publication invisible until its end: shards are
added first, which no card names yet; then one change puts card, manifest and statistics in place
and takes away what they no longer name; then comes the tag. What is there already is not sent
again: the place itself is the record of how far an interrupted publication got.
"""

from __future__ import annotations

from typing import Final

REASONS: Final = ("gate-failed", "unlicensed", "privacy-findings", "edited-card", "taken-down")
"""Why something is not published unless it is allowed by name; see `etl.publish.reasons`."""
