#!/usr/bin/env python3
"""Records workflows in the applications as Playwright traces, into ``formats/playwright/``.

    pip install playwright
    python tests/recordings/playwright_traces.py [--chromium PATH] [--out DIR]

The package playwright is needed for nothing else. Times and numbers in a trace are new each time.
What Playwright packs beside calls, snapshots and network (copies of what was loaded, places in this
program) is left out of the files.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from served import served  # noqa: E402  (found beside this file)

OUT: Final = HERE / "formats" / "playwright"
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
KEPT: Final = (".trace", ".network")

Plot = Callable[[Any], None]


def shop(context: Any) -> None:
    """Roles, labels, test ids and texts; a list, boxes, keys, two tabs and a call that fails."""
    page = context.new_page()
    page.goto("http://shop.example/")
    page.get_by_role("button", name="Only necessary").click()
    page.get_by_role("link", name="Kitchen").hover()
    page.get_by_test_id("nav-kitchen").click()
    page.get_by_label("Sort by").select_option(label="Best rated")
    page.get_by_text("In stock").click()
    page.locator("article", has_text="Enamel mug").get_by_role("button", name="Add to").click()
    page.get_by_placeholder("Search").fill("notebook")
    page.get_by_label("Search the shop").press("Enter")
    page.get_by_role("heading", name="Dotted notebook").click()
    with suppress(Exception):  # a time-out of the package's own: the button is disabled
        page.get_by_role("button", name="Fewer").click(timeout=300)
    page.get_by_role("button", name="More", exact=True).dblclick()
    page.get_by_role("radio", name="Moss").check()
    page.get_by_test_id("buy").click()
    text = page.locator("#toast").text_content()
    assert "in your cart" in text, text
    second = context.new_page()
    second.goto("http://shop.example/rooms/study")
    second.get_by_label("Search the shop").press_sequentially("lamp")
    second.keyboard.press("Enter")
    second.get_by_role("heading", name="Results").wait_for()
    second.close()
    page.locator("[data-testid=cart-link]").click()
    page.evaluate("1 + 1")
    page.go_back()


def ledger(context: Any) -> None:
    """A page with its work area in a frame."""
    page = context.new_page()
    page.goto("http://books.ledger.example.org/")
    work = page.frame_locator("#work")
    work.get_by_label("State").select_option("overdue")
    work.get_by_role("checkbox").nth(1).check()
    work.get_by_role("checkbox").nth(1).uncheck()
    page.get_by_role("link", name="New invoice").click()
    work.locator("#customer").select_option(index=2)
    work.locator("#lines input").first.fill("Oak shelf")
    work.locator("[name=price_0]").fill("")
    work.get_by_role("button", name="Save").first.click()
    page.keyboard.press("PageDown")


PLOTS: Final[Mapping[str, tuple[str, Plot]]] = MappingProxyType(
    {
        "shop-notebook": ("Put a mug and two moss-coloured notebooks into the cart", shop),
        "ledger-invoice": ("Write an invoice for an oak shelf", ledger),
    }
)


def record(chromium: str, out: Path) -> None:
    """Play all plots."""
    try:
        sync_playwright = import_module("playwright.sync_api").sync_playwright
    except ImportError:
        sys.exit("the package playwright is missing: pip install playwright")
    out.mkdir(parents=True, exist_ok=True)
    with served() as port, sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        rules = f"--host-resolver-rules=MAP * 127.0.0.1:{port}"
        browser = play.chromium.launch(executable_path=chromium, args=[*FLAGS, rules])
        for name, (title, plot) in PLOTS.items():
            context = browser.new_context(locale="en-GB")
            context.set_default_timeout(5_000)
            context.tracing.start(title=title, snapshots=True, screenshots=False, sources=False)
            plot(context)
            made = Path(folder) / "trace.zip"
            context.tracing.stop(path=made)
            context.close()
            repack(made, out / f"{name}.zip")
            print(f"{name}.zip: {(out / f'{name}.zip').stat().st_size / 1000:.1f} kB")
        browser.close()


def repack(made: Path, path: Path) -> None:
    """Copy what is read of a trace."""
    with (
        zipfile.ZipFile(made) as before,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as after,
    ):
        for name in sorted(before.namelist()):
            if name.endswith(KEPT):
                entry = zipfile.ZipInfo(name)
                entry.compress_type = zipfile.ZIP_DEFLATED
                after.writestr(entry, before.read(name))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    parser.add_argument("--out", type=Path, default=OUT, help="the folder to write to")
    given = parser.parse_args()
    record(given.chromium, given.out)


if __name__ == "__main__":
    main()
