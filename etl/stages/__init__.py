"""Stages, one file each: a stage is one step of the pipeline, on one workflow at a time.

A stage enters with its class (`etl.stages.stage`) and one line in `etl.stages.known`. It imports no
other stage, no source and no decision; `etl.pages`, `etl.files`, `etl.tally`, `tokenization` and
`schemas` are open to it.
"""
