"""Decisions that look at other workflows than the one they are about, one file each.

A decision is about what was read before or is on a list, so that new recordings never change an old
one. It enters with its class (`etl.decisions.decision`) and one line in `etl.decisions.known`. It
imports no other decision but takedown, which `etl.decisions.leftovers` proves, and no folder of a
build.
"""
