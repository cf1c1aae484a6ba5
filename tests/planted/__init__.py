"""Planted truth: what is known to be wrong with recordings, because it was planted there."""
