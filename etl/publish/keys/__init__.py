"""A dataset without its pages: its keys, exported and published."""
