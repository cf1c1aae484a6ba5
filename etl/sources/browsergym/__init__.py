"""BrowserGym and AgentLab: episodes, and the calls that are their actions.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
