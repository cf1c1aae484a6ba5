"""One workflow while it is redacted: its private values are learnt first, then replaced."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import xxhash

from etl.files.compressed import Holder
from etl.pages import axtree
from etl.pages.labels import label_of
from etl.pages.reading import read
from etl.stages.private import fields
from etl.stages.private.pseudonyms import Kind
from etl.stages.private.scan import in_common
from etl.stages.private.tools import Tools
from etl.stages.private.values import Values
from etl.tally import Tally
from schemas.actions import each
from schemas.draft import Draft, StepDraft
from schemas.utf8 import held, held_utf8, text_of, utf8_of

_TYPED: Final = frozenset(("type", "paste", "change", "select", "cut", "copy"))
"""Kinds of actions whose value is what a field holds afterwards."""
_TEXT: Final = re.compile(r">\s*([^<>]*[^\s<>])\s*<")
_UNKNOWN: Final = "not shown: its private values could not be looked for"
_AROUND: Final = 300
"""Bytes beside a change in which words may say what a number is."""


def redact(draft: Draft, tools: Tools, tally: Tally) -> None:
    """Replace what is private in a workflow; counts in ``tally.replaced``.

    What stages before have noted of it is redacted too.
    """
    workflow = _Workflow(draft, tools, tally)
    workflow.redact()
    workflow.redact_notes()


def redact_notes(draft: Draft, tools: Tools, tally: Tally) -> None:
    """Replace what is private in what was noted of a workflow that came to nothing."""
    workflow = _Workflow(draft, tools, tally)
    workflow.learn()
    workflow.redact_notes()


def forget_notes(draft: Draft, tally: Tally) -> None:
    """Leave out what was noted of a workflow whose private values are not known."""
    _change_notes(draft.uid, tally, lambda _: _UNKNOWN, lambda domain: domain)


def _change_notes(
    uid: str, tally: Tally, noted: Callable[[str], str], domain_of: Callable[[str], str]
) -> None:
    """Change the texts in the last lines of a ledger, which are those of one workflow."""
    for at in reversed(range(len(tally.entries))):
        entry = tally.entries[at]
        if uid not in (entry.id, entry.parent):
            break
        if entry.detail:
            tally.entries[at] = replace(entry, detail=noted(entry.detail))
    for at in reversed(range(len(tally.findings))):
        finding = tally.findings[at]
        if finding.workflow != uid:
            break
        evidence, mend = noted(finding.evidence), noted(finding.mend) if finding.mend else ""
        domain = domain_of(finding.domain)
        tally.findings[at] = replace(finding, evidence=evidence, mend=mend, domain=domain)
    for at in reversed(range(len(tally.quarantined))):
        record = tally.quarantined[at]
        if record.id != uid:
            break
        tally.quarantined[at] = replace(record, detail=noted(record.detail))


def _notes(uid: str, tally: Tally) -> list[str]:
    """The texts that `_change_notes` changes."""
    found: list[str] = []

    def keep(text: str) -> str:
        found.append(text)
        return text

    _change_notes(uid, tally, keep, lambda domain: domain)
    return found


def changed(before: bytes, now: bytes) -> bytes:
    """The part of a text that another one does not begin or end with, and what is around it.

    Recorded pages come again with small changes, and what they have in common was searched. The
    part begins and ends with whole elements.
    """
    if before == now:
        return b""
    start, end = in_common(before, now)
    first = now.rfind(b"<", 0, max(0, start - _AROUND)) if start > _AROUND else 0
    last = now.find(b">", len(now) - end + _AROUND) if end > _AROUND else -1
    return now[max(0, first) : last + 1 if last >= 0 else None]


class _Workflow:
    """One workflow while it is redacted."""

    def __init__(self, draft: Draft, tools: Tools, tally: Tally) -> None:
        self._draft, self._tools, self._tally = draft, tools, tally
        # id of what is being redacted, of the workflow or of a step
        self._id = draft.uid
        self._values = Values(tools.pseudonyms)
        # hashes of the pages whose fields are known: pages come again
        self._pages: set[bytes] = set()
        # the last observation that was searched, and what became of the last: pages come again
        self._searched = b""
        self._last: tuple[bytes, bytes, Counter[Kind]] = b"", b"", Counter()

    def learn(self) -> None:
        """Learn the values from all that was recorded and said."""
        draft = self._draft
        workflow = draft.workflow
        for step_draft in draft.steps:
            self._learn_page(step_draft)
            self._learn_typed(step_draft)
        for text in (draft.objective, workflow.website, workflow.topic, workflow.meta):
            self._search(text)
        self._members(workflow.meta)
        for step_draft in draft.steps:
            self._search_step(step_draft)

    def redact(self) -> None:
        """Learn the values from all steps, then replace them in all."""
        self.learn()
        draft = self._draft
        workflow = draft.workflow
        draft.domains = [
            (self._tools.domain(domain), self._tools.domain(host), *rest)
            for domain, host, *rest in draft.domains
        ]
        draft.domain = self._tools.domain(draft.domain)
        if not self._values:
            return
        objective = self._replaced(draft.objective, draft.domain)
        draft.objective = objective
        draft.workflow = replace(
            workflow,
            objective=objective,
            website=self._replaced(workflow.website, draft.domain),
            topic=self._replaced(workflow.topic, draft.domain),
            meta=self._replaced(workflow.meta, draft.domain),
        )
        holder = Holder()
        for step_draft in draft.steps:
            self._redact_step(step_draft, holder)

    def redact_notes(self) -> None:
        """Replace in what other stages have noted, which may quote more, and cut it short."""
        notes = _notes(self._draft.uid, self._tally)
        if not notes:
            return
        for text in dict.fromkeys(notes):
            self._search(text)
        for step_draft in self._draft.steps:
            for locator in step_draft.step.target:
                self._search(locator.value)
        _change_notes(self._draft.uid, self._tally, self._values.noted, self._tools.domain)

    def _learn(self, kind: Kind, value: str) -> None:
        """Take the value of a field: what it says by itself counts before what the field says."""
        tools = self._tools
        text = utf8_of(value.strip())
        whole = next((found for found in tools.find(text) if found.written == text), None)
        if whole is not None:
            self._values.learn(whole.kind, value, whole.form)
        elif kind in tools.kinds and not tools.stays(kind, value):
            self._values.learn(kind, value, tools.form(kind, value))

    def _learn_page(self, step_draft: StepDraft) -> None:
        if not step_draft.step.has_page:
            return
        digest = xxhash.xxh3_128_digest(step_draft.step.utf8)
        if digest not in self._pages:
            self._pages.add(digest)
            for kind, value in self._tools.fields_in(step_draft.step.utf8):
                self._learn(kind, value)

    def _learn_typed(self, step_draft: StepDraft) -> None:
        step = step_draft.step
        if step.action.kind not in _TYPED or not step.action.value:
            return
        attributes: Mapping[str, str] = {}
        label = ""
        if step_draft.element >= 0 and step_draft.observed == "axtree":
            label = axtree.read(step.axtree).label(step_draft.element)
        elif step_draft.element >= 0:
            page = read(step.page)
            attributes = page.tokens[page.position(step_draft.element)].attributes()
            label = label_of(page, step_draft.element)
        locators = " ".join(f"{each.name} {each.value}" for each in step.target)
        for value in each(step.action.value):
            kind = fields.of_step(attributes, label, locators, value)
            if kind is not None:
                self._learn(kind, value)

    def _search_step(self, step_draft: StepDraft) -> None:
        step = step_draft.step
        for text in (
            step.url,
            step.action.value,
            step.action.description,
            step_draft.description,
            step_draft.start_tag,
            step_draft.detail,
            step.meta,
        ):
            self._search(text)
        self._members(step.meta)
        for kind, written in fields.in_parameters(utf8_of(step.url)):
            value = fields.unquoted(written)
            if fields.holds(kind, value):
                self._learn(kind, value)
        if not held(step_draft, "observation"):
            return
        observation = held_utf8(step_draft, "observation")
        anew = changed(self._searched, observation)
        self._searched = observation
        self._tools.search(anew, self._values)
        if self._tools.finder is not None:
            for match in _TEXT.finditer(text_of(anew)):
                for name in self._tools.names_in(match[1]):
                    self._values.learn("name", name)

    def _members(self, text: str) -> None:
        """Learn what the keys of an object tell."""
        for kind, written in fields.in_members(utf8_of(text)):
            value = fields.unescaped(written)
            if fields.holds(kind, value):
                self._learn(kind, value)

    def _search(self, text: str) -> None:
        if text:
            self._tools.search(utf8_of(text), self._values)
            for name in self._tools.names_in(text):
                self._values.learn("name", name)

    def _replaced(self, text: str, domain: str, *, markup: bool = False) -> str:
        """A text with pseudonyms."""
        if not text:
            return text
        other, counts = self._values.replaced(utf8_of(text), markup=markup)
        self._count(counts, domain)
        return text_of(other) if counts else text

    def _count(self, counts: Counter[Kind], domain: str) -> None:
        for kind, count in counts.items():
            self._tally.replaced[self._id, self._draft.uid, domain, kind] += count

    def _redact_step(self, step_draft: StepDraft, holder: Holder) -> None:
        """Replace in a step."""
        step, domain = step_draft.step, self._draft.domains[step_draft.place][0]
        self._id = self._draft.step_id(step_draft)
        action = replace(
            step.action,
            value=self._replaced(step.action.value, domain),
            description=self._replaced(step.action.description, domain),
        )
        url, meta = self._replaced(step.url, domain), self._replaced(step.meta, domain)
        if (action, url, meta) != (step.action, step.url, step.meta):
            step_draft.step = step.with_fields(action=action, url=url, meta=meta)
        markup = step_draft.shown == "html"
        step_draft.description = self._replaced(step_draft.description, domain)
        step_draft.start_tag = self._replaced(step_draft.start_tag, domain, markup=markup)
        step_draft.detail = self._replaced(step_draft.detail, domain)
        if held(step_draft, "observation"):
            observation = held_utf8(step_draft, "observation")
            if observation != self._last[0]:
                self._last = observation, *self._values.replaced(observation, markup=markup)
            self._count(self._last[2], domain)
            step_draft.observation = holder.hold(self._last[1])
