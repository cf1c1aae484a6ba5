"""What sources share whose recordings hold actions and no pages.

- `events`: the ledger's records of what was recorded, and which of them make no step.
- `addresses`: where each step was taken; `etl.inputs.archives.join` joins pages by that later.

A module enters if two such sources need it.
"""
