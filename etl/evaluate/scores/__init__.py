"""Scores of predictions: steps read beside answers, tables with intervals, comparisons.

`scored` scores files for a set on disk, `score` the steps of one. `tables` has the means by split,
website and so on; `intervals` and `paired` say how sure they are, by draws of `chance`.
"""
