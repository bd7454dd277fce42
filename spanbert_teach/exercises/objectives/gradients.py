"""A word for the checks of lesson 05: does training reach what it should?"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from spanbert_teach.exercises.checking import Wrong, call, expect, shown_call

NO_GRADIENT = "no-gradient"


def expect_gradients(fn: Callable, *, args: tuple, of: dict[str, int], hint: str) -> list[Tensor]:
    """Call the learner's function and take the gradient of its result, summed to one number.

    Args:
        of: name -> place among the arguments, of the tensors that the gradient must reach.
        hint: what is lost without it.

    Returns:
        The gradients, in double precision.

    Raises:
        Wrong: a gradient does not reach one of them ("no-gradient").
    """
    theirs = [copy.deepcopy(arg) for arg in args]
    for place in of.values():
        theirs[place] = theirs[place].clone().requires_grad_()
    with torch.enable_grad():
        result = call(fn, *theirs)
        return gradients(
            result,
            {name: theirs[place] for name, place in of.items()},
            given=shown_call(fn, *args),
            hint=hint,
        )


def gradients(result: object, of: dict[str, Tensor], *, given: str, hint: str) -> list[Tensor]:
    """The gradients of a result, summed to one number; raise `Wrong` where one is missing.

    Args:
        of: name -> the tensor that the gradient must reach.
        given: the call that was made.
        hint: what is lost without the gradient.
    """
    expect(
        isinstance(result, Tensor) and result.requires_grad,
        f"{given} has the right numbers, but no gradient: nothing could be trained with it. {hint}"
        "\n.item(), float(…), .tolist(), .detach(), .data and torch.tensor(…) cut the gradient "
        "off, and so does torch.no_grad().",
        NO_GRADIENT,
    )
    try:
        found = torch.autograd.grad(result.sum(), list(of.values()), allow_unused=True)
    except RuntimeError as error:
        message = (
            f"{given} has the right numbers, but its gradient cannot be computed: {error}\n"
            "Was a tensor changed in place after it had been used? +=, x[…] = … and methods that "
            "end in _ do that. Make a new one."
        )
        raise Wrong(message, NO_GRADIENT) from error
    for name, gradient in zip(of, found, strict=True):
        expect(
            gradient is not None,
            f"{given} has the right numbers, but no gradient reaches {name}. {hint}\n.item(), "
            "float(…), .tolist(), .detach(), .data and torch.tensor(…) cut the gradient off.",
            NO_GRADIENT,
        )
    return [gradient.double() for gradient in found]
