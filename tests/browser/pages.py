"""A notebook open in the browser, for tests: run it, look at it, touch it, time it.

`LabPage` and `ClassicPage` have the same methods; only how they ask their application differs.
"""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page

ARTIFACTS = Path(__file__).resolve().parents[2] / "test-artifacts"
OPEN_MS = 60_000

# Installed before an input. Time runs from the moment the browser made the event to the moment
# after which the condition holds, seen at the first change of the page or the next frame.
STOPWATCH = """([condition, element]) => {
  const holds = typeof condition === "string"
    ? (0, eval)(condition)
    : ((was) => () => element.outerHTML !== was)(element.outerHTML);
  if (holds()) throw new Error("the condition holds before the input: " + condition);
  const kinds = ["pointerdown", "keydown", "input", "change", "click"];
  const watch = { start: null, stop: null };
  const begin = (event) => { watch.start ??= event.timeStamp; };
  const look = () => {
    if (watch.stop === null && watch.start !== null && holds()) {
      watch.stop = performance.now();
      observer.disconnect();
      kinds.forEach((kind) => window.removeEventListener(kind, begin, true));
    }
  };
  const frame = () => { look(); if (watch.stop === null) requestAnimationFrame(frame); };
  const observer = new MutationObserver(look);
  kinds.forEach((kind) => window.addEventListener(kind, begin, true));
  observer.observe(document, {
    subtree: true, childList: true, attributes: true, characterData: true });
  requestAnimationFrame(frame);
  window.__stopwatch = watch;
}"""


class NotebookPage:
    """What both front ends have in common. Get one from the `lab` fixture's `open`."""

    cell_selector: str
    is_ready: str  # JavaScript: the notebook is drawn, its kernel attached and idle
    states: str  # JavaScript: [{index, id, code, tags, ran, errors}] of all cells
    is_trusted: str  # JavaScript: scripts in all stored outputs may run
    run: str  # JavaScript: forget stored outputs and counts, then run all cells

    def __init__(self, page: Page, path: str, prefix: str) -> None:
        self.page, self.path, self.prefix = page, path, prefix
        self.wait_idle()

    def wait_idle(self, seconds: float = OPEN_MS / 1000) -> None:
        """Wait until the notebook is drawn, and its kernel attached and idle."""
        self.page.wait_for_function(self.is_ready, arg=self.path, timeout=seconds * 1000)

    def run_all(self, seconds: float = 300) -> None:
        """Run every cell, as the menu does, and wait until the last one has finished.

        Stops at the first cell with an error, as the menu does: ask `errors()` next.

        Raises:
            AssertionError: a cell was not run although there was no error.
            playwright.sync_api.TimeoutError: not finished after `seconds`.
        """
        self.wait_idle()
        self.page.set_default_timeout(seconds * 1000)
        self.page.evaluate(self.run, self.path)
        self.page.wait_for_function(
            f"path => {{ const cells = ({self.states})(path).filter(c => c.code);"
            " return cells.every(c => c.ran) || cells.some(c => c.errors.length); }",
            arg=self.path,
            timeout=seconds * 1000,
        )
        self.wait_idle(seconds)
        self.page.set_default_timeout(30_000)
        left = [cell["id"] for cell in self.cells() if cell["code"] and not cell["ran"]]
        assert self.errors() or not left, f"Run All left cells out: {left}"

    def cells(self) -> list[dict]:
        """All cells in order: index, id, code (bool), tags, ran (bool), errors (texts)."""
        return self.page.evaluate(self.states, self.path)

    def errors(self) -> list[str]:
        """The error outputs, each as `cell-id: ErrorName: message`."""
        return [f"{cell['id']}: {error}" for cell in self.cells() for error in cell["errors"]]

    def trusted(self) -> bool:
        """Whether the front end would run scripts in the stored outputs of all code cells."""
        return self.page.evaluate(self.is_trusted, self.path)

    def cell(self, which: str | int) -> Locator:
        """A cell by its id or position (code and text cells count), scrolled into view."""
        if isinstance(which, str):
            known = {cell["id"]: cell["index"] for cell in self.cells()}
            assert which in known, f"no cell {which!r}; there are: {', '.join(known)}"
            which = known[which]
        cell = self.page.locator(self.cell_selector).nth(which)
        cell.scroll_into_view_if_needed()
        return cell

    def output(self, which: str | int) -> Locator:
        """The output area of a cell."""
        return self.cell(which).locator(".jp-OutputArea, .output_wrapper").first

    def slider(self, within: Locator, number: int = 0) -> Locator:
        """A slider's handle inside a cell: an `<input type=range>` or ipywidgets' own."""
        kinds = "input[type=range], [role=slider], .noUi-handle, .ui-slider-handle"
        return within.locator(kinds).nth(number)

    def press(self, control: Locator, key: str = "ArrowRight", times: int = 1) -> None:
        """Put the focus on a control and press a key, as someone without a mouse does."""
        control.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def latency(self, action, condition: Locator | str) -> float:
        """Milliseconds from an input to its effect in the page, by the page's own clock.

        The clock starts with the time stamp of the first key, pointer or input event, so a
        busy page counts; what the test runner needs to send it does not.

        Args:
            action: called without arguments; makes exactly one input, for example
                `lambda: page.press(handle)`.
            condition: a locator: until anything drawn in that element changes (choose one that
                is kept and redrawn inside, and that does not hold the control itself); or a
                JavaScript function without arguments, false now: until it returns true.
        """
        self.page.bring_to_front()
        function = condition if isinstance(condition, str) else None
        element = None if function else condition.element_handle()
        self.page.evaluate(STOPWATCH, [function, element])
        action()
        self.page.wait_for_function("() => window.__stopwatch.stop !== null", timeout=10_000)
        return self.page.evaluate("() => window.__stopwatch.stop - window.__stopwatch.start")

    def screenshot(self, name: str, of: Locator | None = None) -> Path:
        """A picture of the window, or of one element, in `test-artifacts/`."""
        ARTIFACTS.mkdir(exist_ok=True)
        path = ARTIFACTS / (re.sub(r"[^\w.-]+", "-", f"{self.prefix}-{name}") + ".png")
        (of or self.page).screenshot(path=path)
        return path


LAB_PANEL = (
    "[...window.jupyterapp.shell.widgets('main')].find(w => w.context && w.context.path === path)"
)


class LabPage(NotebookPage):
    """A notebook in JupyterLab."""

    cell_selector = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell"
    is_ready = f"""path => {{
      if (!window.jupyterapp?.shell) return false;
      const panel = {LAB_PANEL};
      return !!panel?.context.isReady && panel.content.widgets.length > 0
        && panel.sessionContext.isReady
        && panel.sessionContext.session?.kernel?.status === "idle";
    }}"""
    states = f"""path => ({LAB_PANEL}).content.widgets.map(({{ model }}, index) => ({{
      index, id: model.id, tags: model.getMetadata("tags") ?? [],
      code: model.type === "code" && model.sharedModel.source.trim() !== "",
      ran: model.type === "code" && model.executionCount !== null
        && model.executionState !== "running",
      errors: (model.type === "code" ? model.outputs.toJSON() : [])
        .filter((out) => out.output_type === "error")
        .map((out) => `${{out.ename}}: ${{out.evalue}}`),
    }}))"""
    is_trusted = f"""path => ({LAB_PANEL}).content.widgets.every(
      ({{ model }}) => model.type !== "code" || model.trusted)"""
    run = f"""async path => {{
      window.jupyterapp.shell.activateById(({LAB_PANEL}).id);
      await window.jupyterapp.commands.execute("notebook:clear-all-cell-outputs");
      await window.jupyterapp.commands.execute("notebook:run-all-cells");
    }}"""

    def dark(self, on: bool = True) -> None:
        """Switch to the dark theme, or back."""
        theme = "JupyterLab Dark" if on else "JupyterLab Light"
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        body = f"body[data-jp-theme-light={'false' if on else 'true'}]"
        self.page.wait_for_selector(body, state="attached")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")  # it covers the page


class ClassicPage(NotebookPage):
    """A notebook in the classic notebook (nbclassic), with ipywidgets 7.

    Its widgets' extension loads late, asks the kernel for widgets, and then draws every output
    again; a widget shown in between is lost. So ready includes the extension, and `run` first
    waits for a question of its own, which the kernel answers after the extension's.
    """

    cell_selector = "#notebook-container > .cell"
    is_ready = """() => {
      const notebook = window.Jupyter?.notebook;
      return !!notebook?._fully_loaded && !!notebook.kernel?.is_connected()
        && !notebook.kernel_busy && !!notebook.kernel.widget_manager;
    }"""
    states = """() => Jupyter.notebook.get_cells().map((cell, index) => ({
      index, id: cell.id ?? String(index), tags: cell.metadata.tags ?? [],
      code: cell.cell_type === "code" && cell.get_text().trim() !== "",
      ran: typeof cell.input_prompt_number === "number",
      errors: (cell.output_area?.outputs ?? []).filter((out) => out.output_type === "error")
        .map((out) => `${out.ename}: ${out.evalue}`),
    }))"""
    is_trusted = "() => Jupyter.notebook.trusted"
    run = """async () => {
      const notebook = Jupyter.notebook;
      await new Promise((done) => notebook.kernel.comm_info("jupyter.widget", done));
      await new Promise((done) => setTimeout(done));
      notebook.clear_all_output();
      notebook.execute_all_cells();
    }"""
