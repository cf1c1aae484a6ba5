"""What stands in the way on a page, if anything does."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from etl.pages.obstacles import words
from etl.pages.obstacles.shape import Shape, shape_of
from etl.pages.page import Page

Kind = Literal["error", "blank", "captcha", "login"]
"""What a page may be instead of content."""

_SAID: Final = 120
"""The most characters of what a page says in evidence."""
_LINE: Final = 90
"""A longer title or heading is a sentence about something else."""
_ERROR_PROSE: Final = 900
_WALL_PROSE: Final = 700
"""The most characters of prose of a page that is an error page, or a captcha or sign-in page."""
_WAIT: Final = 80
"""The most characters of a page that only says to wait."""
_LITTLE: Final = 400
"""The most characters of all text of a page that may be an error page by one word."""
_LINKS: Final = 100
_FEW_LINKS: Final = 15
"""The most links of a page with a form for signing in, and of one that has none."""
_NET_ERROR: Final = re.compile(
    r"\b(?:ERR_[A-Z0-9_]{4,}|DNS_PROBE_[A-Z_]+|NS_ERROR_[A-Z_]+|(?:SSL|SEC|PR|MOZILLA_PKIX)_"
    r"[A-Z_]*ERROR[A-Z_]*)\b"
)
_ERROR_URL: Final = re.compile(
    r"(?i)(?:chrome-error|edge-error|ms-browser-error):|about:(?:neterror|certerror|httpsonlyerror)"
)
_SEARCH: Final = re.compile(
    r"search|suche|recherch|busca|buscar|cerca|zoek|szuk|поиск|検索|搜索|\bq\b"
)


class Obstacle(NamedTuple):
    """What a page is instead of content."""

    kind: Kind
    # what shows it, for people
    evidence: str


def obstacle(page: Page, url: str) -> Obstacle | None:
    """What a page is instead of content; None for any other page."""
    if _ERROR_URL.match(url.strip()):
        return Obstacle("error", f"the browser's own page: {url.strip()[:_SAID]}")
    shape = shape_of(page)
    if shape.long:
        return None
    return _error(shape) or _captcha(shape) or _login(shape) or _blank(shape)


def _statements(shape: Shape) -> list[str]:
    """What the page says of itself: its title, the title's parts and its headings.

    A page without headings says it in its first words, if it has only a few.
    """
    said = [*words.parts(shape.title), *(words.folded(text) for text in shape.headings)]
    if not shape.headings and shape.characters <= _WAIT * 2:
        said.append(words.folded(shape.text))
    return [text for text in dict.fromkeys(said) if text and len(text) <= _LINE]


def _error(shape: Shape) -> Obstacle | None:
    if shape.prose > _ERROR_PROSE:
        return None
    statements = _statements(shape)
    if shape.by_browser and (shape.headings or _NET_ERROR.search(shape.text)):
        said = shape.headings[0] if shape.headings else shape.text
        return Obstacle("error", f"the browser's own page: {said[:_SAID]}")
    own_fields = [name for name in shape.fields if not _SEARCH.search(name)]
    if len(own_fields) > 1 or shape.passwords or shape.new_passwords:
        return None
    for text in statements:
        if words.ERROR_SENTENCE.search(text) and not own_fields:
            return Obstacle("error", f"it says: {text[:_SAID]}")
        if words.ONLY_ERROR.fullmatch(text) and _says_error(text, shape):
            return Obstacle("error", f"it says: {text[:_SAID]}")
    return None


def _says_error(text: str, shape: Shape) -> bool:
    """Whether a text of words about errors says that the page is one.

    A number alone, or a word such as "unavailable", must be borne out by the rest of the page.
    """
    if words.BARE_CODE.fullmatch(text):
        said = words.folded(f"{shape.title} {shape.text}")
        return bool(words.ERROR_SENTENCE.search(said) or _PHRASE.search(said))
    if words.SAYS_ERROR.search(text):
        return True
    first = [*words.parts(shape.title), *(words.folded(each) for each in shape.headings[:1])]
    alone = text in first or not shape.headings
    return bool(words.SAYS_LITTLE.search(text)) and alone and shape.characters <= _LITTLE


_PHRASE: Final = re.compile(
    r"not found|nicht gefunden|introuvable|non trouvée|no encontrad|não encontrad|non trovat|"
    r"niet gevonden|nie znalezion|не найден|bulunamad|見つかりません|找不到|不存在|찾을 수 없|"
    r"server error|bad gateway|unavailable|forbidden|access denied|time-?out|bad request|"
    r"page you (?:are|were) looking for|doesn't exist|does not exist|something went wrong"
)


def _blank(shape: Shape) -> Obstacle | None:
    """A page that shows nothing, or nothing but that it is loading."""
    if shape.links or shape.fields or shape.passwords or shape.new_passwords or shape.controls:
        return None
    if shape.pressed:
        return None
    text = words.folded(shape.text)
    if not text:
        return None if shape.media else Obstacle("blank", "it shows no text, control or picture")
    if len(text) <= _WAIT and shape.media <= 2 and words.ONLY_WAITING.fullmatch(text):
        return Obstacle("blank", f"it says nothing but: {shape.text[:_SAID]}")
    return None


def _captcha(shape: Shape) -> Obstacle | None:
    """A page that asks for a proof of being human, and has little else."""
    if shape.prose > _WALL_PROSE or shape.links > _FEW_LINKS or len(shape.fields) > 1:
        return None
    if shape.passwords or shape.new_passwords:
        return None
    statements = _statements(shape)
    said = next((text for text in statements if words.PROOF.search(text)), "")
    asked = words.PROOF.search(words.folded(shape.text))
    if said and (shape.widget or asked or shape.characters <= _WALL_PROSE):
        return Obstacle("captcha", f"it says: {said[:_SAID]}")
    if shape.widget and (asked or shape.characters <= _WAIT) and shape.controls <= 1:
        text = asked[0] if asked else shape.text
        return Obstacle("captcha", f"it has a widget for a proof, and says: {text[:_SAID]}")
    return None


def _login(shape: Shape) -> Obstacle | None:
    """A page that asks for signing in, and has little else."""
    if shape.prose > _WALL_PROSE or shape.new_passwords:
        return None
    own = [name for name in shape.fields if not _SEARCH.search(name)]
    statements = _statements(shape)
    said = next((text for text in statements if words.SIGN_IN.search(text)), "")
    if shape.passwords == 1 and len(own) <= 3 and shape.links <= _LINKS:
        pressed = next((b for b in shape.buttons if words.SIGN_IN.search(words.folded(b))), "")
        alone = shape.links <= _FEW_LINKS and pressed
        if said or alone:
            evidence = f"it has one password field, and says: {(said or pressed)[:_SAID]}"
            return Obstacle("login", evidence)
    if shape.passwords or shape.controls > 1:
        return None
    if said and len(own) == 1 and words.USER.search(own[0]) and shape.links <= _FEW_LINKS * 2:
        return Obstacle("login", f"it has one field, for a user's name, and says: {said[:_SAID]}")
    must = next((text for text in statements if words.MUST_SIGN_IN.search(text)), "")
    if must and not own and shape.links <= _FEW_LINKS * 2:
        return Obstacle("login", f"it says: {must[:_SAID]}")
    return None
