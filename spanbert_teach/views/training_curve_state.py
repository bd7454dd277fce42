"""The records of a pretraining run's log, as the numbers and words of its curve."""

import math

from spanbert_teach.pretraining import Settings

MOST_POINTS = 500  # for the browser
FIRST_POINTS = 64  # which are all kept: most happens early
PACE = 5  # records over which the speed is averaged
HELD_OUT = {  # series -> name; the losses on the text that is trained on are "mlm" and "sbo"
    "mlm spans": "MLM on held-out spans",
    "mlm tokens": "MLM on held-out single pieces",
    "sbo spans": "SBO on held-out spans",
}
SERIES = {"mlm": "MLM", "sbo": "SBO", **HELD_OUT}


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
    """All that is drawn, in numbers and words.

    Args:
        vocabulary: how many pieces it has.

    Returns:
        title, place, speed, warning: what is said above the curve; vocabulary; stages: [first step,
        length of the blocks] each; end: of the axis of steps; low, high, grid: see `heights`;
        steps: of the points; series, accuracy: name -> a value for each point, see `values`.
    """
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
        "stages": stages,
        "end": max(end, *(record["step"] for record in records[-1:]), 2),
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
