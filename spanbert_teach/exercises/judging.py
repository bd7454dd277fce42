"""From a learner's function to a verdict: not attempted, unfinished, wrong or right."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spanbert_teach.exercises.checking import CRASH, Wrong, shown, stopped
from spanbert_teach.exercises.form import Exercise

NOT_ATTEMPTED, UNFINISHED, WRONG, RIGHT = "not attempted", "unfinished", "wrong", "right"
SIGN = {NOT_ATTEMPTED: "○", UNFINISHED: "…", WRONG: "✗", RIGHT: "✓"}
NOT_A_FUNCTION, CHECK_CRASH = "not-a-function", "check-crash"


@dataclass(frozen=True)
class Verdict:
    """What a check found. `message` is for the learner; `misconception` only where wrong."""

    exercise: str
    state: str
    message: str
    misconception: str | None = None

    def __str__(self) -> str:
        return f"{SIGN[self.state]} {self.exercise} {self.message}".replace("\n", "\n  ")


def judge(exercise: Exercise, answer: object) -> Verdict:
    """Judge an answer. Nothing is printed or recorded."""

    def wrong(message: str, misconception: str) -> Verdict:
        return Verdict(exercise.id, WRONG, message, misconception)

    if not callable(answer):
        message = (
            f"needs your function itself, but got {shown(answer)} ({type(answer).__name__}). "
            f'Write check("{exercise.id}", {exercise.function}), without brackets after the name.'
        )
        return wrong(message, NOT_A_FUNCTION)
    if (body := own_body(answer)) is not None:
        if is_untouched(body.statements):
            return Verdict(exercise.id, NOT_ATTEMPTED, NOT_ATTEMPTED)
        if (number := first_gap(body.statements)) is not None:
            line = body.lines[number - 1].strip()
            number += body.first_line - 1
            message = f"unfinished: a ... is left in line {number}: {line}"
            return Verdict(exercise.id, UNFINISHED, message)
    try:
        exercise.check(answer)
    except Wrong as failed:
        return wrong(failed.message, failed.misconception)
    except Exception as error:
        return wrong(*_escaped(exercise, answer, error))
    return Verdict(exercise.id, RIGHT, exercise.title)


def _escaped(exercise: Exercise, answer: Callable, error: Exception) -> tuple[str, str]:
    """An exception outside `call`: the learner's where their code was running, else the check's."""
    text = stopped(answer, error)
    if "\nin line " in text:
        return f"{exercise.function} {text}", CRASH
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    place = f"{Path(last.tb_frame.f_code.co_filename).name}, line {last.tb_lineno}"
    message = (
        f"the check could not work with what {exercise.function} returns: it {text} ({place}).\n"
        "Does your function return the kind of value that the card asks for? If you are sure, "
        "please report this: the check should have said it better."
    )
    return message, CHECK_CRASH


@dataclass(frozen=True)
class _Body:
    statements: list[ast.stmt]
    lines: list[str]
    first_line: int  # of `lines`, within the learner's cell


def own_body(answer: Callable) -> _Body | None:
    """The statements of a function or class, or None where its source cannot be had.

    No source (made by `exec`, built in, a lambda inside an expression) counts as attempted.
    """
    try:
        lines, first_line = inspect.getsourcelines(answer)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, TypeError, SyntaxError):
        return None
    node = tree.body[0] if tree.body else None
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return None
    return _Body(node.body, lines, first_line)


def is_untouched(statements: list[ast.stmt]) -> bool:
    """Whether a body is only an optional docstring and `...`: judged by code, not by behaviour."""
    if ast.get_docstring(ast.Module(statements, [])) is not None:
        statements = statements[1:]
    return bool(statements) and all(
        isinstance(statement, ast.Expr) and _is_dots(statement.value) for statement in statements
    )


def first_gap(statements: list[ast.stmt]) -> int | None:
    """The line of the first `...` that still waits for code. `x[..., 0]` is an index, not a gap."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    index = set()
    for node in nodes:
        if isinstance(node, ast.Subscript):
            parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            index.update(id(part) for part in parts)
    gaps = [node.lineno for node in nodes if _is_dots(node) and id(node) not in index]
    return min(gaps, default=None)


def _is_dots(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis
