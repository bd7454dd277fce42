"""What the view of lesson 03 shows, as numbers: attention probabilities, and a learner's own."""

import reprlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from spanbert_teach.views.own_function import Failed, call_own

ENDLESS_SECONDS = 2.0  # so long one call of the learner's function may take
SAME = 1e-4  # probabilities that differ by less are the same, computed in another order
TOP = 3
PATTERNS = ("the piece before", "the piece after", "itself")
PATTERNS += ("the same piece elsewhere", "[CLS]", "[SEP]")


def to_bytes(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities as whole 255ths: a percentage that the view shows is off by 0.2 at most."""
    return np.round(np.clip(np.nan_to_num(probabilities), 0, 1) * 255).astype(np.uint8)


def patterns(weights: np.ndarray, tokens: Sequence[str]) -> np.ndarray:
    """How much a head looks at the places in `PATTERNS`, on average over a text's own pieces.

    Args:
        weights: (..., length, length) probabilities; tokens: (length,), [CLS] first, [SEP] last.

    Returns:
        (..., 6) shares; they may overlap: what stands before the first piece is [CLS].
    """
    pieces = np.array(tokens, dtype=object)
    same = pieces[:, None] == pieces[None, :]
    length = len(pieces)
    masks = [np.eye(length, k=k, dtype=bool) for k in (-1, 1, 0)]
    masks.append(same & ~masks[2])
    masks += [np.broadcast_to(np.arange(length) == at, same.shape) for at in (0, length - 1)]
    own = weights[..., 1:-1, :]
    return np.stack([(own * mask[1:-1]).sum(-1).mean(-1) for mask in masks], -1)


def strongest(row: np.ndarray, count: int = TOP) -> list[int]:
    """The places with the largest weights, largest first; of equal ones the first."""
    return [int(place) for place in np.argsort(-row.astype(int), kind="stable")[:count]]


class Recorded(NamedTuple):
    """What an encoder recorded of one text.

    Attributes:
        probabilities: (layers, heads, length, length).
        queries, keys: for each layer (heads, length, head size).
    """

    probabilities: np.ndarray
    queries: list[Tensor]
    keys: list[Tensor]


def look(encoder: torch.nn.Module, ids: Sequence[int]) -> Recorded:
    """One forward pass over one text; a `Failed` when the encoder records no probabilities."""
    device = next(encoder.parameters()).device
    with torch.no_grad():
        output = encoder(torch.tensor([list(ids)], device=device), output_attentions=True)
    if not output.attentions or output.attentions[0] is None:
        raise Failed("This encoder records no attention probabilities: use its explicit attention.")
    probabilities = torch.stack([layer[0] for layer in output.attentions]).float().cpu().numpy()
    return Recorded(probabilities, [q[0] for q in output.queries], [k[0] for k in output.keys])


def name_of(function: Callable) -> str:
    """What the view calls the learner's function."""
    name = getattr(function, "__name__", "function")
    return "function" if name == "<lambda>" else name


def own_answer(function: Callable, queries: Tensor, keys: Tensor) -> np.ndarray:
    """(length, length), what the learner's function makes of a head; a `Failed` says what is wrong.

    Args:
        function: `(queries, keys) -> (length, length)`; gets copies, (length, head size) each.
    """
    name, length = f"Your own {name_of(function)}", len(queries)
    copies = [queries.float().clone(), keys.float().clone()]
    with torch.no_grad():
        answer = call_own(function, copies, name, ENDLESS_SECONDS)
    try:
        tensor = torch.as_tensor(answer).detach().float().cpu()
    except Exception:
        raise Failed(
            f"{name} gave back {reprlib.repr(answer)}; it should be a tensor ({length}, {length})."
        ) from None
    if tensor.shape != (length, length):
        raise Failed(
            f"{name} gave back the shape {tuple(tensor.shape)}; it should be ({length}, {length}): "
            "a row for each piece that looks, a column for each that is looked at."
        )
    return tensor.numpy()


class Compared(NamedTuple):
    """Whether the learner's probabilities are the recorded ones, and what is said about it."""

    good: bool
    said: str


def compare(own: np.ndarray, recorded: np.ndarray, tokens: Sequence[str], name: str) -> Compared:
    """How the learner's probabilities differ from the recorded ones, (length, length) both."""
    if not np.isfinite(own).all():
        return Compared(False, f"Your own {name} gave numbers that are infinite or none at all.")
    difference = np.abs(own - recorded)
    row, column = np.unravel_index(difference.argmax(), difference.shape)
    largest = float(difference[row, column])
    begin = f"Drawn with your own {name} in place of the recorded probabilities: "
    if largest < SAME:
        return Compared(True, f"{begin}they differ by less than {SAME}.")
    said = (
        f"{begin}the largest difference is {largest:.4g}, where “{tokens[row]}” looks at "
        f"“{tokens[column]}” (yours {own[row, column]:.4g}, recorded {recorded[row, column]:.4g})."
    )
    sums = own.sum(-1)
    worst = np.abs(sums - 1).argmax()
    if own.min() < 0 or own.max() > 1 + SAME:
        said += " Some of yours are no probabilities, below 0 or above 1; they are drawn as 0 or 1."
    elif abs(sums[worst] - 1) > 1e-3:
        said += f" The row of “{tokens[worst]}” sums to {sums[worst]:.3g}, not to 1."
    return Compared(False, said)
