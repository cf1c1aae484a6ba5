"""Commands that say what stepmill reads and what its words mean: formats and recipes, with all that
is in them.
"""

from __future__ import annotations

import sys

import click

from etl.cli.options import json_option, recipe_option, set_option, show, show_json


@click.command()
@json_option
def formats(as_json: bool) -> None:
    """The recording formats that can be read.

    \b
    stepmill formats
    """
    from etl.sources import FORMATS

    known = {name: format.about for name, format in FORMATS.items()}
    show_json(known) if as_json else show(
        "\n".join(f"{name:<12} {about}" for name, about in known.items())
    )


@click.command()
@click.argument("format", default="workflows")
@click.option("--json-schema", is_flag=True, help="Print a JSON Schema of one record.")
@json_option
def schema(format: str, json_schema: bool, as_json: bool) -> None:
    """The keys of a format, which of them are required, and its kinds of action.

    FORMAT is workflows, stepmill's own, unless given.

    \b
    stepmill schema
    stepmill schema scribe
    stepmill schema workflows --json-schema
    """
    from etl.look.recordings import schema as views

    described = views.described(format)
    if json_schema:
        show_json(views.json_schema(described))
    elif as_json:
        show_json(views.as_json(described))
    else:
        show(views.page(described))


@click.command()
@click.argument("format")
def example(format: str) -> None:
    """A small recording in a format; written to a file, it can be built.

    \b
    stepmill example workflows
    """
    from etl.look.recordings import schema as views

    sys.stdout.write(views.described(format).example)


@click.command()
@click.argument("name", required=False)
@set_option
@json_option
def recipes(name: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """The shipped recipes, or one as TOML: every section and setting with its meaning and default.

    NAME is a shipped recipe or a TOML file. What is printed is a recipe itself, under the names
    that --set takes.

    \b
    stepmill recipes
    stepmill recipes scribeagent-32k
    stepmill recipes scribeagent-32k --set fit.context=16384
    """
    from etl.build.recipes import recipe, settings

    known = recipe.shipped()
    if name is None:
        show_json(known) if as_json else show(
            "\n".join(f"{name:<18} {about}" for name, about in known.items())
        )
        return
    chosen = recipe.load(name, overrides)
    if as_json:
        show_json(
            {
                section: [each.as_json() for each in found]
                for section, found in settings.of(chosen).items()
            }
        )
    else:
        show(settings.toml(chosen, known.get(name, f"all settings of {name}")))


@click.command("explain-setting")
@click.argument("key")
@recipe_option
@set_option
@json_option
def explain_setting(key: str, recipe: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """What a setting of a recipe means, its default, its value, and which drops it decides.

    \b
    stepmill explain-setting filter.min_english
    """
    from etl.build.recipes import recipe as recipes
    from etl.build.recipes import settings
    from schemas.reasons import MEANINGS

    found = settings.one(key, recipes.load(recipe, overrides)).as_json()
    if as_json:
        show_json(found)
        return
    said = [
        f"{key}: {found['says']}",
        f"  value    {found['value']!r}",
        f"  default  {found['default']!r}",
    ]
    said += [f"  choices  {', '.join(found['choices'])}"] if found["choices"] else []
    said += [f"  decides  {reason}: {MEANINGS[reason].says}" for reason in found["decides"]]
    show("\n".join([*said, f"  change   --set {key}=VALUE"]))


@click.command()
@click.argument("name", required=False)
@json_option
def reasons(name: str | None, as_json: bool) -> None:
    """What the reasons for drops mean, which setting decides each, and an example.

    \b
    stepmill reasons
    stepmill reasons target_absent
    """
    from etl.build.recipes.meanings import MEANINGS as SETTINGS
    from etl.look import reasons as views

    found = views.view(name)
    show_json(found) if as_json else show(views.text(found, SETTINGS, whole=name is not None))
