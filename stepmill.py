"""The door of stepmill: ``python -m stepmill`` does what the command ``stepmill`` does."""

from __future__ import annotations

if __name__ == "__main__":
    from etl.cli.main import main

    main()
