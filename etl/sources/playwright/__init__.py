"""Playwright traces: calls of its API as actions, pages rebuilt from the snapshots between them.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
