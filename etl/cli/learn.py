"""Commands that explain formats, recipes, settings and the reasons for drops."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from etl.cli.options import json_option, recipe_option, set_option, show, show_json
from schemas.errors import ConfigError


@click.command()
@click.argument("name", required=False)
@click.option("--sniff", "place", metavar="PATH", help="Say what a file or folder is, and why.")
@json_option
def formats(name: str | None, place: str | None, as_json: bool) -> None:
    """List the recording formats that stepmill reads.

    With NAME, print the page of one: what is read, what identifies the target, limits. With
    --sniff, say what a file or folder is, by what it is recognised, and of what is not read what
    would be needed.

    \b
    stepmill formats
    stepmill formats turkingbench
    stepmill formats --sniff recordings
    """
    from etl.look.recordings import schema, sniff
    from etl.sources import FORMATS

    if name is not None and place is not None:
        raise ConfigError("give the name of a format, or --sniff PATH")
    if place is not None:
        rows = sniff.view(place)
        if as_json:
            show_json(rows)
        else:
            show(sniff.text(rows))
        return
    if name is not None:
        described = schema.described(name)
        if as_json:
            show_json(schema.as_json(described))
        else:
            show(schema.page(described))
        return

    about = {name: format.about for name, format in FORMATS.items()}
    if as_json:
        show_json(about)
        return
    show("\n".join(f"{name:<13} {text}" for name, text in about.items()))


@click.command()
@click.argument("format", default="workflows")
@click.option("--json-schema", is_flag=True, help="Print a JSON Schema of one record.")
@json_option
def schema(format: str, json_schema: bool, as_json: bool) -> None:
    """Print the keys and the kinds of action of a format.

    Required keys are marked. FORMAT is one that stepmill formats lists; the default is workflows,
    stepmill's own.

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
@click.option(
    "--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="Write it here."
)
def example(format: str, folder: Path | None) -> None:
    """Print a small recording in a format.

    Written to a file, it can be built. A recording of several files needs --to, which writes them
    into a folder.

    \b
    stepmill example workflows
    stepmill example turkingbench --to recordings
    """
    from etl.look.recordings import schema as views

    described = views.described(format)
    if folder is not None:
        show("\n".join(map(str, views.write(described, folder))))
    elif described.beside:
        raise ConfigError(
            f"a recording in this format has several files: stepmill example {format} --to FOLDER"
        )
    else:
        sys.stdout.write(described.example)


@click.command()
@click.argument("name", required=False)
@set_option
@json_option
def recipes(name: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """List the shipped recipes, or print one as TOML.

    NAME is a shipped recipe or a TOML file. Every setting is printed under the name that --set
    takes, with its meaning and its default; the output is a recipe itself.

    \b
    stepmill recipes
    stepmill recipes scribeagent-32k
    stepmill recipes scribeagent-32k --set fit.context=16384
    """
    from etl.build.recipes import recipe, settings

    shipped = recipe.shipped()
    if name is None:
        if as_json:
            show_json(shipped)
        else:
            show("\n".join(f"{name:<18} {about}" for name, about in shipped.items()))
        return
    chosen = recipe.load(name, overrides)
    if as_json:
        sections = settings.of(chosen).items()
        show_json({section: [each.as_json() for each in keys] for section, keys in sections})
    else:
        show(settings.toml(chosen, shipped.get(name, f"all settings of {name}")))


@click.command("explain-setting")
@click.argument("key")
@recipe_option
@set_option
@json_option
def explain_setting(key: str, recipe: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print what a setting means and which drops it decides.

    KEY is a section and a setting. Its default and its value in the recipe are printed too.

    \b
    stepmill explain-setting filter.min_english
    """
    from etl.build.recipes import recipe as recipes
    from etl.build.recipes import settings
    from etl.card.reasons import says

    setting = settings.one(key, recipes.load(recipe, overrides)).as_json()
    if as_json:
        show_json(setting)
        return
    lines = [
        f"{key}: {setting['says']}",
        f"  value    {setting['value']!r}",
        f"  default  {setting['default']!r}",
    ]
    if setting["choices"]:
        lines.append(f"  choices  {', '.join(setting['choices'])}")
    lines += [f"  decides  {reason}: {says(reason)}" for reason in setting["decides"]]
    lines.append(f"  change   --set {key}=VALUE")
    show("\n".join(lines))


@click.command()
@click.argument("name", required=False)
@recipe_option
@set_option
@json_option
def reasons(name: str | None, recipe: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Print what the reasons for drops mean.

    NAME is one reason; it is printed with the setting that decides it and an example. With
    --recipe, the reasons of its rules are among them.

    \b
    stepmill reasons
    stepmill reasons target_absent
    """
    from etl.build.recipes import parts
    from etl.build.recipes import recipe as recipes
    from etl.look import reasons as views

    result = views.view(name, recipes.load(recipe, overrides).own_reasons)
    if as_json:
        show_json(result)
    else:
        show(views.text(result, parts.meanings(), whole=name is not None))
