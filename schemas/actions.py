"""What can be done on a page: the closed list of action kinds, and other tools' words for them.

`KINDS` is the one list. Sources turn recorded words into its kinds (`named`), stages ask whether a
kind needs an element or a value, and prompts and descriptions take their words from it. A word that
is not on it stays as it was recorded. Such a step is not trained on (``unknown_action``), and
`nearest` says what may have been meant.

The words are those of Playwright and its recorder, Selenium and Selenium IDE, BrowserGym and
WebArena, Chrome DevTools Recorder, browser-use, WebLINX, Mind2Web, ScribeAgent, computer-use
models and the DOM's own events. Case, spaces, hyphens, dots and underscores do not matter:
``dblclick``, ``Dbl-Click`` and ``DBL_CLICK`` are one word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

Need = Literal["needed", "possible", "none"]
"""Whether a kind of action has an element or a value: always, sometimes or never."""


class ActionKind(NamedTuple):
    """One kind of action."""

    name: str
    # what it is, for people
    meaning: str
    # how its description begins
    verb: str
    # whether it is taken on an element
    element: Need = "needed"
    # whether it has a value
    value: Need = "none"
    # what its value says
    says: str = ""
    # other tools' words for it, separated by spaces
    aliases: str = ""
    # its word in prompts; empty: `<name>_action`
    word: str = ""
    # False for rows of recordings that are not a single action on a page, and so not an answer
    action: bool = True

    @property
    def prompt_word(self) -> str:
        """Its word in prompts and answers."""
        return self.word or f"{self.name}_action"

    @property
    def words(self) -> tuple[str, ...]:
        """Its name and all other words for it."""
        return (self.name, *self.aliases.split(), *filter(None, (self.word,)))


_ALL: Final = (
    # the mouse on an element
    ActionKind(
        "click", "the left button clicks an element", "Click",
        aliases="tap touch left_click single_click click_element click_element_by_index "
        "click_by_index click_at "
        "click_on click_and_wait click_link click_button mouse_left_click activate",
        word="mouse_click_action",
    ),
    ActionKind(
        "double_click", "two clicks at once", "Double click",
        aliases="dblclick dbl_click double_click_at double_click_and_wait double_tap "
        "double_click_element",
        word="mouse_double_click_action",
    ),
    ActionKind(
        "triple_click", "three clicks at once, which select a line", "Triple click",
        aliases="three_clicks tripleclick",
        word="mouse_triple_click_action",
    ),
    ActionKind(
        "right_click", "the right button clicks an element", "Right click",
        aliases="context_click context_menu context_menu_at secondary_click right_click_element",
        word="mouse_right_click_action",
    ),
    ActionKind(
        "middle_click", "the middle button clicks an element", "Middle click",
        aliases="auxclick aux_click wheel_click",
        word="mouse_middle_click_action",
    ),
    ActionKind(
        "long_press", "a button or finger stays on an element for a while", "Press and hold",
        aliases="long_click long_tap tap_and_hold press_and_hold touch_and_hold",
    ),
    ActionKind(
        "hover", "the pointer moves onto an element", "Hover over",
        aliases="mouse_over mouse_enter pointer_over pointer_enter move_to_element hover_over "
        "hover_element move_to",
        word="mouse_hover_action",
    ),
    ActionKind(
        "drag", "an element is dragged: to a destination, by a distance, or both", "Drag",
        value="possible",
        says="the distance in pixels: dx,dy",
        aliases="drag_and_drop drag_drop drag_to drag_and_drop_to drag_and_drop_to_object "
        "drag_and_drop_to_object_and_wait "
        "drag_and_drop_by drag_and_drop_by_offset drag_element left_click_drag dnd",
        word="mouse_drag_action",
    ),
    # text and fields
    ActionKind(
        "type", "text is typed into a field, or put into it", "Type", "possible", "needed",
        "the text, exactly",
        "fill fill_in fill_form input input_text text_input enter_text type_text set_text "
        "set_value type_string "
        "press_sequentially type_sequentially keyboard_type keyboard_type_text insert_text "
        "keyboard_insert_text "
        "type_keys type_into write put_text before_input edit_content keyboard_sequence "
        "type_and_wait",
        "keyboard_sequence_action",
    ),
    ActionKind("clear", "a field is emptied", "Clear",
        aliases="clear_text clear_field clear_input clear_element empty"),
    ActionKind(
        "select", "options of a list are chosen", "Select", "needed", "needed",
        "the option; several as a JSON list of texts",
        "select_option select_options select_dropdown select_dropdown_option "
        "select_by_visible_text select_by_value "
        "select_by_index select_by_label select_change select_and_wait choose choose_option "
        "add_selection pick",
    ),
    ActionKind(
        "deselect", "options of a list are no longer chosen", "Deselect", "needed", "needed",
        "the option; several as a JSON list of texts",
        "remove_selection deselect_option unselect deselect_by_visible_text deselect_by_value "
        "deselect_by_index "
        "deselect_all remove_all_selections",
    ),
    ActionKind(
        "change",
        "a field gets another value, nobody knows how; select if it is a list, else type", "Change",
        "needed", "needed", "the new value", "set set_field change_value on_change",
    ),
    ActionKind("check", "a box is ticked", "Check",
        aliases="tick check_box check_checkbox check_and_wait"),
    ActionKind("uncheck", "the tick of a box is taken away", "Uncheck",
        aliases="untick uncheck_box uncheck_and_wait"),
    ActionKind(
        "upload", "files are given to a field", "Upload", "needed", "needed",
        "the file's name or path; several as a JSON list of texts",
        "upload_file upload_files file_upload set_input_files set_files attach_file choose_file "
        "select_file",
    ),
    ActionKind("select_text", "text is marked", "Select the text of", "possible", "possible",
        "the marked text",
               "text_select highlight mark_text"),
    ActionKind("focus", "an element gets the focus", "Focus",
        aliases="focus_in focus_element set_focus"),
    ActionKind("blur", "an element loses the focus", "Leave", "possible",
        aliases="focus_out unfocus fire_blur"),
    ActionKind("submit", "a form is sent", "Submit", "possible",
        aliases="submit_form form_submit submit_and_wait"),
    # keys
    ActionKind(
        "press", "a key or a combination of keys is pressed", "Press", "possible", "needed",
        "the keys by their DOM names, joined by +: Control+a",
        "key press_key press_keys key_press keyboard_press hotkey hot_key shortcut "
        "keyboard_shortcut key_combination "
        "keyboard_combination key_comb send_key",
        "keyboard_combination_action",
    ),
    ActionKind("key_down", "a key goes down and stays down", "Hold", "possible", "needed",
        "the key",
               "keyboard_down hold_key"),
    ActionKind("key_up", "a key comes up again", "Release", "possible", "needed", "the key",
               "keyboard_up release_key"),
    ActionKind("copy", "what is marked is copied", "Copy", "possible", "possible",
        "the copied text", "copy_text"),
    ActionKind("cut", "what is marked is cut out", "Cut", "possible", "possible", "the text",
        "cut_text"),
    ActionKind("paste", "the clipboard's text is put in", "Paste", "possible", "needed",
        "the text", "paste_text"),
    # the view
    ActionKind(
        "scroll", "a page or an element is scrolled", "Scroll", "possible", "needed",
        "the direction, with pixels if they are known: down, down 300; or dx,dy",
        "scroll_by scroll_by_amount scroll_page scroll_window scroll_at wheel mouse_wheel "
        "mouse_scroll",
        "mouse_scroll_action",
    ),
    ActionKind(
        "scroll_to", "a page is scrolled until an element or a text shows", "Scroll to",
        "possible", "possible",
        "the text, or top and bottom",
        "scroll_into_view scroll_into_view_if_needed scroll_to_element scroll_element_into_view "
        "scroll_to_text "
        "find_text",
    ),
    # the browser
    ActionKind(
        "navigate", "the browser opens an address", "Navigate to", "none", "needed", "the address",
        "goto go_to go_to_url go open open_url open_page visit load load_url get url "
        "navigate_to navigation jump_to "
        "browse_to navigate_page",
    ),
    ActionKind("search", "a search engine is asked", "Search for", "none", "needed", "the words",
               "search_google google_search google search_web web_search"),
    ActionKind("go_back", "back in the history", "Go back", "none",
               aliases="back navigate_back browser_back history_back page_back"),
    ActionKind("go_forward", "forward in the history", "Go forward", "none",
               aliases="forward navigate_forward browser_forward history_forward page_forward"),
    ActionKind("reload", "the page is loaded again", "Reload", "none",
        aliases="refresh reload_page refresh_page"),
    ActionKind("new_tab", "a tab or window opens", "Open a new tab", "none", "possible",
        "the address",
               "open_tab tab_new tab_create create_tab new_page open_new_tab new_window "
               "open_window"),
    ActionKind("close_tab", "a tab or window is closed", "Close the tab", "none", "possible",
        "its number or title",
               "close tab_close tab_remove remove_tab close_page page_close close_window"),
    ActionKind("focus_tab", "another tab or window comes to the front", "Switch to the tab",
        "none", "needed",
               "its number, title or address",
               "switch switch_tab switch_to_tab tab_focus tab_switch tab_select select_tab "
               "activate_tab select_window "
               "switch_window switch_to_window page_focus switch_page bring_to_front"),
    ActionKind("focus_frame", "what follows is done within a frame", "Switch to the frame",
        "possible", "possible",
               "its name or number", "select_frame switch_frame switch_to_frame frame"),
    ActionKind("accept_dialog", "a dialog of the browser is answered with yes",
        "Accept the dialog", "none", "possible",
               "the text that is entered",
               "accept_alert accept choose_ok_on_next_confirmation answer_on_next_prompt "
               "answer_dialog"),
    ActionKind("dismiss_dialog", "a dialog of the browser is answered with no",
        "Dismiss the dialog", "none",
               aliases="dismiss_alert dismiss choose_cancel_on_next_confirmation "
               "choose_cancel_on_next_prompt"),
    ActionKind("resize", "the window gets another size", "Resize the window to", "none",
        "possible", "width and height",
               "set_viewport set_viewport_size set_window_size resize_window window_resize "
               "maximize_window"),
    # the mouse at a place of the screen
    ActionKind("mouse_move", "the pointer moves to a place", "Move the mouse to", "possible",
        "possible", "x,y",
               "move move_mouse mouse_move_at pointer_move cursor_move"),
    ActionKind("mouse_down", "a button goes down", "Press the mouse button at", "possible",
        "possible", "x,y",
               "pointer_down mouse_down_at left_mouse_down touch_start click_and_hold"),
    ActionKind("mouse_up", "a button comes up", "Release the mouse button at", "possible",
        "possible", "x,y",
               "pointer_up mouse_up_at left_mouse_up touch_end release"),
    ActionKind("mouse_click", "a click at a place; click if an element is known", "Click at",
        "none", "needed", "x,y",
               "coordinate_click click_coordinates click_position", "mouse_click_action"),
    ActionKind("mouse_double_click", "a double click at a place", "Double click at", "none",
        "needed", "x,y",
               "mouse_dblclick"),
    ActionKind("mouse_drag", "from a place to another with the button down", "Drag from", "none",
        "needed",
               "from_x,from_y,to_x,to_y", "mouse_drag_and_drop"),
    ActionKind("mouse_upload", "files are given at a place", "Upload at", "none", "needed",
        "x,y and the files",
               "mouse_upload_file"),
    ActionKind("mouse_out", "the pointer leaves an element", "Move the mouse off",
               aliases="mouse_leave pointer_out pointer_leave"),
    # what an agent does apart from the page
    ActionKind("wait", "time passes", "Wait", "possible", "possible",
        "milliseconds, or what is waited for",
               "noop no_op none sleep pause idle do_nothing wait_for wait_for_element "
               "wait_for_expression "
               "wait_for_timeout wait_for_selector wait_for_load_state wait_for_navigation "
               "wait_for_url "
               "wait_for_element_visible wait_for_element_present"),
    ActionKind("message", "the user is told or asked something", "Tell the user", "none",
        "needed", "the text",
               "send_msg_to_user send_message send_message_to_user say reply chat ask ask_user "
               "message_user call_user "
               "user_input"),
    ActionKind("stop", "the task is done", "Stop", "none", "possible", "the answer",
               "done finish finished answer final_answer complete task_complete end exit "
               "terminate"),
    ActionKind("report_infeasible", "the task is given up", "Report the task as infeasible",
        "none", "possible",
               "the reason", "infeasible give_up fail impossible"),
    ActionKind("observe", "the page is looked at and not changed", "Look at", "possible",
        "possible",
               "what is looked for",
               "screenshot take_screenshot snapshot extract extract_content "
               "extract_structured_data read get_text "
               "assert assert_text assert_visible assert_value verify verify_text expect store "
               "store_text "
               "dropdown_options get_dropdown_options cursor_position zoom"),
    ActionKind("script", "a program runs in the page", "Run the script", "possible", "needed",
        "its text",
               "evaluate eval execute execute_script execute_async_script run_script execute_js "
               "run_js "
               "execute_javascript run_javascript javascript js"),
    # rows of recordings that are not a single action
    ActionKind("code", "a program of several calls, or a call that cannot be read", "Run", "none",
        "possible",
               "its text", action=False),
    ActionKind("unparsed", "a text without an action that can be read", "Say", "none", "possible",
        "the text",
               action=False),
    ActionKind("section", "a heading in a recording", "Section", "none", action=False),
    ActionKind("stack", "a recording within a recording", "Stack", "none", action=False),
    ActionKind("instruction", "advice in a recording", "Instruction", "none", action=False),
)  # fmt: skip

KINDS: Final[Mapping[str, ActionKind]] = {kind.name: kind for kind in _ALL}
"""All kinds by name, in the order in which they are shown."""

IMPLIED: Final[Mapping[str, tuple[str, str]]] = {
    "scroll_down": ("scroll", "down"),
    "scroll_up": ("scroll", "up"),
    "scroll_left": ("scroll", "left"),
    "scroll_right": ("scroll", "right"),
    "page_down": ("press", "PageDown"),
    "page_up": ("press", "PageUp"),
    "scroll_to_bottom": ("scroll_to", "bottom"),
    "scroll_to_top": ("scroll_to", "top"),
    "enter": ("press", "Enter"),
    "press_enter": ("press", "Enter"),
    "press_tab": ("press", "Tab"),
    "press_escape": ("press", "Escape"),
}
"""Words that imply a value -> the kind and that value."""

_ON_ELEMENT: Final = {
    "mouse_click": "click",
    "mouse_double_click": "double_click",
    "mouse_drag": "drag",
    "mouse_upload": "upload",
    "mouse_move": "hover",
}
"""Kinds of actions at a place -> the kind they are if an element is known."""

BUTTONS: Final[Mapping[str, str]] = {
    "left": "click",
    "middle": "middle_click",
    "right": "right_click",
}
"""Buttons of the mouse -> the kind that a click with each is."""

MODIFIERS: Final[Mapping[str, str]] = {
    "control": "Control", "ctrl": "Control", "controlleft": "Control", "controlright": "Control",
    "shift": "Shift", "shiftleft": "Shift", "shiftright": "Shift",
    "alt": "Alt", "option": "Alt", "altleft": "Alt", "altright": "Alt",
    "meta": "Meta", "cmd": "Meta", "command": "Meta", "win": "Meta",
    "windows": "Meta", "super": "Meta",
    "metaleft": "Meta", "metaright": "Meta",
    "controlormeta": "ControlOrMeta",
}  # fmt: skip
"""Words for keys that are held, in lower case -> their DOM names.

``ControlOrMeta`` is Playwright's: Meta on a Mac, Control elsewhere.
"""


def _key(word: str) -> str:
    """A word without case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", word.casefold())


_BY_KEY: Final = {_key(word): kind.name for kind in reversed(_ALL) for word in kind.words}
"""Word -> kind. Of two kinds with the same prompt word the first counts."""

_IMPLIED_BY_KEY: Final = {_key(word): implied for word, implied in IMPLIED.items()}
_NEAR: Final = 0.75
"""Least similarity by `difflib`, 0 to 1: allows one wrong or missing letter in a short word."""


class Named(NamedTuple):
    """What a recorded word means."""

    # one of `KINDS`
    kind: str
    # what the recorded word and value say together
    value: str


def named(word: str, value: str = "", *, on_element: bool = False) -> Named | None:
    """What a recorded word means; None if it is not a word for a kind.

    value: as recorded.
    on_element: whether an element is known. Without one, ``mouse_click`` is a click at a place and
    ``send_keys`` a press.
    """
    for key in _keys(word):
        if key in ("sendkeys", "sendkeystoelement"):
            return Named("type" if on_element else "press", value)
        if key == "setchecked":
            off = value.strip().casefold() in ("false", "0", "off", "no")
            return Named("uncheck" if off else "check", "")
        if key == "enter" and value and value.casefold() != "enter":
            return Named("type", value)
        if key in _IMPLIED_BY_KEY:
            kind, implied = _IMPLIED_BY_KEY[key]
            both = f"{implied} {value}" if value and kind == "scroll" else value or implied
            return Named(kind, both)
        if key in _BY_KEY:
            kind = _BY_KEY[key]
            return Named(_ON_ELEMENT.get(kind, kind) if on_element else kind, value)
    return None


@lru_cache(maxsize=1024)
def _keys(word: str) -> tuple[str, ...]:
    """The keys under which a word may be listed, that of the whole word first.

    ``page.click``, ``browser_click`` and ``ClickAction`` are all click.
    """
    whole = _key(word)
    last = _key(re.split(r"[.:/]", word.strip(". :/"))[-1])
    keys = [whole, last]
    for key in (whole, last):
        keys += [key.removeprefix("browser"), key.removesuffix("action"), key.removesuffix("event")]
    return tuple(dict.fromkeys(keys))


def nearest(word: str) -> str:
    """The kind with the name or alias most like an unknown word; empty if none is like it."""
    import difflib  # for what is wrong alone

    matches = difflib.get_close_matches(_key(word), [*_BY_KEY, *_IMPLIED_BY_KEY], 1, _NEAR)
    if not matches:
        return ""
    return _BY_KEY.get(matches[0]) or _IMPLIED_BY_KEY[matches[0]][0]


def several(values: Sequence[str]) -> str:
    """Several texts as one value: a JSON list.

    One text stays as it is, unless it looks like such a list.
    """
    if len(values) == 1 and each(values[0]) == values[:1]:
        return values[0]
    return json.dumps(list(values), ensure_ascii=False)


def each(value: str) -> list[str]:
    """The texts in a value, as `several` joined them."""
    if value.startswith("[") and value.endswith("]"):
        try:
            texts = json.loads(value)
        except (ValueError, RecursionError):
            return [value]
        if isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts):
            return texts
    return [value]
