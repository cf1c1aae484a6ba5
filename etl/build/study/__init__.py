"""``stepmill study``: a matrix of recipes over one set of recordings.

`matrix` reads the file and makes its cells, `run` builds them one after the other, and `shared`
lends a cell what an earlier one has read already.
"""
