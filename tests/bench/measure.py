"""The measurements, each in a process of its own, ours and its peers' in turns in the same process.

Rates are MB of UTF-8 a second of processor time on one core, to which the process keeps. The cyclic
garbage collector is off, for all but builds, which see to it themselves.
"""

from __future__ import annotations

import gc
import itertools
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any, Final, TypeVar

from schemas.utf8 import utf8_of
from schemas.workflow import Workflow
from tests.bench.workloads import changed, make, megabytes, page_workflows, pages_of, write
from tests.support import strategies

T = TypeVar("T")
Rates = dict[str, float]

SOUP_MB: Final = 3.0  # BeautifulSoup gets this part of a workload: all would take minutes


def apart(work: Callable[..., T], *arguments: Any) -> T:
    """The result of a function, called in a new process."""
    return _apart(None, work, *arguments)


def on_one_core(work: Callable[..., T], *arguments: Any) -> T:
    """The same of a process that keeps to one core: pools of libraries have one thread then, which
    wakes no other.
    """
    return _apart(_keep_to_one_core, work, *arguments)


def _apart(first: Callable[[], None] | None, work: Callable[..., T], *arguments: Any) -> T:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), first) as executor:
        return executor.submit(work, *arguments).result()


def _keep_to_one_core() -> None:
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def family(process: int) -> list[int]:
    """A process and all processes under it."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue  # it has ended
            parents.setdefault(parent, []).append(int(folder.name))
    family = [process]
    for each in family:
        family += parents.get(each, [])
    return family


def seconds(work: Callable[[str], object], texts: Iterable[str]) -> float:
    """Processor time of a function over texts."""
    began = time.process_time()
    for text in texts:
        work(text)
    return time.process_time() - began


def spread(texts: Sequence[str], mb: float) -> list[str]:
    """About this many MB of texts, taken evenly; at least one."""
    step = max(1, round(megabytes(texts) / mb))
    return list(texts[::step])


def _lexbor(html: str) -> object:
    from selectolax.lexbor import LexborHTMLParser

    return LexborHTMLParser(html).html


def prune_rates(pages: list[str], with_soup: bool) -> Rates:
    """Pruning, with nothing seen before; lexbor's parse and serialise; BeautifulSoup on a part of
    the pages.
    """
    from etl.pages.reading import read
    from tests.bench.soup import Soup
    from tests.support.strategies import pruner, rules, vocabulary

    _lexbor("<p>")
    count = vocabulary().count
    count("loaded")
    ours = pruner()
    soup = Soup(rules(), count)
    part = spread(pages, SOUP_MB)
    gc.disable()
    before = seconds(_lexbor, pages)
    pruning = seconds(lambda html: ours.prune(read(html)), pages)
    after = seconds(_lexbor, pages)
    mb = megabytes(pages)
    rates = {"mb": mb, "ours": mb / pruning, "lexbor": 2 * mb / (before + after)}
    if with_soup:
        rates["soup"] = megabytes(part) / seconds(soup.prune, part)
    return rates


def observations(pages: list[str]) -> list[str]:
    """Pages as the tokenizer gets them."""
    from etl.pages.reading import read
    from tests.support.strategies import pruner

    ours = pruner()
    return [ours.prune(read(html)).observation for html in pages]


def tokenize_rates(texts: list[str]) -> Rates:
    """Tokenizing pruned pages, with nothing seen before, as a build does it; tiktoken as it is."""
    from tests.support.strategies import vocabulary

    found = vocabulary()
    part = spread(texts, 10.0)
    found.encode("loaded")
    found.check("loaded", found.encode("loaded"))
    plain = found._oracle
    gc.disable()
    before = seconds(plain.encode, part)
    mb = megabytes(texts)
    ours = mb / seconds(found.encode, texts)
    after = seconds(plain.encode, part)
    return {"mb": mb, "ours": ours, "tiktoken": 2 * megabytes(part) / (before + after)}


def chain_rates(name: str, folder: Path, limit: int) -> Rates:
    """The whole chain, from zstandard JSONL to packed shards on disk, one worker; lexbor on the
    same pages.

    A process loads its vocabularies and its language model once, in a second or two; a build of one
    page does that before the clock starts.
    """
    from etl.build.recipes.recipe import load
    from etl.build.run.build import Build
    from etl.build.run.whole import run
    from tests.support.builds import Quiet

    found = apart(
        make, name, folder, limit
    )  # which reads pages on the way, and would leave them in our memos
    pages = pages_of(found)
    mb = megabytes(pages)
    _lexbor("<p>")
    recipe = load("scribeagent-32k")
    with tempfile.TemporaryDirectory() as scratch:
        source, first = (Path(scratch) / name / "workflows.jsonl.zst" for name in ("in", "first"))
        write(found, source)
        write(page_workflows(['<a class="first">first</a>']), first)
        run(Build(recipe, (str(first),), Path(scratch) / "warm", progress=Quiet))
        vocabulary = recipe.packed.encoder.vocabulary
        vocabulary.check(
            "first", vocabulary.encode("first")
        )  # one text in some hundreds is compared with tiktoken
        before = seconds(_lexbor, pages)
        began = time.process_time()
        manifest = run(Build(recipe, (str(source),), Path(scratch) / "out", progress=Quiet))
        spent = time.process_time() - began
        after = seconds(_lexbor, pages)
        written = sum(
            path.stat().st_size for path in Path(scratch).glob("out/dataset/data/**/*.arrow")
        )
    assert manifest.totals.samples
    assert written
    return {
        "mb": mb,
        "ours": mb / spent,
        "lexbor": 2 * mb / (before + after),
        "written_mb": written / 1e6,
    }


FILES: Final = "files"
"""No workload: all recordings of a folder as they are, in whatever format."""

TRUST: Final = (
    *("lint.mend=[]", "near.what=sample", "near.action=mark", "quality.captchas=true"),
    *('leaks.attributes=["data-recorder-target"]', 'contamination.flagged="list"'),
)
"""All that makes a dataset trustworthy, beside the redaction of the recipe `publishable`; with
settings that leave the samples as they are, as far as there are such.
"""


def trust_rates(name: str, folder: Path, limit: int) -> Rates:
    """The whole chain with everything on, and with everything off."""
    return _beside_reference(name, folder, limit, "publishable", "plain")


def compact_rates(name: str, folder: Path, limit: int) -> Rates:
    """The whole chain with ``compact-8k``, and with ``scribeagent-32k``."""
    return _beside_reference(name, folder, limit, "compact-8k", "pruned")


def _beside_reference(name: str, folder: Path, limit: int, recipe: str, peer: str) -> Rates:
    """The whole chain by a recipe, and by the reference's as the peer, each in a new process.

    name: of a workload, or `FILES` for the recordings as they are, all of them.
    """
    with tempfile.TemporaryDirectory() as scratch:
        source = folder
        if name != FILES:
            source = Path(scratch) / "in" / "workflows.jsonl.zst"
            apart(_write_workload, name, folder, limit, source)
        theirs, ours = (on_one_core(_cost_of_build, source, each) for each in (REFERENCE, recipe))
    mb = theirs["mb"]  # of the samples' pages; ours may leave samples out
    return {"mb": mb, "ours": mb / ours["seconds"], peer: mb / theirs["seconds"]}


def observe_rates(flows: list[Workflow]) -> Rates:
    """The compact observation of pages that are read already, within 8,192 tokens, and what pruning
    the same pages takes, in turns.
    """
    from etl.pages.compact import Compactor, CompactRules
    from etl.pages.reading import read

    vocabulary, pruner = strategies.vocabulary(), strategies.pruner()
    vocabulary.check("first", vocabulary.encode("first"))  # as a build does once in a while
    compactor = Compactor(CompactRules(), vocabulary)
    compactor(read("<p>first</p>"))
    ours, theirs, mb = 0.0, 0.0, 0.0
    for flow in flows:
        for step in flow.steps:
            page = read(step.html)
            began = time.process_time()
            pruner.prune(page)
            between = time.process_time()
            compactor(page, flow.objective)
            ours += time.process_time() - between
            theirs += between - began
            mb += len(utf8_of(step.html)) / 1e6
    return {"mb": mb, "ours": mb / ours, "pruned": mb / theirs}


REFERENCE: Final = "scribeagent-32k"


def _cost_of_build(source: Path, name: str) -> Rates:
    """Processor time of a build by a recipe and the MB of its pages; what a process loads once is
    loaded before. ``publishable`` has everything on.
    """
    from etl.build.recipes.recipe import load
    from etl.build.run.build import Build
    from etl.build.run.whole import run
    from etl.decisions.benchmarks import registry
    from etl.decisions.benchmarks.files import Listed, Task
    from tests.support.builds import Quiet

    with tempfile.TemporaryDirectory() as scratch:
        tasks, first = Path(scratch) / "tasks", Path(scratch) / "in" / "first.jsonl.zst"
        listed = Listed("webarena", "1", (Task("1", "Whistle a tune to the parrot next door"),), ())
        registry.write(tasks, registry.made([listed]))
        everything = (*TRUST, f'contamination.registries=["{tasks}"]')
        recipe = load(name, everything if name == "publishable" else ())
        page = '<input name="email" value="ann@shop.net"><a class="first" href="tel:+14155552671">'
        write(page_workflows([f"{page} 415-555-2671 4111111111111111</a>"]), first)
        run(Build(recipe, (str(first),), Path(scratch) / "warm", progress=Quiet))
        vocabulary = recipe.packed.encoder.vocabulary
        vocabulary.check("first", vocabulary.encode("first"))
        began = time.process_time()
        made = run(Build(recipe, (str(source),), Path(scratch) / "out", progress=Quiet))
        return {"seconds": time.process_time() - began, "mb": made.totals.raw_chars / 1e6}


def memory_of_pruning(mb: float, folder: Path) -> Rates:
    """Peak memory of a process that prunes this many MB in which every start tag has a value never
    seen before.
    """
    from etl.pages.reading import read
    from tests.support.strategies import pruner

    distinct = pages_of(make("once", folder, 20_000_000))
    chance = random.Random(int(mb))
    ours = pruner()
    gc.disable()
    done = 0.0
    for html in itertools.cycle(distinct):
        page = changed(html, chance, 1.0)
        ours.prune(read(page))
        done += len(page) / 1e6
        if done >= mb:
            break
    return {"mb": done, "peak_mib": peak_mib()}


def memory_of_build(name: str, folder: Path, limit: int) -> Rates:
    """Peak memory of a process that builds a workload, everything in one process."""
    from etl.build.recipes.recipe import load
    from etl.build.run.build import Build
    from etl.build.run.whole import run
    from tests.support.builds import Quiet

    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "in" / "workflows.jsonl.zst"
        mb = apart(_write_workload, name, folder, limit, source)
        run(Build(load("scribeagent-32k"), (str(source),), Path(scratch) / "out", progress=Quiet))
        return {"mb": mb, "peak_mib": peak_mib()}


def _write_workload(name: str, folder: Path, limit: int, path: Path) -> float:
    found = make(name, folder, limit)
    write(found, path)
    return megabytes(pages_of(found))


def peak_mib() -> float:
    """Peak resident memory of this process; not its parent's, which getrusage would count in."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmHWM in /proc/self/status")


def ratio(rounds: Sequence[Rates], of: str, to: str) -> float:
    """Median over rounds of how many times one rate is another of the same round."""
    return median(rates[of] / rates[to] for rates in rounds if to in rates)


def middle(rounds: Sequence[Rates]) -> Rates:
    """Median of each rate."""
    names = {name: None for rates in rounds for name in rates}
    return {name: median(rates[name] for rates in rounds if name in rates) for name in names}
