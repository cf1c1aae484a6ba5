"""Small vocabularies of the tests' own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tokenizers

from tokenization.families import FAMILIES


def trained(
    texts: Iterable[str], size: int, special_tokens: Sequence[str] = ()
) -> tokenizers.Tokenizer:
    """A byte-level vocabulary with Qwen's pattern, trained on texts.

    size: the most tokens, with the special ones.
    """
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    split = tokenizers.pre_tokenizers.Split(
        tokenizers.Regex(FAMILIES["qwen2.5"].pattern), "isolated"
    )
    level = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([split, level])
    tokenizer.normalizer = tokenizers.normalizers.NFC()
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(special_tokens),
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
