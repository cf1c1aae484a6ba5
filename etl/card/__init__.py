"""What a dataset says of itself: the data card (``dataset/README.md``) and ``croissant.json``.

What stands in either is a function of manifest and statistics, and is made here. It imports
`etl.dataset` and what is below, and nothing that builds.
"""
