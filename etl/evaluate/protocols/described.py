"""The protocols as a page of the documentation: ``docs/protocols.md``."""

from __future__ import annotations

from typing import Final

from etl.evaluate.protocols.known import KNOWN
from etl.evaluate.protocols.outcomes import OUTCOMES

_HEAD: Final = """# Protocols

A protocol scores the answers to one step, and makes the means that its reference makes. Where the
reference has a defect, the protocol reproduces it and says so here; `strict` stands beside each
figure: kind, element and value all equal.

Prompts hold the gold history, as training has it. Where a reference puts the model's own right
answers into the history instead, its prompts differ from these by the words of its descriptions.
Node ids are those of the prompt: of the page as it was recorded.

An output of WebArena is a JSON object with `answer` and `url`, or the answer alone. A single
character that must be an answer's word is looked for with NLTK (`pip install
'stepmill[evaluate]'`).
"""


def described() -> str:
    """The page."""
    parts = [_HEAD]
    for protocol in KNOWN:
        names = ", ".join(f"`{name}`" for name in protocol.metrics)
        parts.append(f"\n## {protocol.name}\n\nScores sets of `{protocol.family}`: {names}.\n")
        if protocol.defects:
            parts.append("\n" + "".join(f"- {sentence}\n" for sentence in protocol.defects))
    parts.append("\n## Outcomes\n\n| outcome | means |\n|---|---|\n")
    parts += [f"| `{outcome}` | {meaning} |\n" for outcome, meaning in OUTCOMES.items()]
    return "".join(parts)
