"""Select: keep or leave out domains, sources, workflows and kinds of actions by name.

Names are patterns (``*``, ``?``, ``[ab]``). One entry of an ``include`` list must match, and no
entry of an ``exclude`` list may. A workflow is dropped for its source (its format, or the name of
its input) or its id (with or without the source before it). A step is dropped for its domain (the
registrable domain or the whole host) or its kind of action: it is not trained on, and stays in the
history of others. A workflow is dropped if all of its steps are.
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
from schemas.draft import Draft, StepDraft
from schemas.errors import ConfigError
from schemas.reasons import OwnReason, Reason

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

    Raises:
        ConfigError: an entry is empty, or a domain cannot be one.
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
        """These names and those in the file.

        section: of the recipe, for messages.

        Raises:
            ConfigError: the file cannot be read, or one of its entries cannot be used.
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
        """The patterns of each list that has entries, by its field."""
        return {what: Patterns(getattr(self, what)) for what in _REASONS if getattr(self, what)}


class Patterns:
    """A list of names and patterns. Each value is looked up once."""

    def __init__(self, entries: frozenset[str]) -> None:
        self._plain = {_spelt(entry): entry for entry in sorted(entries)}
        wild = [entry for entry in sorted(entries) if re.search(r"[*?\[]", entry)]
        self._wild = [(re.compile(fnmatch.translate(_spelt(entry))), entry) for entry in wild]
        self._matches: dict[str, tuple[str, ...]] = {}

    def of(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The entries that match any of these values."""
        return tuple(entry for value in values for entry in self._of(value))

    def _of(self, value: str) -> tuple[str, ...]:
        matching = self._matches.get(value)
        if matching is None:
            low = value.lower()
            plain = [self._plain[low]] if low in self._plain else []
            wild = [entry for pattern, entry in self._wild if pattern.fullmatch(low)]
            matching = (*plain, *wild)
            if len(self._matches) < 2**16:
                self._matches[value] = matching
        return matching


def _spelt(entry: str) -> str:
    """An entry in lower case; a domain with other letters than ASCII in its ASCII form."""
    low = entry.strip().lower()
    if low.isascii():
        return low
    try:
        return low.encode("idna").decode()
    except UnicodeError:
        return low


@dataclass(frozen=True)
class Select:
    """What is trained on, and what is not; ``exclude`` wins over ``include``."""

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
        """The names of both sections, with those in their files.

        Raises:
            ConfigError: a file cannot be read, or one of its entries cannot be used.
        """
        return {"include": self.include.whole("include"), "exclude": self.exclude.whole("exclude")}

    @cached_property
    def _patterns(self) -> dict[str, dict[str, Patterns]]:
        return {section: names.patterns() for section, names in self.names.items()}

    def settings(self) -> dict[str, Any]:
        """All entries, from the recipe and from files, sorted.

        Raises:
            ConfigError: a file cannot be read, or one of its entries cannot be used.
        """
        whats = ("domains", "sources", "workflows", "kinds")
        return {
            section: {what: sorted(getattr(names, what)) for what in whats}
            for section, names in self.names.items()
        }

    @staticmethod
    def in_words(settings: Mapping[str, Any]) -> str:
        """Says how many entries each list has, for the data card."""
        asked = [
            f"{verb} {len(entries):,} entries of {what}"
            for verb, section in (("takes only", "include"), ("leaves out", "exclude"))
            for what, entries in settings[section].items()
            if entries
        ]
        return f"by name: {'; '.join(asked)}" if asked else ""

    def __call__(self, rows: Iterator[Draft], tally: Tally) -> Iterator[Draft]:
        """Passes on what is asked for, and notes in the tally which entries match."""
        if not self:
            yield from rows
            return
        for draft in rows:
            for step_draft in draft.steps:
                self._judge(draft, step_draft, tally)
            if (against := self._against(draft, tally)) is not None:
                tally.drop_workflow(draft, *against)
            elif draft.steps and all(step_draft.reason for step_draft in draft.steps):
                self._drop(draft, tally)
            else:
                yield draft

    def _against(self, draft: Draft, tally: Tally) -> tuple[Reason, str] | None:
        """Why a whole workflow is left out, with the detail; None if it is not."""
        workflow = draft.workflow
        sources = (workflow.source, workflow.origin.rpartition("#")[0] or workflow.origin)
        ids = tuple({draft.uid: 0, workflow.uid: 0, workflow.workflow_id: 0})
        by_source = self._of("sources", sources, tally)
        by_id = self._of("workflows", ids, tally)
        return by_source or by_id

    def _judge(self, draft: Draft, step_draft: StepDraft, tally: Tally) -> None:
        domain, subdomain, _ = draft.domains[step_draft.place]
        hosts = (domain,) if domain == subdomain else (domain, subdomain)
        kinds = (step_draft.step.action.kind,)
        for against in (self._of("domains", hosts, tally), self._of("kinds", kinds, tally)):
            if against is not None:
                step_draft.drop(self.name, *against)

    def _of(self, what: str, values: tuple[str, ...], tally: Tally) -> tuple[Reason, str] | None:
        """Why something with these names is left out, with the detail; None if it is not.

        Both lists are looked up, so that the matching entries of each are noted.
        """
        include = self._patterns["include"].get(what)
        exclude = self._patterns["exclude"].get(what)
        included_by = include.of(values) if include else ()
        excluded_by = exclude.of(values) if exclude else ()
        tally.matched.update(f"include.{what} {entry}" for entry in included_by)
        tally.matched.update(f"exclude.{what} {entry}" for entry in excluded_by)
        if excluded_by:
            return _REASONS[what], f"{values[-1]} is excluded by exclude.{what}: {excluded_by[0]}"
        if include and not included_by:
            return _REASONS[what], f"{values[-1]} is not in include.{what}"
        return None

    def _drop(self, draft: Draft, tally: Tally) -> None:
        """Drop a workflow all of whose steps are left out, and these steps."""
        first = draft.steps[0]
        assert first.reason
        tally.drop(
            "workflow", draft.uid, first.reason, "none of its steps is asked for", "", draft.domain
        )
        for step_draft in draft.steps:
            assert step_draft.reason
            domain = draft.domains[step_draft.place][0]
            tally.drop(
                "step",
                draft.step_id(step_draft),
                step_draft.reason,
                step_draft.detail,
                draft.uid,
                domain,
            )

    def unmatched(self, matched: frozenset[str]) -> dict[str, list[str]]:
        """The entries that match nothing, by setting.

        matched: the entries that the tallies of all inputs noted.
        """
        unmatched: dict[str, list[str]] = {}
        for section, names in self.names.items():
            for what in _REASONS:
                setting = f"{section}.{what}"
                for entry in sorted(getattr(names, what)):
                    if f"{setting} {entry}" not in matched:
                        unmatched.setdefault(setting, []).append(entry)
        return unmatched
