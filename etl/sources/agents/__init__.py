"""Logs of agents that act by calling tools: ADP and ATIF trajectories, whose pages may be texts.

Only what reads these formats enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
