"""A model's own folder: its vocabulary, special tokens and chat template.

It is read as transformers reads it. The vocabulary is ``tokenizer.json``, else ``tokenizer.model``
(SentencePiece, or Llama 3's ranks), else ``tekken.json``. Names and ids of special tokens are also
in ``tokenizer_config.json``, ``added_tokens.json`` and ``special_tokens_map.json``, the chat
template in ``chat_template.jinja`` or ``tokenizer_config.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from schemas.errors import ConfigError
from tokenization import sentencepiece_model
from tokenization.document import Added, added_of
from tokenization.families import FAMILIES, Family
from tokenization.huggingface import family_of
from tokenization.own_chat import OwnChat
from tokenization.ranks import RankFile, at

_FILES: Final = ("tokenizer.json", "tokenizer.model", "tekken.json")
_CONFIG: Final = "tokenizer_config.json"
_TEMPLATE: Final = "chat_template.jinja"
_NAMES: Final = tuple(f"{name}_token" for name in "bos eos unk sep pad cls mask".split())
_USUAL: Final = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
"""Names in SentencePiece models, where no file says others."""


@dataclass(frozen=True)
class ModelFolder:
    """A folder with a model's files.

    Raises: `ConfigError` from every property if a file is missing, damaged or of another form.
    """

    path: str

    @cached_property
    def file(self) -> RankFile:
        """The vocabulary's file."""
        if not Path(self.path).is_dir():
            raise ConfigError(
                f"vocabulary.model = {self.path}: it is no folder; give the folder of a model's "
                f"files ({', '.join(_FILES)} with {_CONFIG}). Nothing is downloaded"
            )
        for name in _FILES:
            path = Path(self.path, name)
            if path.is_file():
                return at(str(path))
        raise ConfigError(f"vocabulary.model = {self.path}: it has none of {', '.join(_FILES)}")

    @cached_property
    def family(self) -> Family:
        """How its vocabulary is read."""
        try:
            return self._family()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{self.file.path}: it is no {self.file.format} vocabulary: {error!r}"
            ) from error

    def _family(self) -> Family:
        if self.file.format == "tekken":
            return FAMILIES["tekken"]
        if self.file.format == "tiktoken":
            return self._with_config(FAMILIES["llama3"])
        if self.file.format == "huggingface":
            return self._with_config(family_of(self._document))
        family = sentencepiece_model.read(self.file.content()).family
        if self._config.get("add_prefix_space") is False:
            family = replace(family, prefix="")
        elif family.prefix and not self._config.get("legacy", True):
            family = replace(family, prefix="first")
        return self._with_config(family)

    def _with_config(self, family: Family) -> Family:
        """The family with the special tokens that the other files name.

        They replace names in the vocabulary's file: a SentencePiece model has placeholders.
        """
        named = {token.text: token.id for token in self._named}
        others = {text: i for text, i in family.special_tokens.items() if i not in named.values()}
        return replace(family, special_tokens=others | named)

    @cached_property
    def chat(self) -> OwnChat | None:
        """Its chat template; None if it has none."""
        text = self._template
        if text is None:
            return None
        strips = {token.text: token for token in (*self._added_in_document, *self._named)}
        added = tuple(
            Added(name, i, *(strips[name][2:] if name in strips else ()))
            for name, i in sorted(self.family.special_tokens.items())
        )
        return OwnChat(text, self._token_names, added)

    @property
    def _template(self) -> str | None:
        path = Path(self.path, _TEMPLATE)
        if path.is_file():
            return _text(path)
        given = self._config.get("chat_template")
        if isinstance(given, list):  # several, by name
            given = {each["name"]: each["template"] for each in given}.get("default")
        if given is not None and not isinstance(given, str):
            raise ConfigError(f"{Path(self.path, _CONFIG)}: its chat_template is no text")
        return given

    @property
    def _token_names(self) -> dict[str, str]:
        """The variables of a template that name special tokens."""
        given = {**self._json("special_tokens_map.json"), **self._config}
        names: dict[str, str] = {}
        if self.file.format == "sentencepiece":
            names = {
                key: name for key, name in _USUAL.items() if name in self.family.special_tokens
            }
        for key in _NAMES:
            value = given.get(key)
            if isinstance(value, Mapping):
                value = value["content"]
            if value is not None:
                names[key] = str(value)
        return names

    @cached_property
    def _named(self) -> list[Added]:
        """The added tokens that files beside the vocabulary name, but for those of white space."""
        plain = self._json("added_tokens.json").items()
        added = {str(text): Added(str(text), int(i)) for text, i in plain}
        for i, token in self._config.get("added_tokens_decoder", {}).items():
            strips = bool(token.get("lstrip")), bool(token.get("rstrip"))
            added[str(token["content"])] = Added(str(token["content"]), int(i), *strips)
        return [token for token in added.values() if not token.text.isspace()]

    @property
    def _added_in_document(self) -> list[Added]:
        return added_of(self._document)[0] if self.file.format == "huggingface" else []

    @cached_property
    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.file.content())
        return document

    @cached_property
    def _config(self) -> dict[str, Any]:
        return self._json(_CONFIG)

    def _json(self, name: str) -> dict[str, Any]:
        """A file of the folder; empty if it is not there."""
        path = Path(self.path, name)
        if not path.is_file():
            return {}
        try:
            value = json.loads(_text(path))
        except ValueError as error:
            raise ConfigError(f"{path}: it is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: it is no JSON object")
        return value


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: it cannot be read: {error}") from error
