"""Make evaluation sets of builds, recordings and task files, with the prompts that training has.

Prompts come of the recipe's own stages, fit and encoder; nothing here writes a prompt a second way.
The folder imports recipes, stages, sources and the rooms below; `etl.evaluate` writes the set.
"""
