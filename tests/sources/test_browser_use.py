"""browser-use: histories and runs, with their calls, pages and elements."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard

from etl.inputs import find
from etl.inputs.records import InputHead
from etl.pages.reading import read as read_page
from etl.sources import SOURCES
from etl.sources.browser_use.calls import read_call
from etl.sources.browser_use.indexed import locators, observed, read_prompt
from etl.sources.browser_use.recordings import BrowserUse
from etl.stages import targets
from etl.tally import Tally
from schemas.actions import KINDS
from schemas.workflow import Locator, Step, Workflow


def read(path: Path) -> tuple[list[Workflow], Tally]:
    (shard,) = find.shards(find.find([str(path)], SOURCES, lenient=True))
    assert shard.format == "browser_use"
    tally = Tally()
    return list(BrowserUse().read(shard, tally)), tally


def item(*calls: Any, results: list[Any] | None = None, **state: Any) -> dict[str, Any]:
    """An item of a history of 2026."""
    return {
        "model_output": {"next_goal": "go on", "action": list(calls)},
        "result": [{} for _ in calls] if results is None else results,
        "state": {
            "url": "https://a.example/",
            "interacted_element": [None for _ in calls],
            **state,
        },
        "state_message": "<user_request>\nBuy a mug.\n</user_request>\n<browser_state>\n"
        "Interactive elements:\n[7]<button aria-label=Go />\n\tGo\n</browser_state>",
    }


def history(path: Path, *items: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"history": list(items)}))
    return path


ELEMENT = {"x_path": "html/body/div[2]/a", "attributes": {"id": "go", "class": "x"}, "node_id": 9}


def test_calls_of_an_item_are_steps_without_a_page(tmp_path: Path) -> None:
    """Each call that was done is a step with its error; calls that were not done are kept."""
    (workflow,), tally = read(
        history(
            tmp_path / "shop" / "task_1.history.json",
            item({"navigate": {"url": "https://a.example/", "new_tab": False}}),
            item(
                {"input": {"index": 7, "text": "mug", "clear": True}},
                {"click": {"index": 8}},
                {"click": {"index": 9}},
                results=[{}, {"error": "no such element"}],
                interacted_element=[ELEMENT, None, None],
            ),
            item({"scroll": {"down": False, "pages": 1.0}}, unknown=1),
            item({"done": {"text": "Bought", "success": True}},
                 results=[{"is_done": True, "judgement": {"verdict": False}}]),
        )
    )  # fmt: skip
    assert (workflow.workflow_id, workflow.objective, workflow.reward) == (
        "shop/task_1", "Buy a mug.", 0.0,
    )  # fmt: skip
    assert [(step.step_id, step.action.kind, step.action.value) for step in workflow.steps] == [
        ("0", "navigate", "https://a.example/"), ("1", "type", "mug"), ("1.1", "click", ""),
        ("2", "scroll", "up"), ("3", "stop", "Bought"),
    ]  # fmt: skip
    typed, clicked = workflow.steps[1:3]
    assert typed.target == (
        Locator("ref", "7"), Locator("xpath", "/html/body/div[2]/a"),
        Locator("attribute", "go", "id"),
    )  # fmt: skip
    assert (clicked.error, clicked.url) == ("no such element", "")
    assert clicked.target == (Locator("ref", "8"),)
    assert {step.html for step in workflow.steps} == {""}
    assert [bool(step.axtree) for step in workflow.steps] == [True, True, False, True, True]
    assert typed.axtree == "[7]<button aria-label=Go />\n\tGo"
    assert orjson.loads(typed.meta)["not_done"] == [{"click": {"index": 9}}]
    assert orjson.loads(typed.meta)["model_output"] == {"next_goal": "go on"}
    assert tally.odd["unknown_key", "state.unknown"] == 1


def test_histories_of_2024(tmp_path: Path) -> None:
    """One call an item, results that stand alone, paths by index, and the text of elements."""
    state = {
        "url": "about:blank",
        "items": [
            {"index": 0, "text": "Welcome", "is_text_only": True, "depth": 1},
            {"index": 1, "text": "<a href='/'>Home</a>", "is_text_only": False, "depth": 2},
        ],
        "selector_map": {"1": "//div[1]/a[1]"},
    }
    old = {
        "model_output": {"action": {"click_element": {"index": 1, "num_clicks": 2}}},
        "result": {"error": None},
        "state": state,
    }
    (workflow,), _ = read(history(tmp_path / "runs" / "h.json", old, {**old, "model_output": None}))
    (step,) = workflow.steps
    assert (step.action.kind, step.target) == (
        "double_click", (Locator("ref", "1"), Locator("xpath", "//div[1]/a[1]")),
    )  # fmt: skip
    assert observed(old) == "\tWelcome\n1:\t\t<a href='/'>Home</a>"
    assert observed(item()) == "[7]<button aria-label=Go />\n\tGo"
    assert observed({"state": None}) == ""


@pytest.mark.parametrize("bad", [7, {"state": 1}, item("click"), item({}), item({}) | {"state": 0}])
def test_an_item_that_cannot_be_read_ends_the_history(tmp_path: Path, bad: Any) -> None:
    """It is quarantined with its bytes; later ones have a false history."""
    go = item({"go_back": {}})
    (workflow,), tally = read(history(tmp_path / "a" / "h.json", go, bad, go))
    assert len(workflow.steps) == 1
    assert orjson.loads(tally.quarantined[0].raw) == bad
    assert [entry.reason for entry in tally.entries if entry.reason][1:] == ["after_broken_record"]


def test_every_call_is_a_kind_of_ours() -> None:
    """What browser-use has called its actions means one of our kinds; others stay as they are."""
    for name in ("click_element", "input_text", "open_tab", "send_keys", "find_text", "evaluate"):
        assert read_call(name, {"text": "x"}, on_element=False).kind in KINDS
    assert read_call("wait", {"seconds": 1.5}, on_element=False).value == "1500"
    assert read_call("input", {"text": ""}, on_element=True).kind == "clear"
    assert read_call("send_keys", {"keys": "Enter"}, on_element=False).kind == "press"
    assert read_call("write_file", {"content": "x"}, on_element=False).kind == "write_file"


PAGE = (
    '<html><body><a href="/">Home</a><a href="/">Back</a><button class="x" aria-label=\'The "big" '
    'one (1)\'><i></i></button><input id="q"><p>7</p></body></html>'
)
SHOWN = (
    '0:\t<a href="/">Home</a>\n1:<a href="/">Back</a>\n'
    '2:\t<button aria-label="The "big" one (1)"></button>\n3:Only text\n4:<input id="q"></input>\n'
    '5:<a href="/none">None</a>\n6:<a href="/">AB</a>'
)


def conversation(answer: Any, shown: str = SHOWN, more: str = "") -> str:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return (
        "system: Elements look like this:\n1:<div>x</div>\nuser: Your task is:  Find a mug\n"
        f"user: blue\nassistant: {{}}\nuser: Current interactive elements: {shown}"
        f", Url history: ['data:,', \"https://a.example/it's\"]{more}\n\n\nModel output:\n{text}"
    )


def act(name: str, **params: Any) -> dict[str, Any]:
    return {"action": name, "params": {"text": None, **params}, "goal": "g"}


def run(root: Path, *answers: Any) -> Path:
    path = root / "run_1"
    path.mkdir(parents=True, exist_ok=True)
    for number, answer in enumerate(answers):
        (path / f"conversation_{number}.txt").write_text(conversation(answer))
        (path / f"html_{number}.html").write_text(PAGE)
    return path


def found(step: Step) -> str:
    page = read_page(step.html)
    reason, _, element = targets.find(page, step.target)
    return reason or page.tokens[page.position(element)].markup


def test_a_run_is_a_workflow_with_pages(tmp_path: Path) -> None:
    """Elements are found by what the prompt shows of them; an index of a text finds nothing."""
    path = run(
        tmp_path, act("click", id=1), act("click", id=2), act("click", id=3),
        act("text_input", id=4, text="mug"), act("click", id=5), act("click", id=6),
        act("go_to_url", url="https://b.example/"),
    )  # fmt: skip
    (path / "current_state_0.html").write_text(SHOWN)
    (path / "notes.md").write_text("x")
    (path / "html_6.html").unlink()
    (workflow,), tally = read(path)
    assert (workflow.workflow_id, workflow.objective) == ("run_1", "Find a mug\nblue")
    assert {step.url for step in workflow.steps} == {"https://a.example/it's"}
    assert [found(step) if step.target else "" for step in workflow.steps] == [
        '<a href="/">', '<button class="x" aria-label=\'The "big" one (1)\'>', "",
        '<input id="q">', "target_absent", "target_ambiguous", "",
    ]  # fmt: skip
    assert [step.action.kind for step in workflow.steps] == [
        "click", "click", "click", "type", "click", "click", "navigate",
    ]  # fmt: skip
    assert workflow.steps[6].html == ""
    assert orjson.loads(workflow.steps[0].meta)["goal"] == "g"
    assert [(each.id, each.reason) for each in tally.entries if each.reason] == [
        ("run_1/notes.md", "not_a_step")
    ]


def test_a_conversation_that_cannot_be_read_is_a_gap(tmp_path: Path) -> None:
    """It is quarantined; the steps after it say that their history is incomplete."""
    path = run(tmp_path, act("go_back"), "no JSON", act("go_back"))
    (workflow,), tally = read(path)
    assert [(each.id, each.reason) for each in tally.quarantined] == [
        ("run_1/conversation_1.txt", "broken_json")
    ]
    assert [(step.step_id, bool(step.gap)) for step in workflow.steps] == [
        ("0", False),
        ("2", True),
    ]
    (path / "html_2.html").write_bytes(zstandard.compress(PAGE.encode())[:-3])
    assert read(path)[1].quarantined[1].reason == "truncated_zstd"


def test_prompts_of_any_shape_are_taken_apart() -> None:
    """What is not there is empty; the answer is what stands behind the last mark."""
    assert read_prompt("") == ((), "", "", "")
    asked = read_prompt(conversation(act("done"), more=", User input: blue"))
    assert asked.url == "https://a.example/it's"
    assert asked.elements == SHOWN
    assert locators(SHOWN, 9) == ()
    assert read_prompt(conversation("{}").replace("['data:", "[oops'data:")).url == ""


def test_only_histories_and_runs_are_recognised(tmp_path: Path) -> None:
    """Another history, and another folder of conversations, are none."""
    other = tmp_path / "a.json"
    for text in ('{"history": []}', '{"history": [{"role": "x"}]}', '[{"history": 1}]'):
        other.write_text(text)
        assert not BrowserUse().recognise(InputHead.of(other))
    (tmp_path / "conversation_1.txt").write_text("hello")
    assert not BrowserUse().recognise(InputHead.of(tmp_path))


def test_real_recordings(shared: Path) -> None:
    """All histories and both runs are read, and nothing else is claimed."""
    data = shared / "data"
    claimed = [
        item for item in find.find([str(data)], SOURCES, lenient=True)
        if item.format == "browser_use"
    ]  # fmt: skip
    assert {item.name.split("/")[0] for item in claimed} == {
        "browser_use_history", "browser_use_runs",
    }  # fmt: skip
    assert len(claimed) == 122
    count = 0
    for shard in find.shards(claimed):
        tally = Tally()
        (workflow,) = BrowserUse().read(shard, tally)
        assert not tally.quarantined
        assert workflow.objective or "2024" in shard.name
        count += len(workflow.steps)
        if "run_bali" in shard.name:
            outcomes = [found(step) for step in workflow.steps if step.target and step.html]
            assert len(outcomes) == 16
            assert sum(outcome.startswith("<") for outcome in outcomes) == 16
    assert count == 1150


def test_mutated_recordings_are_read_or_quarantined(tmp_path: Path) -> None:
    """No damage raises, and each record is entered once."""
    chance = random.Random(3)
    path = history(
        tmp_path / "h" / "h.json",
        item({"click": {"index": 1}}, interacted_element=[ELEMENT]), item({"wait": {"seconds": 1}}),
    )  # fmt: skip
    folder = run(tmp_path, act("click", id=1), act("go_back"))
    for place in (path, folder / "conversation_0.txt", folder / "html_1.html"):
        whole = place.read_bytes()
        for _ in range(170):
            at, to = sorted(chance.sample(range(len(whole)), 2))
            damaged = {
                0: whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :],
                1: whole[:to],
                2: whole[:to] + whole[at:],
            }[chance.randrange(3)]
            place.write_bytes(damaged)
            given = place if place == path else folder
            for shard in find.shards(find.find([str(given)], SOURCES, lenient=True)):
                tally = Tally()
                list(SOURCES[shard.format].read(shard, tally))
                ids = [entry.id for entry in tally.entries if not entry.reason]
                assert len(ids) == len(set(ids))
        place.write_bytes(whole)
