"""The pages of a MiniWoB++ demo: trees of JSON objects, rendered as markup.

A recorded node is ``{tag, ref, id, classes, text, value, children, ...}``. The markup is ours:

- ``tag`` in lower case; ``INPUT_text`` is ``<input type="text">``; a node ``t`` is the text between
  elements.
- Attributes in this order, left out when empty: ``id``, ``class``, ``type``, ``value`` (also when
  empty, if the node has one), ``checked`` (check boxes and radio buttons), and always ``ref``, the
  recorder's number of the element.
- ``text`` (of an element without element children) is the element's text; a text area's value is
  its content.
- Void elements have no end tag. Nothing is added between tags. There is no ``<html>``: the recorder
  starts at ``<body>``.
- The recorder trims every text and leaves out blank ones, so a space goes between two texts in
  succession.
- Geometry and colours are dropped. So are ``recordingTarget``, ``focused`` and ``tampered`` (the
  person has touched this field), which would tell a model where to act.

A ref is not unique in a page: 5% of the recorded pages hold two elements with the same number, in 1
of 4 of those the target's. The second element 7 in document order is rendered as ``ref="7-2"``.
Across the pages of a demo an element is therefore identified by (ref, tag).

All walks keep their own stack, so orjson's 1,024 levels are the only limit of depth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any, Final, TypeAlias

from etl.inputs.markup import VOID
from schemas.errors import RecordError
from schemas.workflow import Locator

Node: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[int, str]
"""(ref, tag) of an element."""

NO_TEXT_INPUT: Final = frozenset(
    "button checkbox file hidden image radio range reset submit color".split()
)
_TAG: Final = re.compile(r"[A-Za-z][A-Za-z0-9_:.-]*")


@dataclass(slots=True)
class Page:
    """One state's DOM. The specification of `TreePage`."""

    body: Node
    elements: dict[Key, Node] = field(default_factory=dict)
    # on which the event was fired; None if the recorder left it out of the tree (it has no size)
    target: Node | None = None
    # two elements have the same ref
    doubled: bool = False

    def element(self, key: Key) -> Node | None:
        """The first element with this key; None if the page has none."""
        return self.elements.get(key)

    def list_of(self, option: Node) -> Node | None:
        """The <select> that holds this option, or is it; None if there is none."""
        for (_, tag), node in self.elements.items():
            if tag == "SELECT" and any(inner is option for inner in walk(node)):
                return node
        return None

    def locator(self, node: Node) -> Locator:
        """The attribute that finds this element, and no other, in the rendered page."""
        return _locator(self._refs().get(id(node), str(node["ref"])))

    def render(self) -> str:
        """The page as markup."""
        refs = self._refs()
        out: list[str] = []
        todo: list[Node | str] = [self.body]
        while todo:
            node = todo.pop()
            if isinstance(node, str):
                out.append(node)
            elif node["tag"] == "t":
                out.append(escape(node.get("text") or "", quote=False))
            else:
                name = _open(node, refs, out)
                if name not in VOID:
                    todo.append(f"</{name}>")
                todo.extend(reversed(_spaced(node)))
        return "".join(out)

    def _refs(self) -> dict[int, str]:
        """The rendered refs of elements whose number is taken, by the identity of their nodes."""
        refs: dict[int, str] = {}
        if self.doubled:
            counts: dict[int, int] = {}
            for node in walk(self.body):
                if node["tag"] != "t":
                    count = counts[node["ref"]] = counts.get(node["ref"], 0) + 1
                    if count > 1:
                        refs[id(node)] = f"{node['ref']}-{count}"
        return refs


@dataclass(slots=True)
class TreePage:
    """A `Page` that the engine has read and found good (`etl.inputs.pages`)."""

    tree: Any

    @property
    def body(self) -> Any:
        """The root."""
        return self.tree.body

    @property
    def target(self) -> Any:
        """See `Page`."""
        return self.tree.target

    def element(self, key: Key) -> Any:
        """See `Page`."""
        return self.tree.element(key)

    def list_of(self, option: Node) -> Any:
        """See `Page`."""
        return self.tree.list_of(option)

    def locator(self, node: Node) -> Locator:
        """See `Page`."""
        return _locator(self.tree.ref_of(node))

    def render(self) -> Any:
        """See `Page`; as UTF-8."""
        return self.tree.render()


def _locator(ref: str) -> Locator:
    return Locator("attribute", ref, name="ref")


def read_page(dom: object, where: str) -> Page:
    """Check and index one DOM.

    Raises: `RecordError` ``missing_field`` or ``wrong_type`` for a malformed tree.
    """
    page = Page(check(dom, dict, where))
    refs: set[int] = set()
    for node in walk(page.body):
        try:
            tag, ref, children = node["tag"], node["ref"], node.get("children", [])
            good = type(tag) is str and type(ref) is int and type(children) is list
        except (KeyError, TypeError):
            good = False
        if not good or not isinstance(node.get("text", ""), str):
            raise _fault(node, f"{where}: a node")
        if tag == "t":
            continue
        if not _TAG.fullmatch(tag):
            raise RecordError("wrong_type", f"{where}: {tag[:40]!r} is no tag")
        if ref in refs:
            page.doubled = True
        refs.add(ref)
        page.elements.setdefault((ref, tag), node)
        if node.get("recordingTarget") and page.target is None:
            page.target = node
    return page


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, in document order."""
    todo = [node]
    while todo:
        node = todo.pop()
        yield node
        children = node.get("children")
        if children:
            todo.extend(reversed(children))


def _spaced(node: Node) -> list[Node | str]:
    """The children of an element, with a space wherever two texts would run together."""
    spaced: list[Node | str] = []
    before = node.get("text") or ""
    for child in node.get("children") or ():
        text = (child.get("text") or "") if child["tag"] == "t" else ""
        if before and text and not before[-1].isspace() and not text[0].isspace():
            spaced.append(" ")
        spaced.append(child)
        if text or child["tag"] != "t":
            before = text
    return spaced


def key_of(node: Node | None) -> Key | None:
    """What identifies an element across the pages of a demo."""
    return None if node is None else (node["ref"], node["tag"])


def text_value(node: Node | None) -> str | None:
    """What a text field holds; None for any other element, or for none."""
    if node is None:
        return None
    name, _, kind = node["tag"].lower().partition("_")
    value = node.get("value")
    if type(value) is str and (
        name == "textarea" or (name == "input" and kind not in NO_TEXT_INPUT)
    ):
        return value
    return None


def check(value: object, kind: type | tuple[type, ...], where: str) -> Any:
    """The value, if it is of this JSON type; true and false are not numbers.

    Raises: `RecordError` ``wrong_type``.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise RecordError("wrong_type", f"{where} is {_named(value)}")
    return value


def need(record: dict[str, Any], name: str, kind: type | tuple[type, ...], where: str) -> Any:
    """``record[name]``, checked.

    Raises: `RecordError` ``missing_field`` or ``wrong_type``.
    """
    if name not in record:
        raise RecordError(
            "missing_field", f"{where}.{name} is missing" if where else f"{name} is missing"
        )
    return check(record[name], kind, f"{where}.{name}" if where else name)


def _fault(node: Node, where: str) -> RecordError:
    """What is wrong with this node."""
    try:
        check(node, dict, where)
        need(node, "tag", str, where)
        need(node, "ref", int, where)
        check(node.get("children", []), list, f"{where}.children")
        check(node.get("text", ""), str, f"{where}.text")
    except RecordError as error:
        return error
    raise AssertionError("called for a node that has no fault")


def _named(value: object) -> str:
    return "null" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"


def _open(node: Node, refs: dict[int, str], out: list[str]) -> str:
    """Write the start tag and the element's own text; return the element's name."""
    name, kind = str(node["tag"]).lower(), ""
    if name.startswith("input_"):
        name, kind = "input", name[6:]
    value, text = node.get("value"), node.get("text") or ""
    attributes = [("id", node.get("id")), ("class", node.get("classes")), ("type", kind)]
    parts = [name]
    for key, content in attributes:
        if content and isinstance(content, str):
            parts.append(f'{key}="{escape(content)}"')
    if isinstance(value, bool):
        parts += ["checked"] if value else []
    elif isinstance(value, str) and name == "textarea":
        text = value
    elif isinstance(value, str):
        parts.append(f'value="{escape(value)}"')
    parts.append(f'ref="{refs.get(id(node), node["ref"])}"')
    out.append(f"<{' '.join(parts)}>{escape(text, quote=False)}")
    return name
