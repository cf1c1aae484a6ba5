"""What the commands of a test did, one after the other (`etl.sources.selenium_ide.projects`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from etl.inputs.columns import Fields, text, type_name
from etl.inputs.extras import Extras
from etl.inputs.pageless.addresses import Addresses, absolute, stays
from etl.inputs.pageless.events import Events, kept, listed
from schemas.errors import RecordError
from schemas.recorded_actions import action
from schemas.workflow import Locator, Step

COMMAND: Final = frozenset(
    (
        *(
            "id",
            "comment",
            "command",
            "target",
            "targets",
            "value",
            "opensWindow",
            "fallbackTargets",
        ),
        *("windowHandleName", "windowTimeout", "isBreakpoint", "insertBeforeLastCommand"),
        *("frameLocation",),
    )
)
_CONTROL: Final = frozenset(
    ("if", "elseif", "else", "end", "while", "times", "do", "repeatif", "foreach")
)
_CHECK: Final = re.compile(r"(?:assert|verify|waitfor|store|echo|pause|debugger|setspeed)")
_LOCATION: Final = re.compile(r"(?:assert|verify|waitfor)location")
_DIALOGS: Final = {
    "acceptalert": "accept_dialog",
    "acceptconfirmation": "accept_dialog",
    "answerprompt": "accept_dialog",
    "answeronnextprompt": "accept_dialog",
    "chooseokonnextconfirmation": "accept_dialog",
    "webdriverchooseokonvisibleconfirmation": "accept_dialog",
    "webdriveransweronvisibleprompt": "accept_dialog",
    "dismissconfirmation": "dismiss_dialog",
    "dismissprompt": "dismiss_dialog",
    "choosecancelonnextconfirmation": "dismiss_dialog",
    "choosecancelonnextprompt": "dismiss_dialog",
    "webdriverchoosecancelonvisibleconfirmation": "dismiss_dialog",
    "webdriverchoosecancelonvisibleprompt": "dismiss_dialog",
}
_WORDS: Final = {
    **_DIALOGS,
    "executescript": "code",
    "executeasyncscript": "code",
    "runscript": "code",
    "close": "close_tab",
    "open": "navigate",
    "selectwindow": "focus_tab",
}
_WITHOUT_TARGET: Final = frozenset((*_WORDS, "open"))
"""Commands whose target is no locator."""
_STAYS: Final = frozenset(
    (
        *("type", "sendkeys", "select", "addselection", "removeselection", "check", "uncheck"),
        *(
            "mouseover",
            "mouseout",
            "mousemoveat",
            "mousedown",
            "mousedownat",
            "mouseup",
            "mouseupat",
        ),
        *("editcontent", "selectwindow", *_DIALOGS),
    )
)
"""Commands after which the address is what it was; so it is after clicks on fields."""
_TYPING: Final = frozenset(("type", "sendkeys", "editcontent"))
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}")
_KEY: Final = re.compile(r"\$\{KEY_(\w+)\}")
_KEYS: Final = {
    "ENTER": "Enter", "RETURN": "Enter", "TAB": "Tab", "ESC": "Escape", "ESCAPE": "Escape",
    "BACKSPACE": "Backspace", "BKSP": "Backspace", "DELETE": "Delete", "DEL": "Delete",
    "SPACE": "Space", "UP": "ArrowUp", "DOWN": "ArrowDown", "LEFT": "ArrowLeft",
    "RIGHT": "ArrowRight", "HOME": "Home", "END": "End", "PAGE_UP": "PageUp", "PGUP": "PageUp",
    "PAGE_DOWN": "PageDown", "PGDN": "PageDown", "INSERT": "Insert",
    **{f"F{number}": f"F{number}" for number in range(1, 13)},
}  # fmt: skip
"""The IDE's names of keys -> the DOM's."""
_DEEPEST: Final = 8
"""How far tests may run each other."""


@dataclass
class Replay:
    """What a test did so far."""

    base: str
    # all tests of the project, by name
    tests: Mapping[str, Any]
    events: Events
    steps: list[Step] = field(default_factory=list)
    at: Addresses = field(default_factory=Addresses)
    variables: dict[str, str] = field(default_factory=dict)
    # names of windows, by the variable that holds the handle
    windows: dict[str, object] = field(default_factory=dict)
    # how many frames deep the commands work
    frames: int = 0
    # which commands were done is not known any more, in words
    gap: str = ""
    # names of the tests that are running each other
    running: tuple[str, ...] = ()

    def run(self, commands: Sequence[Fields], path: str, prefix: str = "") -> None:
        """Do some commands. prefix: of the ids of their steps, within another test."""
        for index, each in enumerate(commands):
            after = commands[index + 1] if index + 1 < len(commands) else {}
            reason = self._take(each, after, f"{path}[{index}].", f"{prefix}{index}")
            if reason and not prefix:
                self.events.drop(index, *reason)

    def _take(
        self, fields: Fields, after: Fields, path: str, step_id: str
    ) -> tuple[Any, str] | None:
        """Do one command; returns why it makes no step."""
        word = text(fields, "command", path).strip()
        target, value = (text(fields, name, path) for name in ("target", "value"))
        key = re.sub(r"[\W_]+", "", word).lower()
        if word.startswith("//") or not key:
            return "unknown_event", f"{word[:100]}: commented out" if word else "an empty row"
        if key in _CONTROL:
            self.gap = self.gap or f"{word} decides which commands are done"
            return "control_flow", word
        if key == "run":
            return self._run(target, path, step_id)
        if _CHECK.match(key):
            self._check(key, target, value)
            return "assertion", word
        if key == "selectframe":
            self._frame(target)
            return "unknown_event", word
        if key == "setwindowsize":
            return "unknown_event", word
        self._act(word, key, fields, after, path, step_id)
        return None

    def _run(self, name: str, path: str, step_id: str) -> tuple[Any, str] | None:
        """Do the commands of another test."""
        test = self.tests.get(self._filled(name) or "")
        if test is None or name in self.running or len(self.running) >= _DEEPEST:
            self.gap = self.gap or f"what the test {name[:100]!r} does is not known"
            return "control_flow", f"run {name[:100]}"
        before, self.running = self.running, (*self.running, name)
        self.run(listed(test, "commands", path), f"{path}run", f"{step_id}.")
        self.running = before
        return None

    def _check(self, key: str, target: str, value: str) -> None:
        """Note what a command that does nothing tells."""
        if key == "storewindowhandle":
            self.windows[target] = self.at.tab
        elif key == "store":
            filled = self._filled(target)
            if filled is None:
                self.variables.pop(value, None)
            else:
                self.variables[value] = filled
        elif key.startswith("store"):
            self.variables.pop(value, None)
        elif _LOCATION.fullmatch(key) and (url := absolute(target, self.base)) and "*" not in url:
            self.at.go(url)

    def _frame(self, target: str) -> None:
        if target == "relative=parent":
            self.frames = max(0, self.frames - 1)
        elif target in ("relative=top", "index=-1"):
            self.frames = 0
        else:
            self.frames += 1

    def _act(
        self, word: str, key: str, fields: Fields, after: Fields, path: str, step_id: str
    ) -> None:
        """A command that makes a step, or two if it ends with a key."""
        recorded = text(fields, "value", path)
        target = () if self.frames or key in _WITHOUT_TARGET else self._target(fields, path)
        destination: tuple[Locator, ...] = ()
        value = self._filled(recorded)
        if key.startswith("draganddrop"):
            destination = self._locators([recorded]) if not self.frames else ()
            value = ""
        elif key in _WORDS:
            value = self._filled(text(fields, "target", path))
        elif key in ("select", "addselection", "removeselection"):
            value = re.sub(r"^(?:label|value)=", "", value or "")
        elif key.endswith("at"):
            value = "" if key in ("clickat", "doubleclickat") else value
        if key == "open" and value is not None:
            value = absolute(value, self.base) or value
        if key == "selectwindow":
            self._window(text(fields, "target", path))
            value = self.at.now or value
        extras = Extras(self.events.odd, path)
        extras.unknown(fields, COMMAND)
        extras.declared({"original": kept(fields, "command", "target", "value")})
        meta, url = extras.text(), self.at.now
        for number, (said, text_of) in enumerate(_typed(word, key, value or "")):
            made = action(said, text_of, text(fields, "comment", path), on_element=bool(target))
            name = f"{step_id}.{number}" if number else step_id
            step = Step(
                name, url, "", made, target, destination=destination, gap=self.gap, meta=meta
            )
            self.steps.append(step)
        self._follow(key, value, fields, after, target)

    def _window(self, target: str) -> None:
        """Go to another window."""
        hit = _VARIABLE.search(target)
        name = hit[1] if hit else target
        self.at.tab = self.windows.setdefault(name, name)
        self.frames = 0

    def _follow(
        self, key: str, value: str | None, fields: Fields, after: Fields, target: Sequence[Locator]
    ) -> None:
        """Where the browser is after a command."""
        if fields.get("opensWindow") is True and isinstance(fields.get("windowHandleName"), str):
            return  # it opens another window, which is known by that name
        if key == "open":
            self.at.go(absolute(value or ""))
            self.frames = 0
            return
        pressed = key in _TYPING and self.steps[-1].action.kind == "press"
        if pressed or not (key in _STAYS or self._on_field(fields, after, target)):
            self.at.lose()

    @staticmethod
    def _on_field(fields: Fields, after: Fields, target: Sequence[Locator]) -> bool:
        """Whether a click is on a field: its locators say so, or the next command types there."""
        if str(after.get("command")).lower() in _TYPING and after.get("target") == fields.get(
            "target"
        ):
            return True
        return any(
            stays(css=each.value) if each.kind == "css" else stays(xpath=each.value)
            for each in target
            if each.kind in ("css", "xpath")
        )

    def _filled(self, template: str) -> str | None:
        """A text with what its variables hold; None if one is not known. Keys stay."""
        names = {name for name in _VARIABLE.findall(template) if not name.startswith("KEY_")}
        if not names <= self.variables.keys():
            return None
        return _VARIABLE.sub(lambda hit: self.variables.get(hit[1], hit[0]), template)

    def _target(self, fields: Fields, path: str) -> tuple[Locator, ...]:
        """The locators of a command, the first one first."""
        found = [text(fields, "target", path)]
        for name in ("targets", "fallbackTargets"):
            listed = fields.get(name)
            if listed is not None and not isinstance(listed, list):
                raise RecordError(
                    "wrong_type", f"{path}{name}: {type_name(listed)}, expected a list"
                )
            for index, each in enumerate(listed or ()):
                if not isinstance(each, list) or not each or not isinstance(each[0], str):
                    raise RecordError("wrong_type", f"{path}{name}[{index}]: no locator")
                found.append(each[0])
        return self._locators(found)

    def _locators(self, texts: Sequence[str]) -> tuple[Locator, ...]:
        filled = (self._filled(each) for each in texts)
        return tuple(dict.fromkeys(_locator(each) for each in filled if each))


def _locator(text: str) -> Locator:
    """One of Selenium's locators."""
    kind, mark, value = text.partition("=")
    if text.startswith(("//", "(")):
        return Locator("xpath", text)
    if mark and kind in ("id", "name"):
        return Locator("attribute", value, kind)
    if mark and kind in ("css", "xpath"):
        return Locator("css" if kind == "css" else "xpath", value)
    return Locator("css", text)


def _typed(word: str, key: str, value: str) -> Iterator[tuple[str, str]]:
    """The actions of a command, each with its value: keys end a text that is typed."""
    if key not in _TYPING or not _KEY.search(value):
        yield _WORDS.get(key, word), value
        return
    for number, part in enumerate(_KEY.split(value)):
        if part:
            yield ("press", _KEYS.get(part, part)) if number % 2 else (word, part)
