"""The curve of a pretraining run: its numbers, what reaches the browser and when, odd logs."""

import json
import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanbert_teach.pretraining import Settings, Stage, from_preset
from spanbert_teach.pretraining.watch import film_steps
from spanbert_teach.tokenization import load_tokenizer
from spanbert_teach.views.training_curve import (
    MOST_ROWS,
    TrainingCurve,
    start_timer,
    static_html,
    table_rows,
)
from spanbert_teach.views.training_curve_state import (
    FIRST_POINTS,
    MOST_POINTS,
    drawing,
    duration,
    heights,
    number,
    pieces_left,
    thin,
)

CI = from_preset("ci")  # 30 steps of 8 blocks of 32 pieces
TWO_STAGES = Settings(stages=(Stage(32, 10, 100), Stage(128, 5, 50)), warmup=10)
PIECES = len(load_tokenizer())


def record(step, mlm=5.0, sbo=5.5, held_out=False, speed=1000, pieces=320):
    found = {"step": step, "mlm": mlm, "sbo": sbo, "rate": 1e-3, "norm": 1.0}
    found |= {"pieces": pieces, "pieces_per_second": speed}
    if held_out:
        mlm_answer = {"accuracy": 0.25, "cross_entropy": 5.125}
        spans = {"mlm": mlm_answer, "sbo": {"accuracy": 0.125, "cross_entropy": 5.75}}
        found["held_out"] = {"tokens": {"mlm": mlm_answer}, "spans": spans}
    return found


class Clock:
    """Time that the test moves, and the timers that wait for it."""

    def __init__(self, curve):
        self.now, self.waiting, self.sent = 100.0, [], []
        curve._clock, curve._later = self.tell, self.later
        curve._sent = -math.inf
        curve.observe(lambda change: self.sent.append(change["new"]["steps"][-1]), ["shown"])

    def tell(self):
        return self.now

    def later(self, seconds, function):
        timer = Timer(self.now + seconds, function)
        self.waiting.append(timer)
        return timer

    def wait(self, seconds):
        end = self.now + seconds
        for timer in [t for t in self.waiting if t.at <= end]:
            self.waiting.remove(timer)
            self.now = max(self.now, timer.at)
            if not timer.cancelled:
                timer.function()
        self.now = end


class Timer:
    def __init__(self, at, function):
        self.at, self.function, self.cancelled = at, function, False

    def cancel(self):
        self.cancelled = True


def test_records_become_numbers():
    curve = TrainingCurve(CI)
    clock = Clock(curve)
    for one in (record(1, 9.0, 9.1, True), record(2, 8.0, 8.5), record(3, 7.0, 7.5, True)):
        clock.wait(1)
        curve.add(one)
    shown = curve.shown
    assert shown["steps"] == [1, 2, 3] and shown["end"] == 30 and shown["title"] == "spanbert"
    assert shown["series"] == {
        "mlm": [9.0, 8.0, 7.0],
        "sbo": [9.1, 8.5, 7.5],
        "mlm spans": [5.125, None, 5.125],
        "mlm tokens": [5.125, None, 5.125],
        "sbo spans": [5.75, None, 5.75],
    }
    assert shown["accuracy"]["sbo spans"] == [0.125, None, 0.125] and "mlm" not in shown["accuracy"]
    assert shown["vocabulary"] == PIECES and shown["low"] < 5.125 and shown["high"] > 9.1
    assert shown["place"] == "step 3 of 30" and shown["warning"] == ""
    json.dumps(shown, allow_nan=False)


def test_a_run_without_sbo_has_no_sbo_line():
    shown = drawing([record(1, sbo=None)], CI, PIECES)
    assert list(shown["series"]) == ["mlm"] and shown["accuracy"] == {}


def test_the_stages_are_told():
    shown = drawing([], TWO_STAGES, PIECES)
    assert shown["stages"] == [[1, 32], [101, 128]] and shown["end"] == 150


def test_the_words_above_the_curve():
    def words(*steps, run=TWO_STAGES, **found):
        shown = drawing([record(step, **found) for step in steps], run, PIECES)
        return shown["place"], shown["speed"]

    assert words() == ("no record yet, 0 of 150 steps", "")
    assert words(run=None) == ("no record yet", "")
    assert words(1) == ("step 1 of 150", "1,000 pieces per second")
    # 50 steps of 10 * 32 pieces and 50 of 5 * 128 are 48,000 pieces, at 1,000 a second.
    assert words(1, 50) == ("step 50 of 150", "1,000 pieces per second, about 48 s left")
    assert words(1, 50, speed=100)[1] == "100 pieces per second, about 8 min left"
    assert words(1, 50, 150) == ("step 150 of 150: done", "1,000 pieces per second")
    assert words(1, 5000, run=None) == ("step 5,000", "1,000 pieces per second")
    for nothing in (0, None, math.nan, math.inf):
        assert words(1, 50, speed=nothing)[1] in ("", "0 pieces per second")
    # The recent speed is the one that counts, and it is a mean over the time, not over the records.
    records = [record(1, speed=1)] + [
        record(n, speed=s) for n, s in enumerate([500] * 4 + [1000], 2)
    ]
    assert drawing(records, TWO_STAGES, PIECES)["speed"].startswith("556 pieces per second")


@pytest.mark.parametrize(
    ("step", "left"), [(0, 64_000), (1, 63_680), (100, 32_000), (101, 31_360), (150, 0), (999, 0)]
)
def test_what_is_left_goes_by_the_stages(step, left):
    assert pieces_left(TWO_STAGES, step) == left


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "1 s"), (40.4, "40 s"), (100, "2 min"), (5300, "88 min"), (7800, "2 h 10 min")],
)
def test_durations(seconds, said):
    assert duration(seconds) == said


@settings(deadline=None)
@given(st.integers(0, 20_000), st.integers(10, 500))
def test_thinning_keeps_the_ends_and_what_was_there(count, most):
    kept = thin(count, most)
    assert len(kept) <= most and kept == sorted(set(kept))
    if count:
        assert kept[0] == 0 and kept[-1] == count - 1
        assert kept[: min(count, FIRST_POINTS, most // 2)] == list(
            range(min(count, FIRST_POINTS, most // 2))
        )
    if count <= most:
        assert kept == list(range(count))
    else:
        assert len(kept) > most // 2 - 1, "no more is left out than has to be"


def test_thousands_of_records_are_thinned():
    film = set(film_steps(500_000))
    steps = sorted({*range(50, 500_001, 50), *film})
    shown = drawing([record(step, held_out=step in film) for step in steps], None, PIECES)
    assert len(steps) > 10_000 and len(shown["steps"]) <= MOST_POINTS
    assert film <= set(shown["steps"]) and shown["steps"][-1] == 500_000
    assert all(len(column) == len(shown["steps"]) for column in shown["series"].values())
    assert len(json.dumps(shown)) < 40_000
    # Even when every record was measured, and the loss breaks at a step that is left out.
    records = [record(step, held_out=True) for step in range(1, 5001)]
    records[4321]["mlm"] = math.nan
    shown = drawing(records, None, PIECES)
    assert len(shown["steps"]) <= MOST_POINTS and 4322 in shown["steps"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1.0),
        (2.345678, 2.3457),
        (math.nan, "not a number"),
        (math.inf, "infinite"),
        (-math.inf, "infinite"),
        (None, None),
        (True, None),
        ("<script>", None),
        ([], None),
    ],
)
def test_numbers_for_the_browser(value, found):
    assert number(value) == found and type(number(value)) is type(found)


def test_a_loss_that_is_no_number_breaks_the_line_and_is_told():
    records = [record(1), record(2, math.nan), record(3, 4.0, math.inf), record(4)]
    shown = drawing(records, CI, PIECES)
    assert shown["series"]["mlm"] == [5.0, "not a number", 4.0, 5.0]
    assert shown["series"]["sbo"] == [5.5, 5.5, "infinite", 5.5]
    assert shown["warning"].startswith("At step 2 the loss of MLM was not a number.")
    assert "peak_rate" in shown["warning"]
    json.dumps(shown, allow_nan=False)
    page = static_html(shown)
    assert "✗ At step 2" in page and "not a number" in page and "infinite" in page
    only = drawing([record(1, math.nan, math.nan)], CI, PIECES)
    assert only["low"] < math.log(PIECES) < only["high"]


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e300), max_size=9), st.integers(2, 100_000))
def test_the_picture_holds_what_can_be_seen(losses, vocabulary):
    unknown = math.log(vocabulary)
    found = heights({"mlm": losses}, unknown)
    low, high, grid = found["low"], found["high"], found["grid"]
    assert 0 <= low < unknown < high <= max(1.5 * unknown, 0) + 1.5 * grid
    assert all(low <= loss <= high for loss in losses if loss <= 1.5 * unknown)
    lines = (high - low) / grid
    assert lines == pytest.approx(round(lines)) and 1 <= round(lines) <= 9


def test_at_most_five_messages_a_second_reach_the_browser():
    curve = TrainingCurve(Settings(stages=(Stage(32, 8, 100_000),)))
    clock = Clock(curve)
    for step in range(1, 1001):  # 100 records a second, for ten seconds
        curve.add(record(step))
        clock.wait(0.01)
    assert 40 <= len(clock.sent) <= 52 and len(curve.records) == 1000
    assert len(clock.waiting) <= 1, "they do not pile up"
    clock.wait(1)
    assert clock.sent[-1] == 1000, "the last one before a pause comes, too"
    assert clock.sent == sorted(set(clock.sent)) and not clock.waiting
    clock.wait(60)
    curve.add(record(1001))
    assert clock.sent[-1] == 1001, "after a pause, at once"


def test_the_end_of_the_run_is_drawn_at_once():
    curve = TrainingCurve(CI)
    clock = Clock(curve)
    curve.add(record(1))
    curve.add(record(29))
    assert clock.sent == [1] and len(clock.waiting) == 1
    curve.add(record(30))
    assert clock.sent == [1, 30] and curve.shown["steps"] == [1, 29, 30]
    clock.wait(1)
    assert clock.sent == [1, 30], "the timer was stopped"


def test_a_timer_calls_back_while_the_cell_goes_on():
    called = threading.Event()
    start_timer(0.01, called.set)
    assert called.wait(10)


def test_a_run_that_goes_on_begins_where_it_is():
    curve = TrainingCurve(CI)
    clock = Clock(curve)
    curve.add(record(20))
    assert curve.shown["steps"] == [20] and curve.shown["place"] == "step 20 of 30"
    clock.wait(1)
    curve.add(record(25))
    clock.wait(1)
    curve.add(record(22, 4.0))  # from a state that is older than the last record
    assert curve.shown["steps"] == [20, 22]
    clock.wait(1)
    curve.add(record(1))  # the cell was run again
    assert curve.shown["steps"] == [1]


LOGS = [
    ("no such log", None, FileNotFoundError, "There is no log"),
    ("no records", "[1]\n", ValueError, "is not the log of a pretraining run"),
    ("no step", '{"mlm": 1}\n', ValueError, "is not the log of a pretraining run"),
]


@pytest.mark.parametrize(("name", "text", "error", "said"), LOGS, ids=[log[0] for log in LOGS])
def test_what_is_no_log(tmp_path, name, text, error, said):
    path = tmp_path / "log.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match=said):
        TrainingCurve.of_log(path)


def test_a_run_of_the_past(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(record(n, 9 - n / 10)) + "\n" for n in range(1, 31)) + '{"s')
    alone = TrainingCurve.of_log(path)
    assert alone.shown["place"] == "step 30" and alone.shown["steps"] == list(range(1, 31))
    (tmp_path / "run.json").write_text(json.dumps({"settings": CI.as_json()}))
    assert TrainingCurve.of_log(tmp_path).shown["place"] == "step 30 of 30: done"
    (tmp_path / "settings.json").write_text(json.dumps(TWO_STAGES.as_json()))
    assert TrainingCurve.of_log(str(tmp_path)).shown["place"] == "step 30 of 150"
    assert TrainingCurve.of_log(path, CI).shown["title"] == "spanbert"
    path.write_text('{"step": 1, "mlm": NaN, "sbo": Infinity, "held_out": {}}\n')
    assert "not a number" in repr(TrainingCurve.of_log(path, CI))
    assert TrainingCurve.of_log([record(2), record(1)], CI).shown["steps"] == [1, 2]
    with pytest.raises(ValueError, match="The list is not the log"):
        TrainingCurve.of_log([{"mlm": 1.0}])


def test_an_empty_log(tmp_path):
    (tmp_path / "log.jsonl").write_text("")
    for empty in (TrainingCurve.of_log(tmp_path), TrainingCurve.of_log([], CI), TrainingCurve(CI)):
        assert empty.shown["steps"] == [] and empty.shown["series"] == {}
        assert "no record yet" in repr(empty)
        page = empty._repr_mimebundle_()[0]["text/html"]
        assert "no record yet" in page and "<table" not in page


def test_another_vocabulary_gives_another_dotted_line(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]) + "\n")
    curve = TrainingCurve(Settings(vocabulary=str(path), text=(str(path),)))
    assert curve.vocabulary == 7
    assert "ln 7 = 1.95" in static_html(drawing([record(1)], None, curve.vocabulary))


def bundle(speed=1000):
    records = [record(n, 9 - n / 5, 9 - n / 6, n % 10 == 0, speed) for n in range(1, 31)]
    return TrainingCurve.of_log(records, CI)._repr_mimebundle_()[0]


def test_the_bundle_has_a_static_picture_and_stable_text():
    first, second = bundle(), bundle(speed=5)
    assert first["text/html"] == second["text/html"], "no timings in it"
    assert first["text/plain"] == second["text/plain"]
    assert first["text/plain"] == (
        "TrainingCurve('spanbert, step 30 of 30: done, MLM 3.00, SBO 4.00, MLM on held-out spans "
        "5.12, MLM on held-out single pieces 5.12, SBO on held-out spans 5.75')"
    )
    assert "application/vnd.jupyter.widget-view+json" in first
    page = first["text/html"]
    assert page.count("<table>") == 1 and "<td>1</td>" in page and "<td>30</td>" in page
    assert f"ln {PIECES:,} = {math.log(PIECES):.2f}" in page and "MLM on held-out spans" in page
    assert page.count("<tr>") == 1 + 4 and "<td>10</td>" in page, "the steps that were measured"
    for taken_away in ("<svg", "<script", "<style>", " id=", "aria-", "data-", "var("):
        assert taken_away not in page


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 3000), st.integers(1, 3000))
def test_the_table_is_short(count, every):
    records = [record(n, held_out=n % every == 0) for n in range(1, count + 1)]
    shown = drawing(records, None, PIECES)
    rows = table_rows(shown)
    assert len(rows) <= MOST_ROWS + 2 and rows == sorted(set(rows))
    if count:
        assert rows[0] == 0 and rows[-1] == len(shown["steps"]) - 1


def test_text_in_a_log_is_never_shown():
    bad = record(1) | {"mlm": "<script>alert(1)</script>", "pieces_per_second": "<b>"}
    bad["held_out"] = {"<i>": {"<i>": {"cross_entropy": "<i>"}}, "spans": {"mlm": {}}}
    curve = TrainingCurve.of_log([bad, record(2)], CI)
    said = json.dumps(curve.shown) + curve._repr_mimebundle_()[0]["text/html"] + repr(curve)
    assert not any(tag in said for tag in ("<script", "<b>&", "<i>"))


def test_what_the_notebook_keeps_is_the_whole_curve(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "spanbert_teach.views.training_curve.display",
        lambda data, **how: shown.append((data["text/html"], how["display_id"], how["update"])),
    )
    curve = TrainingCurve(CI)
    clock = Clock(curve)
    curve.add(record(1))
    assert shown == [], "a curve that is not on a page stays off it"
    curve._ipython_display_()
    clock.wait(1)
    curve.add(record(30))
    (before, name, first), (after, same, update) = shown
    assert (first, update) == (False, True) and name == same
    assert "step 1 of 30" in before and "step 30 of 30: done" in after
