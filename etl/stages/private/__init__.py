"""Personal data: what a field says it holds, what a text shows by its pattern, and pseudonyms.

`etl.stages.redact` puts them together.
"""
