"""`make mutants`: do the checks notice when a solution is changed a little?

    python tools/mutants.py            all lessons
    python tools/mutants.py 00         one lesson; LESSON=00 in the environment does the same

Each solution is changed in every way that `mutations` knows, one change at a time. A check that
accepts a changed solution has a hole, unless the change makes no difference: then the exercise
says why in its `equivalent_mutants`. An unexplained survivor, and a reason that fits no survivor,
end with exit code 1.
"""

import argparse
import contextlib
import multiprocessing
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from spanbert_teach.exercises.judging import CHECK_CRASH, RIGHT, judge
from spanbert_teach.exercises.lookup import LESSONS, find_exercise, lesson_exercises
from tools.mutations import mutations
from tools.notebooks import NOTEBOOKS
from tools.solutions import load_prelude, run, without_expressions

SECONDS = 2.0  # for one mutant, on top of ten times what the solution itself takes
START_SECONDS = 120.0  # for a worker to import the library, run the prelude, judge the solution
NO_END = "does not end"


def _worker(pipe: Any, module: str, exercise_id: str, notebooks: Path) -> None:
    """Judge one source after the other; in a process of its own, because a mutant may not end."""
    lesson = exercise_id.partition("-")[0]
    LESSONS[lesson] = module
    exercise = find_exercise(exercise_id)
    quiet = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the process ends)
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        _, prelude = load_prelude(exercise_id, notebooks)
    pipe.send("ready")
    while (source := pipe.recv()) is not None:
        namespace = dict(prelude)
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            try:
                run(source, namespace, "<mutant>")
                verdict = judge(exercise, namespace[exercise.function])
                answer = (verdict.state, verdict.misconception or verdict.message)
            except Exception as error:  # the cell itself stops: a learner would see that
                answer = (type(error).__name__, str(error))
        pipe.send(answer)


class Judge:
    """A worker process, and another one whenever a mutant does not end."""

    def __init__(self, exercise_id: str, notebooks: Path):
        self.task = (LESSONS[exercise_id.partition("-")[0]], exercise_id, notebooks)
        self.seconds = START_SECONDS
        self._start()

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, other = spawn.Pipe()
        self.process = spawn.Process(target=_worker, args=(other, *self.task), daemon=True)
        self.process.start()
        other.close()
        if self._receive(START_SECONDS) is None:
            self.close()
            raise RuntimeError(f"The worker for {self.task[1]} is not ready in {START_SECONDS} s.")

    def _receive(self, seconds: float) -> Any:
        if not self.pipe.poll(seconds):
            return None
        try:
            return self.pipe.recv()
        except EOFError as error:
            self.close()
            message = f"The worker for {self.task[1]} died; its own message stands above."
            raise RuntimeError(message) from error

    def __call__(self, source: str) -> tuple[str, str]:
        """(state, misconception or message) of a source; state NO_END when it takes too long."""
        self.pipe.send(source)
        answer = self._receive(self.seconds)
        if answer is None:
            self.close()
            self._start()
            return NO_END, ""
        return answer

    def close(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()


@dataclass(frozen=True)
class Report:
    """What became of the mutants of one exercise."""

    exercise: str
    mutants: int
    explained: dict[str, str]
    survivors: list[str]
    stale: list[str]
    endless: list[str]
    awkward: list[str]  # rejected, but only because the check itself stopped

    @property
    def good(self) -> bool:
        return not self.survivors and not self.stale

    def __str__(self) -> str:
        rejected = self.mutants - len(self.explained) - len(self.survivors)
        lines = [f"{self.exercise}: {self.mutants} mutants, {rejected} rejected"]
        lines += [f"  does not end: {what}" for what in self.endless]
        lines += [f"  equivalent: {what}\n    {why}" for what, why in self.explained.items()]
        lines += [f"  the check itself stopped on: {what}" for what in self.awkward]
        lines += [f"  SURVIVED, and no reason is given: {what!r}" for what in self.survivors]
        lines += [f"  STALE, a reason that fits no survivor: {what!r}" for what in self.stale]
        return "\n".join(lines)


def examine(exercise_id: str, notebooks: Path = NOTEBOOKS) -> Report:
    """Judge every mutant of one solution.

    Raises:
        RuntimeError: the solution itself does not pass.
    """
    exercise = find_exercise(exercise_id)
    source, _ = load_prelude(exercise_id, notebooks)
    judged = Judge(exercise_id, notebooks)
    try:
        began = time.perf_counter()
        state, message = judged(without_expressions(source))
        if state != RIGHT:
            raise RuntimeError(f"The solution of {exercise_id} does not pass: {state}, {message}")
        judged.seconds = SECONDS + 10 * (time.perf_counter() - began)
        found = {mutant.description: judged(mutant.source) for mutant in mutations(source)}
    finally:
        judged.close()
    survived = [what for what, (state, _) in found.items() if state == RIGHT]
    reasons = exercise.equivalent_mutants
    return Report(
        exercise=exercise_id,
        mutants=len(found),
        explained={what: reasons[what] for what in survived if what in reasons},
        survivors=[what for what in survived if what not in reasons],
        stale=[what for what in reasons if what not in survived],
        endless=[what for what, (state, _) in found.items() if state == NO_END],
        awkward=[what for what, (_, slip) in found.items() if slip == CHECK_CRASH],
    )


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    environment = os.environ.get("LESSON", "").strip()
    parser.add_argument("lesson", nargs="?", default=environment)
    chosen = parser.parse_args(argv).lesson
    if chosen and chosen.zfill(2) not in LESSONS:
        parser.error(f"no lesson {chosen} has exercises; these have: {', '.join(LESSONS)}")
    good = True
    for lesson in [chosen.zfill(2)] if chosen else LESSONS:
        for exercise in lesson_exercises(lesson):
            report = examine(exercise.id)
            good = good and report.good
            print(report, flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
