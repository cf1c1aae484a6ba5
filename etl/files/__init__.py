"""Files of this machine and of anything that fsspec reaches: listed, opened, locked, written whole
or not at all.

`storage` lists what can be done with a build's files, `nodes` what with inputs; `local` and
`remote` do it. What holds for any file enters here, whatever is in it. It imports `etl.terminal`
and `schemas` only.
"""
