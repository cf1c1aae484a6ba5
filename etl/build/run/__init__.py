"""A build from its beginning to its end: three phases, each resumable, each a pure function of its
inputs.

`build` says what is asked for and where it is made, `whole` runs it, `slices` runs parts of it on
several machines. They use `folder` (may it be built into, what is there), `reading` (phase 1) and
`packing` (phases 2 and 3). Nothing but the commands, `stepmill.py` and a dry run imports them.
"""
