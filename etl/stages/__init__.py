"""Stages, one file each. A stage is a frozen dataclass that maps an iterator of rows to an iterator
of rows.
"""
