"""Portia: templates, each a page in which somebody marked the elements to be extracted.

A file is a template, or a spider with ``templates``. A template makes a workflow:

- Its page is ``original_body``, without any of Portia's markers, which would tell the answer. The
  body of newer projects lies in a file of its own; such a template has no page.
- Each annotation is a step of kind ``observe``, "the page is looked at": the person shows where the
  value of a field stands. Its value is the field's name.
- Target: the elements of ``annotated_body`` with ``data-scrapy-annotate``, in the order of the
  page, which are those of the original. In newer templates the annotations are in ``plugins``, with
  the selector of each element that was accepted, the general selector and the XPath. A selector
  that finds several elements decides nothing. A marked part of a text is no element: it is counted
  (``unplaced_value``).
- Nobody wrote an objective. It is ``Extract <fields> from the page``, with the names of all fields
  in the order of the annotations.
- ``workflow_id`` is ``<file name without extensions>/<id, page_id or index of the template>``.
  Other keys are kept in ``meta``.

A template that cannot be read, or has no annotation, is quarantined.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import orjson

from etl.inputs.columns import Fields, ident, text, type_name
from etl.inputs.description import Format
from etl.inputs.documents import folders
from etl.inputs.extras import Extras
from etl.inputs.mended import parse
from etl.inputs.records import InputHead, InputShard
from etl.inputs.streams import Truncated
from etl.sources.portia.described import DESCRIBED
from etl.sources.portia.marks import Mark, of_page, of_plugin, without_markers
from etl.tally import Odd, Tally
from schemas.errors import RecordError
from schemas.recorded_actions import action
from schemas.workflow import Step, Workflow

TEMPLATE: Final = frozenset(
    "id page_id url original_body annotated_body plugins schemas extractors selectors".split()
)
_BESIDE: Final = frozenset(("extractors", "plugins", "scrapes", "annotated_body"))
_IN_SPIDERS: Final = frozenset(("templates.original_body", "templates.annotated_body"))
_WITHOUT_BODY: Final = frozenset(("plugins", "scrapes", "page_type", "extractors"))


@dataclass(frozen=True)
class Portia:
    """Templates and spiders of Portia."""

    name: ClassVar[str] = "portia"
    version: ClassVar[int] = 1
    described: ClassVar[Format | None] = DESCRIBED

    def recognise(self, head: InputHead) -> bool:
        """Whether it is a template, or a spider that holds some."""
        keys = head.keys
        if keys.form != "objects":
            return False
        body = "original_body" in keys.top and not keys.top.isdisjoint(_BESIDE)
        return body or not keys.nested.isdisjoint(_IN_SPIDERS) or keys.top >= _WITHOUT_BODY

    def read(self, shard: InputShard, tally: Tally) -> Iterator[Workflow]:
        """A workflow from each template. Memory holds the file."""
        raw = b""
        try:
            raw = folders.content(shard.path)
            value, made = parse(raw)
            if not isinstance(value, dict):
                raise RecordError("wrong_type", f"{type_name(value)}, expected an object")
            templates = value.get("templates", [value])
            if not isinstance(templates, list):
                raise RecordError(
                    "wrong_type", f"templates: {type_name(templates)}, expected a list"
                )
            if not templates:
                raise RecordError("workflow_without_steps", "templates: empty")
        except RecordError as error:
            raw = error.raw if isinstance(error, Truncated) else raw
            tally.quarantine(shard.name, error.reason, error.detail, raw)
            return
        tally.note(made.odd)
        stem = re.sub(r"(\.(json|gz|zst))+$", "", shard.name.rpartition("/")[2])
        for number, template in enumerate(templates):
            id = f"{shard.name}#template={number}"
            odd: list[Odd] = []
            try:
                workflow = _workflow(template, value, f"{stem}/", number, odd)
                workflow = replace(workflow, origin=id)
            except RecordError as error:
                tally.quarantine(id, error.reason, error.detail, orjson.dumps(template))
                continue
            tally.read("record", id, parent=workflow.uid)
            tally.note(odd)
            yield workflow


def _workflow(template: Any, spider: Fields, prefix: str, number: int, odd: list[Odd]) -> Workflow:
    if not isinstance(template, dict):
        raise RecordError("wrong_type", f"the template: {type_name(template)}, expected an object")
    page = text(template, "original_body")
    url = text(template, "url")
    marks = _marks(template, spider, page)
    odd.extend(("unplaced_value", mark.field) for mark in marks if not mark.target)
    placed = [mark for mark in marks if mark.target]
    if not placed:
        raise RecordError("workflow_without_steps", "no annotation has an element")
    page = without_markers(page)
    extras = Extras(odd)
    extras.declared({k: v for k, v in template.items() if k not in TEMPLATE and not _is_large(v)})
    own = ident(template, "id") or ident(template, "page_id") or str(number)
    fields = ", ".join(dict.fromkeys(mark.field for mark in placed))
    return Workflow(
        workflow_id=prefix + own,
        objective=f"Extract {fields} from the page",
        steps=tuple(_step(mark, place, url, page) for place, mark in enumerate(placed)),
        source=Portia.name,
        meta=extras.text(),
    )


def _step(mark: Mark, place: int, url: str, page: str) -> Step:
    kept = Extras([])
    kept.declared({"attribute": mark.attribute})
    made = action("extract", mark.field, on_element=True)
    return Step(str(place), url, page, made, mark.target, meta=kept.text())


def _is_large(value: Any) -> bool:
    """Whether a value is more than a word or a number, such as results."""
    return isinstance(value, dict | list) or (isinstance(value, str) and len(value) > 200)


def _marks(template: Fields, spider: Fields, page: str) -> list[Mark]:
    """All annotations; those in the page, if none are kept apart from it."""
    plugins = template.get("plugins")
    plugin = plugins.get("annotations-plugin") if isinstance(plugins, dict) else None
    extracts = plugin.get("extracts") if isinstance(plugin, dict) else None
    if isinstance(extracts, list) and extracts:
        return list(of_plugin(extracts, _names(template, spider)))
    return list(of_page(page, text(template, "annotated_body")))


def _names(template: Fields, spider: Fields) -> Mapping[str, str]:
    """Field id -> name, by the schemas of the template and of the spider."""
    found: dict[str, str] = {}
    for schemas in (spider.get("items"), spider.get("schemas"), template.get("schemas")):
        for schema in schemas.values() if isinstance(schemas, dict) else ():
            fields = schema.get("fields") if isinstance(schema, dict) else None
            for id, field in fields.items() if isinstance(fields, dict) else ():
                name = field.get("name") if isinstance(field, dict) else None
                if isinstance(name, str) and name:
                    found[id] = name
    return found
