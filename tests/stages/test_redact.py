"""Redact: private values become pseudonyms, everywhere in their workflow and nowhere else."""

from __future__ import annotations

import dataclasses
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.build.recipes.recipe import load
from etl.stages.locate import Locate
from etl.stages.private.pseudonyms import KINDS, Pseudonyms, canonical, luhn
from etl.stages.private.workflow import changed
from etl.stages.prune import Prune
from etl.stages.redact import Redact
from etl.tally import Quarantined, Tally
from schemas.draft import Draft, StepDraft
from schemas.errors import ConfigError
from schemas.findings import Finding
from schemas.workflow import Locator
from tests.support.strategies import draft, rules, step

SALTED = Redact(salt="a secret")
FORM = '<form><input id="a" {0}><button>Go</button></form>'


def redacted(row: Draft, stage: Redact = SALTED) -> tuple[Draft, Tally]:
    """A workflow after `locate`, `prune` and the stage."""
    prune = Prune(**{f.name: getattr(rules(), f.name) for f in dataclasses.fields(rules())})
    tally = Tally("redact")
    rows = prune(Locate()(iter([row]), tally), tally)
    (out,) = stage(rows, tally)
    return out, tally


def typed(value: str, field: str, shown: str, **workflow: Any) -> Draft:
    """A workflow that types a value and then shows it."""
    return draft(
        step(FORM.format(field), Locator("css", "#a"), kind="type", value=value),
        step(f"<p>{shown}</p><a href='#'>next</a>", Locator("css", "a")),
        **workflow,
    )


def texts(each: StepDraft) -> str:
    """All that a sample takes from a step."""
    action = each.step.action
    parts = (each.observation, each.start_tag, each.description, each.detail, each.step.url)
    return "\0".join((*parts, action.value, action.description, each.step.meta))


@pytest.mark.parametrize(
    ("value", "field", "shown", "part"),
    [
        ("jane.doe@acme.org", 'type="email"', "jane.doe@acme.org", slice(None)),
        ("Jane.Doe@acme.org", 'name="q"', "jane.doe@ACME.org", slice(None)),
        ("hunter2!x", 'type="password"', "hunter2!x", slice(None)),
        ("4111111111111111", 'autocomplete="cc-number"', "4111 1111 1111 1111", slice(None)),
        ("4155552671", 'type="tel"', "+1 (415) 555-2671", slice(-10, None)),
        ("7 Mill Street", 'autocomplete="street-address"', "7 MILL STREET", slice(None)),
        ("Ines Abernathy", 'name="full_name"', "INES", slice(4)),
        ("a'b<c>&\\d9", 'type="password"', "a'b&lt;c&gt;&amp;\\d9", slice(None)),
    ],
)
def test_what_was_typed_and_what_a_page_shows_have_one_pseudonym(
    value: str, field: str, shown: str, part: slice
) -> None:
    """In any spelling; the value is nowhere, not in the words of the action either.

    part: the letters and digits that both have.
    """
    out, tally = redacted(typed(value, field, shown))
    first, second = out.steps
    whole = "\0".join(map(texts, out.steps)).lower()
    assert value.lower() not in whole
    assert shown.lower() not in whole
    page = re.search(r'<p node="\d+"> (.*) </p>', second.observation)
    assert page is not None
    both = [re.sub(r"\W", "", unescape(text)) for text in (first.step.action.value, page[1])]
    assert both[0][part].lower() == both[1][part].lower()
    assert json.dumps(first.step.action.value) in first.description
    assert sum(tally.replaced.values()) >= 3


def test_places_that_are_redacted() -> None:
    """Objective, URL, descriptions, meta, tags, attributes, details of dropped steps, topic."""
    mail = "jane.doe@acme.org"
    page = f'<a href="mailto:{mail}" title="{mail}">{mail}</a>'
    row = draft(
        step(page, Locator("css", "a"), description=f"Write to {mail}"),
        step(page, Locator("css", f"#{mail}")),
        objective=f"Write to {mail} today",
        topic=mail,
        meta=f'{{"user":"{mail}"}}',
    )
    row.steps[0].step = row.steps[0].step.with_fields(
        url=f"https://x.example/?m={mail.replace('@', '%40')}", meta=f'{{"who":"{mail}"}}'
    )
    out, _ = redacted(row)
    everything = [out.objective, out.workflow.topic, out.workflow.meta, *map(texts, out.steps)]
    assert out.steps[1].reason
    assert not any("acme" in text or "jane" in text for text in everything)
    assert all(".example" in text for text in everything[:4])


def test_markup_node_ids_and_targets_survive() -> None:
    """A password that is a word of markup, or a node id, changes no tag, class, type or id."""
    page = (
        '<div class="button"><input id="a" type="password" value="button"><button>button</button>'
    )
    row = draft(
        step(page, Locator("css", "#a"), kind="type", value="button"),
        step(page, Locator("css", "button"), kind="click"),
    )
    out, _ = redacted(row)
    last = out.steps[1]
    assert re.search(r'<div class="button" node="2"> <input .*</button>', last.observation)
    assert last.start_tag == '<button node="0">'
    assert last.start_tag in last.observation
    assert "> button <" not in last.observation
    assert 'type="password"' in last.observation
    numbers, _ = redacted(typed("1", 'type="password"', "1 of 1"))
    assert 'node="1"' in numbers.steps[1].observation


def test_start_tags_stay_in_their_observations() -> None:
    """The tag of a target is redacted as it is in the page."""
    page = '<p>Phone</p><a href="tel:4155552671" title="Call jane@acme.org">4155552671</a>'
    out, _ = redacted(draft(step(page, Locator("css", "a"))))
    assert out.steps[0].start_tag in out.steps[0].observation
    assert "4155552671" not in out.steps[0].observation


def test_what_is_allowed_stays() -> None:
    """By value, by domain, by pattern; and only the kinds that are chosen are replaced."""
    text = "info@acme.org me@mail.shop.net 93.184.216.34 bob@else.org +49 30 123456"
    stage = Redact(
        allow=("Info@acme.org",), allow_domains=("shop.net",), allow_patterns=(r"93\..*",)
    )
    out, _ = redacted(draft(step(), objective=text), stage)
    assert out.objective.startswith("info@acme.org me@mail.shop.net 93.184.216.34 ")
    assert "bob" not in out.objective
    only, _ = redacted(draft(step(), objective=text), Redact(kinds=("phone",)))
    assert only.objective.startswith(text[:-12])
    assert not only.objective.endswith("123456")


def capitals(text: str) -> list[tuple[int, int]]:
    """A model that takes words in capitals for names."""
    return [match.span() for match in re.finditer(r"\b[A-Z]{3,}\b", text)]


def test_names_by_a_function() -> None:
    """The function sees objectives and texts of pages; its file is in the fingerprint."""
    stage = Redact(names=f"{__name__}:capitals")
    out, _ = redacted(draft(step("<p>Of JANE</p>"), objective="Ask JANE"), stage)
    assert "JANE" not in out.objective + out.steps[0].observation
    assert stage.settings()["names"]["source"]


@pytest.mark.parametrize(
    "setting",
    ['kinds=["mail"]', 'names="nothing"', 'names="no.such:thing"', 'allow_patterns=["("]',
     'salt_file="no such file"'],
)  # fmt: skip
def test_settings_that_cannot_be_used(setting: str) -> None:
    """They stop a build before it starts."""
    with pytest.raises(ConfigError, match=r"redact"):
        load("publishable", [f"redact.{setting}"]).settings()


def test_the_salt_decides_and_is_not_told(tmp_path: Path) -> None:
    """Another salt, other pseudonyms; a file is as the setting; settings hold a hash alone."""
    (tmp_path / "salt").write_text("a secret\n", "utf-8")
    rows = [draft(step(), objective="Write to jane.doe@acme.org") for _ in range(3)]
    stages = SALTED, Redact(salt="other"), Redact(salt_file=str(tmp_path / "salt"))
    said = [redacted(row, stage)[0].objective for row, stage in zip(rows, stages, strict=True)]
    assert said[0] == said[2] != said[1]
    assert SALTED.settings() == stages[2].settings() != stages[1].settings()
    assert "a secret" not in str(SALTED.settings())
    assert "without a salt" in Redact.in_words(Redact().settings() | {"version": 1})


def test_without_its_section_nothing_changes() -> None:
    """The stage is in `publishable` alone, and in no fingerprint of another recipe."""
    assert "stage redact" in load("publishable").samples.settings()
    assert "stage redact" not in load("scribeagent-32k").samples.settings()


def test_what_a_shard_leaves_beside_its_samples() -> None:
    """Details, domains and oddities are redacted; bytes are kept only if that is asked for."""
    for keep in (False, True):
        tally = Tally("read")
        tally.quarantine("a#1", "broken_json", "at jane@acme.org", b"jane@acme.org")
        tally.read("step", "w/1", "w", "93.184.216.34")
        tally.note([("unknown_key", "of.jane@acme.org")])
        domains = {"93.184.216.34", "shop.example"}
        Redact(quarantine_bytes=keep).close(tally, domains)
        assert "jane" not in str((tally.entries, tally.odd, tally.quarantined[0].detail))
        assert bool(tally.quarantined[0].raw) == keep
        assert "93.184.216.34" not in domains | {tally.entries[-1].domain}
        assert "shop.example" in domains


def noted(row: Draft, *texts: str) -> Tally:
    """A ledger in which stages have noted texts of a workflow."""
    tally = Tally("lint")
    tally.drop("step", "other/1", "no_element", "hunter2!x", "other")
    for text in texts:
        tally.drop("step", f"{row.uid}/1", "no_element", text, row.uid)
        tally.findings.append(
            Finding(f"{row.uid}/1", row.uid, 1, "x", "10.0.0.7", "lost_text", "error", text, text)
        )
    tally.quarantined.append(Quarantined(row.uid, "lint", "stage_crashed", texts[0], b""))
    return tally


@pytest.mark.parametrize("through", [True, False])
def test_what_was_noted_of_a_workflow(through: bool) -> None:
    """Evidence and details hold the pseudonyms that its steps have, also of a value that was cut
    off, whether it reaches the stage or was dropped before; what is of others stays.
    """
    row = typed("hunter2!x", 'type="password"', "jane.doe@acme.org")
    list(Locate()(iter([row]), Tally()))
    row.steps[0].detail = "hunter2!x"
    tally = noted(row, "'hunter2!x' was typed", "the field says hunter…", "at jane.doe@acme.org")
    if through:
        list(SALTED(iter([row]), tally))
    SALTED.left(row, tally)
    shown = [*tally.entries[1:], *tally.findings, *tally.quarantined]
    assert not [word for word in ("hunt", "jane", "acme", "10.0.0.7") if word in str(shown)], shown
    assert tally.entries[0].detail == "hunter2!x"
    whole, cut = (each.evidence for each in tally.findings[:2])
    assert whole[1:7] == cut[-7:-1]
    before = str((tally.entries, tally.findings))
    SALTED.left(row, tally)
    assert str((tally.entries, tally.findings)) == before
    if through:
        assert row.steps[0].detail == whole[1:10]


def test_notes_on_a_workflow_that_cannot_be_read_are_left_out() -> None:
    """A workflow that breaks stages may break the search for its values too."""
    row = typed("hunter2!x", 'type="password"', "")
    tally = noted(row, "hunter2!x")
    row.steps[0].step = row.steps[0].step.with_fields(action=None)
    SALTED.left(row, tally)
    assert "hunter2!x" not in str((tally.entries[1:], tally.findings, tally.quarantined))


@given(st.sampled_from(KINDS), st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_pseudonyms_have_the_shape_of_their_values(kind: Any, value: str) -> None:
    """The same each time, of the same length, letters for letters, digits for digits."""
    one, other = Pseudonyms(b"x"), Pseudonyms(b"x")
    if kind in ("email", "ip"):
        return
    form = canonical(kind, value)
    made = one.of(kind, form, value)
    assert made == other.of(kind, form, value)
    if value.isascii():
        assert [c.isdigit() for c in made] == [c.isdigit() for c in value]
        assert [c.isalpha() for c in made] == [c.isalpha() for c in value]


@given(st.from_regex(r"4[0-9]{15}", fullmatch=True))
def test_no_pseudonym_is_a_card(number: str) -> None:
    """It fails its checksum."""
    assert not luhn(Pseudonyms(b"x").of("card", number, number))


@given(
    st.text("ab<> ", max_size=900), st.text("ab<> ", max_size=900), st.text("ab<> ", max_size=900)
)
def test_the_changed_part_of_a_page(same: str, before: str, now: str) -> None:
    """What two pages have in common at both ends is left out, and nothing else."""
    one, other = (f"{same}{middle}{same}".encode() for middle in (before, now))
    part = changed(one, other)
    assert part in other
    at = other.find(part)
    assert one.startswith(other[:at])
    assert one.endswith(other[at + len(part) :])
