"""More words for checks: results that are a tensor of floats, and the slips they tell of.

A check compares numbers, not code, and so does the search for what went wrong: the learner's
numbers are held against those that known wrong answers (`Slip`) give for the same arguments.
"""

import copy
from collections.abc import Callable, Iterable
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from spanbert_teach.exercises.checking import (
    CRASH,
    Wrong,
    call,
    call_uncopied,
    expect,
    shown,
)
from spanbert_teach.exercises.form import Kind, Slip

EXACT = 1e-5
LONG = 150  # characters: what is longer is shown by its shape, or by one of its numbers


def random_tensor(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """The same numbers on every call, around 0 with a spread of 1."""
    numbers = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return numbers.to(dtype)


def expect_tensor(
    fn: Callable,
    *args: Any,
    right: Callable,
    slips: Iterable[Slip],
    hint: str,
    rows: Tensor | None = None,
    apart: tuple = (),
) -> Tensor:
    """Call the learner's function and expect what `right` returns for the same arguments.

    Args:
        right: where it returns a tensor without axes, any number will do.
        slips: looked through in this order when the result, or the exception, is another one.
        hint: what is said when no slip explains it.
        rows: bool, which rows of the result are compared; None for all.
        apart: other arguments, for which slips that agree on `args` give different results.

    Returns:
        The whole result, in double precision.

    Raises:
        Wrong: the result is no tensor of floats of that shape with these numbers (`EXACT`), or
            the function changed an argument ("changes-its-input").
    """
    given, theirs = tensor_call(fn, *args), copy.deepcopy(args)
    expected = right(*args).double()
    try:
        result = call_uncopied(fn, *theirs)
    except Wrong as wrong:
        slip = _crashing_slip(wrong, args, slips)
        if slip is None:
            raise
        raise Wrong(f"{wrong.message}\n{slip.hint}", slip.misconception) from wrong
    got = _floats(result, given, number=not expected.ndim)
    if not _same(got, expected, rows):
        message = _difference(got, expected, given, rows)
        found = [slip for slip in slips if _same(got, _outcome(slip.answer, args), None)]
        found = found or [slip for slip in slips if _same(got, _outcome(slip.answer, args), rows)]
        if len(found) > 1 and apart:
            more = _outcome(fn, apart)
            found = [slip for slip in found if _same(more, _outcome(slip.answer, apart), None)]
        if found:
            raise Wrong(f"{message}\n{found[0].hint}", found[0].misconception)
        raise Wrong(f"{message}\n{hint}", "wrong-shape" if got.shape != expected.shape else "other")
    for before, after in zip(args, theirs, strict=True):
        expect(
            not isinstance(before, Tensor) or torch.equal(before, after),
            f"{given} is right, but afterwards a tensor that it was given holds other numbers: "
            f"{shown_tensor(before)} has become {shown_tensor(after)}.\n"
            "+=, -=, x[…] = … and methods that end in _ change a tensor in place. Make a new one.",
            "changes-its-input",
        )
    return got


def tensor_call(fn: Callable, *args: Any) -> str:
    """The call as a message shows it; of a large tensor only the shape."""
    name = getattr(fn, "__name__", "your function")
    return f"{name}({', '.join(shown_tensor(arg) for arg in args)})"


def shown_tensor(value: Any) -> str:
    """The value on one line; of a large tensor only the shape."""
    if isinstance(value, Tensor) and len(shown(value, 2 * LONG)) > LONG:
        return f"a tensor of shape {tuple(value.shape)}"
    return shown(value, LONG)


def _floats(result: object, given: str, number: bool) -> Tensor:
    """A result as a tensor in double precision; raise `Wrong` where it is of another kind."""
    kind = "NumPy array" if isinstance(result, np.ndarray) else type(result).__name__
    if number and isinstance(result, Real) and not isinstance(result, bool):
        return torch.tensor(float(result), dtype=torch.float64)
    if isinstance(result, Tensor):
        what = str(result.dtype).removeprefix("torch.")
        expect(
            result.is_floating_point(),
            f"{given} should hold numbers with a point, but its numbers are of type {what}: "
            f"{shown_tensor(result)}.\nMake tensors from 0.0 instead of 0, or call .float().",
            "not-floats",
        )
        return result.detach().cpu().double()
    wanted = "one number" if number else "a tensor"
    hint = f"Return {wanted}."
    if isinstance(result, np.ndarray | np.generic):
        hint = "Stay with torch, without .numpy(): NumPy's arrays carry no gradients."
    elif hasattr(result, "values") and hasattr(result, "indices"):
        hint = "max and sort of torch return two tensors, values and indices: take .values."
    elif isinstance(result, list | tuple) and any(isinstance(part, Tensor) for part in result):
        hint = (
            "If one of these is the result, return it alone; otherwise torch.stack(…) lays "
            "tensors of one shape on top of each other, as one tensor."
        )
    elif isinstance(result, list | tuple) and not number:
        hint = "torch.tensor(…) makes a tensor of a list of numbers."
    message = f"{given} should return {wanted}, not a {kind}: {shown(result)}.\n{hint}"
    raise Wrong(message, "not-a-number" if number else "not-a-tensor")


def _outcome(answer: Callable, args: tuple) -> Tensor | Exception:
    """What an answer returns, in double precision, or the exception it stops with."""
    try:
        return torch.as_tensor(call(answer, *args)).detach().double()
    except Wrong as wrong:
        return wrong.__cause__ or wrong
    except Exception as error:  # a result that is no tensor of numbers
        return error


def _crashing_slip(wrong: Wrong, args: tuple, slips: Iterable[Slip]) -> Slip | None:
    """The slip that stops with the very same exception as the learner's function."""
    if wrong.misconception == CRASH:
        error = wrong.__cause__
        for slip in slips:
            outcome = _outcome(slip.answer, args)
            if type(outcome) is type(error) and str(outcome) == str(error):
                return slip
    return None


def _same(one: Tensor | Exception, other: Tensor | Exception, rows: Tensor | None = None) -> bool:
    if isinstance(one, Exception) or isinstance(other, Exception):
        return type(one) is type(other)
    if one.shape != other.shape:
        return False
    if rows is not None and one.ndim and len(one) == len(rows):
        one, other = one[rows], other[rows]
    return torch.allclose(one, other, rtol=EXACT, atol=EXACT, equal_nan=True)


def _difference(
    got: Tensor, expected: Tensor, given: str, rows: Tensor | None = None, by_place: bool = False
) -> str:
    """What was expected and what came, in a sentence."""
    if got.shape != expected.shape:
        wanted = f"have the shape {tuple(expected.shape)}" if expected.ndim else "be one number"
        return f"{given} should {wanted}, but its shape is {tuple(got.shape)}."
    where, one, other = given, expected, got
    if by_place or rows is not None or max(len(_rounded(x, 4)) for x in (got, expected)) > LONG:
        apart = ~torch.isclose(got, expected, rtol=EXACT, atol=EXACT)
        if rows is not None:
            apart[~rows] = False
        place = tuple(apart.nonzero()[0].tolist())
        where = f"In {given}, the number at {list(place)}"
        one, other = expected[place], got[place]
    digits = next((n for n in (4, 7) if _rounded(one, n) != _rounded(other, n)), 10)
    return f"{where} should be {_rounded(one, digits)}, but is {_rounded(other, digits)}."


def _rounded(x: Tensor, digits: int) -> str:
    def short(value):
        if isinstance(value, list):
            return f"[{', '.join(map(short, value))}]"
        return f"{value:.{digits}g}"

    return short(x.tolist())


TENSOR = Kind(lambda got, given, *args: _floats(got, given, number=False), _same, _difference)
NUMBER = Kind(lambda got, given, *args: _floats(got, given, number=True), _same, _difference)


def tensor_rows(which: Callable[..., Tensor]) -> Kind:
    """A tensor of which only some rows count; `which` takes the arguments and returns a mask."""

    def read(got: object, given: str, *args: Any) -> Tensor:
        numbers, rows = _floats(got, given, number=False), which(*args)
        if numbers.ndim and len(numbers) == len(rows):
            numbers = numbers.clone()
            numbers[~rows] = 0
        return numbers

    return Kind(read, _same, partial(_difference, by_place=True))
