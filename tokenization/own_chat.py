"""A model's own chat template: Jinja, rendered as transformers renders it, then cut in pieces.

The template is rendered twice: the prompt with ``add_generation_prompt``, and the whole
conversation. What the answer adds has loss; if the whole does not begin with the prompt, the
template cannot be used. Where the template writes an added token of the vocabulary, that token
stands. Where a message spells one, it stays text: such places are hidden while the template is
rendered, so that no page can end a message or change what the template does.

Templates are code of others. They run in Jinja's sandbox, with the settings of transformers
(``utils/chat_template_utils.py``), and without a clock: `strftime_now` tells a date of the recipe.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from typing import Any, Final

from schemas.errors import ConfigError, MissingExtra, RecordError
from tokenization.chat import Piece
from tokenization.document import Added

_HIDDEN: Final = "\ufdd0"
"""Begins a hidden place; a noncharacter, which no text needs."""
_HIDDEN_PLACE: Final = re.compile(_HIDDEN + "([0-9]*);")
_MARKS: Final = ("system-1f3a", "user-7c2e", "answer-b94d")
"""Messages that a template is tried with."""
_BLANK: Final = "".join(
    chr(code) for code in range(0x3001) if chr(code).isspace() and not 0x1C <= code <= 0x1F
)
"""White space of Rust, in which tokenizers is written; Python's own has four characters more."""

CLOCK: Final = "strftime_now"
"""The function, and the variable that holds the date it tells."""


@dataclass(frozen=True)
class OwnChat:
    """The chat template of a model's folder; a `chat.Template`."""

    # the template, in Jinja
    text: str
    # its variables that name special tokens (``bos_token``)
    names: Mapping[str, str] = field(default_factory=dict)
    # the added tokens of the vocabulary
    added: tuple[Added, ...] = ()
    # variables that the recipe sets; `CLOCK`: a date as 2026-01-31
    variables: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def sha256(self) -> str:
        """Hash of what decides the pieces, but for the recipe's variables, in hex."""
        settings = [self.text, dict(self.names), sorted(self.added)]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def __getstate__(self) -> dict[str, object]:
        names = ("text", "names", "added", "variables")
        return {name: self.__dict__[name] for name in names}

    def __call__(self, system: str, user: str, assistant: str) -> list[Piece]:
        """The conversation in pieces.

        Raises: `RecordError` ``chat_refused`` if the template raises an error, or does not write
        the prompt before the answer as it does without one; `ConfigError` if it asks for the time.
        """
        pieces, key = self._pieces(system, user, assistant), bool(system)
        if key not in self._skeletons:
            marks = (_MARKS[0] if system else "", *_MARKS[1:])
            self._skeletons[key] = _special(self._pieces(*marks))
        if _special(pieces) != self._skeletons[key]:
            raise RecordError("chat_refused", "it writes other special tokens than for other texts")
        return pieces

    def check(self, system: str) -> None:
        """Try the template, with a system message or without.

        Raises: `ConfigError` if it does not take these messages as they are.
        """
        marks = _MARKS if system else ("", *_MARKS[1:])
        try:
            pieces = self._pieces(*marks)
        except RecordError as error:
            hint = ""
            with suppress(RecordError):
                if self._pieces("", *marks[1:]):
                    hint = ", or leave out the system message, prompt.system = ''"
            raise ConfigError(
                f"the model's chat template cannot be used: {error.detail}. Name another template "
                f"as prompt.chat{hint}"
            ) from error
        for mark, with_loss in zip(marks, (False, False, True), strict=True):
            held = [piece.text.count(mark) if mark else 0 for piece in pieces]
            if mark and (sum(held) != 1 or pieces[held.index(1)].loss != with_loss):
                name = mark.partition("-")[0]
                raise ConfigError(
                    f"the model's chat template does not write the {name} message once, in its "
                    "place: choose another prompt.chat"
                    + (", or an empty prompt.system" if name == "system" else "")
                )

    @cached_property
    def _skeletons(self) -> dict[bool, list[str]]:
        """The special tokens of every conversation, by whether it has a system message."""
        return {}

    def _pieces(self, system: str, user: str, assistant: str) -> list[Piece]:
        messages = [
            {"role": role, "content": self._hidden(text)}
            for role, text in (("system", system), ("user", user))
            if text or role == "user"
        ]
        answer = {"role": "assistant", "content": self._hidden(assistant)}
        prompt = self._rendered(messages, prompt=True)
        whole = self._rendered([*messages, answer], prompt=False)
        if not whole.startswith(prompt):
            raise RecordError("chat_refused", _apart(prompt, whole))
        pieces = [
            *self._cut(prompt, loss=False),
            *self._cut(whole[len(prompt) :], loss=True),
        ]
        return [piece for piece in self._stripped(pieces) if piece.text]

    def _rendered(self, messages: Sequence[Mapping[str, str]], *, prompt: bool) -> str:
        template = _compiled(self.text)
        from jinja2 import TemplateError

        given = {name: value for name, value in self.variables.items() if name != CLOCK}
        values = {"tools": None, "documents": None, **self.names, **given}
        clock = {CLOCK: _clock(self.variables.get(CLOCK))}
        odd = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)
        try:
            return str(
                template.render(
                    {**clock, **values, "messages": messages, "add_generation_prompt": prompt}
                )
            )
        except (TemplateError, *odd) as error:
            raise RecordError("chat_refused", str(error) or repr(error)) from error

    @cached_property
    def _by_text(self) -> dict[str, tuple[int, Added]]:
        return {token.text: (number, token) for number, token in enumerate(self.added)}

    @cached_property
    def _spelled(self) -> re.Pattern[str]:
        return re.compile(_longest(sorted(self._by_text)) if self.added else r"(?!)")

    def _hidden(self, text: str) -> str:
        """The text without what looks like an added token."""
        if _HIDDEN in text:
            text = text.replace(_HIDDEN, f"{_HIDDEN};")
        return self._spelled.sub(lambda match: f"{_HIDDEN}{self._by_text[match[0]][0]};", text)

    def _shown(self, text: str) -> str:
        """The text with what `_hidden` took out."""
        if _HIDDEN not in text:
            return text
        return _HIDDEN_PLACE.sub(
            lambda match: self.added[int(match[1])].text if match[1] else _HIDDEN, text
        )

    def _cut(self, rendered: str, *, loss: bool) -> Iterator[Piece]:
        at = 0
        for match in self._spelled.finditer(rendered):
            yield Piece(self._shown(rendered[at : match.start()]), loss=loss)
            yield Piece(match[0], special=True, loss=loss)
            at = match.end()
        yield Piece(self._shown(rendered[at:]), loss=loss)

    def _stripped(self, pieces: list[Piece]) -> list[Piece]:
        """The pieces without white space that belongs to a special token beside it."""
        pieces = [piece for piece in pieces if piece.text]
        for i, piece in enumerate(pieces):
            if not piece.special:
                continue
            token = self._by_text[piece.text][1]
            if token.lstrip and i and not pieces[i - 1].special:
                pieces[i - 1] = pieces[i - 1]._replace(text=pieces[i - 1].text.rstrip(_BLANK))
            if token.rstrip and i + 1 < len(pieces) and not pieces[i + 1].special:
                pieces[i + 1] = pieces[i + 1]._replace(text=pieces[i + 1].text.lstrip(_BLANK))
        return pieces


def _apart(prompt: str, whole: str) -> str:
    """Where a prompt is not how the conversation begins, in words."""
    ends = min(len(prompt), len(whole))
    at = next((i for i in range(ends) if prompt[i] != whole[i]), ends)
    return (
        f"its prompt goes on with {prompt[at : at + 40]!r}, a conversation with an answer with "
        f"{whole[at : at + 40]!r}, so that no model is asked what it would learn to answer; "
        "prompt.chat_variables may change that (enable_thinking = false)"
    )


def _special(pieces: Sequence[Piece]) -> list[str]:
    return [piece.text for piece in pieces if piece.special]


def _longest(texts: Sequence[str]) -> str:
    """A pattern for the longest of some texts; it tries each first character once."""
    by_first: dict[str, list[str]] = {}
    for text in texts:
        if text:
            by_first.setdefault(text[0], []).append(text[1:])
    branches = [re.escape(first) + _longest(rest) for first, rest in by_first.items()]
    if not branches:
        return ""
    joined = f"(?:{'|'.join(branches)})" if len(branches) > 1 or "" in texts else branches[0]
    return f"{joined}?" if "" in texts else joined


def _clock(told: object) -> Callable[[str], str]:
    """What templates ask for the time."""

    def strftime_now(form: str) -> str:
        if told is None:
            raise ConfigError(
                "the model's chat template asks for today's date, and data must not depend on it: "
                f'give one, prompt.chat_variables.{CLOCK} = "2026-01-31"'
            )
        try:
            return date.fromisoformat(str(told)).strftime(form)
        except ValueError as error:
            raise ConfigError(
                f"prompt.chat_variables.{CLOCK} = {told!r}: expected a date as 2026-01-31"
            ) from error

    return strftime_now


@lru_cache(maxsize=8)
def _compiled(text: str) -> Any:
    """A template, ready to be rendered.

    Raises: `MissingExtra` without jinja2; `ConfigError` if the text is no template.
    """
    try:
        from jinja2 import TemplateSyntaxError, nodes
        from jinja2.exceptions import TemplateError
        from jinja2.ext import Extension, loopcontrols
        from jinja2.parser import Parser
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise MissingExtra("jinja2", "tokenizers", "a model's own chat template") from error

    class Generation(Extension):
        """``{% generation %}``, by which transformers marks answers: what is in it stays."""

        tags = {"generation"}  # noqa: RUF012 - as in jinja2

        def parse(self, parser: Parser) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    try:
        return environment.from_string(text)
    except TemplateSyntaxError as error:
        raise ConfigError(
            f"the model's chat template, line {error.lineno}: {error.message}"
        ) from error
