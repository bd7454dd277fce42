"""The results of lesson 02, computed a second way: through the library."""

from collections.abc import Iterator

import numpy as np
import pytest

from spanbert_teach import SENTENCE
from spanbert_teach.baselines import BoundaryCounts, guess_hidden
from spanbert_teach.corpus import Block, blocks, course_documents
from spanbert_teach.masking import (
    MaskOptions,
    length_probabilities,
    mask_block,
    piece_unigram,
    redraw,
    span_length_pmf,
)
from spanbert_teach.masking.block import choose_spans, draw_kind, word_edges
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer

# Shares of independent draws stay within five standard errors, but for one in two million.
SIGMAS = 5


@pytest.fixture(scope="module")
def tokenizer() -> WordPieceTokenizer:
    return load_tokenizer()


@pytest.fixture(scope="module")
def train(tokenizer) -> list[list[str]]:
    """The paragraphs of the train split as pieces."""
    paragraphs = (p for document in course_documents("train") for p in document.paragraphs)
    return [tokenizer.encode(p, special_tokens=False).tokens for p in paragraphs]


def blocks_of_test(tokenizer, length: int) -> Iterator[Block]:
    return blocks(course_documents("test"), tokenizer, length)


@pytest.fixture(scope="module")
def held_out(tokenizer) -> list[Block]:
    found = [block for block in blocks_of_test(tokenizer, 128) if len(block.ids) > 100]
    return found[:: len(found) // 500][:500]


@pytest.fixture(scope="module")
def texts(held_out) -> list[list[bool]]:
    return [block.word_starts[1:-1] for block in held_out]


def drawn_spans(starts, number: int, options=None):
    return choose_spans(starts, np.random.default_rng(number), options or MaskOptions())


def covered(spans) -> set[int]:
    return {piece for start, end in spans for piece in range(start, end)}


@pytest.mark.result("02-why")
def test_why(recorded_output, tokenizer, train, held_out):
    counts = BoundaryCounts(train)
    rng = np.random.default_rng(0)
    rows = []
    for block in held_out:
        tokens = [tokenizer.token(i) for i in block.ids]
        text, starts = tokens[1:-1], block.word_starts[1:-1]
        edges = word_edges(starts)
        piece = int(rng.integers(20, len(tokens) - 20)) - 1
        word = int(np.searchsorted(edges, piece, side="right")) - 1
        row = [edges[word + 1] - edges[word] > 1]
        for start, end in [
            (piece, piece + 1),
            (edges[word], edges[word + 1]),
            (edges[word - 1], edges[word + 2]),
        ]:
            sides = text[start - 1], text[end]
            [(guess, _)] = guess_hidden(counts, *sides, end - start, piece - start + 1)
            row.append(guess == text[piece])
        rows.append(row)
    cut, *right = np.array(rows).T
    lines = [f"{len(rows)} pieces, {cut.sum()} of them in words of several pieces"]
    for name, hits in zip(["the piece alone", "its whole word", "three words"], right, strict=True):
        share = f"{hits.mean():.1%} right; in words of several pieces {hits[cut].mean():.1%}"
        lines.append(f"hidden: {name:16} {share}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("02-law")
def test_law(recorded_output):
    weights, means = recorded_output.splitlines()
    mean = span_length_pmf() @ np.arange(1, 11)
    assert weights == f"weights of 1 to 10: sum {1 - 0.8**10:.4f}"
    assert means.startswith(f"mean of the law {mean:.3f}, drawn ")
    assert float(means.split()[-1]) == pytest.approx(mean, abs=SIGMAS * 2.56 / 20_000**0.5 + 0.005)


@pytest.mark.result("02-drawn")
def test_drawn(recorded_output):
    law = span_length_pmf()
    exact, drawn = recorded_output.splitlines()
    assert exact == "law:   " + " ".join(f"{share:.4f}" for share in law)
    shares = np.array(drawn.split()[1:], dtype=float)
    error = np.sqrt(law * (1 - law) / 20_000)
    assert (np.abs(shares - law) < SIGMAS * error + 5e-5).all()


@pytest.mark.result("02-clip")
def test_clip(recorded_output):
    law, clip = length_probabilities(), length_probabilities(MaskOptions(length_law="clip"))
    drawn, exact, mean = recorded_output.splitlines()
    assert exact == "law:  " + " ".join(f"{share:.3f}" for share in law[1:])
    shares = np.array(drawn.split()[1:], dtype=float)
    error = SIGMAS * np.sqrt(clip * (1 - clip) / 20_000)[1:]
    assert (np.abs(shares - clip[1:]) < error + 5e-4).all()
    assert float(mean.split()[-1]) == pytest.approx(clip @ np.arange(11), abs=0.12)
    assert float(mean.split()[-1]) - law @ np.arange(11) > 0.5


@pytest.mark.result("02-sentence")
def test_sentence(recorded_output, tokenizer):
    encoding = tokenizer.encode(SENTENCE, special_tokens=False)
    lines = []
    for seed in range(6):
        masked = covered(drawn_spans(encoding.word_starts, seed))
        shown = ["▁" * len(t) if i in masked else t for i, t in enumerate(encoding.tokens)]
        lines.append(" ".join(shown))
    assert recorded_output.splitlines() == lines


@pytest.mark.result("02-p")
def test_p(recorded_output, texts):
    lines = []
    for p in (0.1, 0.2, 0.4):
        spans = [drawn_spans(starts, n, MaskOptions(p=p)) for n, starts in enumerate(texts)]
        hidden = sum(len(covered(found)) for found in spans) / sum(map(len, texts))
        count = sum(map(len, spans)) / len(texts)
        lines.append(f"p = {p}: {hidden:.1%} hidden, {count:.1f} spans a block")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("02-shares")
def test_shares(recorded_output, texts, held_out, train, tokenizer):
    lines = []
    spreads = {}
    for name, replacement in [("one draw a piece", "piece"), ("one draw a span", "span")]:
        shares = []
        for number, starts in enumerate(texts):
            rng = np.random.default_rng(number)
            kinds: dict[int, str] = {}
            for start, end in choose_spans(starts, rng):
                of_span = draw_kind(rng)
                for piece in range(start, end):
                    kind = of_span if replacement == "span" else draw_kind(rng)
                    kinds.setdefault(piece, kind)
            shares.append(np.mean([kind == "mask" for kind in kinds.values()]))
        lines.append(f"{name}: mean {np.mean(shares):.1%}, standard deviation {np.std(shares):.1%}")
        spreads[replacement] = np.std(shares)
    assert recorded_output.splitlines() == lines
    # The batched path spreads alike (merging makes spans a little longer there).
    unigram = piece_unigram(
        (tokenizer.encode(" ".join(p[:50])).ids for p in train[:100]), len(tokenizer), [0, 2, 3, 4]
    )
    for replacement, spread in spreads.items():
        drawn = redraw(
            held_out[0].ids[1:-1],
            texts[0],
            500,
            seed=0,
            options=MaskOptions(replacement=replacement),
            mask_id=4,
            unigram=unigram,
        )
        read_as_mask = (drawn.input_ids == 4) & drawn.mask
        shares = (read_as_mask.sum(1) / drawn.mask.sum(1)).numpy()
        assert shares.std() == pytest.approx(spread, rel=0.25)
        assert shares.mean() == pytest.approx(0.8, abs=0.05)


@pytest.mark.result("02-anchors")
def test_anchors(recorded_output, texts):
    pieces, begun, hidden = [], [], []
    for number, starts in enumerate(texts):
        edges, spans = word_edges(starts), drawn_spans(starts, number)
        pieces.append(np.minimum(np.diff(edges), 4))
        begun.append(np.isin(edges[:-1], [start for start, _ in spans]))
        hidden.append(np.isin(edges[:-1], list(covered(spans))))
    pieces, begun, hidden = map(np.concatenate, (pieces, begun, hidden))
    lines = []
    for n in range(1, 5):
        of_n = pieces == n
        share = f"begins a span {begun[of_n].mean():.1%}, hidden {hidden[of_n].mean():.1%}"
        lines.append(f"{n}{' or more' if n == 4 else ''} pieces, {of_n.sum():6,.0f} words: {share}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("02-short")
def test_short(recorded_output, tokenizer):
    unigram = np.full(len(tokenizer), 1 / (len(tokenizer) - 4))
    unigram[[0, 2, 3, 4]] = 0
    lines = []
    for length in (30, 126, 510):
        words, cut, count = [], 0, 0
        for block in blocks_of_test(tokenizer, length + 2):
            ids, starts = block.ids[1:-1], np.array(block.word_starts[1:-1])
            if len(ids) < 0.9 * length:
                continue
            rng = np.random.default_rng(count)
            spans = mask_block(ids, starts, rng, mask_id=4, unigram=unigram).spans
            words += [int(starts[first:end].sum()) for first, end in spans]
            cut += any(end < len(ids) and not starts[end] for _, end in spans)
            count += 1
        shown = (
            f"{np.mean(words):.2f} words, longest {max(words)}, {len(words) / count:.1f} a block"
        )
        lines.append(
            f"{length:3} pieces: {shown}; a word cut in {cut / count:.0%} of {count:,} blocks"
        )
    assert recorded_output.splitlines() == lines
