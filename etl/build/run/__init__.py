"""A run of a build: three phases, each resumable, each a pure function of its inputs.

- `build`: what is requested, and where it is made.
- `whole`: runs a build. `slices`: runs parts of it on several machines.
- `folder`: whether it may be built into, and what is there. `reading`: phase 1, with `signatures`.
  `packing`: phases 2 and 3.

A module enters if it is a step of a run. It may import what `etl.build` may; only the commands,
`stepmill.py`, `etl.build.jobs` and a dry run import it.
"""
