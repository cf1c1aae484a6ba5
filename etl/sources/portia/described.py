"""The description of Portia's templates."""

from __future__ import annotations

import html
import json
from typing import Any, Final

from etl.inputs.description import Field, Format

_PAGE: Final = "<html><body><h1>Blue mug</h1><p class='price'>7.50</p></body></html>"


def _marked(page: str, tag: str, field: str) -> str:
    mark = html.escape(json.dumps({"annotations": {"content": field}}))
    return page.replace(f"<{tag}", f'<{tag} data-scrapy-annotate="{mark}"')


def _extract(selector: str, field: str) -> dict[str, Any]:
    data = {field: {"attribute": "content", "field": field}}
    return {"accept_selectors": [selector], "selector": selector, "data": data}


_EXAMPLE: Final = {
    "url": "https://shop.example/mug",
    "page_id": "mug",
    "page_type": "item",
    "scrapes": "default",
    "extractors": {},
    "original_body": _PAGE,
    "annotated_body": _marked(_marked(_PAGE, "h1", "name"), "p", "price"),
    "plugins": {
        "annotations-plugin": {"extracts": [_extract("h1", "name"), _extract("p.price", "price")]}
    },
}

DESCRIBED: Final = Format(
    name="portia",
    sign="has an `original_body` beside other keys of Portia, or `templates` that have it",
    about="Portia's templates: pages in which somebody marked what is to be extracted.",
    record="a template: a page and its annotations",
    files="a JSON object: a template, or a spider with `templates`",
    fields=(
        Field("url", "string", "the page's address"),
        Field("original_body", "string", "the page; without it steps have none"),
        Field("annotated_body", "string",
              "the same page with `data-scrapy-annotate` on the marked elements"),
        Field("plugins", "object", "or the annotations: `annotations-plugin.extracts[]` with "
              "`accept_selectors`, `selector`, `xpath` and `data`"),
        Field("schemas", "object", "the names of fields by their ids"),
        Field("id", "string", "names the template"),
        Field("page_id", "string", "names it without `id`"),
    ),
    example=json.dumps(_EXAMPLE) + "\n",
    example_name="mug.json",
    notes=(
        ("Each annotation is a step of kind `observe`: the person shows the element in which the "
        "value of a field stands; the value is the field's name. The objective is made of the "
        "fields: `Extract name, price from the page`."),
        ("The target is the marked element, found in the original page by its place, or by the "
        "accepted selectors. A selector that finds several elements decides nothing; a marked "
        "part of a text is counted, since it is no element."),
        ("Limits: bodies that newer projects keep in files of their own are not read; the "
        "annotations are in the order of the page or of the list, which need not be that in which "
        "they were made."),
    ),
    form="objects",
    kinds=(("an annotation", "observe"),),
)  # fmt: skip
