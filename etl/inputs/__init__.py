"""From places that a user names to records: found, recognised, hashed, cut into parts, read.

Readers that several recording formats share enter here, and what is said of files that no format
reads (`strangers`). The room knows no format by name: those are in `etl.sources`. It imports
`etl.files`, `etl.tally`, `etl.terminal` and `schemas`.
"""
