"""What is typed into secret fields is recorded nowhere."""

from __future__ import annotations

import json
from pathlib import Path

from etl.record.append import append
from tests.record.conftest import PAGE, Record, one, settle, steps

SECRETS = ("hunter2-old", "Tr0ub4dor", "correct-horse", "4111222233334444", "999888", "mask77word")

FORM = f"""<form action=/in method=get><input id=user name=user>
    <input type=password id=old name=old value={SECRETS[0]}>
    <input type=password id=p name=pass><button type=button id=show
     onclick="p.type = p.type === 'text' ? 'password' : 'text'">Show</button>
    <input id=n name=fresh autocomplete="section-a new-password">
    <input id=card name=card autocomplete=cc-number><input id=code autocomplete="one-time-code">
    <textarea id=masked style="-webkit-text-security: disc"></textarea>
    <output id=echo></output><input type=hidden id=copy><button id=go>Go</button></form>
    <script>p.oninput = () => {{ echo.textContent = "you typed " + p.value; copy.value = p.value;
      echo.title = p.value; }};</script>"""


def test_secrets_are_nowhere_in_the_output(record: Record, tmp_path: Path) -> None:
    """Passwords (also those that the page shows, sends in an address, mirrors elsewhere or had in
    its own markup), one-time codes and card numbers: the file holds none of them, and a step of
    typing for each, without value.
    """
    given = one(FORM) | {"page.example/in": "<title>In</title><button id=b>B</button>"}
    recorder = record(PAGE, given)
    page = recorder.page
    page.click("#user")
    page.keyboard.type("ann")
    page.click("#p")
    page.keyboard.type(SECRETS[1])
    page.click("#show")
    page.click("#p")
    page.keyboard.press("Control+a")
    page.keyboard.type(SECRETS[1])
    for css, text in zip(("#n", "#card", "#code", "#masked"), SECRETS[2:], strict=True):
        page.focus(css)
        page.keyboard.type(text)
    page.click("#show")
    page.click("#show")
    page.keyboard.press("Escape")
    page.click("#go")
    page.wait_for_url("**/in**")
    settle(page)
    assert SECRETS[1] in page.url
    page.click("#b")
    page.reload()
    recorded = steps(recorder)
    append(tmp_path / "a.jsonl", recorder.workflow("Sign in"))
    written = (tmp_path / "a.jsonl").read_bytes()
    assert [secret for secret in SECRETS if secret.encode() in written] == []
    assert b"ann" in written
    typed = [
        (step.target[0].value, step.action.value) for step in recorded if step.action.kind == "type"
    ]
    assert typed == [
        ("#user", "ann"),
        *[(css, "") for css in ("#p", "#p", "#n", "#card", "#code", "#masked")],
    ]
    assert sum(json.loads(step.meta).get("secret", False) for step in recorded) == 6
    assert recorded[-1].url == f"{PAGE}in?user=ann&old=&pass=&fresh=&card="


def test_a_password_that_a_script_shows_first_is_secret(record: Record) -> None:
    """A field that was one for passwords when nobody had touched it yet stays one."""
    body = """<input type=password id=p value=longsecret><button>B</button>
        <script>setTimeout(() => p.type = 'text')</script>"""
    recorder = record(PAGE, one(body))
    settle(recorder.page)
    recorder.page.click("button")
    (step,) = steps(recorder)
    assert "longsecret" not in step.html
    assert 'type="text"' in step.html
