"""Recipes: what is asked of a build, as TOML, as settings with their meanings, and as what does it.

The shipped recipes lie here too. Stages and decisions are sections themselves; any other section is
a class in `sections` whose fields are annotated with their meaning, a line in `parts`, and a field
of `recipe.Recipe`.
"""
