"""Select: what a recipe asks for by name, and what it leaves out: domains, sources, workflows,
kinds of actions.

Names are patterns (``*``, ``?``, ``[ab]``). Of a list of what is included, one entry must match; of
what is excluded, none. A workflow is dropped for its source (its format, or the name of its input)
or its id (with or without the source before it). A step is dropped for its domain (the registrable
domain or the whole host) or its kind of action: it is not trained on, and stays in the history of
others. A workflow without a step that is left goes as a whole.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Final

from etl.files.file_setting import File
from etl.files.side_files import named
from etl.tally import Tally
from schemas.errors import ConfigError
from schemas.reasons import OwnReason, Reason
from schemas.trail import Mark, Trail

EXCLUDED_SOURCE: Final = OwnReason(
    "excluded_source",
    "The recipe asks for other sources, or leaves this one out.",
    "mind2web is excluded by exclude.sources: mind2web",
    ("exclude.sources", "include.sources", "exclude.file", "include.file"),
)
EXCLUDED_WORKFLOW: Final = OwnReason(
    "excluded_workflow",
    "The recipe asks for other workflows, or leaves this one out.",
    "shop-01 is excluded by exclude.workflows: shop-*",
    ("exclude.workflows", "include.workflows", "exclude.file", "include.file"),
)
EXCLUDED_DOMAIN: Final = OwnReason(
    "excluded_domain",
    "The recipe asks for other domains, or leaves this one out; the step stays in the history "
    "of others.",
    "admin.shop.example is excluded by exclude.domains: admin.*",
    ("exclude.domains", "include.domains", "exclude.file", "include.file"),
)
EXCLUDED_KIND: Final = OwnReason(
    "excluded_kind",
    "The recipe asks for other kinds of actions, or leaves this one out; the step stays in the "
    "history of others.",
    "hover is excluded by exclude.kinds: hover",
    ("exclude.kinds", "include.kinds", "exclude.file", "include.file"),
)

_REASONS: Final[Mapping[str, Reason]] = {
    "sources": EXCLUDED_SOURCE,
    "workflows": EXCLUDED_WORKFLOW,
    "domains": EXCLUDED_DOMAIN,
    "kinds": EXCLUDED_KIND,
}
_NO_DOMAIN: Final = re.compile(r"[/:@\s]")


@dataclass(frozen=True)
class Names:
    """Patterns of names.

    Raises: `ConfigError` for an empty entry, and for a domain that is none.
    """

    domains: Annotated[
        frozenset[str],
        "steps on these registrable domains or hosts; patterns with * and ? are allowed",
    ] = frozenset()
    sources: Annotated[
        frozenset[str],
        "workflows of these formats or names of inputs; patterns with * and ? are allowed",
    ] = frozenset()
    workflows: Annotated[
        frozenset[str], "workflows with these ids; patterns with * and ? are allowed"
    ] = frozenset()
    kinds: Annotated[
        frozenset[str], "steps with these kinds of actions; patterns with * and ? are allowed"
    ] = frozenset()
    file: Annotated[
        File,
        "a file with more of them, lines as domain NAME, source NAME, workflow NAME, kind NAME",
    ] = ""

    def __post_init__(self) -> None:
        for what in _REASONS:
            if any(not name.strip() for name in getattr(self, what)):
                raise ConfigError(f"{what}: an empty entry would match nothing; remove it")
        for name in sorted(self.domains):
            if _NO_DOMAIN.search(name):
                raise ConfigError(
                    f"domains: {name!r} is no domain; write it as shop.example or *.example"
                )

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(self))

    def whole(self, section: str) -> Names:
        """With what is in the file. Raises `ConfigError` for a file or an entry in it that cannot
        be used.
        """
        if not self.file:
            return self
        kinds = dict.fromkeys(("domain", "source", "workflow", "kind"), "NAME")
        more = named(self.file, f"{section}.file", kinds)
        try:
            return replace(
                self,
                file="",
                **{f"{kind}s": getattr(self, f"{kind}s") | more[kind] for kind in kinds},
            )
        except ConfigError as error:
            raise ConfigError(f"{section}.{error}") from error

    def patterns(self) -> dict[str, Patterns]:
        """Those that are given, by what they are of."""
        return {what: Patterns(getattr(self, what)) for what in _REASONS if getattr(self, what)}


class Patterns:
    """A list of names and patterns. Each value is looked up once."""

    def __init__(self, entries: frozenset[str]) -> None:
        self._plain = {_spelt(entry): entry for entry in sorted(entries)}
        wild = [entry for entry in sorted(entries) if re.search(r"[*?\[]", entry)]
        self._wild = [(re.compile(fnmatch.translate(_spelt(entry))), entry) for entry in wild]
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The entries that match one of these values."""
        return tuple(entry for value in values for entry in self._of(value))

    def _of(self, value: str) -> tuple[str, ...]:
        found = self._known.get(value)
        if found is None:
            low = value.lower()
            plain = [self._plain[low]] if low in self._plain else []
            found = (*plain, *(entry for pattern, entry in self._wild if pattern.fullmatch(low)))
            if len(self._known) < 2**16:
                self._known[value] = found
        return found


def _spelt(entry: str) -> str:
    """An entry as values are spelt: in small letters; a domain of other alphabets in its ASCII
    form.
    """
    low = entry.strip().lower()
    if low.isascii():
        return low
    try:
        return low.encode("idna").decode()
    except UnicodeError:
        return low


@dataclass(frozen=True)
class Select:
    """What is trained on, and what is not; what both name is not."""

    name: ClassVar[str] = "select"
    version: ClassVar[int] = 1
    about: ClassVar[str] = "what is asked for by name, and what is left out"
    reasons: ClassVar[tuple[OwnReason, ...]] = (
        EXCLUDED_SOURCE,
        EXCLUDED_WORKFLOW,
        EXCLUDED_DOMAIN,
        EXCLUDED_KIND,
    )

    include: Annotated[
        Names, "what alone is trained on, by name; a list that is empty asks for everything"
    ] = field(default_factory=Names)
    exclude: Annotated[Names, "what is not trained on, by name"] = field(default_factory=Names)

    def __bool__(self) -> bool:
        return bool(self.include or self.exclude)

    @cached_property
    def names(self) -> dict[str, Names]:
        """Both lists by section, with what is in their files."""
        return {"include": self.include.whole("include"), "exclude": self.exclude.whole("exclude")}

    @cached_property
    def _patterns(self) -> dict[str, dict[str, Patterns]]:
        return {section: names.patterns() for section, names in self.names.items()}

    def settings(self) -> dict[str, Any]:
        """All entries, wherever they come from."""
        whats = ("domains", "sources", "workflows", "kinds")
        return {
            section: {what: sorted(getattr(names, what)) for what in whats}
            for section, names in self.names.items()
        }

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """How many entries of what there are."""
        asked = [
            f"{verb} {len(entries):,} entries of {what}"
            for verb, section in (("takes only", "include"), ("leaves out", "exclude"))
            for what, entries in settings[section].items()
            if entries
        ]
        return f"by name: {'; '.join(asked)}" if asked else ""

    def __call__(self, rows: Iterator[Trail], tally: Tally) -> Iterator[Trail]:
        """Rows in, rows out; the entries that match are noted in the tally."""
        if not self:
            yield from rows
            return
        for trail in rows:
            for mark in trail.marks:
                self._judge(trail, mark, tally)
            if (against := self._against(trail, tally)) is not None:
                tally.drop_workflow(trail, *against)
            elif trail.marks and all(mark.reason for mark in trail.marks):
                self._drop(trail, tally)
            else:
                yield trail

    def _against(self, trail: Trail, tally: Tally) -> tuple[Reason, str] | None:
        """Why a workflow is not asked for as a whole, if so."""
        workflow = trail.workflow
        sources = (workflow.source, workflow.origin.rpartition("#")[0] or workflow.origin)
        ids = tuple({trail.uid: 0, workflow.uid: 0, workflow.workflow_id: 0})
        found = self._of("sources", sources, tally), self._of("workflows", ids, tally)
        return found[0] or found[1]

    def _judge(self, trail: Trail, mark: Mark, tally: Tally) -> None:
        domain, subdomain, _ = trail.domains[mark.place]
        hosts = (domain,) if domain == subdomain else (domain, subdomain)
        kinds = (mark.step.action.kind,)
        for against in (self._of("domains", hosts, tally), self._of("kinds", kinds, tally)):
            if against is not None:
                mark.drop(self.name, *against)

    def _of(self, what: str, values: tuple[str, ...], tally: Tally) -> tuple[Reason, str] | None:
        """Why what has these names is not asked for, if so. Both lists are asked: each may have
        entries that match.
        """
        wanted = self._patterns["include"].get(what)
        unwanted = self._patterns["exclude"].get(what)
        found = wanted.of(values) if wanted else ()
        against = unwanted.of(values) if unwanted else ()
        tally.matched.update(f"include.{what} {entry}" for entry in found)
        tally.matched.update(f"exclude.{what} {entry}" for entry in against)
        if against:
            return _REASONS[what], f"{values[-1]} is excluded by exclude.{what}: {against[0]}"
        if wanted and not found:
            return _REASONS[what], f"{values[-1]} is not in include.{what}"
        return None

    def _drop(self, trail: Trail, tally: Tally) -> None:
        """A workflow of which no step is asked for."""
        first = trail.marks[0]
        assert first.reason
        tally.drop(
            "workflow", trail.uid, first.reason, "none of its steps is asked for", "", trail.domain
        )
        for mark in trail.marks:
            assert mark.reason
            domain = trail.domains[mark.place][0]
            tally.drop("step", trail.step_id(mark), mark.reason, mark.detail, trail.uid, domain)

    def unmatched(self, matched: frozenset[str]) -> dict[str, list[str]]:
        """By setting, the entries that match nothing. matched: what the tallies of all inputs have
        noted.
        """
        found: dict[str, list[str]] = {}
        for section, names in self.names.items():
            for what in _REASONS:
                missing = [
                    e
                    for e in sorted(getattr(names, what))
                    if f"{section}.{what} {e}" not in matched
                ]
                if missing:
                    found[f"{section}.{what}"] = missing
        return found
