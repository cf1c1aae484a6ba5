"""Projects of Selenium IDE.

- `projects`: the source, and what it reads. `described`: for people.
- `replay`: what the commands of a test did.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
