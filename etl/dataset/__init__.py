"""The files of a build: their paths, how they are written, and how they are read again.

A module enters if at least two of `etl.build`, `etl.look`, `etl.publish` and `etl.card` must know
it. It may import `etl.files`, `etl.pages`, `etl.tally`, `etl.terminal`, `tokenization` and
`schemas`, but neither recipes nor sources.
"""
