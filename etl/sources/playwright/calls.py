"""Calls of Playwright's API as actions.

A call is known by its class and method in Playwright's protocol, which are the same in all of its
languages and versions: ``locator.fill``, ``page.fill`` and Java's ``Locator.fill`` are
``Frame.fill``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urljoin

from schemas.actions import several
from schemas.recorded_actions import action
from schemas.workflow import Action, Locator

Params = Mapping[str, Any]


class Kind(NamedTuple):
    """What a call does."""

    # a word for it
    word: str
    # its value; None if it has none
    value: Callable[[Params], str] | None = None
    # whether it is done on an element
    element: bool = True


def _of(key: str) -> Callable[[Params], str]:
    """The parameter of a name as text."""
    return lambda params: _text(params.get(key))


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)


def _numbers(*keys: str) -> Callable[[Params], str]:
    """Numbers joined by commas; empty if one is missing."""

    def value(params: Params) -> str:
        texts = [_text(params.get(key)) for key in keys]
        return ",".join(texts) if all(texts) else ""

    return value


def _options(params: Params) -> str:
    """The chosen options by what the call names them by: text, value or either."""
    texts: list[str] = []
    for option in _list(params.get("options")):
        given = option if isinstance(option, dict) else {}
        names = (given.get(key) for key in ("label", "valueOrLabel", "value"))
        text = next((name for name in names if isinstance(name, str)), None)
        if text is None:
            return ""  # by its number, or as an element: the text is not in the call
        texts.append(text)
    return several(texts) if texts else ""


def _files(params: Params) -> str:
    """The names of files, or their paths, whichever the call has."""
    texts: list[str] = []
    for key in ("payloads", "files", "localPaths"):
        for file in _list(params.get(key)):
            name = file.get("name") if isinstance(file, dict) else file
            if isinstance(name, str) and name:
                texts.append(name)
    return several(texts) if texts else ""


def _size(params: Params) -> str:
    size = params.get("viewportSize")
    return _numbers("width", "height")(size) if isinstance(size, dict) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


ON_ELEMENT: Final[Mapping[str, Kind]] = {
    "click": Kind("click"),
    "dblclick": Kind("double_click"),
    "tap": Kind("tap"),
    "hover": Kind("hover"),
    "fill": Kind("fill", _of("value")),
    "type": Kind("type", _of("text")),
    "press": Kind("press", _of("key")),
    "check": Kind("check"),
    "uncheck": Kind("uncheck"),
    "selectOption": Kind("select", _options),
    "setInputFiles": Kind("upload", _files),
    "focus": Kind("focus"),
    "blur": Kind("blur"),
    "dragAndDrop": Kind("drag"),
    "scrollIntoViewIfNeeded": Kind("scroll_to"),
    "selectText": Kind("select_text"),
    "dispatchEvent": Kind("dispatchEvent", _of("type")),
}
"""Methods of the protocol's ``Frame`` and ``ElementHandle``."""

ON_PAGE: Final[Mapping[str, Kind]] = {
    "Frame.goto": Kind("navigate", _of("url"), element=False),
    "Page.goBack": Kind("go_back", element=False),
    "Page.goForward": Kind("go_forward", element=False),
    "Page.reload": Kind("reload", element=False),
    "Page.close": Kind("close_tab", element=False),
    "Page.bringToFront": Kind("focus_tab", element=False),
    "Page.setViewportSize": Kind("resize", _size, element=False),
    "Page.keyboardDown": Kind("key_down", _of("key"), element=False),
    "Page.keyboardUp": Kind("key_up", _of("key"), element=False),
    "Page.keyboardPress": Kind("press", _of("key"), element=False),
    "Page.keyboardType": Kind("type", _of("text"), element=False),
    "Page.keyboardInsertText": Kind("type", _of("text"), element=False),
    "Page.mouseMove": Kind("mouse_move", _numbers("x", "y"), element=False),
    "Page.mouseDown": Kind("mouse_down", element=False),
    "Page.mouseUp": Kind("mouse_up", element=False),
    "Page.mouseClick": Kind("mouse_click", _numbers("x", "y"), element=False),
    "Page.mouseWheel": Kind("scroll", _numbers("deltaX", "deltaY"), element=False),
    "Page.touchscreenTap": Kind("mouse_click", _numbers("x", "y"), element=False),
    "BrowserContext.newPage": Kind("new_tab", element=False),
    "Dialog.accept": Kind("accept_dialog", _of("promptText"), element=False),
    "Dialog.dismiss": Kind("dismiss_dialog", element=False),
}
"""Other methods, with their classes."""

DISPATCHED: Final = {"click": "click", "dblclick": "double_click", "contextmenu": "right_click"}
"""Events that a script sends to an element -> what a person does to send them."""


def kind_of(class_: str, method: str, params: Params, *, input_: bool) -> Kind | None:
    """What a call does; None for one that does nothing on a page.

    input_: whether the trace says that keys or the mouse were used. Such a call is an action even
    if it is not known here.
    """
    if params.get("trial") is True:
        return None  # looks whether the element could be clicked
    if class_ in ("Frame", "ElementHandle") and method in ON_ELEMENT:
        return ON_ELEMENT[method]
    if known := ON_PAGE.get(f"{class_}.{method}"):
        return known
    return Kind(method, element="selector" in params) if input_ else None


def action_of(kind: Kind, params: Params, base: str, url: str) -> Action:
    """A call's action.

    base: the address that others are relative to, as the context's options give it. url: of the
    page.
    """
    word, value = kind.word, kind.value(params) if kind.value else ""
    if word == "navigate" and base:
        value = _joined(base, value)
    if word == "fill" and not value:
        word = "clear"
    if word == "dispatchEvent" and value in DISPATCHED:
        word, value = DISPATCHED[value], ""
    if word == "focus_tab":
        value = url
    clicks = params.get("clickCount")
    if word == "mouse_click" and clicks == 2:
        word = "mouse_double_click"
    return action(
        word,
        value,
        on_element=kind.element,
        button=_text(params.get("button")),
        modifiers=[key for key in _list(params.get("modifiers")) if isinstance(key, str)],
        clicks=clicks if isinstance(clicks, int) and not isinstance(clicks, bool) else 1,
    )


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(base, address)
    except ValueError:
        return address


def locators(kind: Kind, params: Params) -> tuple[tuple[Locator, ...], tuple[Locator, ...]]:
    """The selectors of a call's element, and of the one on which a drag ends."""
    if not kind.element:
        return (), ()
    strict = params.get("strict") is True
    keys = ("source", "target") if kind.word == "drag" else ("selector", "")
    target, destination = (_selector(params.get(key), strict=strict) for key in keys)
    return target, destination


def _selector(selector: Any, *, strict: bool) -> tuple[Locator, ...]:
    if not isinstance(selector, str) or not selector:
        return ()
    # Without `strict` the call takes the first of several elements.
    return (Locator("css", selector if strict else f"{selector} >> nth=0"),)


def words() -> list[tuple[str, str]]:
    """Each call and the kind of its action."""
    calls = {f"Frame.{method}, ElementHandle.{method}": each for method, each in ON_ELEMENT.items()}
    for one, both in (("dragAndDrop", "Frame"), ("scrollIntoViewIfNeeded", "ElementHandle"),
                      ("selectText", "ElementHandle"), ("blur", "Frame")):  # fmt: skip
        calls[f"{both}.{one}"] = calls.pop(f"Frame.{one}, ElementHandle.{one}")
    named = {called: action(kind.word, "x", on_element=kind.element).kind
             for called, kind in (calls | dict(ON_PAGE)).items()}  # fmt: skip
    del named["Frame.dispatchEvent, ElementHandle.dispatchEvent"]
    events = {f"dispatchEvent({event})": kind for event, kind in DISPATCHED.items()}
    return [*named.items(), *events.items()]
