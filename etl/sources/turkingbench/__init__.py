"""TurkingBench: forms of crowd workers, and the answers that were given in them.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
