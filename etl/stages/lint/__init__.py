"""Lint: where a recording contradicts itself, a file for each kind of check.

`check` runs them all on a workflow; `codes` lists what they find; `stage` is the stage of a build.
"""
