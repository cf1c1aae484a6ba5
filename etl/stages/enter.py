"""Enter a workflow and its steps in the ledger, and hand them to the stages."""

from __future__ import annotations

from dataclasses import replace

import xxhash

from etl.pages.domain import domain_of
from etl.tally import Tally
from schemas.draft import Draft, StepDraft
from schemas.utf8 import utf8_of
from schemas.workflow import Workflow


def enter(workflow: Workflow, tally: Tally, seen: dict[str, str]) -> Draft:
    """Enter a workflow and its steps in the ledger, with their domains.

    A workflow whose id came before gets an id of its own (``uid~2``), so that every line of the
    ledger is about one thing.

    seen: the content hashes of the shard's earlier workflows, by uid; this one's is added. A
        workflow with an id of its own is added with an empty hash.
    """
    step_drafts = _step_drafts(workflow)
    domains = [domain_of(step.url, workflow.website) for step in workflow.steps]
    hashed = content_hash(workflow)
    draft = Draft(workflow, step_drafts, hashed, " ".join(workflow.objective.split()), workflow.uid)
    while draft.uid in seen:
        repeat = int(draft.uid.removeprefix(workflow.uid).removeprefix("~") or 1)
        draft.uid = f"{workflow.uid}~{repeat + 1}"
    seen[draft.uid] = draft.content_hash if draft.uid == workflow.uid else ""
    draft.domains = [tuple(domain) for domain in domains]
    draft.domain = next((d.domain for d in domains if d.domain_from != "none"), "unknown")
    tally.read("workflow", draft.uid, "", draft.domain)
    for step_draft, domain in zip(step_drafts, domains, strict=True):
        step = step_draft.step
        tally.read(
            *("step", draft.step_id(step_draft), draft.uid, domain.domain, step.step_id),
            chars=step.characters,
        )
    return draft


def measure_again(draft: Draft, tally: Tally, end: int) -> None:
    """Correct the characters of a workflow's pages in its lines, once pages have been joined.

    end: the position in the ledger after the line of its last step.
    """
    first = end - len(draft.steps)
    for position, step_draft in enumerate(draft.steps, first):
        entry = tally.entries[position]
        assert entry.unit == "step"
        assert entry.id == draft.step_id(step_draft)
        tally.entries[position] = replace(entry, chars=step_draft.step.characters)


def _step_drafts(workflow: Workflow) -> list[StepDraft]:
    """The steps, numbered as recorded; a step without a number gets its place, from 1."""
    step_drafts: list[StepDraft] = []
    for place, step in enumerate(workflow.steps):
        number = step.number or place + 1
        repeat = (
            step_drafts[-1].repeat + 1 if step_drafts and step_drafts[-1].number == number else 0
        )
        step_drafts.append(StepDraft(number, step, repeat=repeat, place=place))
    return step_drafts


def content_hash(workflow: Workflow) -> str:
    """Hash of a workflow's content, in hex: 128 bits of xxh3.

    Ids and the place in the input do not enter, so the same recording in two formats has one hash.
    """
    digest = xxhash.xxh3_128()
    for text in (workflow.objective, workflow.website, workflow.topic, repr(workflow.reward)):
        _add(digest, utf8_of(text))
    for step in workflow.steps:
        action = step.action
        texts = (action.kind, action.value, action.description, step.error)
        for data in (utf8_of(step.url), step.utf8, *map(utf8_of, texts)):
            _add(digest, data)
        if step.axtree and not step.has_page:
            _add(digest, utf8_of(f"axtree\0{step.axtree}"))
        for locator in step.target:
            _add(digest, utf8_of(f"{locator.kind}\0{locator.name}\0{locator.value}"))
        if action.button or action.modifiers:
            _add(digest, utf8_of("\0".join(("held", action.button, *action.modifiers))))
        for locator in step.destination:
            _add(digest, utf8_of(f"to\0{locator.kind}\0{locator.name}\0{locator.value}"))
    return digest.hexdigest()


def _add(digest: xxhash.xxh3_128, data: bytes) -> None:
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)
