"""Wrong answers to exercise 02-3 that people give, and a second right one."""

import random

import numpy as np

from spanbert_teach.exercises.form import Slip


def _edges(word_starts):
    return [*np.flatnonzero(word_starts).tolist(), len(word_starts)]


def _word_of(edges, piece):
    return max(word for word in range(len(edges) - 1) if edges[word] <= piece)


def _length(law, rng):
    return int(rng.choice(len(law), p=law)) + 1


def _choose(word_starts, law, budget, rng, *, add=1, redraw=True, move=True, word_drawn=False):
    """The right way, or one mistake at a time."""
    edges = _edges(word_starts)
    masked = set()
    while len(masked) < budget:
        length = int(rng.choice(len(law), p=law)) + add
        anchor = int(rng.choice(edges[:-1]) if word_drawn else rng.integers(len(word_starts)))
        if redraw and anchor in masked:
            continue
        word = _word_of(edges, anchor)
        end = edges[min(word + length, len(edges) - 1)]
        for piece in range(edges[word] if move else anchor, end):
            if len(masked) < budget:
                masked.add(piece)
    return sorted(masked)


def _choose_no_move(word_starts, law, budget, rng):
    return _choose(word_starts, law, budget, rng, move=False)


def _choose_word_drawn(word_starts, law, budget, rng):
    return _choose(word_starts, law, budget, rng, word_drawn=True)


def _choose_masked_anchors(word_starts, law, budget, rng):
    return _choose(word_starts, law, budget, rng, redraw=False)


def _choose_one_short(word_starts, law, budget, rng):
    return _choose(word_starts, law, budget, rng, add=0)


def _choose_one_long(word_starts, law, budget, rng):
    return _choose(word_starts, law, budget, rng, add=2)


def _choose_pieces(word_starts, law, budget, rng):
    masked = set()
    while len(masked) < budget:
        length, start = _length(law, rng), int(rng.integers(len(word_starts)))
        if start not in masked:
            while not word_starts[start]:
                start -= 1
            span = range(start, min(start + length, len(word_starts)))
            masked.update(list(set(span) - masked)[: budget - len(masked)])
    return masked


def _choose_pieces_anywhere(word_starts, law, budget, rng):
    masked = set()
    while len(masked) < budget:
        length, start = _length(law, rng), int(rng.integers(len(word_starts)))
        if start not in masked:
            for piece in range(start, min(start + length, len(word_starts))):
                if len(masked) < budget:
                    masked.add(piece)
    return masked


def _choose_rounded_up(word_starts, law, budget, rng):
    masked = set()
    while len(masked) < budget:
        length, start = _length(law, rng), int(rng.integers(len(word_starts)))
        if start in masked:
            continue
        while not word_starts[start]:
            start -= 1
        end = min(start + length, len(word_starts))
        while end < len(word_starts) and not word_starts[end]:
            end += 1
        for piece in range(start, end):
            if len(masked) < budget:
                masked.add(piece)
    return masked


def _choose_whole_span(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), set()
    while len(masked) < budget:
        length, anchor = _length(law, rng), rng.integers(len(word_starts))
        if anchor not in masked:
            word = _word_of(edges, anchor)
            masked.update(range(edges[word], edges[min(word + length, len(edges) - 1)]))
    return sorted(masked)


def _choose_end_cut_off(word_starts, law, budget, rng):
    return _choose_whole_span(word_starts, law, budget, rng)[:budget]


def _choose_any_end_cut_off(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), set()
    while len(masked) < budget:
        length, word = _length(law, rng), _word_of(edges, rng.integers(len(word_starts)))
        masked.update(range(edges[word], edges[min(word + length, len(edges) - 1)]))
    return sorted(masked)[:budget]


def _choose_whole_words(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), set()
    while len(masked) < budget:
        length, anchor = _length(law, rng), rng.integers(len(word_starts))
        if anchor not in masked:
            first = _word_of(edges, anchor)
            for word in range(first, min(first + length, len(edges) - 1)):
                if len(masked) < budget:
                    masked.update(range(edges[word], edges[word + 1]))
    return sorted(masked)


def _choose_stops_early(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), set()
    while len(masked) < budget:
        length, anchor = _length(law, rng), rng.integers(len(word_starts))
        if anchor not in masked:
            word = _word_of(edges, anchor)
            span = range(edges[word], edges[min(word + length, len(edges) - 1)])
            if len(masked.union(span)) > budget:
                break
            masked.update(span)
    return sorted(masked)


def _choose_what_fits(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), set()
    while len(masked) < budget:
        length, anchor = _length(law, rng), rng.integers(len(word_starts))
        if anchor not in masked:
            word = _word_of(edges, anchor)
            span = range(edges[word], edges[min(word + length, len(edges) - 1)])
            if len(masked.union(span)) <= budget:
                masked.update(span)
    return sorted(masked)


def _choose_apart(word_starts, law, budget, rng):
    edges, masked, reserved = _edges(word_starts), set(), set()
    while len(masked) < budget:
        length, anchor = _length(law, rng), rng.integers(len(word_starts))
        word = _word_of(edges, anchor)
        span = list(range(edges[word], edges[min(word + length, len(edges) - 1)]))
        if not reserved.intersection(span):
            masked.update(span[: budget - len(masked)])
            reserved.update(range(span[0] - 1, span[-1] + 2))
    return sorted(masked)


def _choose_only_new_words(word_starts, law, budget, rng):
    masked = []
    while len(masked) < budget:
        length, place = _length(law, rng), rng.integers(len(word_starts))
        if place in masked:
            continue
        while not word_starts[place]:
            place -= 1
        words = 0
        while place < len(word_starts) and len(masked) < budget:
            if place not in masked:
                words += word_starts[place]
                if words > length:
                    break
                masked.append(int(place))
            place += 1
    return masked


def _choose_up_to_masked(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), set()
    while len(masked) < budget:
        length, anchor = _length(law, rng), rng.integers(len(word_starts))
        if anchor in masked:
            continue
        word = _word_of(edges, anchor)
        for piece in range(edges[word], edges[min(word + length, len(edges) - 1)]):
            if piece in masked or len(masked) == budget:
                break
            masked.add(piece)
    return masked


def _choose_where_it_fits(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), set()
    words = len(edges) - 1
    while len(masked) < budget:
        length = min(_length(law, rng), words)
        anchor = rng.integers(edges[words - length + 1])
        if anchor not in masked:
            word = _word_of(edges, anchor)
            for piece in range(edges[word], edges[word + length]):
                if len(masked) < budget:
                    masked.add(piece)
    return masked


def _choose_not_the_last(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), set()
    while len(masked) < min(budget, len(word_starts) - 1):
        length, anchor = _length(law, rng), rng.integers(len(word_starts) - 1)
        if anchor not in masked:
            word = _word_of(edges, anchor)
            for piece in range(edges[word], edges[min(word + length, len(edges) - 1)]):
                if len(masked) < budget:
                    masked.add(piece)
    return masked


def _choose_so_many_spans(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), set()
    for _ in range(budget):
        length, word = _length(law, rng), _word_of(edges, rng.integers(len(word_starts)))
        masked.update(range(edges[word], edges[min(word + length, len(edges) - 1)]))
    return sorted(masked)


def _choose_one_length(word_starts, law, budget, rng):
    length = _length(law, rng)
    one = [float(words == length) for words in range(1, len(law) + 1)]
    return _choose(word_starts, one, budget, rng)


def _choose_longest(word_starts, law, budget, rng):
    return _choose(word_starts, [*[0.0] * (len(law) - 1), 1.0], budget, rng)


def _choose_any_length(word_starts, law, budget, rng):
    allowed = [float(share > 0) for share in law]
    return _choose(word_starts, [one / sum(allowed) for one in allowed], budget, rng)


def _choose_own_law(word_starts, law, budget, rng):
    masked = set()
    while len(masked) < budget:
        anchor = rng.integers(len(word_starts))
        if anchor not in masked:
            masked.add(int(anchor))
            for piece in range(anchor + 1, min(anchor + rng.geometric(0.2), len(word_starts))):
                if len(masked) < budget:
                    masked.add(piece)
    return sorted(masked)


def _choose_each_piece(word_starts, law, budget, rng):
    share = budget / len(word_starts)
    return [piece for piece in range(len(word_starts)) if rng.random() < share]


def _choose_single_pieces(word_starts, law, budget, rng):
    return sorted(rng.choice(len(word_starts), budget, replace=False).tolist())


def _choose_everywhere(word_starts, law, budget, rng):
    masked = set()
    for start in range(len(word_starts)):
        masked.update(range(start, min(start + _length(law, rng), len(word_starts))))
    return sorted(masked)


def _choose_globally(word_starts, law, budget, rng):
    return _choose(word_starts, law, budget, np.random.default_rng(random.getrandbits(32)))


def _choose_seeded(word_starts, law, budget, rng):
    return _choose(word_starts, law, budget, np.random.default_rng(0))


def _choose_twice(word_starts, law, budget, rng):
    edges, masked = _edges(word_starts), []
    while len(masked) < budget:
        length, word = _length(law, rng), _word_of(edges, rng.integers(len(word_starts)))
        masked += range(edges[word], edges[min(word + length, len(edges) - 1)])
    return sorted(masked[:budget])


def _choose_past_the_end(word_starts, law, budget, rng):
    masked = set()
    while len(masked) < budget:
        length, start = _length(law, rng), rng.integers(len(word_starts))
        if start not in masked:
            masked.update(range(start, start + min(length, budget - len(masked))))
    return sorted(masked)


def _choose_reads_on(word_starts, law, budget, rng):
    masked = set()
    while len(masked) < budget:
        words, place = _length(law, rng), rng.integers(len(word_starts))
        if place in masked:
            continue
        while not word_starts[place]:
            place -= 1
        while words >= word_starts[place] and len(masked) < budget:
            words -= word_starts[place]
            masked.add(int(place))
            place += 1
    return sorted(masked)


def _choose_reads_on_in_an_array(word_starts, law, budget, rng):
    return _choose_reads_on(np.array(word_starts), law, budget, rng)


def _choose_counts_spent(word_starts, law, budget, rng):
    edges, masked, spent = _edges(word_starts), set(), 0
    while spent < budget:
        length, word = _length(law, rng), _word_of(edges, rng.integers(len(word_starts)))
        span = range(edges[word], edges[min(word + length, len(edges) - 1)])
        masked.update(span[: budget - spent])
        spent += len(span)
    return sorted(masked)


def _choose_as_a_mask(word_starts, law, budget, rng):
    masked = _choose(word_starts, law, budget, rng)
    return [piece in masked for piece in range(len(word_starts))]


def _choose_as_spans(word_starts, law, budget, rng):
    return [(piece, piece + 1) for piece in _choose(word_starts, law, budget, rng)]


def choose_alternative(word_starts, law, budget, rng):
    """Right: the anchor is drawn from what is not masked, so nothing has to be drawn anew."""
    word_of = np.cumsum(word_starts) - 1
    masked = np.zeros(len(word_starts), dtype=bool)
    while (left := budget - masked.sum()) > 0:
        words = 1 + np.searchsorted(np.cumsum(law), rng.random(), side="right")
        first = word_of[rng.choice(np.flatnonzero(~masked))]
        span = (word_of >= first) & (word_of < first + words) & ~masked
        masked[np.flatnonzero(span)[:left]] = True
    return np.flatnonzero(masked)


WRONG = (
    Slip(_choose_no_move, "no-move-to-the-word-start"),
    Slip(_choose_pieces, "length-in-pieces"),
    Slip(_choose_pieces_anywhere, "length-in-pieces"),
    Slip(_choose_rounded_up, "length-in-pieces"),
    Slip(_choose_word_drawn, "word-drawn"),
    Slip(_choose_masked_anchors, "masked-anchor-kept"),
    Slip(_choose_one_short, "length-one-too-short"),
    Slip(_choose_one_long, "length-one-too-long"),
    Slip(_choose_whole_span, "overshoots"),
    Slip(_choose_end_cut_off, "end-cut-off"),
    Slip(_choose_any_end_cut_off, "end-cut-off"),
    Slip(_choose_whole_words, "finishes-the-word"),
    Slip(_choose_stops_early, "undershoots"),
    Slip(_choose_what_fits, "drops-what-does-not-fit"),
    Slip(_choose_apart, "spans-never-touch"),
    Slip(_choose_only_new_words, "masked-words-skipped"),
    Slip(_choose_up_to_masked, "stops-at-masked"),
    Slip(_choose_where_it_fits, "only-where-it-fits"),
    Slip(_choose_not_the_last, "an-end-never-drawn"),
    Slip(_choose_so_many_spans, "budget-counts-spans"),
    Slip(_choose_one_length, "length-drawn-once"),
    Slip(_choose_longest, "length-fixed"),
    Slip(_choose_any_length, "law-ignored"),
    Slip(_choose_own_law, "law-ignored"),
    Slip(_choose_each_piece, "each-piece-by-chance"),
    Slip(_choose_single_pieces, "no-spans"),
    Slip(_choose_everywhere, "span-at-every-piece"),
    Slip(_choose_globally, "own-randomness"),
    Slip(_choose_seeded, "always-the-same"),
    Slip(_choose_twice, "counted-twice"),
    Slip(_choose_past_the_end, "past-the-end"),
    Slip(_choose_reads_on, "past-the-end"),
    Slip(_choose_reads_on_in_an_array, "past-the-end"),
    Slip(_choose_counts_spent, "too-few"),
    Slip(_choose_as_a_mask, "returns-a-mask"),
    Slip(_choose_as_spans, "returns-spans"),
)
