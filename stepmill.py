"""The Python interface: read recordings, build datasets and look at them; see pages and ask a model
as training did.

These functions do what the command line does; ``python -m stepmill`` is the command line itself.
Each has an example, which a test runs in the folder of the project. Heavy packages are imported
only when a function needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import datasets
    import polars as pl

    from etl.dataset.manifest import Manifest
    from etl.dataset.place import Place
    from etl.serve.answers import Answer
    from etl.serve.observe import Observation
    from etl.serve.prompt import Prompts
    from etl.tally import Tally
    from schemas.workflow import Workflow

__all__ = [
    "DEFAULT_RECIPE",
    "Dataset",
    "Problem",
    "Prompt",
    "build",
    "observe",
    "open",
    "page_script",
    "prune",
    "read",
]

DEFAULT_RECIPE: Final = "scribeagent-32k"
"""The recipe used if none is named; ``stepmill recipes`` lists the shipped ones."""

AnyFolder = str | PathLike[str]
"""A local path, or a URL that fsspec can open."""


@dataclass(frozen=True)
class Problem:
    """A record, workflow or step that `read` leaves out."""

    record: str
    """Its id: for a record the name of the input and the place in it."""
    reason: str
    """A word that ``stepmill reasons`` explains."""
    detail: str
    """What is wrong in this case."""
    raw: bytes
    """The bytes of a record that could not be read; else empty."""


def read(
    *inputs: AnyFolder, problem: Callable[[Problem], None] | None = None
) -> Iterator[Workflow]:
    """Read recordings; yields their workflows file by file, holding one in memory.

    inputs: files, folders, globs and URLs, with formats mixed. problem: called for each record that
    is left out; without it, the first record that cannot be read raises.

    Raises:
        ConfigError: if an input does not exist.
        RecordError: without ``problem``, for a record that cannot be read, or a file in no known
            format.

    >>> import stepmill
    >>> workflows = stepmill.read("tests/recordings/data/library.jsonl")
    >>> len(next(workflows).steps) > 1
    True
    """
    _check_packages()
    from etl.inputs.find import find
    from etl.inputs.records import InputShard
    from etl.sources import SOURCES
    from etl.tally import Tally

    for found in find([str(each) for each in inputs], SOURCES):
        shard = InputShard(found.name, found.place, found.format, found.size, "")
        tally = Tally("read")
        for workflow in SOURCES[found.format].read(shard, tally):
            _tell(tally, problem)
            yield workflow
        _tell(tally, problem)


def prune(html: str, recipe: str = DEFAULT_RECIPE) -> str:
    """Prune a page to the text that a model sees, with a ``node`` id on every element that stays.

    It imports neither Polars nor Arrow, so that an agent can prune where it serves. html: the
    serialised DOM. recipe: the name of a shipped recipe, or a recipe file. Node ids count the
    elements of the whole page backwards: the last one in document order is 0.

    Raises:
        ConfigError: if the recipe cannot be used.
        PageError: if the page cannot be read.

    >>> import stepmill
    >>> stepmill.prune("<main><p>Hello <b>you</b></p></main>")
    '<main node="2"> <p node="1"> Hello <b node="0"> you </b> </p> </main> '
    """
    _check_packages()
    from etl.pages.reading import read
    from etl.serve.pruner import pruner

    return pruner(recipe).prune(read(html)).observation


def observe(
    html: str | bytes | Mapping[str, Any],
    objective: str,
    history: Sequence[str] = (),
    url: str = "",
    recipe: AnyFolder = DEFAULT_RECIPE,
    *,
    chunk: int = 0,
    answer: int = 512,
    budget: int = 0,
) -> Observation:
    """See a page as a model saw it in training, where the model serves.

    The result has the ``text`` for the prompt and ``nodes``, a mapping of the node ids in it: each
    has ``css`` and ``xpath``, which find its element and no other in the page that was observed,
    with ``js``, ``doors``, ``tag``, ``name`` and ``bid``. It imports neither Polars nor Arrow.

    html: the serialised DOM, or its UTF-8 (`page_script` gets it from a browser), or a BrowserGym
    observation, of which ``pruned_html``, ``dom_txt`` or ``dom_object`` is taken. history: the
    texts of the steps before, as `Prompt.step` gives them. recipe: the name of a shipped one, or a
    recipe file.

    The text is what training saw of a page that fits the context. One that does not is cut into
    ``chunks``, as training and testing cut it; training keeps the chunk with the target, which
    nobody knows here, and testing the right-most one: ``chunk`` 0, others by their number from the
    right. ``answer`` tokens of the context are left free for the answer. Where a recipe changes
    pages before they are pruned (``redact``, ``leaks``), training saw the changed page.

    With a compact recipe the text is chosen, and never cut again. ``…37`` in it says that 37
    elements were left out there, ``…`` one to three: ``expand(node)`` of the result shows them
    within the same budget, a larger ``budget`` of tokens more of all, with the same ids.

    Raises:
        ConfigError: if the recipe cannot be used.
        PageError: if the page cannot be read, or cut so that it fits.

    >>> import stepmill
    >>> seen = stepmill.observe("<main><a id='more' href='/x'>More</a></main>", "Read more")
    >>> seen.text
    '<main node="1"> <a href="/x" id="more" node="0"> More </a> </main> '
    >>> seen.nodes[0].css, seen.nodes[0].xpath, seen.nodes[0].name
    ('#more', '//*[@id="more"]', 'More')
    """
    _check_packages()
    from etl.serve.browsergym import page_of
    from etl.serve.observe import observed
    from etl.serve.recipe import serving

    page = html if isinstance(html, str | bytes) else page_of(html)
    return observed(page, objective, history, url, serving(fspath(recipe)), chunk, answer, budget)


def page_script() -> str:
    """A JavaScript expression that is a browser's page as text, for `observe`.

    It is written as `stepmill record` writes it: frames of the same site and open shadow roots
    inside their elements, the state of forms in attributes, and no password. Playwright's
    ``page.evaluate(script)`` and Selenium's ``execute_script("return " + script)`` give the page.

    >>> import stepmill
    >>> "new Taken().html" in stepmill.page_script()
    True
    """
    _check_packages()
    from etl.serve.page import page_script

    return page_script()


class Prompt:
    """Build the prompts of a recipe as training has them, and read answers as actions.

    recipe: the name of a shipped one, or a recipe file. escape: whether text that looks like a
    special token is escaped, as in exported messages; the tokens of `ids` need no escapes.

    Raises:
        ConfigError: if the recipe cannot be used.

    >>> import stepmill
    >>> prompt = stepmill.Prompt("scribeagent-32k")
    >>> seen = stepmill.observe("<main><a href='/x'>More</a></main>", "Read more")
    >>> messages = prompt.build("Read more", "http://shop.example/", seen)
    >>> messages[1]["content"].splitlines()[:2]
    ['Objective: Read more', 'URL: http://shop.example/']
    """

    def __init__(self, recipe: AnyFolder = DEFAULT_RECIPE, *, escape: bool = False) -> None:
        _check_packages()
        from etl.serve.prompt import Prompts
        from etl.serve.recipe import serving

        self._prompts: Prompts = Prompts(serving(fspath(recipe)), escape)

    def build(
        self,
        objective: str,
        url: str,
        observation: Observation | str,
        history: Sequence[str] = (),
    ) -> list[dict[str, str]]:
        """The messages: the system's, if the recipe has one, and the user's.

        observation: as `observe` gives it, or its text. history: the texts of the steps before.

        >>> import stepmill
        >>> prompt = stepmill.Prompt()
        >>> [each["role"] for each in prompt.build("Read more", "", "<p> </p> ")]
        ['system', 'user']
        """
        return self._prompts.messages(objective, url, observation, history)

    def ids(
        self,
        objective: str,
        url: str,
        observation: Observation | str,
        history: Sequence[str] = (),
    ) -> list[int]:
        """The tokens of the prompt, chat template included: those that have no loss in training.

        Text that looks like a special token is text in them.

        >>> import stepmill
        >>> stepmill.Prompt().ids("Read more", "", "<p> </p> ")[:2]
        [151644, 8948]
        """
        return self._prompts.ids(objective, url, observation, history)

    def read(self, answer: str, observation: Observation | None = None) -> Answer:
        r"""The action that an answer says: kind, node, value and more.

        observation: what the model saw; a node that it does not show is an error. The kind
        ``expand`` is no action: ``observation.expand(answer.node)`` shows what was cut there.

        Raises:
            AnswerError: a ValueError; its ``reason`` is a word for what is wrong, its text says it.

        >>> import stepmill
        >>> lines = ['Description: Type "tea" in "Search"', "Action: keyboard_sequence_action"]
        >>> answer = stepmill.Prompt().read("\n".join([*lines, "Node: 7 7 7 7 7"]))
        >>> answer.kind, answer.node, answer.value
        ('type', 7, 'tea')
        """
        from etl.serve.answers import read

        return read(self._prompts.shown(answer), observation)

    def write(self, answer: Answer, observation: Observation | None = None) -> str:
        r"""An answer as a model learns to write it; `read` gives the answer back.

        observation: from which labels and start tags are taken that the answer lacks.

        >>> import stepmill
        >>> seen = stepmill.observe("<main><a href='/x'>More</a></main>", "Read more")
        >>> prompt = stepmill.Prompt()
        >>> answer = prompt.read("Action: mouse_click_action\nNode: 0", seen)
        >>> print(prompt.write(answer, seen).rstrip())
        1.
        Description: Click "More"
        Action: mouse_click_action
        Node: 0 0 0 0 0
        Target: <a href="/x" node="0">
        """
        from etl.serve.answers import write

        return write(answer, observation, self._prompts.serving.encoder.prompt.repeats)

    def step(self, answer: Answer, observation: Observation | None = None, number: int = 0) -> str:
        r"""An answer as the history of later prompts has it; ``history.append(prompt.step(...))``.

        observation: as for `write`. number: of the step, from 1; 0: the one that the answer says.

        >>> import stepmill
        >>> prompt = stepmill.Prompt()
        >>> answer = prompt.read("Description: Click More\nAction: mouse_click_action\nNode: 0 0")
        >>> prompt.step(answer)
        '1.\nDescription: Click More\nAction: mouse_click_action\nNode: 0\nTarget: \n'
        """
        from etl.serve.answers import numbered, write

        return write(numbered(answer, number) if number else answer, observation, 1)


def build(
    *inputs: AnyFolder,
    out: AnyFolder,
    recipe: str = DEFAULT_RECIPE,
    settings: Mapping[str, object] | None = None,
    workers: int = 0,
) -> Dataset:
    """Build a dataset, or complete an interrupted or outdated build; returns the dataset.

    inputs: as for `read`. out: the folder of the build. recipe: as for `prune`. settings: settings
    to change, by name: ``{"fit.context": 16384}``. workers: the number of processes. 0 works in
    this one; any other number needs a script guarded by ``if __name__ == "__main__":``.

    Raises:
        ConfigError: before the work starts, if arguments or recipe cannot be used.
        BuildError: if the build cannot go on.
        GateError: if a gate rejects the result.

    >>> import stepmill
    >>> dataset = stepmill.build("tests/recordings/data", out="out")
    >>> dataset.manifest.totals.samples > 100
    True
    """
    _check_packages()
    from dataclasses import replace

    from etl.build.jobs import Job, prepared
    from etl.build.last_build import Record, recorded
    from etl.build.recipes.toml import as_toml
    from etl.build.run.whole import run
    from etl.files.storage import location

    overrides = []
    for name, value in (settings or {}).items():
        text = as_toml(fspath(value) if isinstance(value, PathLike) else value)
        overrides.append(f"{name}={text}")
    job = Job(tuple(str(each) for each in inputs), location(str(out)), recipe, tuple(overrides))
    record = Record()
    with recorded(job.out, record):
        made, order = prepared(job, workers)
        run(replace(made, record=record), order)
    return open(out)


def open(folder: AnyFolder) -> Dataset:  # noqa: A001 - as `zipfile` and `wave` call it
    """Open a build or a published dataset.

    Raises:
        ConfigError: if there is none in the folder.

    >>> import stepmill
    >>> sorted(stepmill.open("out").manifest.splits)
    ['test', 'train']
    """
    _check_packages()
    from etl.dataset.place import place_of
    from etl.files.storage import location

    return Dataset(place_of(location(str(folder))))


@dataclass(frozen=True)
class Dataset:
    """A build or a published dataset, as `open` and `build` return it."""

    _place: Place

    @property
    def manifest(self) -> Manifest:
        """``manifest.json``: settings, inputs, totals, splits, accounting and hashes."""
        return self._place.manifest

    def rows(self, split: str = "train") -> datasets.Dataset:
        """The packed rows of a split, as a trainer loads them; of ``train_failures`` too.

        Columns: ``input_ids`` and ``labels`` (int32, -100 where there is no loss), ``seq_lengths``
        (int32) and ``sample_ids``.

        >>> import stepmill
        >>> stepmill.open("out").rows().column_names
        ['input_ids', 'labels', 'seq_lengths', 'sample_ids']
        """
        import datasets

        from schemas import splits as split_names

        folder = str(self._place.dataset.root)
        configuration = split_names.configuration(split)
        return datasets.load_dataset(folder, configuration, split=split_names.shown_as(split))

    def samples(self, split: str = "") -> pl.DataFrame:
        """The samples of one split, or of all: a row each, as `schemas.ledger.LISTING_SCHEMA`.

        >>> import stepmill
        >>> listed = stepmill.open("out").samples("test")
        >>> set(listed["split"])
        {'test'}
        """
        from schemas.ledger import LISTING_SCHEMA

        return self._place.listing(LISTING_SCHEMA.names, split).collect()

    def statistics(self, table: str = "domains") -> pl.DataFrame:
        """A table of ``stats/``: ``domains``, ``subdomains``, ``actions``, ``drops`` or
        ``outcomes``.

        Raises:
            ConfigError: if there is no such table.

        >>> import stepmill
        >>> stepmill.open("out").statistics("actions").columns[:2]
        ['domain', 'action_kind']
        """
        return self._place.table(table)

    def explain(self, id: str) -> dict[str, Any]:
        """Trace a record, workflow, step or sample through every stage.

        id: stepmill's, or the recording's own.

        Raises:
            ConfigError: if nothing with that id was read, if several things share it, or if there
                is no work folder.

        >>> import stepmill
        >>> sample = stepmill.open("out").samples()["sample_id"][0]
        >>> stepmill.open("out").explain(sample)["id"] == sample
        True
        """
        from etl.look.story import explain

        return explain.view(self._place.given, id)

    def verify(self) -> list[str]:
        """The problems of the build, one line each; empty if there are none.

        Raises:
            ConfigError: if there is no finished build.

        >>> import stepmill
        >>> stepmill.open("out").verify()
        []
        """
        from etl.look import verify

        return verify.verify(self._place.given)


@cache
def _check_packages() -> None:
    """Check that Python finds our packages; their names are common, and others may shadow them.

    Raises:
        ImportError: if one of them is not ours.
    """
    here = Path(__file__).resolve().parent
    for name in ("schemas", "tokenization", "etl"):
        spec = find_spec(name)
        place = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if place is None or place.parent.parent != here:
            raise ImportError(
                f"stepmill in {here} needs its package {name}, and Python finds "
                f"{place or 'none'}: put that out of the way, or install stepmill in an "
                "environment of its own"
            )


def _tell(tally: Tally, problem: Callable[[Problem], None] | None) -> None:
    """Report what the ledger notes as left out, and empty it.

    Raises:
        RecordError: without ``problem``, for what could not be read.
    """
    from schemas.errors import RecordError
    from schemas.reasons import OF_FILES

    raw_bytes = {each.id: each.raw for each in tally.quarantined}
    for entry in tally.entries:
        if not entry.reason:
            continue
        if problem is not None:
            raw = raw_bytes.get(entry.id, b"")
            problem(Problem(entry.id, entry.reason, entry.detail, raw))
        elif entry.id in raw_bytes or entry.reason in OF_FILES:
            raise RecordError(entry.reason, f"{entry.id}: {entry.detail}")
    tally.entries.clear()
    tally.quarantined.clear()


if __name__ == "__main__":
    from etl.cli.main import main

    main()
