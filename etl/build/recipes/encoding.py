"""The sections of a recipe that say how a sample becomes tokens: vocabulary, prompt, fit.

They import neither Polars nor Arrow: what serves reads them too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from etl.files.file_setting import File
from tokenization.chat import USUAL
from tokenization.encode import Encoder, usual_chat
from tokenization.prompt import REPEATS, SYSTEM, Prompt
from tokenization.vocabulary import Vocabulary, shared


@dataclass(frozen=True)
class VocabularySettings:
    """The vocabulary and its engine.

    It has a name, a file or a model's folder. ``pattern``, ``special_tokens`` and ``nfc`` describe
    a rank file that is none of the known ones.
    """

    about: ClassVar[str] = "which tokens"

    name: Annotated[str, "a known vocabulary"] = "qwen2.5"
    file: Annotated[
        File, "instead: a rank file, tokenizer.json or tokenizer.model (SentencePiece) of your own"
    ] = ""
    model: Annotated[
        File, "instead: the folder of a model's files, with its vocabulary and chat template"
    ] = ""
    engine: Annotated[
        Literal["auto", "tiktoken", "gigatoken"], "the program that encodes; all give the same ids"
    ] = "auto"
    pattern: Annotated[
        str, "of a rank file of your own: the regular expression that cuts text into pretokens"
    ] = ""
    special_tokens: Annotated[
        dict[str, int], "of a rank file of your own: texts of special tokens and their ids"
    ] = field(default_factory=dict)
    nfc: Annotated[bool, "of a rank file of your own: normalise text first"] = False

    def loaded(self) -> Vocabulary:
        """The vocabulary.

        Raises:
            ConfigError: it is not known, or its file cannot be used.
        """
        family = None
        if self.pattern:
            family = (self.pattern, tuple(sorted(self.special_tokens.items())), self.nfc)
        return shared(self.name, self.file, self.engine, family, self.model)

    @property
    def noted(self) -> dict[str, Any]:
        """The settings that load it again from any folder (`tokenization.vocabulary.noted`)."""
        own = ("file", "model") if self.model else ("file",)
        paths = {name: getattr(self, name) for name in own}
        return {
            name: getattr(self, name) for name in ("name", "pattern", "special_tokens", "nfc")
        } | {name: str(Path(path).absolute()) if path else "" for name, path in paths.items()}

    @property
    def known_as(self) -> dict[str, str]:
        """``name`` of a known vocabulary, or of its ``file`` or ``model``'s folder.

        Readers see it with the hash.
        """
        if self.model:
            return {"model": Path(self.model).absolute().name}
        return {"file": Path(self.file).name} if self.file else {"name": self.name}


@dataclass(frozen=True)
class PromptSettings:
    """What stands around a page."""

    about: ClassVar[str] = "what stands around a page"

    system: Annotated[str, "the system message"] = SYSTEM
    node_repeats: Annotated[int, "how often the completion says the node"] = REPEATS
    chat: Annotated[
        str,
        "the chat template: chatml, qwen3, mistral, mistral-v1, mistral-v7, llama3, plain; model: "
        "that of vocabulary.model; auto: what the vocabulary's models are made with",
    ] = USUAL
    chat_variables: Annotated[
        dict[str, object],
        "of the chat template of vocabulary.model: its variables, such as enable_thinking; "
        "strftime_now: the date that it takes for today's",
    ] = field(default_factory=dict)

    def encoder(self, vocabulary: Vocabulary, chat: str = "") -> Encoder:
        """What turns samples into tokens. chat: a template in the place of the section's.

        Raises:
            ConfigError: the chat template does not fit the vocabulary.
        """
        name = chat or self.chat
        return Encoder(
            vocabulary,
            Prompt(self.system, self.node_repeats),
            usual_chat(vocabulary) if name == USUAL else name,
            self.chat_variables,
        )


@dataclass(frozen=True)
class FitSettings:
    """How a sample is made to fit the context. ``test`` also holds for the validation split."""

    about: ClassVar[str] = "how a sample gets into the context"

    context: Annotated[int, "tokens of a row"] = 32768
    train: Annotated[
        Literal["target", "first", "all", "drop"],
        "what is kept of a training sample that is longer",
    ] = "target"
    test: Annotated[
        Literal["target", "first", "all", "drop"], "what is kept of a test sample that is longer"
    ] = "first"
    max_chunks: Annotated[int, "a training sample of more chunks is dropped; 0 for no limit"] = 32
