"""Kinds of results that the lessons on the model ask for: a tensor of floats, or one number."""

from numbers import Real

import numpy as np
import torch
from torch import Tensor

from spanbert_teach.exercises.checking import Wrong, expect, shown
from spanbert_teach.exercises.form import Kind, Property

EXACT = 1e-5
LONG = 150  # characters: of numbers that take more, the first that differs is shown

# The hint of a slip that is named `CHANGES`, where the arguments are tensors.
IN_PLACE = "+=, -=, x[…] = … and methods that end in _ change a tensor in place."

# A property of every result that is a tensor; the case or the exercise says what shape it has.
WRONG_SHAPE = Property(
    lambda got, expected, *args: got.shape != expected.shape, "wrong-shape", hint=""
)


def random_tensor(*shape: int, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """The same numbers on every call, around 0 with a spread of 1."""
    numbers = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    return numbers.to(dtype)


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
            f"{shown(result)}.\nMake tensors from 0.0 instead of 0, or call .float().",
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


def _same(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    return torch.allclose(one, other, rtol=EXACT, atol=EXACT, equal_nan=True)


def _difference(got: Tensor, expected: Tensor, given: str, by_place: bool = False) -> str:
    """What was expected and what came, in a sentence."""
    if got.shape != expected.shape:
        wanted = f"have the shape {tuple(expected.shape)}" if expected.ndim else "be one number"
        return f"{given} should {wanted}, but its shape is {tuple(got.shape)}."
    where, one, other = given, expected, got
    if by_place or max(len(_rounded(x, 4)) for x in (got, expected)) > LONG:
        differs = ~torch.isclose(got, expected, rtol=EXACT, atol=EXACT)
        place = tuple(differs.nonzero()[0].tolist())
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
