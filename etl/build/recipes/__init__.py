"""Recipes: the settings of a build, read from TOML and made into stages, decisions and plans.

The shipped recipes are here too. A stage or a decision is its own section; any other section enters
as a class in `sections` whose fields are annotated with their meaning, a line in `parts`, and a
field of `recipe.Recipe`. The folder imports stages, decisions, sources, the card's settings and the
rooms below, and from the build only plans, index, packing and gates.
"""
