"""``python -m etl``: the command line without its installed script."""

from etl.cli import main

main()
