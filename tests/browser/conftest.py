"""One server and one browser for all browser tests; a page of its own for each test."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright

from . import chromium
from .front import Front, running_front

# Needs a second environment: only `make compat` names one, plain `make test` has none.
collect_ignore = [] if os.environ.get("CLASSIC_PYTHON") else ["test_classic.py"]

DID_NOT_RUN = pytest.StashKey[bool]()
REPORT = pytest.StashKey[pytest.TestReport]()


@pytest.fixture(scope="package")
def browser(request) -> Iterator:
    """Chromium. Package scope: Playwright's event loop must be gone before other tests run."""
    program = chromium.find_chromium()
    if program is None:
        if chromium.required():
            pytest.fail(f"{chromium.MISSING} (CI or REQUIRE_BROWSER is set.)", pytrace=False)
        request.config.stash[DID_NOT_RUN] = True
        pytest.skip(chromium.MISSING)
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright, program)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def lab_front(browser, tmp_path_factory) -> Iterator[Front]:
    with running_front(browser, tmp_path_factory.mktemp("lab") / "server") as opened:
        yield opened


@pytest.fixture
def lab(request, lab_front) -> Iterator[Front]:
    """JupyterLab: `page = lab.open(path)`, then `page.run_all()`, `page.errors()` and so on."""
    yield from one_test(request, lab_front)


@pytest.fixture(scope="package")
def classic_front(browser, tmp_path_factory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("classic") / "server"
    with running_front(browser, folder, "nbclassic", os.environ["CLASSIC_PYTHON"]) as opened:
        yield opened


@pytest.fixture
def classic(request, classic_front) -> Iterator[Front]:
    """The classic notebook with ipywidgets 7, of the environment of CLASSIC_PYTHON."""
    yield from one_test(request, classic_front)


def one_test(request, opened: Front) -> Iterator[Front]:
    """The front end, clean, for one test; fails if a request left the machine."""
    opened.prefix = request.node.name
    yield opened
    report = request.node.stash.get(REPORT, None)
    failed = report is not None and report.failed
    if failed:
        for number, page in enumerate(opened.opened):
            page.screenshot(f"FAILED-{number}")
        print(f"errors in the browser's console: {opened.console}")
    opened.clear(reload=failed)
    chromium.fail_if_asked(opened.asked)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call":
        item.stash[REPORT] = report
    return report


def pytest_terminal_summary(terminalreporter, config) -> None:
    if config.stash.get(DID_NOT_RUN, False):
        terminalreporter.section("browser", sep="=", red=True, bold=True)
        terminalreporter.line(chromium.MISSING, red=True, bold=True)
