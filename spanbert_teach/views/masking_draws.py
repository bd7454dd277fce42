"""What the masking lab masks: a text in pieces, masks of it, the learner's own function guarded."""

import reprlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spanbert_teach.masking import (
    KINDS,
    MaskOptions,
    Span,
    block_rng,
    length_probabilities,
    mask_batch,
    masking_budget,
    merge_spans,
    replace_spans,
    sbo_targets,
    span_kind,
)
from spanbert_teach.tokenization import WordPieceTokenizer
from spanbert_teach.views.masking_tally import Draws
from spanbert_teach.views.own_function import Failed, call_own
from spanbert_teach.views.texts import first_characters

BLOCK = 510  # pieces of text in a block of 512: [CLS] and [SEP] are the other two
LONGEST_TEXT = 10_000
ENDLESS_SECONDS = 2.0  # so long one call of the learner's function may take
RANDOM, KEEP, MIXED = (KINDS.index(kind) for kind in ("random", "keep", "mixed"))
UNKNOWN = "[UNK]"


@dataclass(frozen=True, eq=False)
class Text:
    """A text as the lab shows it.

    Attributes:
        tokens, ids: (length,) its pieces.
        word_starts: (length,) bool, the first piece True.
        under: (length,) what is written below a piece: the characters of an unknown one, else "".
        tagged: "entity" and "noun_phrase" -> spans of pieces.
        notes: what was done to the text, in sentences.
    """

    tokens: list[str]
    ids: np.ndarray
    word_starts: np.ndarray
    under: list[str]
    tagged: dict[str, list[Span]]
    notes: list[str]

    def longest_word(self) -> int:
        """The most pieces that a word has."""
        edges = np.append(np.flatnonzero(self.word_starts), len(self.ids))
        return int(np.diff(edges).max())


def read_text(
    tokenizer: WordPieceTokenizer, text: str, tagged: dict[str, list[Span]] | None = None
) -> Text | None:
    """Cut a text into at most `BLOCK` pieces; None when there is none in it.

    Args:
        tagged: spans in pieces of the whole text; those beyond the block are left out.
    """
    text, notes = first_characters(text, LONGEST_TEXT)
    encoding = tokenizer.encode(text, special_tokens=False)
    if not encoding.ids:
        return None
    if len(encoding) > BLOCK:
        notes.append(
            f"Only the first {BLOCK} pieces are masked: with [CLS] and [SEP] a block holds 512."
        )
    under = [
        text[start:end][:8] if token == UNKNOWN else ""
        for token, (start, end) in zip(encoding.tokens, encoding.offsets, strict=True)
    ]
    starts = np.array(encoding.word_starts[:BLOCK])
    starts[0] = True
    within = {
        kind: [(int(start), int(end)) for start, end in spans if end <= len(starts)]
        for kind, spans in (tagged or {}).items()
    }
    ids = np.array(encoding.ids[:BLOCK])
    return Text(encoding.tokens[:BLOCK], ids, starts, under[:BLOCK], within, notes)


@dataclass(frozen=True, eq=False)
class FirstMask:
    """The mask that is shown: what is read at its pieces, and what SBO predicts of its spans.

    Attributes:
        spans: (start, end) each; kinds: the places in `KINDS` of their pieces, span after span.
        read: (pieces,) the ids that stand there now.
        predicted: for each span, how many of its pieces SBO predicts.
    """

    spans: list[Span]
    kinds: list[int]
    read: list[int]
    predicted: list[int]


def draw_masks(
    text: Text, options: MaskOptions, seed: int, first: int, count: int, mask_id: int, unigram
) -> tuple[Draws, FirstMask]:
    """Masks number `first` to `first + count - 1` of a seed, by the library; and the first of them.

    Number 0 is `redraw(ids, word_starts, 1, seed=seed, ...)`.
    """
    shape = (count, len(text.ids))
    spans = text.tagged.get(options.scheme, ())
    batch = mask_batch(
        np.broadcast_to(text.ids, shape),
        np.broadcast_to(text.word_starts, shape),
        np.ones(shape, dtype=bool),
        options,
        seed=seed,
        epoch=0,
        index=np.arange(first, first + count),
        mask_id=mask_id,
        unigram=unigram,
        tagged=[spans] * count if spans else (),
    )
    spans, replacements = batch.spans.numpy(), batch.replacements.numpy()
    mask, read = batch.mask.numpy(), batch.input_ids.numpy()
    kinds = np.repeat(replacements, spans[:, 2] - spans[:, 1])
    if (mixed := kinds == MIXED).any():
        # The batch keeps one kind a span; of a mixed one the pieces themselves tell.
        now, before = read[mask], np.broadcast_to(text.ids, shape)[mask]
        told = np.where(now == mask_id, 0, np.where(now == before, KEEP, RANDOM))
        kinds = np.where(mixed, told, kinds)
    shown = spans[spans[:, 0] == 0, 1:]
    of_shown = np.count_nonzero(mask[0])
    lefts = batch.sbo.left.numpy()[batch.sbo.batch.numpy() == 0]
    predicted = [int(np.count_nonzero(lefts == start - 1)) for start, _ in shown]
    one = FirstMask(
        [(int(s), int(e)) for s, e in shown],
        kinds[:of_shown].tolist(),
        read[0][mask[0]].tolist(),
        predicted,
    )
    return Draws(count, spans, replacements, kinds), one


def own_masks(
    text: Text,
    options: MaskOptions,
    seed: int,
    first: int,
    count: int,
    mask_id: int,
    unigram: np.ndarray,
    choose: Callable,
    seconds: float,
) -> tuple[Draws, FirstMask]:
    """As `draw_masks`, the pieces chosen by the learner's function, one mask after the other.

    Args:
        choose: `choose_masked(word_starts, law, budget, rng)`, the numbers of the masked pieces.
        seconds: after so long no further mask is begun; one is always made.

    Raises:
        Failed: the function raised, never ended or gave back something else.
    """
    law = length_probabilities(options)[1:].tolist()
    budget = masking_budget(len(text.ids), options)
    until = time.perf_counter() + seconds
    rows, kinds, replacements, one = [], [], [], None
    done = 0
    while done < count and (not done or time.perf_counter() < until):
        rng = block_rng(seed, 0, first + done)
        args = (text.word_starts.tolist(), list(law), budget, rng)
        pieces = guarded(choose, args, len(text.ids))
        spans = merge_spans([(piece, piece + 1) for piece in pieces])
        ids, names = replace_spans(text.ids, spans, rng, options, mask_id, unigram)
        own = [KINDS.index(names[piece]) for piece in pieces]
        if one is None:
            lefts = sbo_targets(text.ids, spans, options).left.tolist()
            predicted = [lefts.count(start - 1) for start, _ in spans]
            one = FirstMask(spans, own, ids[pieces].tolist(), predicted)
        rows += [(done, *span) for span in spans]
        replacements += [KINDS.index(span_kind(names[start:end])) for start, end in spans]
        kinds += own
        done += 1
    return Draws(done, np.array(rows), np.array(replacements), np.array(kinds)), one


def guarded(choose: Callable, args: Sequence, length: int) -> list[int]:
    """What the learner's function chose, sorted; a `Failed` that says what is wrong with it."""
    name = getattr(choose, "__name__", "Your function")
    answer = call_own(choose, args, name, ENDLESS_SECONDS)
    if fault := answer_fault(answer, length):
        raise Failed(f"{name} gave back {fault}")
    return sorted({int(piece) for piece in answer})


def answer_fault(answer: object, length: int) -> str:
    """What is wrong with an answer that should be numbers of pieces; "" if nothing."""
    wanted = "it should be the numbers of the masked pieces."
    if not isinstance(answer, list | tuple | set | frozenset | np.ndarray):
        return f"{reprlib.repr(answer)}; {wanted}"
    if len(answer) == 0:
        return "no pieces at all, so nothing is masked."
    for piece in answer:
        if isinstance(piece, bool | np.bool_) or not isinstance(piece, int | np.integer):
            return f"a list with {reprlib.repr(piece)} in it; {wanted}"
        if not 0 <= piece < length:
            return f"the piece {piece}, but the text’s pieces are 0 to {length - 1}."
    return ""
