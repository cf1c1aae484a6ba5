"""The address at which each step was taken, as far as a recording without pages tells it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urljoin, urlsplit

FIELDS: Final = frozenset(("textarea", "select", "option", "label"))
"""Elements of forms; a click on one of them leaves the page where it is."""


class Addresses:
    """The address of each tab or window, as far as the recording tells."""

    def __init__(self) -> None:
        self._known: dict[object, str] = {}
        # the tab or window in which the next action is taken
        self.tab: object = ""

    @property
    def now(self) -> str:
        """The address of the page that is shown; empty if it is not known."""
        return self._known.get(self.tab, "")

    def go(self, url: str) -> None:
        """The recording says that the tab has this address from now on; empty: it does not say."""
        self._known[self.tab] = url

    def lose(self) -> None:
        """From now on the address is not known: an action may have led anywhere."""
        self._known[self.tab] = ""


def absolute(url: str, base: str = "") -> str:
    """An address relative to another one; empty if that makes no address of a page."""
    try:
        joined = urljoin(base, url.strip())
        parts = urlsplit(joined)
    except ValueError:
        return ""
    return (
        joined if parts.scheme and (parts.netloc or parts.scheme not in ("http", "https")) else ""
    )


_LAST_OF_CSS: Final = re.compile(r"(?:^|[\s>+~])([A-Za-z][\w-]*)[^\s>+~]*\s*$")
_LAST_OF_XPATH: Final = re.compile(r"/([A-Za-z][\w-]*)(?:\[[^\]]*\])*$")
_TYPED: Final = re.compile(
    r"""type\s*=\s*["']?(?:text|checkbox|radio|email|password|search|tel|url|number|date|time)\b""",
    re.IGNORECASE,
)


def stays(css: str = "", xpath: str = "", tag: str = "") -> bool:
    """Whether a click on an element leaves the page where it is: it is a field of a form.

    The element's tag tells, as recorded or as its locators end. An ``input`` may send the form, so
    its locators must tell its type, too.
    """
    found = {tag.strip().lower()} if tag else set()
    for pattern, locator in ((_LAST_OF_CSS, css), (_LAST_OF_XPATH, xpath)):
        if hit := pattern.search(locator):
            found.add(hit[1].lower())
    fields = {"input", *FIELDS} if _TYPED.search(f"{css} {xpath}") else FIELDS
    return bool(found) and found <= fields
