"""The lists of protocols and of families of facts, and how actions of Mind2Web are read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from etl.build.recipes import recipe
from etl.evaluate.facts.known import READERS, text
from etl.evaluate.facts.outline import KEPT_TAGS, outline
from etl.evaluate.facts.recorded import recorded
from etl.evaluate.protocols import known
from etl.evaluate.protocols.known import KNOWN, PROTOCOLS
from etl.stages.prune import Prune
from schemas.errors import ConfigError, RecordError
from tests.evaluate.made import PAGE, action, direct


def test_every_protocol_has_a_name_of_its_own_and_a_family() -> None:
    """And metrics, and sentences on what is wrong in its reference, if it has one."""
    assert len(PROTOCOLS) == len(KNOWN) == 16
    for protocol in KNOWN:
        assert protocol.family in READERS
        assert protocol.metrics
        own = protocol.family == "steps"
        assert bool(protocol.defects) is not own
        assert all(sentence.endswith(".") for sentence in protocol.defects)


def test_means_over_nothing_are_none() -> None:
    """In each protocol, and none of them fails."""
    for protocol in KNOWN:
        means = protocol.aggregate([])
        assert all(value in (None, 0) for value in means.values())


def test_protocols_that_do_not_fit_are_refused() -> None:
    """The error names those that do."""
    assert known.protocol("strict", "mind2web-direct").name == "strict"
    assert known.protocol("weblinx/turn", "weblinx").name == "weblinx/turn"
    with pytest.raises(ConfigError, match=r"there is none of this name; .* exact, "):
        known.protocol("mind2web", "steps")
    with pytest.raises(ConfigError, match=r"sets of weblinx, and this one is of steps; .* exact, "):
        known.protocol("weblinx/turn", "steps")


def test_facts_are_those_of_the_protocols_own_family() -> None:
    """`exact` takes the step out of the facts of Mind2Web."""
    whole = direct("40")
    assert known.facts(PROTOCOLS["exact"], "mind2web-direct", text(whole)) == whole.step
    v2 = PROTOCOLS["mind2web-direct/scribeagent-v2"]
    assert known.facts(v2, "mind2web-direct", text(whole)) == whole


def test_the_reference_keeps_the_tags_that_the_shipped_recipe_keeps() -> None:
    """Its benchmark has a list of its own, which is the same."""
    (prune,) = [
        stage for stage in recipe.load("scribeagent-32k").samples.stages if isinstance(stage, Prune)
    ]
    assert prune.kept_tags == KEPT_TAGS


def test_an_outline_counts_what_is_inside() -> None:
    """Elements that are never closed end with what is around them."""
    found = outline("<html><body><p>a<b>c</p><br><select><option>1<option>2</select></body></html>")
    assert found.tags == ["html", "body", "p", "b", "br", "select", "option", "option"]
    assert found.sizes == [8, 7, 2, 1, 1, 3, 2, 1]
    assert found.options == {6: "12", 7: "2"}
    assert list(found.subtree(found.node(2))) == [4, 5]


def test_actions_of_all_files_are_read() -> None:
    """Operations and candidates may be strings of JSON, and ids numbers or in the attributes."""
    plain = recorded(action("40", "7", negatives=("1",)))
    strings: dict[str, Any] = {
        "operation": orjson.dumps({"op": "CLICK", "value": ""}).decode(),
        "pos_candidates": [
            '{"backend_node_id": "40"}',
            {"attributes": '{"backend_node_id": "7"}', "tag": "a"},
        ],
        "neg_candidates": [{"backend_node_id": 1}],
        "raw_html": PAGE,
        "cleaned_html": PAGE,
    }
    assert recorded(strings) == plain
    assert recorded({"operation": {"op": "CLICK"}}).positives == ()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "missing_field"),
        ({"operation": {}}, "missing_field"),
        ({"operation": "{"}, "broken_json"),
        ({"operation": [1]}, "wrong_type"),
        ({"operation": {"op": "CLICK"}, "pos_candidates": [{}]}, "missing_field"),
        ({"operation": {"op": "CLICK"}, "raw_html": 1}, "wrong_type"),
    ],
)
def test_actions_that_cannot_be_read_say_why(fields: dict[str, Any], reason: str) -> None:
    """As records do everywhere."""
    with pytest.raises(RecordError) as error:
        recorded(fields)
    assert error.value.reason == reason
