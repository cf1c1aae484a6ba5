"""Files of this machine and of anything that fsspec reaches: listed, opened, locked, written whole
or not at all.

What holds for any file enters here, whatever is in it. It imports `etl.terminal` and `schemas`
only.
"""
