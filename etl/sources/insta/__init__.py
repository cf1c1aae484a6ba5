"""InSTA: trajectories of agents on the open web, as its pipeline writes them.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
