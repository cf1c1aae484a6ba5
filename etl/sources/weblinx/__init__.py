"""WebLINX: demonstrations of a navigator who does what an instructor asks for.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
