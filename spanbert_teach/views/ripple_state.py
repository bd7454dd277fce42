"""What the view of lesson 04 shows, as numbers: one piece of one sentence changes, states move.

Two sentences go through a model as one batch, before and after the change. A sentence must not feel
what happens in another.
"""

import reprlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from spanbert_teach.views.own_function import Failed, call_own
from spanbert_teach.views.texts import sendable, shorten

MOST_PIECES = 16  # of each sentence, [CLS] and [SEP] included
LONGEST_TEXT = 2_000
LONGEST_PIECE = 100
ENDLESS_SECONDS = 5.0  # so long one call of a model's function may take
REACHED = 1e-3  # a relative change below 0.1% is a matter of rounding
UNKNOWN = "[UNK]"

Model = Callable[[Tensor], Sequence[Tensor]]


def relative_change(before: Tensor, after: Tensor) -> Tensor:
    """How far each hidden state moved, as a share of its own length: ‖after − before‖ / ‖before‖.

    (..., hidden), twice -> (...). What did not move is 0, also where the state itself is 0.
    """
    moved = (after - before).norm(dim=-1)
    return moved / before.norm(dim=-1).clamp(min=1e-12)


def run(model: Model, ids: Tensor) -> Tensor:
    """(states, 2, length, hidden): embeddings first; a `Failed` says what is wrong with a model."""
    name = getattr(model, "__name__", "The function")
    wanted = "it should be a list of hidden states (batch, length, hidden), embeddings first."
    with torch.no_grad():
        states = call_own(model, [ids.clone()], name, ENDLESS_SECONDS, wanted.capitalize())
    if not isinstance(states, list | tuple) or not states:
        raise Failed(f"{name} gave back {reprlib.repr(states)}; {wanted}")
    for number, state in enumerate(states):
        shape = tuple(getattr(state, "shape", ()))
        if len(shape) != 3 or shape[:2] != tuple(ids.shape):
            raise Failed(
                f"{name} gave back, as state {number}, the shape {shape or type(state).__name__}; "
                f"expected ({ids.shape[0]}, {ids.shape[1]}, hidden)."
            )
    if len({state.shape for state in states}) > 1:
        raise Failed(f"{name} gave back states of different sizes; {wanted}")
    return torch.stack([state.detach().float().cpu() for state in states])


def run_twice(model: Model, ids: Tensor) -> Tensor:
    """As `run`; a `Failed` when the model gives other numbers the second time."""
    first, again = run(model, ids), run(model, ids)
    if first.shape != again.shape or (relative_change(first, again) >= REACHED).any():
        raise Failed(
            "The model gives other numbers each time, for the same pieces, so what a change does "
            "cannot be seen. Is dropout on? Call eval() on the model first."
        )
    return first


def ripple(
    model: Model,
    before: Tensor,
    sentence: int,
    place: int,
    new_id: int,
    check: bool = True,
) -> list:
    """How far every hidden state moves when one piece changes.

    Args:
        model: (batch, length) ids -> list of (batch, length, hidden), embeddings first.
        before: (2, length) ids, a sentence each.
        sentence, place: which piece changes; new_id: into what.
        check: whether the model must first give the same numbers twice for `before`.

    Returns:
        [state][sentence][piece] relative changes, rounded to 4 digits.

    Raises:
        Failed: the model's function raised, never ended or gave back something else.
    """
    after = before.clone()
    after[sentence, place] = new_id
    first = run_twice(model, before) if check else run(model, before)
    second = run(model, after)
    if first.shape != second.shape:
        raise Failed("After the change, the model gives hidden states of another shape.")
    change = relative_change(first, second)
    if not torch.isfinite(change).all():
        raise Failed("The hidden states hold numbers that are infinite or none at all.")
    return [[[round(v, 4) for v in row] for row in state] for state in change.tolist()]


def reached(changes: list, sentence: int, place: int) -> tuple[list[int], list[int]]:
    """Which pieces move in any layer: in the changed one's sentence but for it, in the other."""
    moved = [
        [i for i in range(len(changes[0][s])) if max(state[s][i] for state in changes) >= REACHED]
        for s in (sentence, 1 - sentence)
    ]
    return [i for i in moved[0] if i != place], moved[1]


def verdict(changes: list, sentence: int, place: int, same: bool) -> str:
    """What the numbers say, in a sentence."""
    if same:
        return "The replacement is the piece that stands there: nothing changes."
    own, other = reached(changes, sentence, place)
    length = len(changes[0][0])
    in_own = count_of(len(own), length - 1, "other pieces of its own sentence")
    in_other = count_of(len(other), length, "pieces of the other")
    end = ", the one at the same place." if other == [place] else "."
    return f"The change reached {in_own} and {in_other}{end}"


def count_of(count: int, whole: int, what: str) -> str:
    """A count of a whole in words: none of the 12, 3 of the 12, all 12."""
    if count == whole > 1:
        return f"all {whole} {what}"
    return f"{count or 'none'} of the {whole} {what}"


class Replacement(NamedTuple):
    """The piece that a typed replacement stands for, its id, and what should be said about it."""

    piece: str
    id: int
    notes: list[str]


def read_replacement(tokenizer, text: str) -> Replacement:
    """The piece in a text that a learner typed.

    Raises:
        Failed: there is no piece in the text.
    """
    notes = []
    text = sendable(text[:LONGEST_PIECE]).strip()
    if text in tokenizer.vocabulary:  # "##ing" and "[MASK]" too
        return Replacement(text, tokenizer.vocabulary[text], notes)
    encoding = tokenizer.encode(text, special_tokens=False)
    if not len(encoding):
        raise Failed("Type a piece to put in its place, for example a word.")
    if len(encoding) > 1:
        notes.append(
            f"The replacement has {len(encoding)} pieces; only the first, “{encoding.tokens[0]}”, "
            "is used."
        )
    if encoding.tokens[0] == UNKNOWN:
        start, end = encoding.offsets[0]
        letters = shorten(text[start:end], 30)
        notes.append(f"“{letters}” is not in the vocabulary: {UNKNOWN} takes its place.")
    return Replacement(encoding.tokens[0], encoding.ids[0], notes)


def read_pair(tokenizer, first: str, second: str) -> tuple[list, list[str]]:
    """Two sentences as pieces of the same number, and what was done to them.

    Raises:
        Failed: a sentence without a piece.
    """
    notes, encodings = [], []
    for number, text in enumerate((first, second), 1):
        if len(text) > LONGEST_TEXT:
            notes.append(f"Of sentence {number}, the first {LONGEST_TEXT:,} characters are used.")
        text = sendable(text[:LONGEST_TEXT])
        encodings.append((text, tokenizer.encode(text)))
        if len(encodings[-1][1]) <= 2:
            raise Failed(f"Sentence {number} has no piece yet: type one, or choose an example.")
    lengths = [len(encoding) for _, encoding in encodings]
    length = min(*lengths, MOST_PIECES)
    long = [str(number) for number, one in enumerate(lengths, 1) if one > length]
    if long:
        which = f"Sentence {long[0]} is" if len(long) == 1 else "Both sentences are"
        why = "the length of the other" if length < MOST_PIECES else "so many fit here"
        notes.append(f"{which} cut to {length} pieces: {why}.")
    return [tokenizer.encode(text, max_length=length) for text, _ in encodings], notes
