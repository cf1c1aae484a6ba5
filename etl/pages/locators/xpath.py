"""XPaths with the answers of Chromium's `document.evaluate` for an HTML document.

libxml2 evaluates them, on a tree that is the browser's document. They are rewritten first for what
HTML changes: names of elements have no case, a relative path begins at the document, and ``id()``
looks at attributes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from lxml import etree

from etl.pages.locators import standard
from etl.pages.locators.css import LOCATOR_LIMIT
from etl.pages.locators.match import Elements
from etl.pages.locators.tree import XHTML, Tree
from etl.pages.tokens import lower
from schemas.errors import PageError

XPATH_LIMIT: Final = 1e10
"""Most nodes that libxml2 may look at, by `_cost`, which overestimates by far."""

_FUNCTIONS: Final = "stepmill:functions"
_PREFIX: Final = "stepmill"

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+)|(?P<literal>"[^"]*"|'[^']*')|(?P<number>\d+(?:\.\d*)?|\.\d+)|"""
    r"""(?P<sign>\.\.|::|//|!=|<=|>=|[()\[\].@,/|+\-=<>*$])|(?P<name>[^\W\d][\w.\-·]*(?::(?:\*|[^\W\d][\w.\-·]*))?)"""
)
_FOLLOWS: Final = re.compile(r"[ \t\r\n]*(\(|::)")
_OPERATORS: Final = frozenset(("|", "+", "-", "=", "!=", "<", "<=", ">", ">="))
_NODE_TYPES: Final = frozenset(("comment", "text", "processing-instruction", "node"))
_MANY: Final = 1_000
_TAKES: Final[dict[str, tuple[int, int]]] = {
    **dict.fromkeys("last position true false".split(), (0, 0)),
    **dict.fromkeys(
        "local-name namespace-uri name string string-length normalize-space number".split(), (0, 1)
    ),
    **dict.fromkeys("count id boolean not lang sum floor ceiling round".split(), (1, 1)),
    **dict.fromkeys("starts-with contains substring-before substring-after".split(), (2, 2)),
    "substring": (2, 3), "translate": (3, 3), "concat": (2, _MANY),
}  # fmt: skip
"""Function of XPath 1.0 -> the least and the greatest number of its arguments."""

_OURS: Final = frozenset(("id", "namespace-uri"))
_COUNT_CHARACTERS: Final = frozenset(("string-length", "substring", "translate"))
_ASK_NAMES: Final = frozenset(("name", "local-name"))


class _Path(NamedTuple):
    """An XPath, rewritten for the tree."""

    # between two of them goes the path to the document
    parts: tuple[str, ...]
    # names of the functions that it calls
    functions: frozenset[str]
    # it looks at attributes of any name
    any_attribute: bool


def find_xpath(tree: Tree, path: str) -> list[int]:
    """The indices of the elements that an XPath selects, in document order.

    Raises: `PageError`, as `etl.pages.locators.find.find_xpath` does.
    """
    path = path.strip()
    if len(path) > LOCATOR_LIMIT or _cost(tree.elements, path) > XPATH_LIMIT:
        raise PageError("costly_xpath", f"{path[:200]!r} on {tree.elements.page.elements} elements")
    rewritten = _rewritten(path)
    root = tree.root
    _check(path, rewritten, tree)

    def ids(_: Any, wanted: Any) -> list[etree._Element]:
        texts = [_text(each) for each in wanted] if isinstance(wanted, list) else [_text(wanted)]
        by_id = tree.by_id
        return [by_id[id] for id in {id: 0 for text in texts for id in text.split()} if id in by_id]

    def namespace(_: Any, nodes: Any) -> str:
        return (
            ""
            if not nodes or tree.index(nodes[0]) is None
            else etree.QName(nodes[0]).namespace or XHTML
        )

    evaluate = etree.XPathDocumentEvaluator(
        root.getroottree(), namespaces={_PREFIX: _FUNCTIONS}, smart_strings=False,
        extensions={(_FUNCTIONS, "id"): ids, (_FUNCTIONS, "namespace-uri"): namespace},
    )  # fmt: skip
    expression = ("/*/" if tree.held else "/").join(rewritten.parts)
    try:
        selected = evaluate(expression)
        if isinstance(selected, list) and evaluate(f"boolean(({expression})[not(..)])"):
            selected.append("the document")
    except (etree.XPathError, ValueError, TypeError) as error:
        raise PageError("invalid_xpath", f"{path[:200]!r}: {error}") from error
    if not isinstance(selected, list):
        raise PageError(
            "invalid_xpath", f"{path[:200]!r} selects no elements but a {type(selected).__name__}"
        )
    indices = [tree.index(item) for item in selected if item is not root or not tree.held]
    if None in indices:
        raise PageError("invalid_xpath", f"{path[:200]!r} selects no elements but other nodes")
    return sorted(index for index in indices if index is not None)


def _text(value: Any) -> str:
    """The value of an XPath as text."""
    if isinstance(value, etree._Element):
        return "".join(value.itertext(with_tail=False))
    return str(value)


def _check(path: str, rewritten: _Path, tree: Tree) -> None:
    """Refuse an XPath that the tree would answer differently from a browser."""
    why = ""
    if tree.astral and rewritten.functions & _COUNT_CHARACTERS:
        why = "the page has characters that count as two in a browser"
    elif rewritten.functions & _ASK_NAMES and (
        tree.odd_tags or (tree.odd_attributes and rewritten.any_attribute)
    ):
        why = "the page has names that XML does not allow"
    if why:
        raise PageError("unsupported_locator", f"{path[:200]!r}: {why}")


# ---- rewriting


class _Token(NamedTuple):
    """A token of an XPath."""

    # `literal`, `number`, `operator`, `slash` (one or two), `axis`, `function`, `type` (of nodes),
    # `name`, `wild` (a `*` that is a name), or `sign` for the rest
    kind: str
    text: str


_ASK_NAMESPACE: Final = [_Token("function", "namespace-uri"), _Token("sign", "(")]
_STEPS: Final = frozenset(("axis", "type", "name", "wild"))


@lru_cache(maxsize=4096)
def _rewritten(path: str) -> _Path:
    """An XPath for the tree. Raises `PageError` if it is malformed or the tree cannot answer it."""
    parts = [""]  # the path to the document goes before each but the first
    functions: set[str] = set()
    any_attribute = False
    level = 0  # of square brackets
    axis = ""
    before = _Token("operator", "")
    tokens = list(_tokens(path))
    _check_calls(path, tokens)
    for at, token in enumerate(tokens):
        kind, text = token
        if text == ")" and tokens[at - 2 : at] == _ASK_NAMESPACE:
            parts[-1] += "."
        begins = before.kind == "operator" or before.text in ("(", "[", ",")
        if kind == "axis" or text == "@":
            axis = "attribute" if text == "@" else text
        if begins and kind == "slash":
            parts.append(text[1:])
        else:
            if begins and not level and (kind in _STEPS or text in (".", "..", "@")):
                parts.append("")  # a relative path begins at the document
                if lower(text) in ("body", "head") and kind == "name":
                    # The document has no such child; the recorder meant the page's.
                    parts[-1] = "descendant::*[count(ancestor::*) < 2]/self::"
            parts[-1] += _as_written(path, token, axis, functions)
        if kind in ("wild", "name", "type"):
            any_attribute = any_attribute or (axis == "attribute" and kind != "name")
            axis = ""
        level += (text == "[") - (text == "]")
        before = token
    return _Path(tuple(parts), frozenset(functions), any_attribute)


def _check_calls(path: str, tokens: list[_Token]) -> None:
    """Refuse calls of unknown functions, which libxml2 would do only when it makes the call."""
    # Of each open round bracket: the function before it, and the number of commas.
    opened: list[tuple[str, int]] = []
    before = _Token("operator", "")
    for token in tokens:
        if token.text == "(" and token.kind == "sign":
            opened.append((before.text if before.kind == "function" else "", 0))
        elif token.text == "," and opened:
            opened[-1] = opened[-1][0], opened[-1][1] + 1
        elif token.text == ")" and token.kind == "sign" and opened:
            name, commas = opened.pop()
            given = 0 if before.text == "(" else commas + 1
            least, most = _TAKES.get(name, (0, -1)) if name else (0, _MANY)
            if not least <= given <= most:
                raise PageError(
                    "invalid_xpath",
                    f"{path[:200]!r}: {name}() is no function of XPath 1.0 for {given}",
                )
        before = token


def _as_written(path: str, token: _Token, axis: str, functions: set[str]) -> str:
    """A token of an XPath for the tree. Adds the name of a function to ``functions``."""
    kind, text = token
    refused = ""
    if kind == "operator":
        return f" {text} "
    if kind == "axis" and text == "namespace":
        refused = "namespaces are no nodes of HTML"
    elif kind == "function":
        functions.add(text)
        if text == "lang":
            refused = "lang() depends on more than the recorded page"
        elif text in _OURS:
            return f"{_PREFIX}:{text}"
    elif kind == "type" and text in ("comment", "processing-instruction"):
        refused = f"{text}() is not known of a recorded page"
    elif kind in ("name", "wild"):
        if ":" in text:
            raise PageError(
                "invalid_xpath", f"{path[:200]!r}: the prefix in {text!r} means nothing in HTML"
            )
        return _attribute(text) if axis == "attribute" else lower(text)
    if refused:
        raise PageError("unsupported_locator", f"{path[:200]!r}: {refused}")
    return text


def _attribute(name: str) -> str:
    """The test for an attribute: in lower case on HTML elements, as it is written on others."""
    low = lower(name)
    if low == name:
        return name
    if standard.SVG_NAMES.get(low) == name:
        return f"*[local-name() = '{low}' or local-name() = '{name}']"
    return f"*[local-name() = '{low}' and not(namespace-uri(..))]"


def _tokens(path: str) -> Iterator[_Token]:
    """The tokens of an XPath, without spaces.

    The token before a word or ``*`` decides whether that is a name or an operator.
    """
    at = 0
    slash = False
    operand = False  # the last token may be followed by an operator
    while found := _TOKEN.match(path, at):
        at = found.end()
        kind, text = str(found.lastgroup), found[0]
        if kind == "space":
            continue
        if text == "*":
            kind = "operator" if operand else "wild"
        elif kind == "name" and operand:
            kind = "operator"
        elif kind == "name":
            follows = _FOLLOWS.match(path, at)
            if follows is not None:
                kind = (
                    "axis" if follows[1] == "::" else "type" if text in _NODE_TYPES else "function"
                )
        elif kind == "sign" and text in _OPERATORS:
            kind = "operator"
        elif text in ("/", "//"):
            kind = "slash"
        if kind == "slash" and slash:
            raise PageError("invalid_xpath", f"{path[:200]!r}: a step is missing at character {at}")
        slash = kind == "slash"
        yield _Token(kind, text)
        operand = kind in ("name", "wild", "literal", "number") or text in (")", "]", ".", "..")
    if at < len(path):
        raise PageError(
            "invalid_xpath", f"{path[:200]!r}: {path[at]!r} at character {at + 1} was not expected"
        )


# ---- cost

_MARK: Final = re.compile(
    r"""(?:"[^"]*+"|'[^']*+')|(?P<open>\[)|(?P<close>\])|(?P<everywhere>(?<=[\[(,=<>|+\s])/|\b(?:following|preceding)\s*::)|"""
    r"""(?P<beside>-sibling\s*::)|(?P<around>//|\b(?:ancestor|descendant)|\b(?:contains|string|normalize-space|starts-with|count)\b)"""
)


def _cost(elements: Elements, path: str) -> float:
    """An upper estimate of the number of nodes that libxml2 looks at for an XPath.

    Brackets are evaluated for each element before them, so their costs are multiplied. No XPath of
    a recorder comes near the limit on a page that people see.
    """
    kin = elements.kin
    count = max(elements.page.elements, 1)
    costs = {
        "everywhere": float(count), "beside": kin.pairs_beside / count,
        "around": kin.pairs_around / count
    }  # fmt: skip
    levels: dict[int, list[float]] = {0: []}
    level = 0
    for mark in _MARK.finditer(path):
        if mark.lastgroup in costs:
            # In brackets a path from the root is followed, and its set made, again and again.
            slower = 10 if level and mark.lastgroup == "everywhere" else 1
            levels.setdefault(level, []).append(slower * costs[mark.lastgroup])
        elif mark.lastgroup:
            level += 1 if mark["open"] else -1
    top = levels.pop(0)
    cost = count * max(top, default=1 / count)
    if len(top) == 1:
        cost = float(count)
    elif top:  # libxml2 merges the sets of several elements without an index
        cost = max(cost, kin.pairs_around * count**0.5)
    # lxml looks at the ancestors of each element that it returns.
    return max(
        kin.pairs_around, cost * math.prod(max(inner, default=1.0) for inner in levels.values())
    )
