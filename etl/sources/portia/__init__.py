"""Portia: pages in which somebody marked what a spider is to extract.

Only what reads this one format enters. It imports what a source may: `etl.inputs`, `etl.files`,
`etl.tally` and `schemas`.
"""
