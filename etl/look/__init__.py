"""What people look at: recordings, builds and published datasets, as plain values, as tables and as
text.

A view is a function that returns plain values (for ``--json``), one that lays them out as rows (for
``--csv``) and one that writes them as text. Columns of Parquet and Arrow files are read, never
rows, and only the files that are needed.
"""
