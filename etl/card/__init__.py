"""What a dataset says of itself: the data card (``dataset/README.md``) and ``croissant.json``.

A module enters if it makes text of one of the two, from the manifest and the statistics alone. The
room imports `etl.dataset`, `etl.stages`, `etl.decisions` and the rooms below, and nothing that
builds.
"""
