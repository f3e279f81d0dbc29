"""A real browser for tests; a line on its console as error or warning fails the test."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.conftest import absent

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

PATIENCE = 30_000  # milliseconds: longer than a busy machine takes, and nobody waits for it where all is well
expect.set_options(timeout=PATIENCE)


@dataclass
class Console:
    """What the browser complained about; `expected` names the complaints a test provokes on purpose."""

    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    @property
    def surprises(self) -> list[str]:
        return [line for line in self.complaints if not any(part in line for part in self.expected)]


running: list[Browser] = []  # at most one: Playwright cannot start twice in a thread


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a worker, whichever folders they are in."""
    if running:
        yield running[0]
        return
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        absent("Chromium")
        return
    with sync_playwright() as playwright:
        running.append(playwright.chromium.launch(executable_path=path, args=ARGUMENTS))
        yield running[0]
        running.pop().close()


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def page(browser: Browser, console: Console) -> Iterator[Page]:
    """A fresh page, 1280 wide, in UTC."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="UTC", locale="en-US", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    tab = context.new_page()
    tab.on("console", console.hear)
    tab.on("pageerror", lambda error: console.complaints.append(str(error)))
    yield tab
    context.close()
    assert console.surprises == []
