"""Find and start Chromium, and watch that no page talks to anything but this machine."""

import os
import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    r"%PROGRAMFILES%\Google\Chrome\Application\chrome.exe",
    r"%PROGRAMFILES(X86)%\Microsoft\Edge\Application\msedge.exe",
    r"%PROGRAMFILES%\Microsoft\Edge\Application\msedge.exe",
)
MISSING = (
    "BROWSER TESTS DID NOT RUN: no Chromium found; "
    "install chromium or Google Chrome, or set CHROMIUM to the program."
)
# Playwright's own defaults leave these on; a machine without a network then waits for them.
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOPBACK = r"(127\.0\.0\.1|localhost|\[::1\])"
OUTSIDE = re.compile(rf"^(?:https?|ftp|wss?)://(?!{LOOPBACK}(?::\d+)?(?:/|\?|#|$))", re.IGNORECASE)


def find_chromium() -> str | None:
    """The path of a Chromium or a relative of it, or None.

    Raises:
        FileNotFoundError: CHROMIUM is set, and there is no program of that name.
    """
    if given := os.environ.get("CHROMIUM"):
        if found := shutil.which(given):
            return found
        raise FileNotFoundError(f"CHROMIUM is set to {given!r}, and that is not a program.")
    found = [shutil.which(name) for name in NAMES]
    found += [place for place in map(os.path.expandvars, PLACES) if Path(place).is_file()]
    return next(filter(None, found), None)


def required() -> bool:
    """Whether a missing browser is a failure: on CI, or when asked for."""
    return bool(os.environ.get("CI")) or os.environ.get("REQUIRE_BROWSER") == "1"


def launch(playwright: Playwright, program: str) -> Browser:
    """A headless browser with a new, empty profile."""
    return playwright.chromium.launch(executable_path=program, args=FLAGS, headless=True)


def watch(context: BrowserContext) -> list[str]:
    """Abort every request of `context` that leaves loopback; returns the growing list of them."""
    asked: list[str] = []

    def abort(route):
        asked.append(route.request.url)
        route.abort()

    def close(socket):
        asked.append(socket.url)
        socket.close()

    context.route(OUTSIDE, abort)
    context.route_web_socket(OUTSIDE, close)
    return asked


def fail_if_asked(asked: list[str]) -> None:
    """Fail if a request left the machine; the list is emptied, for the next test."""
    addresses = list(dict.fromkeys(asked))
    asked.clear()
    if addresses:
        pytest.fail(
            f"The page asked for {len(addresses)} address(es) outside this machine:\n  "
            + "\n  ".join(addresses)
            + "\nA lesson has to work without a network: ship what it needs inside the package.",
            pytrace=False,
        )
