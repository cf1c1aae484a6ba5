"""What reading archives found, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from etl.inputs.archives.index import Counted
from etl.terminal.text import printable
from etl.terminal.words import counted

_SHOWN: Final = 5
"""How many archives with faults are named."""
_LEFT_OUT: Final = frozenset(("not_a_page", "not_ok", "revisit", "no_body", "no_address"))
"""Words for what was left out; all others are faults."""


def archives_in_words(found: Sequence[tuple[str, str, Counted]]) -> Iterator[str]:
    """Lines for people. found: name and kind of each archive, and what reading it found."""
    if not found:
        return
    pages = sum(each.pages for _, _, each in found)
    redirects = sum(each.redirects for _, _, each in found)
    yield (
        f"pages: {counted(len(found), 'archive')}, {counted(pages, 'page')}, "
        f"{counted(redirects, 'redirect')}"
    )
    faults: Counter[str] = Counter()
    bad = []
    for name, _, each in found:
        own = {what: count for what, count in each.faults.items() if what not in _LEFT_OUT}
        faults.update(own)
        if own:
            bad.append((name, each))
    if faults:
        yield "  cannot be read: " + ", ".join(
            f"{count:,} {what}" for what, count in faults.items()
        )
    for name, each in bad[:_SHOWN]:
        yield f"    {printable(name)}: {printable('; '.join(each.lines))}"
    if len(bad) > _SHOWN:
        yield f"    and {counted(len(bad) - _SHOWN, 'archive')} more"
