"""Recipes: what is asked of a build, as TOML, as settings with their meanings, and as what does it.

The shipped recipes lie here too. A section of a recipe enters with its class in `sections`, a field
of `recipe.Recipe`, and a line for each key in `meanings`.
"""
