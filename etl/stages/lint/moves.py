"""Moves: whether one step leads to another, by what its action must have done to page and address.

A move is confirmed if the next page holds what was typed or chosen, or the next address is where a
link or a navigation leads. It is contradicted if the field is as it was or holds something else, or
if the address changes although the action leads nowhere. Most moves are neither.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from etl.pages.domain import UNKNOWN, domain_of
from etl.stages.lint import fields
from etl.stages.lint.sight import Sight, short
from schemas.utf8 import text_of

STILL: Final = frozenset(
    "type clear check uncheck hover scroll scroll_to focus blur select_text key_down key_up wait "
    "mouse_move observe copy".split()
)
"""Kinds of actions that lead to no other address."""

_FILLS: Final = frozenset(("type", "change", "select", "check", "uncheck", "clear"))
_LEAST: Final = 2  # letters and digits of a value that proves something


class Move(NamedTuple):
    """What the move from a step to another one's page shows."""

    # 1 confirmed, -1 contradicted, 0 neither
    sign: int
    why: str = ""


NOTHING: Final = Move(0)


def place(url: str) -> tuple[str, str]:
    """Host and path of an address; both empty for one that is no place on the web."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return "", ""
    if parts.scheme not in ("http", "https"):
        return "", ""
    return host, parts.path.rstrip("/")


def moved(here: Sight, there: Sight) -> bool:
    """Whether host or path of two steps' addresses differ; not if one has no address."""
    one, other = place(here.step.url), place(there.step.url)
    return bool(one[0] and other[0]) and one != other


def of_field(here: Sight, there: Sight) -> Move:
    """By the field that the action of a step fills."""
    kind = here.action.kind
    if kind not in _FILLS or here.step.error or not here.located:
        return NOTHING
    page, other = here.page, there.page
    if page is None or other is None or here.is_text or there.is_text:
        return NOTHING
    element = here.draft.element
    token = page.tokens[page.position(element)]
    before = fields.held(page, element)
    if before is None or fields.is_secret(token):
        return NOTHING
    same = element if here.digest == there.digest else fields.same_field(page, element, other)
    if same < 0:
        return NOTHING
    after = fields.held(other, same) or ""
    wanted = {"check": "on", "uncheck": "", "clear": ""}.get(kind, here.action.value)
    if kind in ("check", "uncheck", "clear", "select"):
        done = fields.alike(wanted, after) if wanted else not after
        was = fields.alike(wanted, before) if wanted else not before
        return Move(1, f"{kind} shows") if done and not was else NOTHING
    if len(fields.plain(wanted)) < _LEAST:
        return NOTHING
    if fields.alike(wanted, after):
        new = not fields.alike(wanted, before)
        return Move(1, f"{short(wanted)!r} shows") if new else NOTHING
    if after and after != before:
        return Move(-1, f"{short(wanted)!r} was typed, and the field then holds {short(after)!r}")
    return Move(-1, f"{short(wanted)!r} was typed, and the field stays as it was")


def of_address(here: Sight, there: Sight) -> Move:
    """By the addresses of two steps."""
    if not place(there.step.url)[0]:
        return NOTHING
    goal = _goal(here)
    if goal and place(goal) == place(there.step.url) and (moved(here, there) or not here.step.url):
        return Move(1, f"leads to {short(goal)}")
    if here.action.kind in STILL and _leaves(here, there):
        return Move(
            -1,
            f"after {here.action.kind} the address is {short(there.step.url)}, before it was "
            f"{short(here.step.url)}",
        )
    return NOTHING


def elsewhere(here: Sight, there: Sight) -> Move:
    """Contradicted if the link that was clicked leads to another address than the next one."""
    done = here.action.kind == "click" and not here.step.error
    goal = place(_goal(here)) if done else ("", "")
    if not goal[0] or not place(there.step.url)[0] or goal == place(there.step.url):
        return NOTHING
    return Move(-1, f"a link to {short(_goal(here))} is clicked, and {short(there.step.url)} comes")


def _goal(here: Sight) -> str:
    """Where an action leads by itself; empty if nobody knows."""
    if here.action.kind == "navigate":
        return here.action.value
    target = here.target
    if here.action.kind != "click" or target is None:
        return ""
    for tag, attributes in ((target.tag, target.attributes), *target.around):
        if tag == "a":
            href = attributes.get("href", "")
            return urljoin(here.step.url, href) if href and not href.startswith("#") else ""
    return ""


def _leaves(here: Sight, there: Sight) -> bool:
    """Whether two steps are at different addresses; typing may send its form to the same site."""
    if here.action.kind == "type":
        one, other = (domain_of(each.step.url, "").domain for each in (here, there))
        return UNKNOWN not in (one, other) and one != other
    return moved(here, there)


def of_both(here: Sight, there: Sight) -> tuple[Move, ...]:
    """All that a move shows."""
    return tuple(move for move in (of_field(here, there), of_address(here, there)) if move.sign)


def holds(sight: Sight, text: str) -> bool:
    """Whether a text is anywhere in a step's page or address, letters and digits alone."""
    wanted = fields.plain(text)
    whole = text_of(sight.step.page) if sight.step.has_page else sight.step.axtree
    return wanted in fields.plain(whole) or wanted in fields.plain(unquote(sight.step.url))


def undone(before: Sight, here: Sight) -> Move:
    """Contradicted if the page before held what is typed or chosen now, and this one does not."""
    if here.action.kind not in ("type", "select", "check") or here.step.error or not here.located:
        return NOTHING
    page, other = here.page, before.page
    if page is None or other is None or here.is_text or before.is_text:
        return NOTHING
    if moved(before, here) or before.digest == here.digest:
        return NOTHING
    there = fields.same_field(page, here.draft.element, other)
    filled = before.action.kind in _FILLS and before.located
    if there < 0 or (filled and there == before.draft.element):
        return NOTHING
    wanted = "on" if here.action.kind == "check" else here.action.value
    if len(fields.plain(wanted)) < _LEAST or fields.is_secret(
        page.tokens[page.position(here.draft.element)]
    ):
        return NOTHING
    held, was = fields.held(page, here.draft.element), fields.held(other, there)
    if held is None or was is None or _same(wanted, held) or not _same(wanted, was):
        return NOTHING
    return Move(-1, f"the page before holds {short(wanted)!r} already, and this one does not")


def _same(wanted: str, held: str) -> bool:
    """Whether a field holds exactly what is wanted, apart from signs."""
    return fields.plain(wanted) in (fields.plain(held), *map(fields.plain, held.splitlines()))
