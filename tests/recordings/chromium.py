"""Starts a headless Chromium with an empty profile that reaches this machine only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service


@contextmanager
def chromium(
    binary: Path, chromedriver: Path, hosts: str, *flags: str, log: bool = False
) -> Iterator[webdriver.Chrome]:
    """A Chromium for which host names are mapped so. log: keep what it asks for and what it
    complains of.
    """
    with tempfile.TemporaryDirectory(prefix="recordings-") as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = str(binary)
        for flag in (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-proxy-server",
            "--window-size=1280,900",
            "--lang=en-GB",
            f"--user-data-dir={profile}",
            f"--host-resolver-rules={hosts}",
            *flags,
        ):
            options.add_argument(flag)
        if log:
            options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(str(chromedriver)))
        try:
            yield driver
        finally:
            driver.quit()
