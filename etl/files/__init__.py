"""Files on this machine and on any storage that fsspec reaches.

The room lists, opens, writes and locks them: `storage` for a build's files, `nodes` for its inputs.
A module may enter if it works on any file, no matter what the file holds. It may import
`etl.terminal` and `schemas`.
"""
