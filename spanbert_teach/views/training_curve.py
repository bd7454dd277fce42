"""The live curve of a pretraining run: records of its log in, a picture in the browser out.

    curve = TrainingCurve(settings)
    display(curve)
    run = pretrain(settings, watch=curve.add)

The cell that trains keeps the kernel busy; `add` sends numbers all the same, and the browser draws.
A run of the past: `TrainingCurve.of_log("data/runs/spanbert")`. The numbers come from
`training_curve_state`. Lesson `05_sbo_vs_mlm`.
"""

import html
import json
import math
import sys
import threading
import time
import uuid
from pathlib import Path

import traitlets
from IPython.display import display

from spanbert_teach.pretraining import LOG, SETTINGS, Settings, read_log
from spanbert_teach.tokenization import load_tokenizer, read_vocabulary
from spanbert_teach.views.colours import BLUE, RED
from spanbert_teach.views.picture import LEFT, element, elements, note
from spanbert_teach.views.training_curve_state import HELD_OUT, SERIES, drawing
from spanbert_teach.views.view import View, browser_side

MOST_ROWS = 12  # of the table without a kernel
EVERY = 0.2  # seconds between two messages to the browser
COLOURS = {"mlm": BLUE, "sbo": RED}


def start_timer(seconds: float, function) -> threading.Timer:
    """Call a function after some seconds, while the cell goes on."""
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer


def last_values(shown: dict) -> str:
    """The last value of each series, in words."""
    last = {name: [v for v in c if v is not None][-1] for name, c in shown["series"].items()}
    return ", ".join(f"{SERIES[name]} {digits(value)}" for name, value in last.items())


def digits(value: float | str | None) -> str:
    """A loss as the view writes it."""
    return f"{value:.2f}" if isinstance(value, float) else value or ""


def table_rows(shown: dict) -> list[int]:
    """A few points for a table: those measured on held-out text, the first and the last."""
    points = range(len(shown["steps"]))
    held = [column for name, column in shown["series"].items() if name in HELD_OUT]
    found = [i for i in points if any(column[i] is not None for column in held)]
    if not found:  # as far apart as on a logarithmic scale: most happens early
        ends = len(points) ** (1 / (MOST_ROWS - 1))
        return sorted({round(ends**n) - 1 for n in range(MOST_ROWS)} if points else ())
    found = {found[n * (len(found) - 1) // (MOST_ROWS - 1)] for n in range(MOST_ROWS)}
    return sorted(found | {points[0], points[-1]})


def static_html(shown: dict) -> str:
    """The view without a kernel: a table of the losses, with bars. Safe to show anywhere.

    It tells no speeds: they differ each time.
    """
    title = " · ".join(filter(None, (shown["title"], shown["place"])))
    unknown = math.log(shown["vocabulary"])
    rows = [
        element("th", "step") + elements("th", [SERIES[name] for name in shown["series"]], LEFT)
    ]
    for i in table_rows(shown):
        cells = [loss_cell(name, column[i], unknown) for name, column in shown["series"].items()]
        rows.append(element("td", f"{shown['steps'][i]:,}") + elements("td", cells, LEFT))
    parts = [element("p", element("b", html.escape(title)))]
    if shown["warning"]:
        parts.append(note(f"✗ {shown['warning']}"))
    if len(rows) > 1:
        what = f"Losses in nats; to know nothing costs ln {shown['vocabulary']:,} = {unknown:.2f}."
        parts += [note(what), element("table", elements("tr", rows))]
    return "".join(parts) + "<p>Run the cell to see the curve.</p>"


def loss_cell(name: str, loss: float | str | None, unknown: float) -> str:
    """A loss, with a bar where it is one of the two that are trained on."""
    style = ""
    if name in COLOURS and isinstance(loss, float):
        width = round(80 * min(1.5, max(0, loss) / unknown))
        style = f"border-left:{width}px solid {COLOURS[name]};padding-left:4px"
    return f'<span style="{style}">{digits(loss)}</span>'


class TrainingCurve(View):
    """The losses of a pretraining run, drawn while it runs.

    Args:
        settings: of the run; None where they are not known.
        log_x: whether the steps are on a logarithmic scale at first.
    """

    _esm, _css = browser_side("training_curve")
    _clock = staticmethod(time.monotonic)
    _later = staticmethod(start_timer)

    shown = traitlets.Dict().tag(sync=True)
    log_x = traitlets.Bool().tag(sync=True)

    def __init__(self, settings: Settings | None = None, log_x: bool = False):
        self.settings, self.records = settings, []
        known = settings is None or settings.vocabulary is None
        self.vocabulary = len(load_tokenizer() if known else read_vocabulary(settings.vocabulary))
        self._lock, self._timer, self._display_id = threading.RLock(), None, ""
        super().__init__(log_x=log_x)
        self._refresh()

    @classmethod
    def of_log(
        cls, log: str | Path | list[dict], settings: Settings | None = None, log_x: bool = False
    ) -> "TrainingCurve":
        """The curve of a run of the past.

        Args:
            log: a `log.jsonl`, the folder that it is in, or the records themselves (`run.log`).
            settings: None: those in the file beside the log, where there is one.

        Raises:
            FileNotFoundError, ValueError: there is no log, or it is not one.
        """
        name = "The list"
        try:
            if isinstance(log, str | Path):
                path = Path(log).expanduser()
                path = path / LOG if path.is_dir() else path
                if not path.is_file():
                    raise FileNotFoundError(f"There is no log {str(path)!r}. Is the name right?")
                settings, name = settings or settings_beside(path), repr(str(path))
                log = read_log(path, sys.maxsize)
            log = sorted(log, key=lambda record: record["step"])
        except (KeyError, TypeError):
            raise ValueError(
                f"{name} is not the log of a pretraining run: expected records with a step and its "
                "losses, as pretrain() writes them."
            ) from None
        curve = cls(settings, log_x)
        curve.records = log
        curve._refresh()
        return curve

    def add(self, record: dict) -> None:
        """Draw one more record of the log: `pretrain(settings, watch=curve.add)`.

        A step that is there already is drawn anew, and what followed it goes: the run began again,
        or went on from an older state.
        """
        done = self.settings is not None and record["step"] >= self.settings.steps
        with self._lock:
            while self.records and self.records[-1]["step"] >= record["step"]:
                self.records.pop()
            self.records.append(record)
            wait = self._sent + EVERY - self._clock()
            if done or wait <= 0:
                self._refresh()
            elif self._timer is None:
                self._timer = self._later(wait, self._refresh)
        if done and self._display_id:  # what the notebook keeps is the whole curve
            self._ipython_display_(update=True)

    def _refresh(self) -> None:
        """To the browser. The timer calls it for the last record before a pause."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer, self._sent = None, self._clock()
            self.shown = drawing(self.records, self.settings, self.vocabulary)

    def __repr__(self) -> str:
        said = (self.shown["title"], self.shown["place"], last_values(self.shown))
        return f"TrainingCurve({', '.join(filter(None, said))!r})"

    def picture(self) -> str:
        return static_html(self.shown)

    def _ipython_display_(self, update: bool = False, **kwargs) -> None:
        """With an identity, so that `add` can put the picture of the whole run in its place."""
        self._display_id = self._display_id or uuid.uuid4().hex
        data, metadata = self._repr_mimebundle_()
        display(data, metadata=metadata, raw=True, display_id=self._display_id, update=update)


def settings_beside(log: Path) -> Settings | None:
    """The settings of the run whose log this is: from its folder, or as data/runs keeps them."""
    for name, key in ((SETTINGS, None), ("run.json", "settings")):
        if (path := log.with_name(name)).is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            return Settings.from_json(found[key] if key else found)
    return None
