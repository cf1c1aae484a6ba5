"""Rewrite objectives and bare descriptions with a language model, into the augment stage's files.

Any OpenAI-compatible endpoint will do; each id takes one call. Each answer is appended to
``cache.jsonl`` and synced before the next, with its id and a hash of model and question. So no
question is asked again once it is answered, and a run that was killed goes on where it stopped.
``objectives.json`` and ``descriptions.json`` are written at the end. Entries of other recordings
stay in them, and so do entries that were edited by hand.

The model rewrites the objective of each workflow that the recipe's filter leaves, from the steps'
descriptions, and each description that says nothing of its element (`etl.stages.augment.is_bare`),
from the target and its text.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import orjson

from etl.build.augment.answers import answer_of, thinks
from etl.build.recipes.recipe import Recipe
from etl.evaluate.asking import endpoint
from etl.evaluate.asking.endpoint import DEFAULTS, CallFailed
from etl.files.arrow import write_json
from etl.inputs import find
from etl.pages.axtree import Tree
from etl.pages.text import text_of
from etl.stages.augment import Mapping as Mapped
from etl.stages.augment import is_bare
from etl.stages.enter import enter
from etl.stages.filter import Filter
from etl.stages.locate import Locate
from etl.stages.wording import Seen, described, seen
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.errors import ConfigError

What = Literal["all", "objectives", "descriptions"]
KINDS: Final = ("objectives", "descriptions")
_BY_HAND: Final = "edited by hand, left as they are"
_LINE: Final = b'{"kind":'
"""How a line of the cache begins."""
_BATCH: Final = 64
"""The number of asks that are answered before the next are read."""
_OBJECTIVE: Final = (
    "You are given the objective of a recorded web workflow and its steps. Rewrite the objective "
    "as one sentence that says what the user wants done, with every value that the steps need. "
    "Answer with that sentence alone."
)
_DESCRIPTION: Final = (
    "You are given one step of a recorded web workflow. Describe it in a few words that name the "
    "element, as in: "
    'Click "Add to cart". Answer with the description alone.'
)


class Ask(NamedTuple):
    """A request for one text."""

    # objectives or descriptions
    kind: str
    # the text's key in the file of its kind
    id: str
    # the system message
    system: str
    # the user's message
    user: str


@dataclass(frozen=True)
class Endpoint(endpoint.Endpoint):
    """A model that rewrites texts."""

    def __call__(self, system: str, user: str) -> str:
        """The answer as one line.

        Raises:
            CallFailed: there is no usable answer after all attempts.
            ConfigError: no call can succeed, for the address, the model or the key.
        """
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return self.call(messages, answer_of)


class Cache:
    """Answers in a file, one per line.

    Half a last line, left by a run that was killed, is cut off. Earlier versions kept texts with
    marks of reasoning; such a text is not an answer, and is asked for again.

    Raises:
        ConfigError: a line of the file is not an answer of stepmill.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # answers by kind, id and hash of the question
        self.texts: dict[tuple[str, str, str], str] = {}
        # kind, id and text of every answer ever given
        self.answered: set[tuple[str, str, str]] = set()
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = path.read_bytes() if path.exists() else b""
        whole = raw[: raw.rfind(b"\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                row = orjson.loads(line)
                self.answered.add((row["kind"], row["id"], row["text"]))
                if not thinks(row["text"]):
                    self.texts[row["kind"], row["id"], row["asked"]] = row["text"]
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                raise ConfigError(
                    f"{path}, line {number}: no answer of stepmill; repair or remove the file"
                ) from error
        rest = raw[len(whole) :]
        if not (rest.startswith(_LINE) or _LINE.startswith(rest)):
            raise ConfigError(
                f"{path}: its last line is no answer of stepmill; repair or remove the file"
            )
        self._stream = path.open("ab")
        self._stream.truncate(len(whole))

    def add(self, kind: str, id: str, asked: str, text: str) -> None:
        """Keep an answer; it is on disk when this returns."""
        self.texts[kind, id, asked] = text
        self.answered.add((kind, id, text))
        self._stream.write(
            orjson.dumps({"kind": kind, "id": id, "asked": asked, "text": text}) + b"\n"
        )
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def rewrite(
    inputs: Sequence[str],
    out: Path,
    recipe: Recipe,
    model: Endpoint,
    what: What = "all",
    parallel: int = 4,
    told: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Write ``objectives.json`` and ``descriptions.json`` into ``out``.

    Returns the numbers of texts that were asked, cached, failed by reason, or left because they
    were edited by hand: a text in a file that no answer ever gave. A failed text is in neither
    file: its original stays, and the next run asks again.

    what: which of the two. parallel: the most calls at one time. told: gets a line for each kind of
    failure, with the server's words.

    Raises:
        ConfigError: a file that is there cannot be read (nothing has been asked then), or no call
            can succeed.
    """
    counts: Counter[str] = Counter()
    texts = {kind: _mapping(out / f"{kind}.json") for kind in KINDS if what in ("all", kind)}
    cache = Cache(out / "cache.jsonl")
    errors_told: set[str] = set()

    def failed(ask: Ask, error: CallFailed) -> None:
        counts[f"failed: {error.reason}"] += 1
        if told and error.words and str(error) not in errors_told:
            errors_told.add(str(error))
            told(f"{ask.kind} of {ask.id}: {error}")

    def wanted() -> Iterator[Ask]:
        for ask in asks(inputs, recipe):
            before = texts.get(ask.kind, {}).get(ask.id)
            if before is not None and (ask.kind, ask.id, before) not in cache.answered:
                counts[_BY_HAND] += 1
                if told and counts[_BY_HAND] == 1:
                    told(
                        f"{ask.kind} of {ask.id}: edited by hand, so it stays; remove the entry to "
                        "have it asked again"
                    )
            elif ask.kind in texts:
                texts[ask.kind].pop(ask.id, None)
                yield ask

    asked = wanted()
    try:
        with ThreadPoolExecutor(parallel) as pool:
            while batch := list(islice(asked, _BATCH)):
                _answer(batch, model, cache, pool, counts, texts, failed)
    finally:
        cache.close()
    for kind, by_id in texts.items():
        write_json(out / f"{kind}.json", by_id)
    return dict(sorted(counts.items()))


def _mapping(path: Path) -> dict[str, str]:
    """The texts of a file by id; empty if there is no file."""
    return dict(Mapped(str(path)).texts) if path.exists() else {}


def _answer(
    batch: list[Ask],
    model: Endpoint,
    cache: Cache,
    pool: Executor,
    counts: Counter[str],
    texts: dict[str, dict[str, str]],
    failed: Callable[[Ask, CallFailed], None],
) -> None:
    """Take answers from the cache, ask for the others, and keep each as soon as it comes."""
    other = () if model.parameters == DEFAULTS else (sorted(model.parameters.items()),)
    asked_of = [orjson.dumps((model.model, *ask[2:], *other)) for ask in batch]
    hashes = [hashlib.blake2b(asked, digest_size=16).hexdigest() for asked in asked_of]
    calls = {
        pool.submit(model, ask.system, ask.user): (ask, asked)
        for ask, asked in zip(batch, hashes, strict=True)
        if (ask.kind, ask.id, asked) not in cache.texts
    }
    counts["cached"] += len(batch) - len(calls)
    for call in as_completed(calls):
        ask, asked = calls[call]
        try:
            cache.add(ask.kind, ask.id, asked, call.result())
            counts["asked"] += 1
        except CallFailed as error:
            failed(ask, error)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    for ask, asked in zip(batch, hashes, strict=True):
        if (ask.kind, ask.id, asked) in cache.texts:
            texts[ask.kind][ask.id] = cache.texts[ask.kind, ask.id, asked]


def asks(inputs: Sequence[str], recipe: Recipe) -> Iterator[Ask]:
    """A request for each text of some recordings that is to be rewritten."""
    sources = recipe.samples.sources
    filtered, locate = recipe.stage(Filter), recipe.stage(Locate)
    for shard in find.shards(find.find(inputs, sources)):
        seen: dict[str, str] = {}
        for workflow in sources[shard.format].read(shard, Tally()):
            draft = enter(workflow, Tally(), seen)
            if draft.uid == workflow.uid:  # not a repetition
                for kept in locate(filtered(iter((draft,)), Tally()), Tally()):
                    yield from _of_draft(kept)


def _of_draft(draft: Draft) -> Iterator[Ask]:
    pages = [seen(step_draft) if step_draft.element >= 0 else None for step_draft in draft.steps]
    steps = [
        described(step_draft, page) for step_draft, page in zip(draft.steps, pages, strict=True)
    ]
    listed = "".join(
        f"\n{step_draft.number}. {text}"
        for step_draft, text in zip(draft.steps, steps, strict=True)
    )
    yield Ask("objectives", draft.uid, _OBJECTIVE, f"Objective: {draft.objective}\nSteps:{listed}")
    for step_draft, page in zip(draft.steps, pages, strict=True):
        if page is not None and is_bare(step_draft.step.action.description):
            yield Ask(
                "descriptions",
                draft.step_id(step_draft),
                _DESCRIPTION,
                _context(draft, step_draft, page),
            )


def _context(draft: Draft, step_draft: StepDraft, page: Seen) -> str:
    """The target of a step, its text, and the objective and URL around it."""
    return (
        f"Objective: {draft.objective}\nURL: {step_draft.step.url[:500]}\nAction: "
        f"{step_draft.step.action.kind}\n{_element(page, step_draft.element)}"
    )


def _element(page: Seen, element: int) -> str:
    """An element's start tag and text, or its line."""
    if isinstance(page, Tree):
        return f"Element: {page.line(element)[:500]}"
    token = page.tokens[page.position(element)]
    attributes = "".join(
        f' {name}="{value[:100]}"' for name, value in list(token.attributes().items())[:20]
    )
    return f"Element: <{token.tag}{attributes}>\nText inside: {text_of(page, element, 300)}"
