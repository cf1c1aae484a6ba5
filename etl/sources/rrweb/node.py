"""The nodes of a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

DOCUMENT, DOCTYPE, ELEMENT, TEXT, CDATA, COMMENT, SHADOW = range(7)
"""Kinds of nodes: rrweb's numbers, and shadow roots."""

NO_ID: Final = -1
"""The id of nodes to which the recording gives none."""

CHECKABLE: Final = frozenset(("checkbox", "radio"))
"""Types of an ``input`` that is checked or not."""


_BLOCKS: Final = frozenset("div p li ul ol blockquote pre h1 h2 h3 h4 h5 h6".split())
"""Elements that begin a line."""


class Node:
    """A node. Those with the same parent know each other, so a change costs the same anywhere."""

    __slots__ = (
        *("id", "kind", "name", "given", "attributes", "text"),
        *("parent", "first", "last", "before", "after"),
        *("shadow", "content", "value", "checked"),
    )

    def __init__(self, id: int, kind: int, name: str = "", given: Any = "") -> None:
        """given: the attributes of an element, the text of others, as recorded first."""
        self.id = id
        self.kind = kind
        # of an element, as recorded; of a doctype, all that follows its word
        self.name = name
        self.given = given
        self.attributes: dict[str, Any] = given if kind == ELEMENT else {}
        self.text: str = "" if kind == ELEMENT else given
        # what holds it: of a shadow root the host, of a frame's document the frame
        self.parent: Node | None = None
        self.first: Node | None = None
        self.last: Node | None = None
        self.before: Node | None = None
        self.after: Node | None = None
        self.shadow: Node | None = None
        # the document in a frame
        self.content: Node | None = None
        # what was entered into a field; None: what the attributes say
        self.value: str | None = None
        # the same of a box or an option
        self.checked: bool | None = None

    @property
    def type(self) -> str:
        """The type of an ``input``, in lower case; empty for other elements."""
        if self.name != "input":
            return ""
        given = self.attributes.get("type")
        return given.lower() if isinstance(given, str) and given else "text"

    def children(self) -> Iterator[Node]:
        """Its children, without shadow root and frame."""
        node = self.first
        while node is not None:
            after = node.after
            yield node
            node = after

    def from_last(self) -> Iterator[Node]:
        """Its children, the last first."""
        node = self.last
        while node is not None:
            before = node.before
            yield node
            node = before

    def inside(self) -> Iterator[Node]:
        """This node and all below it, with shadow roots and frames, in the order of the page."""
        todo = [self]
        while todo:
            node = todo.pop()
            yield node
            todo += node.from_last()
            todo += filter(None, (node.content, node.shadow))

    def around(self) -> Iterator[Node]:
        """This node and all that hold it, the nearest first."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def holds(self, other: Node) -> bool:
        """Whether it is another node or holds it."""
        return any(node is self for node in other.around())

    def insert(self, node: Node, after: Node | None = None) -> None:
        """Put a node, which nothing holds, before one of the children; last, if that is None."""
        before = self.last if after is None else after.before
        node.parent, node.before, node.after = self, before, after
        if before is None:
            self.first = node
        else:
            before.after = node
        if after is None:
            self.last = node
        else:
            after.before = node

    def take_out(self) -> None:
        """Take it out of what holds it."""
        holder = self.parent
        if holder is None:
            return
        if holder.content is self:
            holder.content = None
        else:
            if self.before is None:
                holder.first = self.after
            else:
                self.before.after = self.after
            if self.after is None:
                holder.last = self.before
            else:
                self.after.before = self.before
        self.parent = self.before = self.after = None

    def dissolve(self) -> None:
        """Part it and all below it, so that their memory is free at once."""
        for node in list(self.inside()):
            node.parent = node.first = node.last = node.before = node.after = None
            node.shadow = node.content = None

    def empty(self) -> None:
        """Take all children out."""
        for node in self.children():
            node.take_out()

    def shadow_root(self) -> Node:
        """Its shadow root; it gets one if it has none."""
        if self.shadow is None:
            self.shadow = Node(NO_ID, SHADOW)
            self.shadow.parent = self
        return self.shadow

    def words(self) -> str:
        """The text in it, its white space as in a label."""
        texts = (node.text for node in self.inside() if node.kind == TEXT)
        return " ".join("".join(texts).split())


def lines_in(editor: Node) -> str:
    """The text in an element that is edited in place, with its lines."""
    out = ""
    for node in editor.inside():
        if node.kind == TEXT:
            out += node.text
        elif node.name == "br" or (node.name in _BLOCKS and out and out[-1] != "\n"):
            out += "\n"
    return out.replace("\xa0", " ").rstrip("\n")


def options_of(select: Node) -> list[Node]:
    """The options of a ``select``."""
    return [node for node in select.inside() if node.name == "option"]


def option_value(option: Node) -> str:
    """The value with which an option is sent."""
    value = option.attributes.get("value")
    return value if isinstance(value, str) else option.words()


def others_of_group(radio: Node) -> list[Node]:
    """The other radio buttons of which only one is on: with its name, in its form or document."""
    name, owner = radio.attributes.get("name"), _owner(radio)
    if not isinstance(name, str) or not name or owner is None:
        return []
    return [
        each
        for each in owner.inside()
        if each.type == "radio" and each.attributes.get("name") == name and each is not radio
        if _owner(each) is owner
    ]


def _owner(field: Node) -> Node | None:
    """The form that a field belongs to, else its shadow root or document."""
    tops = (DOCUMENT, SHADOW)
    return next((each for each in field.around() if each.name == "form" or each.kind in tops), None)
