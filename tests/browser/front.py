"""A front end in the browser that opens notebooks, one after the other, quickly.

JupyterLab takes seconds to load and a notebook in it does not: the application is loaded once
(`?reset`, so without a memory) and cleared between tests.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

from . import chromium
from .pages import ClassicPage, LabPage
from .server import Server, running

LOAD_MS = 90_000
CLEAR = """async () => {
  for (const panel of [...window.jupyterapp.shell.widgets("main")]) {
    await panel.sessionContext?.shutdown();
    panel.dispose();
  }
  await window.jupyterapp.commands.execute(
    "apputils:change-theme", { theme: "JupyterLab Light" });
}"""


class Front:
    """Opens notebooks in one front end, and knows what its pages asked for."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self.server = server
        self.context = browser.new_context(viewport={"width": 1280, "height": 900})
        self.context.set_default_timeout(30_000)
        self.asked = chromium.watch(self.context)
        self.prefix = ""  # of screenshots: the fixture puts the test's name here
        self.console: list[str] = []
        self.opened: list[LabPage | ClassicPage] = []
        self._app: Page | None = None

    def open(self, notebook: Path) -> LabPage | ClassicPage:
        """Open a *copy* of a notebook and wait for its kernel: the original never changes."""
        path = self.server.put(Path(notebook))
        if self.server.front_end == "lab":
            self._app = self._app or self._load_lab()
            self._app.evaluate(
                "async path => { await jupyterapp.commands.execute('docmanager:open', { path }); }",
                path,
            )
            page = LabPage(self._app, path, self.prefix)
        else:
            page = ClassicPage(self._new_page(f"notebooks/{path}?"), path, self.prefix)
        self.opened.append(page)
        return page

    def open_untrusted(self, notebook: Path) -> LabPage | ClassicPage:
        """Open a copy as a stranger gets it: with its stored outputs, nothing run, no trust."""
        page = self.open(notebook)
        assert not page.trusted(), f"{notebook} stores no output that could be distrusted"
        return page

    def clear(self, reload: bool = False) -> None:
        """Close all notebooks and stop their kernels; `reload` forgets the application too."""
        for page in self.context.pages:
            if page is self._app and not reload:
                page.evaluate(CLEAR)
            else:
                page.close()
        if reload:
            self._app = None
        self.opened.clear()
        self.console.clear()
        self.server.stop_kernels()

    def _new_page(self, address: str) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("console", lambda m: self.console.append(m.text) if m.type == "error" else None)
        whole = f"{self.server.address}/{address}token={self.server.token}"
        page.goto(whole, wait_until="domcontentloaded", timeout=LOAD_MS)
        return page

    def _load_lab(self) -> Page:
        page = self._new_page("lab?reset&")
        page.wait_for_function("() => !!window.jupyterapp?.shell", timeout=LOAD_MS)
        page.evaluate(
            "() => window.jupyterapp.restored.then(() => jupyterapp.shell.collapseLeft())"
        )
        page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=LOAD_MS)
        return page


@contextmanager
def running_front(
    browser: Browser, folder: Path, front_end: str = "lab", python: str = sys.executable
) -> Iterator[Front]:
    """A server (see `server.running`) and a browser window on it, for a `with` block."""
    with running(folder, front_end, python) as server:
        opened = Front(browser, server)
        yield opened
        opened.context.close()
        chromium.fail_if_asked(opened.asked)
