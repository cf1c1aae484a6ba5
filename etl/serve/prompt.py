"""Prompts as training had them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from etl.serve.observe import Observation, asked
from etl.serve.recipe import Serving
from schemas.samples import Sample
from tokenization.lookalikes import escaped, unescaped


@dataclass(frozen=True)
class Prompts:
    """Builds the prompts of a recipe."""

    serving: Serving
    # whether text that looks like a special token is escaped, as exported messages have it
    escape: bool = False

    def messages(
        self, objective: str, url: str, observation: Observation | str, history: Sequence[str]
    ) -> list[dict[str, str]]:
        """The system message, if the recipe has one, and the user's."""
        sample = self._sample(objective, url, observation, history)
        prompt = self.serving.encoder.prompt
        texts = {"system": prompt.system, "user": prompt.user(sample)}
        if self.escape:
            lookalikes = self.serving.lookalikes
            texts = {role: escaped(text, lookalikes)[0] for role, text in texts.items()}
        return [{"role": role, "content": text} for role, text in texts.items() if text]

    def ids(
        self, objective: str, url: str, observation: Observation | str, history: Sequence[str]
    ) -> list[int]:
        """The tokens up to the answer, with those of the chat template."""
        encoded = self.serving.encoder(self._sample(objective, url, observation, history))
        return [int(i) for i in encoded.input_ids[: encoded.prompt_tokens]]

    def shown(self, answer: str) -> str:
        """An answer without the escapes of messages, if these have them."""
        return unescaped(answer, self.serving.lookalikes) if self.escape else answer

    def _sample(
        self, objective: str, url: str, observation: Observation | str, history: Sequence[str]
    ) -> Sample:
        text = observation if isinstance(observation, str) else observation.text
        return asked(self.serving, objective, url, text, history)
