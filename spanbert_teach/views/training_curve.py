"""The live curve of a pretraining run: records of its log in, a picture in the browser out.

    curve = TrainingCurve(settings)
    display(curve)
    run = pretrain(settings, watch=curve.add)

The cell that trains keeps the kernel busy; `add` sends numbers all the same, and the browser draws.
A run of the past: `TrainingCurve.of_log("data/runs/spanbert")`. Lesson `05_sbo_vs_mlm`.
"""

import html
import json
import math
import sys
import threading
import time
import uuid
from pathlib import Path

import anywidget
import traitlets
from IPython.display import display

from spanbert_teach.pretraining_settings import Settings
from spanbert_teach.pretraining_state import LOG, SETTINGS, read_log
from spanbert_teach.tokenization import load_tokenizer
from spanbert_teach.vocabulary import read_vocabulary

MOST_POINTS = 500  # for the browser
FIRST_POINTS = 64  # which are all kept: most happens early
MOST_ROWS = 12  # of the table without a kernel
EVERY = 0.2  # seconds between two messages to the browser
PACE = 5  # records over which the speed is averaged
HELD_OUT = {  # series -> name; the losses on the text that is trained on are "mlm" and "sbo"
    "mlm spans": "MLM on held-out spans",
    "mlm tokens": "MLM on held-out single pieces",
    "sbo spans": "SBO on held-out spans",
}
SERIES = {"mlm": "MLM", "sbo": "SBO", **HELD_OUT}
COLORS = {"mlm": "#0072B2", "sbo": "#D55E00"}


def start_timer(seconds: float, function) -> threading.Timer:
    """Call a function after some seconds, while the cell goes on."""
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer


def number(value) -> float | str | None:
    """A number that JSON can hold, a word for one that it cannot, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if math.isfinite(value):
        return round(float(value), 4)
    return "not a number" if math.isnan(value) else "infinite"


def thin(count: int, most: int = MOST_POINTS) -> list[int]:
    """Which of `count` points are drawn: at most `most`, the first ones and the last among them.

    Between two doublings of the stride, a point that is drawn stays.
    """
    first, stride = min(FIRST_POINTS, most // 2), 1
    while count > most and first - (first - count) // stride + 1 > most:
        stride *= 2
    return sorted({*range(min(first, count)), *range(first, count, stride), *range(count)[-1:]})


def values(record: dict, kind: str) -> dict:
    """The series of a record: "cross_entropy" gives losses in nats, "accuracy" shares."""
    found = {head: number(record.get(head)) for head in ("mlm", "sbo") if kind == "cross_entropy"}
    for name in HELD_OUT:
        head, masking = name.split()
        measured = (record.get("held_out") or {}).get(masking, {})
        found[name] = number(measured.get(head, {}).get(kind))
    return found


def pieces_left(settings: Settings, step: int) -> int:
    """In the blocks of all steps after `step`."""
    found = 0
    for stage in settings.stages:
        found += stage.length * stage.batch * max(0, stage.steps - step)
        step = max(0, step - stage.steps)
    return found


def duration(seconds: float) -> str:
    """In words, about."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def progress(records: list[dict], settings: Settings | None) -> tuple[str, str]:
    """How far the run is, and how fast, in words."""
    total = settings.steps if settings else 0
    if not records:
        return "no record yet" + (f", 0 of {total:,} steps" if total else ""), ""
    step = records[-1]["step"]
    done = step >= total > 0
    place = f"step {step:,}" + (f" of {total:,}" if total else "") + ": done" * done
    recent = records if done or not total else records[-PACE:]
    speeds = [(r.get("pieces"), number(r.get("pieces_per_second"))) for r in recent]
    seconds = [(n, n / speed) for n, speed in speeds if n and isinstance(speed, float) and speed]
    if not seconds:
        return place, ""
    pace = sum(n for n, _ in seconds) / sum(time for _, time in seconds)
    speed = f"{pace:,.0f} pieces per second"
    if total and not done and len(records) > 1:  # the first step is slower than all others
        speed += f", about {duration(pieces_left(settings, step) / pace)} left"
    return place, speed


def drawing(records: list[dict], settings: Settings | None, vocabulary: int) -> dict:
    """All that is drawn, in numbers and words. `vocabulary`: how many pieces it has."""
    losses = [values(record, "cross_entropy") for record in records]
    broken = [(i, *item) for i, row in enumerate(losses) for item in row.items()]
    broken = [found for found in broken if isinstance(found[-1], str)]
    held = [i for i, record in enumerate(records) if record.get("held_out")]
    held = [held[i] for i in thin(len(held), MOST_POINTS // 8)]
    kept = thin(len(records), MOST_POINTS - len(held) - 1)
    kept = [records[i] for i in sorted({*kept, *held, *(i for i, *_ in broken[:1])})]
    columns = {}
    for into, kind in (("series", "cross_entropy"), ("accuracy", "accuracy")):
        rows = [values(record, kind) for record in kept]
        found = {name: [row.get(name) for row in rows] for name in SERIES}
        columns[into] = {n: c for n, c in found.items() if any(v is not None for v in c)}
    warning = ""
    if broken:
        at, name, value = broken[0]
        warning = f"At step {records[at]['step']:,} the loss of {name[:3].upper()} was {value}."
        warning += " If that lasts, a smaller peak_rate or a longer warmup may help."
    stages, end = [], 0
    for stage in settings.stages if settings else ():
        stages.append([end + 1, stage.length])
        end += stage.steps
    place, speed = progress(records, settings)
    return {
        "title": settings.objective if settings else "",
        "place": place,
        "speed": speed,
        "warning": warning,
        "vocabulary": vocabulary,
        "stages": stages,  # first step, length of the blocks
        "end": max(end, *(record["step"] for record in records[-1:]), 2),  # of the axis
        "steps": [record["step"] for record in kept],
        **heights(columns["series"], math.log(vocabulary)),
        **columns,
    }


def heights(series: dict, unknown: float) -> dict:
    """Lowest and highest loss of the picture, and its grid; far above `unknown` is left out."""
    found = [v for column in series.values() for v in column if isinstance(v, float)]
    found = [min(v, 1.5 * unknown) for v in found] + [unknown]
    low, high = min(found), max(found)
    rough = max(0.6, high - low) / 6
    grid = next(size for size in (0.1, 0.2, 0.5, 1, 2, 5) if size >= rough)
    low = max(0, math.floor(low / grid - 0.2))  # whole ones: the axis does not move all the time
    return {"low": low * grid, "high": (math.floor(high / grid + 0.4) + 1) * grid, "grid": grid}


def latest(shown: dict) -> str:
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
    rows = []
    left = 'style="text-align:left"'
    unknown = math.log(shown["vocabulary"])
    for i in table_rows(shown):
        cells = [f"<td>{shown['steps'][i]:,}</td>"]
        for name, column in shown["series"].items():
            text, style = digits(column[i]), ""
            if name in COLORS and isinstance(column[i], float):
                width = round(80 * min(1.5, max(0, column[i]) / unknown))
                style = f"border-left:{width}px solid {COLORS[name]};padding-left:4px"
            cells.append(f'<td {left}><span style="{style}">{text}</span></td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    heads = "".join(f"<th {left}>{SERIES[name]}</th>" for name in shown["series"])
    parts = [f"<p><b>{html.escape(title)}</b></p>"]
    if shown["warning"]:
        parts.append(f"<p>✗ {html.escape(shown['warning'])}</p>")
    if rows:
        what = f"Losses in nats; to know nothing costs ln {shown['vocabulary']:,} = {unknown:.2f}."
        parts.append(f"<p>{what}</p><table><tr><th>step</th>{heads}</tr>{''.join(rows)}</table>")
    return "".join(parts) + "<p>Run the cell to see the curve.</p>"


class TrainingCurve(anywidget.AnyWidget):
    """The losses of a pretraining run, drawn while it runs.

    Args:
        settings: of the run; None where they are not known.
        log_x: whether the steps are on a logarithmic scale at first.
    """

    _esm = Path(__file__).parent / "static" / "training_curve.js"
    _css = Path(__file__).parent / "static" / "training_curve.css"
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
        said = (self.shown["title"], self.shown["place"], latest(self.shown))
        return f"TrainingCurve({', '.join(filter(None, said))!r})"

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/plain": repr(self), "text/html": static_html(self.shown)}, metadata

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
