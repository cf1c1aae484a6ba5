"""The document of a window, kept as rrweb's player keeps it: a snapshot, and what changed since.

Nodes have ids. What is said of an id that is not there changes nothing, and is counted.

- A mutation takes nodes out, then puts nodes in, then changes texts, then attributes. A node whose
  parent or next neighbour is not there yet waits for it, within the mutation. A document waits for
  its ``iframe`` until the next snapshot.
- A node that is put in under an id that is there is that node, moved, if it is recorded as that was
  first. Else it is a new one.
- What was entered into a field is kept beside the attributes, as a browser keeps it. Later changes
  of the attributes ``value`` and ``checked`` do not show.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final

from etl.sources.rrweb.node import (
    CDATA,
    CHECKABLE,
    COMMENT,
    DOCTYPE,
    DOCUMENT,
    ELEMENT,
    NO_ID,
    TEXT,
    Node,
    option_value,
    options_of,
    others_of_group,
)
from etl.sources.rrweb.style import changed
from schemas.errors import RecordError

_TAG: Final = re.compile(r"[A-Za-z][^\s<>/\0]*")
_SPLIT: Final = "/* rr_split */"
_Recorded = dict[str, Any]
_Waiting = defaultdict[int, list[_Recorded]]


class Dom:
    """The document of a window."""

    def __init__(self) -> None:
        # None before the first snapshot
        self.root: Node | None = None
        # goes up whenever the page may have changed
        self.version = 0
        # how many changes were of nodes that are not there
        self.lost = 0
        self._nodes: dict[int, Node] = {}
        # frame -> the document that waits for it
        self._documents: dict[int, _Recorded] = {}
        # nodes of old recordings whose neighbours were not known, and how they were added
        self._loose: dict[int, tuple[Node, _Recorded]] = {}

    def node(self, id: object) -> Node | None:
        """The node with an id; None if there is none."""
        return self._nodes.get(id) if type(id) is int else None

    def forget(self) -> None:
        """Empty it: the page is not known any more."""
        if self.root is not None:
            self.root.dissolve()
        self.root = None
        self.version += 1
        self._nodes.clear()
        self._documents.clear()
        self._loose.clear()

    def snapshot(self, recorded: Any) -> None:
        """Take a whole document.

        Raises: `RecordError` ``wrong_type``.
        """
        waiting = dict(self._documents)
        self.forget()
        root = self._build(recorded)
        if root.kind != DOCUMENT:
            raise RecordError("wrong_type", "data.node is no document")
        self._documents = waiting
        for node in [each for each in root.inside() if each.name == "iframe"]:
            self._fill(node)
        self._documents.clear()
        self.root = root

    def mutate(self, data: _Recorded) -> None:
        """Change what a mutation says.

        Raises: `RecordError` ``wrong_type``.
        """
        self.version += 1
        removes = _items(data, "removes")
        known = [each for each in removes if self.node(each.get("id")) is not None]
        self.lost += len(removes) - len(known)
        for each in known:
            self._remove(each)
        self._put_in(_items(data, "adds"))
        gone = {_id(each) for each in removes}
        for id, each in {_id(each): each for each in _items(data, "texts")}.items():
            if (node := self.node(id)) is not None:
                _set_text(node, each.get("value"))
            else:
                self.lost += id not in gone
        for each in _items(data, "attributes"):
            if (node := self.node(each.get("id"))) is not None and node.kind == ELEMENT:
                _set_attributes(node, each.get("attributes"))
            else:
                self.lost += _id(each) not in gone

    def enter(self, node: Node, text: str, checked: bool) -> None:
        """Put a value into a field."""
        self.version += 1
        if node.type in CHECKABLE:
            node.checked = checked
            if checked and node.type == "radio":
                for each in others_of_group(node):
                    each.checked = False
            return
        node.value = text
        if node.name == "select":
            options = options_of(node)
            chosen = next((each for each in options if option_value(each) == text), None)
            for each in options:
                each.checked = each is chosen

    def _build(self, recorded: Any) -> Node:
        """A node with all below it."""
        top, new = self._one(recorded)
        todo = [(top, recorded)] if new else []
        while todo:
            parent, its = todo.pop()
            below = its.get("childNodes") or []
            if not isinstance(below, list):
                raise RecordError("wrong_type", "childNodes is no list")
            if parent.name == "textarea" and isinstance(parent.attributes.get("value"), str):
                below = []
            for each in below:
                node, new = self._one(each)
                if not new and node.holds(parent):
                    self.lost += 1
                    continue
                node.take_out()
                _append(parent, node, shadow=each.get("isShadow") is True)
                if new:
                    todo.append((node, each))
            _style(parent)
        return top

    def _one(self, recorded: Any) -> tuple[Node, bool]:
        """A node alone, and whether it is new; else it is there under its id, recorded alike.

        Raises: `RecordError` ``wrong_type``.
        """
        if not isinstance(recorded, dict):
            raise RecordError("wrong_type", "a node is no object")
        id, kind = recorded.get("id"), recorded.get("type")
        if type(id) is not int or type(kind) is not int or not DOCUMENT <= kind <= COMMENT:
            raise RecordError("wrong_type", "a node's id or type")
        name: Any = ""
        given: Any = recorded.get("textContent")
        if kind == ELEMENT:
            name, given = recorded.get("tagName"), recorded.get("attributes", {})
            if not isinstance(name, str) or not _TAG.fullmatch(name):
                raise RecordError("wrong_type", f"no element can be named {str(name)[:40]!r}")
            if not isinstance(given, dict):
                raise RecordError("wrong_type", "a node's attributes are no object")
        elif kind == DOCTYPE:
            name = _doctype(recorded)
        there = self._nodes.get(id)
        given = given if kind == ELEMENT or isinstance(given, str) else ""
        if there is not None and (there.kind, there.name, there.given) == (kind, name, given):
            return there, False
        node = self._nodes[id] = Node(id, kind, name, given)
        if recorded.get("isShadowHost") is True:
            node.shadow_root()
        return node, True

    def _forget_below(self, top: Node) -> None:
        for each in top.inside():
            if self._nodes.get(each.id) is each:
                del self._nodes[each.id]

    def _remove(self, removal: _Recorded) -> None:
        node, parent = self.node(removal.get("id")), self.node(removal.get("parentId"))
        if node is None:
            return  # it went with one above it
        if parent is None:
            self.lost += 1
            return
        if removal.get("isShadow") is True and parent.shadow is not None:
            parent = parent.shadow
        self._forget_below(node)
        if node.parent is parent:
            node.take_out()
            node.dissolve()
        else:
            self.lost += 1

    def _put_in(self, adds: list[_Recorded]) -> None:
        """Put nodes in; those that wait for others come when these are there."""
        waiting: _Waiting = defaultdict(list)
        for each in adds:
            self._add(each, waiting)
        todo = [each for id in list(waiting) if id in self._nodes for each in waiting.pop(id)]
        while todo:
            for id in self._add(todo.pop(), waiting):
                todo += waiting.pop(id, ())
        self.lost += sum(map(len, waiting.values()))

    def _add(self, add: _Recorded, waiting: _Waiting) -> list[int]:
        """Put one node in, or let it wait; returns the ids that are there now.

        Raises: `RecordError` ``wrong_type``.
        """
        recorded, parent_id, after = add.get("node"), add.get("parentId"), add.get("nextId")
        if not isinstance(recorded, dict) or type(parent_id) is not int:
            raise RecordError("wrong_type", "an added node, or the id of its parent")
        parent = self.node(parent_id)
        if parent is None:
            if recorded.get("type") == DOCUMENT:
                self._documents.setdefault(parent_id, recorded)
            else:
                waiting[parent_id].append(add)
            return []
        shadow = recorded.get("isShadow") is True and parent.kind == ELEMENT
        if type(after) is int and after not in (NO_ID, 0) and after not in self._nodes:
            waiting[after].append(add)
            return []
        if recorded.get("rootId") and self.node(recorded["rootId"]) is None:
            self.lost += 1
            return []
        if parent.name == "iframe":
            return self._attach(parent, recorded)
        node, new = self._one(recorded)
        if new:
            _style(node)
        if NO_ID in (add.get("previousId"), after):
            self._loose[node.id] = node, add
            return [node.id]
        if not new and node.holds(parent):
            self.lost += 1
            return []
        self._insert(node, parent.shadow_root() if shadow else parent, add)
        return [node.id, *self._fill(node)]

    def _insert(self, node: Node, parent: Node, add: _Recorded) -> None:
        """Put a node in its place among its parent's children."""
        node.take_out()
        before, after = self.node(add.get("previousId")), self.node(add.get("nextId"))
        if node.kind == TEXT and parent.name == "textarea":
            for each in parent.children():
                if each.kind == TEXT:
                    each.take_out()
            parent.attributes = {k: v for k, v in parent.attributes.items() if k != "value"}
        elif node.kind == TEXT and parent.name == "style":
            alone = parent.first
            if alone is not None and alone is parent.last and alone.id == NO_ID:
                # the rules, which the recorder had taken out of this text
                node.text = alone.text
                alone.take_out()
        elif parent.kind == DOCUMENT and (node.kind == DOCTYPE or node.name == "html"):
            for each in parent.children():
                if each.kind == node.kind == DOCTYPE or each.name == node.name == "html":
                    each.take_out()
        place = None
        if before is not None and before.parent is parent and before.after is not None:
            place = before.after
        elif after is not None and after.parent is parent:
            place = after
        parent.insert(node, place)
        if self._loose:
            self._join(node, add)

    def _join(self, node: Node, add: _Recorded) -> None:
        """Put in the nodes of old recordings that are neighbours of this one."""
        todo = [(node, add)]
        while todo:
            node, add = todo.pop()
            for key in ("previousId", "nextId"):
                id = add.get(key)
                if type(id) is not int or id not in self._loose or node.parent is None:
                    continue
                loose, its = self._loose.pop(id)
                if loose.parent is None and not loose.holds(node):
                    node.parent.insert(loose, node if key == "previousId" else node.after)
                    todo.append((loose, its))

    def _fill(self, frame: Node) -> list[int]:
        """Put the document that waits for a frame into it, if one does; returns the ids in it."""
        if frame.name != "iframe" or frame.id not in self._documents:
            return []
        return self._attach(frame, self._documents.pop(frame.id))

    def _attach(self, frame: Node, recorded: _Recorded) -> list[int]:
        """Put a document into a frame; returns the ids in it."""
        if frame.content is not None:
            self._forget_below(frame.content)
            frame.content.take_out()
        content = self._build(recorded)
        if content.kind != DOCUMENT or content.holds(frame):
            self.lost += 1
            return []
        content.take_out()
        frame.content, content.parent = content, frame
        found = [each.id for each in content.inside()]
        for each in list(content.inside()):
            found += self._fill(each)
        return found


def _items(data: _Recorded, key: str) -> list[_Recorded]:
    """A list of a mutation.

    Raises: `RecordError` ``wrong_type``.
    """
    items = data.get(key) or []
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise RecordError("wrong_type", f"data.{key} is no list of objects")
    return items


def _id(item: _Recorded) -> int:
    id = item.get("id")
    return id if type(id) is int else NO_ID


def _append(parent: Node, node: Node, *, shadow: bool) -> None:
    """Put a node last. In a frame, it is the document."""
    if parent.name == "iframe" and node.kind == DOCUMENT:
        parent.content, node.parent = node, parent
        return
    (parent.shadow_root() if shadow and parent.kind == ELEMENT else parent).insert(node)


def _style(element: Node) -> None:
    """Give a style element the rules that the recorder found in it, in the texts that it has."""
    rules = element.attributes.get("_cssText") if element.name == "style" else None
    if not isinstance(rules, str):
        return
    texts = [each for each in element.children() if each.kind == TEXT]
    parts = rules.split(_SPLIT)
    if not texts:
        element.insert(Node(NO_ID, TEXT, given="".join(parts)))
    for place, each in enumerate(texts):
        of_it = parts[place:] if each is texts[-1] else parts[place : place + 1]
        each.text = "".join(of_it)


def _set_text(node: Node, value: Any) -> None:
    text = value if isinstance(value, str) else ""
    if node.kind in (TEXT, CDATA, COMMENT):
        node.text = text
    elif node.kind == ELEMENT:
        node.empty()
        if text:
            node.insert(Node(NO_ID, TEXT, given=text))


def _set_attributes(node: Node, attributes: Any) -> None:
    """Change attributes of an element. Those that it was recorded with first are left alone.

    Raises: `RecordError` ``wrong_type``.
    """
    if not isinstance(attributes, dict):
        raise RecordError("wrong_type", "changed attributes are no object")
    made = dict(node.attributes)
    for name, value in attributes.items():
        if value is None:
            made.pop(name, None)
        elif isinstance(value, str):
            made[name] = value
        elif name == "style" and isinstance(value, dict):
            before = made.get("style")
            made["style"] = changed(before if isinstance(before, str) else "", value)
    node.attributes = made
    if node.name == "textarea" and isinstance(attributes.get("value"), str):
        node.empty()
    elif node.name == "style" and isinstance(attributes.get("_cssText"), str):
        node.empty()
        _style(node)


def _doctype(recorded: _Recorded) -> str:
    """What a document type says after its word."""
    name, public, system = (recorded.get(key) for key in ("name", "publicId", "systemId"))
    text = name if isinstance(name, str) and re.fullmatch(r"[\w:.-]+", name) else "html"
    ids = [each for each in (public, system) if isinstance(each, str) and each]
    if not ids or any(re.search(r'[">\0]', each) for each in ids):
        return text
    return " ".join((text, "PUBLIC" if public else "SYSTEM", *(f'"{each}"' for each in ids)))
