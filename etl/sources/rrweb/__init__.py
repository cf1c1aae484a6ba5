"""rrweb: recordings of sessions, as events from which the pages are rebuilt.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
