"""Views of recordings, builds and published datasets; nothing here changes a file of a build.

A new view is one file with up to three functions: ``view`` returns plain values (``--json``),
``rows`` lays them out as a table (``--csv``), ``text`` writes them for people. It reads the columns
and the files that it needs, never whole rows, and may import `etl.dataset` and all rooms below,
sources and stages too, but nothing that builds or publishes.
"""
