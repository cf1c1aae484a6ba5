"""The commands, one file a group of them; `etl.cli.main` lists them. Nothing else of ours knows
them.
"""
