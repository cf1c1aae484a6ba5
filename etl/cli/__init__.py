"""The command line: arguments, help, exit codes and printing.

A new command is a function in the file of its group, or in a file of its own, and one line in
`etl.cli.main`; what it does belongs to the rooms below. A command may import any room, inside its
function where that is slow to load, so that ``stepmill --help`` stays quick; no room imports this
one.
"""
