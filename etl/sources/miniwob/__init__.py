"""MiniWoB++: demonstrations, their pages as trees, and their events as actions.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
