"""browser-use: histories of its agent, and runs that kept the pages.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
