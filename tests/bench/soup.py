"""The reference's rules written with BeautifulSoup on Python's html.parser, as a pipeline script
would write them.

The yardstick of the pruning benchmark. It passes the same goldens (`tests/pages/test_goldens.py`),
but for pages on which BeautifulSoup itself has changed since they were made.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cache

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

from etl.pages.rules import PruneRules


class Soup:
    """Prunes pages by the rules. count_tokens: as for `etl.pages.prune.Pruner`;
    memoised as well.
    """

    def __init__(self, rules: PruneRules, count_tokens: Callable[[str], int]) -> None:
        self.rules = rules

        @cache
        def reads(text: str) -> bool:
            return len(text) > rules.min_chars_per_token * count_tokens(text)

        self._reads = reads

    def prune(self, html: str, selector: str = "") -> tuple[str, str, int]:
        """Observation, the start tag of the element a CSS selector finds first, and its node id
        (-1: none).
        """
        sys.setrecursionlimit(max(sys.getrecursionlimit(), 100_000))
        soup = BeautifulSoup(html, "html.parser")
        elements = soup.find_all(True)
        for index, element in enumerate(elements):
            element["node"] = str(len(elements) - 1 - index)
        for text in soup.find_all(string=True):
            raw = text.parent is not None and text.parent.name in ("script", "style")
            if (type(text) is not NavigableString and not raw) or not text.strip():
                text.extract()
        target = soup.select_one(selector) if selector else None
        node = str(target["node"]) if target is not None else "-1"
        for element in soup.find_all(list(self.rules.dropped_with_content)):
            element.decompose()
        for element in soup.find_all(True):
            if element.name not in self.rules.kept_tags:
                element.unwrap()
        for element in soup.find_all(True):
            element.attrs = self._attributes(element)  # type: ignore[assignment]
        for element in list(soup.find_all(True, recursive=False)):
            self._remove_empty(element)
        found = soup.find(True, node=node)
        start_tag = str(found).split(">", 1)[0] + ">" if found is not None else ""
        return re.sub(r"\s+", " ", soup.prettify()).lstrip(), start_tag, int(node)

    def _attributes(self, element: Tag) -> dict[str, str]:
        kept = {}
        for name, values in element.attrs.items():
            value = self._attribute(
                name, " ".join(values) if isinstance(values, list) else str(values)
            )
            if value is not None:
                kept[name] = value
        return dict(sorted(kept.items()))

    def _attribute(self, name: str, value: str) -> str | None:
        rules = self.rules
        if "script" in name.lower():
            return None
        if name.lower().startswith("on") or "jsaction" in name.lower():
            return None if len(value) > 32 and not self._reads(value) else ""
        if name not in rules.kept_attributes:
            only = rules.style_kept_only_as
            if (
                "style" not in name
                or only not in value
                or (len(value) > 32 and not self._reads(value))
            ):
                return None
            return only
        if name in rules.never_filtered_attributes:
            return value
        if name == "class":
            return " ".join(token for token in value.split() if self._reads(token)) or None
        if not value or value == "none":
            return None
        return None if len(value) > 32 and not self._reads(value) else value

    def _remove_empty(self, element: Tag) -> None:
        for child in list(element.find_all(True, recursive=False)):
            self._remove_empty(child)
        rules = self.rules
        if element.name in rules.kept_when_empty_tags or any(
            a in element.attrs for a in rules.kept_when_empty_attributes
        ):
            return
        if element.find(True) is None and not element.get_text(strip=True):
            element.decompose()
