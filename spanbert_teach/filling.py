"""Blanks in a text, filled by a pretrained model's heads. Lesson `05_sbo_vs_mlm`.

print(fill("The [MASK] [MASK] of America", load_model("course"), by="both"))
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from spanbert_teach.checks import check_count
from spanbert_teach.objectives import SpanBert

HEADS = ("mlm", "sbo", "both")
MASK = "[MASK]"


@dataclass(frozen=True)
class Blank:
    """One blank: neighbouring [MASK]s, one for each hidden piece.

    Attributes:
        start, end: its place among the pieces, [CLS] counted, end exclusive.
        by: the head that answered. An SBO cannot where a blank touches the edge of the text (it
            never saw [CLS] and [SEP] as boundaries), nor beyond its positions: there both is MLM.
        guesses: for each hidden piece the likeliest (piece, probability), best first.
    """

    start: int
    end: int
    by: str
    guesses: tuple[tuple[tuple[str, float], ...], ...]

    @property
    def best(self) -> str:
        """The likeliest piece of each place, joined to words."""
        return joined_pieces([place[0][0] for place in self.guesses])

    def __str__(self) -> str:
        lines = [f"{self.best!r} by {self.by}"]
        for number, place in enumerate(self.guesses, 1):
            guesses = "  ".join(f"{piece} {share:.1%}" for piece, share in place)
            lines.append(f"  {number}: {guesses}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Filled:
    """A text with its blanks, and the same with the likeliest pieces in them."""

    text: str
    blanks: tuple[Blank, ...]

    def __str__(self) -> str:
        return "\n".join([self.text, *map(str, self.blanks)])


def joined_pieces(pieces: list[str]) -> str:
    """Pieces as text: "##" joins a piece to the one before it, all others are apart."""
    return " ".join(pieces).replace(" ##", "")


def blanks_of(ids: list[int], mask_id: int) -> list[tuple[int, int]]:
    """Start and end of each run of [MASK]."""
    found: list[tuple[int, int]] = []
    for place, number in enumerate(ids):
        if number != mask_id:
            continue
        if found and found[-1][1] == place:
            found[-1] = (found[-1][0], place + 1)
        else:
            found.append((place, place + 1))
    return found


def why_not_sbo(model: SpanBert, start: int, end: int, length: int) -> str | None:
    """Why the span boundary head cannot fill a blank; None when it can."""
    if model.sbo is None:
        return "this model was trained with MLM alone and has no SBO head"
    if start == 1 or end == length - 1:
        return "the blank touches the edge of the text, so it has no word on one side"
    if end - start > (most := model.sbo.positions.num_embeddings):
        return f"the blank has {end - start} pieces, and the SBO knows the positions 1 to {most}"
    return None


@torch.no_grad()
def fill(text: str, model: SpanBert, by: str = "mlm", top: int = 5) -> Filled:
    """Fill the blanks of a text: each [MASK] stands for one piece, neighbours make one blank.

    Args:
        by: "mlm" = each place from its own hidden state; "sbo" = each place from the words around
            the blank; "both" = the geometric mean of the two, made to sum to 1.
        top: how many guesses for each place.
        model: in training mode, too, it answers without dropout.

    Raises:
        ValueError: no [MASK] in the text, or too long a text for the model; by="sbo" where it
            cannot, with the reason.
    """
    if by not in HEADS:
        raise ValueError(f"by={by!r}: expected one of {', '.join(HEADS)}.")
    check_count("top", top, 1)
    tokenizer = model.tokenizer
    if tokenizer is None:
        raise ValueError(
            "The model has no tokenizer: it came without a vocabulary. Expected one, as from "
            "load_model() where the folder has the vocab.txt that the model was trained with."
        )
    encoding = tokenizer.encode(text)
    found = blanks_of(encoding.ids, tokenizer.id(MASK))
    if not found:
        raise ValueError(
            f"There is no blank in the text. Write {MASK} for each piece to fill in, for example "
            f'"The [MASK] [MASK] of America".'
        )
    hidden = states_of(encoding.ids, model)
    filled, blanks = list(encoding.tokens), []
    for start, end in found:
        reason = why_not_sbo(model, start, end, len(encoding.ids))
        if by == "sbo" and reason:
            raise ValueError(f"The span boundary head cannot fill this blank: {reason}. Try 'mlm'.")
        used = "mlm" if by == "both" and reason else by
        share = blank_shares(model, hidden, start, end, used)
        best, ids = share.topk(min(top, share.shape[-1]))
        guesses = tuple(
            tuple((tokenizer.tokens[i], s) for i, s in zip(*row, strict=True))
            for row in zip(ids.tolist(), best.tolist(), strict=True)
        )
        blanks.append(Blank(start, end, used, guesses))
        filled[start:end] = [place[0][0] for place in guesses]
    return Filled(filled_text(text, encoding.offsets, filled, found), tuple(blanks))


def states_of(ids: list[int], model: SpanBert) -> Tensor:
    """(1, length, hidden) of the last layer, without dropout."""
    device, training = next(model.parameters()).device, model.training
    model.eval()
    try:
        return model.encoder(torch.tensor([ids], device=device)).hidden
    finally:
        model.train(training)


def blank_shares(model: SpanBert, hidden: Tensor, start: int, end: int, by: str) -> Tensor:
    """(pieces of the blank, pieces) probabilities, from hidden (1, length, hidden)."""
    logs = []
    if by in ("mlm", "both"):
        logs.append(model.known(model.mlm(hidden[0, start:end])).log_softmax(-1))
    if by in ("sbo", "both"):
        position = torch.arange(end - start, device=hidden.device)
        row, left, right = (torch.full_like(position, x) for x in (0, start - 1, end))
        logits = model.sbo(hidden, row, left, right, position)
        logs.append(model.known(logits).log_softmax(-1))
    return torch.stack(logs).mean(0).softmax(-1)


def filled_text(
    text: str,
    offsets: list[tuple[int, int]],
    tokens: list[str],
    blanks: list[tuple[int, int]],
) -> str:
    """The text with the pieces in the place of its blanks; all else stays as it was.

    A piece with "##" right behind a word goes on with it: "play[MASK]" becomes "playing".
    """
    for start, end in reversed(blanks):
        first, last = offsets[start][0], offsets[end - 1][1]
        pieces = joined_pieces(tokens[start:end])
        if text[:first] and not text[first - 1].isspace():
            pieces = pieces.removeprefix("##")
        text = text[:first] + pieces + text[last:]
    return text
