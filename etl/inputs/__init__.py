"""From places that a user names to records: found, recognised, hashed, cut into parts, read.

What several recording formats need to be read enters here, and what no format knows how to read
(`strangers`). It knows no format by name: those are in `etl.sources`.
"""
