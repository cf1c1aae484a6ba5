"""The pruner of a recipe, without what else serving needs of it."""

from __future__ import annotations

from functools import cache

from etl.build.recipes import tables
from etl.build.recipes.toml import checked
from etl.pages.prune import Pruner
from etl.stages.prune import Prune


@cache
def pruner(recipe: str) -> Pruner:
    """The pruner of a recipe, kept because rules and vocabulary take a moment to load.

    Raises:
        ConfigError: the recipe cannot be used.
    """
    whole = tables.extended(tables.named(recipe, tables.as_written), tables.as_written)
    stage: Prune = checked(whole.get("prune", {}), Prune, "prune")
    return stage.pruner
