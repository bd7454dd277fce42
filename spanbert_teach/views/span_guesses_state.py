"""What the view of lesson 05 shows, as numbers: a span is hidden, both heads guess its pieces."""

import reprlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from spanbert_teach.filling import MASK, blank_shares, why_not_sbo
from spanbert_teach.objectives import SpanBert, boundary_input
from spanbert_teach.tokenization import Encoding
from spanbert_teach.views.own_function import Failed, call_own
from spanbert_teach.views.texts import first_characters

LONGEST_TEXT = 10_000
MOST_HIDDEN = 20  # pieces of a span: more than an SBO has positions for
TOP = 5
ENDLESS_SECONDS = 2.0  # so long one call of the learner's function may take
SAME = 1e-5  # vectors that differ by less are the same, computed in another order

BoundaryVector = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def read_sentence(tokenizer, text: str, positions: int = 512) -> tuple[Encoding, list[str]]:
    """A text as `[CLS] … [SEP]`, at most `positions` pieces, and what was done to it.

    Raises:
        Failed: no piece in the text.
    """
    text, notes = first_characters(text, LONGEST_TEXT)
    encoding = tokenizer.encode(text)
    if len(encoding) <= 2:
        raise Failed("Type a sentence: here is no piece yet to hide.")
    if len(encoding) > positions:
        notes.append(
            f"The text has {len(encoding) - 2:,} pieces. The model has {positions} positions, so "
            f"with [CLS] and [SEP] only the first {positions - 2} are used."
        )
        encoding = tokenizer.encode(text, max_length=positions)
    return encoding, notes


def inside(start: int, end: int, length: int) -> tuple[int, int]:
    """The span, moved and cut so that it holds 1 to `MOST_HIDDEN` pieces of the text.

    Args:
        start, end: columns, [CLS] being 0, end exclusive. length: with [CLS] and [SEP].
    """
    start = max(1, min(start, length - 2))
    return start, max(start + 1, min(end, length - 1, start + MOST_HIDDEN))


def why_no_sbo(model: SpanBert, start: int, end: int, length: int) -> str:
    """Why the SBO head is not asked, in a sentence; "" when it is."""
    if why_not_sbo(model, start, end, length) is None:
        return ""
    if model.sbo is None:
        return "This model was trained with MLM alone and has no SBO head."
    never = "An SBO never saw such a boundary in training."
    if start == 1 and end == length - 1:
        return f"The span is the whole text: its boundaries would be [CLS] and [SEP]. {never}"
    if start == 1:
        return f"The span is at the beginning: its left boundary would be [CLS]. {never}"
    if end == length - 1:
        return f"The span is at the end: its right boundary would be [SEP]. {never}"
    return (
        f"The span has {end - start} pieces, and this SBO knows the positions 1 to "
        f"{model.sbo.positions.num_embeddings} of a span."
    )


def own_vector(function: BoundaryVector, given: tuple[Tensor, ...], expected: Tensor) -> Tensor:
    """The learner's boundary vectors, like `expected`; a `Failed` says what is wrong with them."""
    name = getattr(function, "__name__", "The function")
    copies = [tensor.detach().clone() for tensor in given]
    vector = call_own(function, copies, name, ENDLESS_SECONDS)
    if not isinstance(vector, Tensor):
        raise Failed(f"{name} gave back {reprlib.repr(vector)}; it should be a tensor.")
    if vector.shape != expected.shape:
        hidden, size = given[0].shape[-1], given[-1].shape[-1]
        raise Failed(
            f"{name} gave back the shape {tuple(vector.shape)}; expected {tuple(expected.shape)}: "
            f"for each target two hidden states of {hidden} numbers and a row of the table of "
            f"{size}, side by side."
        )
    vector = vector.to(expected)
    if not torch.isfinite(vector).all():
        raise Failed(f"{name} gave back numbers that are infinite or none at all.")
    return vector


def own_shares(
    model: SpanBert, hidden: Tensor, start: int, end: int, function: BoundaryVector
) -> tuple[Tensor, bool]:
    """The SBO head on the learner's vectors: (pieces, vocabulary) probabilities; are they as due?

    Raises:
        Failed: the function raised, never ended or gave back something else.
    """
    head = model.sbo
    position = torch.arange(end - start, device=hidden.device)
    row, left, right = (torch.full_like(position, x) for x in (0, start - 1, end))
    expected = boundary_input(hidden, row, left, right, head.positions(position))
    given = (hidden, row, left, right, position, head.positions.weight)
    vector = own_vector(function, given, expected)
    same = torch.allclose(vector, expected, rtol=SAME, atol=SAME)
    return model.known(head.logits(vector)).softmax(-1), same


def answer(shares: Tensor, targets: Sequence[int], tokens: Sequence[str], top: int) -> dict:
    """One head's probabilities (pieces, vocabulary) as the view shows them.

    Returns:
        places: for each hidden piece the `top` guesses, [piece, share, right?] each, and the rank
        (from 1) and share of the true piece; right: how many first guesses are; loss: the mean
        cross-entropy in nats.
    """
    if not torch.isfinite(shares).all():
        raise Failed("The probabilities are infinite or no numbers at all.")
    best, ids = shares.topk(min(top, shares.shape[-1]))
    true = shares.gather(1, torch.tensor(targets, device=shares.device)[:, None])
    ranks = (shares > true).sum(1) + 1
    places = [
        {
            "guesses": [
                [tokens[number], six_digits(share), number == target]
                for number, share in zip(row_ids, row_shares, strict=True)
            ],
            "rank": rank,
            "share": six_digits(share),
        }
        for target, row_ids, row_shares, rank, share in zip(
            targets, ids.tolist(), best.tolist(), ranks.tolist(), true[:, 0].tolist(), strict=True
        )
    ]
    right = sum(place["guesses"][0][2] for place in places)
    loss = -true.clamp(min=torch.finfo(true.dtype).tiny).log().mean().item()
    return {"places": places, "right": right, "loss": round(loss, 4)}


def six_digits(share: float) -> float:
    """A probability with six digits that count: rounded, but what is there stays more than 0."""
    return float(f"{share:.6g}")


@torch.no_grad()
def guess(
    model: SpanBert,
    tokenizer,
    ids: Sequence[int],
    start: int,
    end: int,
    top: int = TOP,
    boundary_vector: BoundaryVector | None = None,
) -> dict:
    """What both heads of a model guess where `ids[start:end]` is hidden.

    Returns:
        mlm, sbo: see `answer`; sbo is None where it cannot, and why_not then says why; failed:
        whether the learner's function is the reason; own: None without such a function, else
        whether its vectors are those that the head was trained with.

    Raises:
        Failed: the model gave no probabilities.
    """
    masked = [*ids[:start], *[tokenizer.id(MASK)] * (end - start), *ids[end:]]
    targets, training = list(ids[start:end]), model.training
    device = next(model.parameters()).device
    model.eval()
    try:
        hidden = model.encoder(torch.tensor([masked], device=device)).hidden
        found = {"sbo": None, "why_not": why_no_sbo(model, start, end, len(ids))}
        found |= {"failed": False, "own": None}
        mlm = blank_shares(model, hidden, start, end, "mlm")
        found["mlm"] = answer(mlm, targets, tokenizer.tokens, top)
        if not found["why_not"]:
            try:
                if boundary_vector is None:
                    shares = blank_shares(model, hidden, start, end, "sbo")
                else:
                    shares, found["own"] = own_shares(model, hidden, start, end, boundary_vector)
                found["sbo"] = answer(shares, targets, tokenizer.tokens, top)
            except Failed as failed:
                found |= {"why_not": str(failed), "failed": True}
    finally:
        model.train(training)
    return found


def span_guesses(
    model: SpanBert,
    tokenizer,
    text: str,
    start: int,
    end: int,
    top: int = TOP,
    boundary_vector: BoundaryVector | None = None,
) -> dict:
    """Hide a span of a text, and let both heads of a model guess its pieces.

    Args:
        start, end: columns among the text's pieces, [CLS] being 0, end exclusive, as in `fill`.
        boundary_vector: in the place of what the SBO head reads: (hidden, row, left, right,
            position, table) -> (targets, 2 * hidden + position size).

    Returns:
        tokens, start, end: the text and the span, moved inside it; the rest: see `guess`.

    Raises:
        Failed: no piece in the text, or no probabilities from the model.
    """
    encoding, _ = read_sentence(tokenizer, text, model.encoder.config.max_position_embeddings)
    start, end = inside(start, end, len(encoding))
    found = guess(model, tokenizer, encoding.ids, start, end, top, boundary_vector)
    return {"tokens": encoding.tokens, "start": start, "end": end} | found
