"""Decisions, one file each: a decision drops or splits workflows in view of others, or by a list.

A decision looks only at what was read before and at lists, so that new recordings never change an
old one. It enters with its class (`etl.decisions.decision`) and one line in `etl.decisions.known`.
It imports `etl.files`, `etl.pages`, `etl.terminal` and `schemas`, and no other decision; only
`etl.decisions.leftovers` imports takedown, which it proves.
"""
