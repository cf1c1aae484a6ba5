"""``stepmill study``: what its cells hold, as a table and as plots."""
