"""Wrong answers to exercise 02-4 that people give, and a second right one."""

import numpy as np

from spanbert_teach.exercises.form import Slip


def _replace(ids, spans, mask_id, random_id, draw, *, limits=(0.8, 0.9), end_added=0):
    """Right where the keywords are; `draw()` gives the number that decides about a span."""
    new = list(ids)
    for start, end in spans:
        number = draw()
        for place in range(start, end + end_added):
            if number < limits[0]:
                new[place] = mask_id
            elif number < limits[1]:
                new[place] = random_id()
    return new


def _replace_each_piece(ids, spans, mask_id, random_id, rng):
    new = list(ids)
    for start, end in spans:
        for place in range(start, end):
            number = rng.random()
            new[place] = (mask_id if number < 0.8 else random_id()) if number < 0.9 else ids[place]
    return new


def _replace_mask_only(ids, spans, mask_id, random_id, rng):
    new = list(ids)
    for start, end in spans:
        new[start:end] = [mask_id] * (end - start)
    return new


def _replace_nothing(ids, spans, mask_id, random_id, rng):
    for start, end in spans:
        if rng.random() < 0.8:
            list(ids)[start:end] = [mask_id] * (end - start)
    return list(ids)


def _replace_never_keeps(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, random_id, rng.random, limits=(0.8, 1))


def _replace_keep_is_mask(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, random_id, rng.random, limits=(0.9, 1))


def _replace_never_random(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, random_id, rng.random, limits=(0.8, 0))


def _replace_swapped(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, random_id, rng.random, limits=(0.1, 0.2))


def _replace_two_draws(ids, spans, mask_id, random_id, rng):
    new = list(ids)
    for start, end in spans:
        if rng.random() < 0.1:
            continue
        randomly = rng.random() < 0.1
        for place in range(start, end):
            new[place] = random_id() if randomly else mask_id
    return new


def _replace_tenth_of_the_rest(ids, spans, mask_id, random_id, rng):
    new = list(ids)
    for start, end in spans:
        if rng.random() < 0.8:
            new[start:end] = [mask_id] * (end - start)
        elif rng.random() < 0.1:
            new[start:end] = [random_id() for _ in range(start, end)]
    return new


def _replace_other_limits(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, random_id, rng.random, limits=(0.7, 0.85))


def _replace_if_if(ids, spans, mask_id, random_id, rng):
    new = list(ids)
    for start, end in spans:
        number = rng.random()
        for place in range(start, end):
            if number < 0.8:
                new[place] = mask_id
            if number < 0.9:
                new[place] = random_id()
    return new


def _replace_one_random(ids, spans, mask_id, random_id, rng):
    new = list(ids)
    for start, end in spans:
        number = rng.random()
        if number < 0.9:
            new[start:end] = [mask_id if number < 0.8 else random_id()] * (end - start)
    return new


def _replace_end_included(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, random_id, rng.random, end_added=1)


def _replace_without_the_last(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, random_id, rng.random, end_added=-1)


def _replace_first_only(ids, spans, mask_id, random_id, rng):
    firsts = [(start, start + 1) for start, _ in spans]
    return _replace(ids, firsts, mask_id, random_id, rng.random)


def _replace_not_called(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, lambda: random_id, rng.random)


def _replace_own_pieces(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, lambda: int(rng.integers(1000, 2000)), rng.random)


def _replace_in_place(ids, spans, mask_id, random_id, rng):
    for start, end in spans:
        number = rng.random()
        for place in range(start, end) if number < 0.9 else ():
            ids[place] = mask_id if number < 0.8 else random_id()
    return ids


def _replace_one_draw(ids, spans, mask_id, random_id, rng):
    number = rng.random()
    return _replace(ids, spans, mask_id, random_id, lambda: number)


def _replace_globally(ids, spans, mask_id, random_id, rng):
    return _replace(ids, spans, mask_id, random_id, np.random.default_rng().random)


def _replace_one_mask(ids, spans, mask_id, random_id, rng):
    new = list(ids)
    for start, end in reversed(spans):
        if rng.random() < 0.8:
            new[start:end] = [mask_id]
    return new


def replace_alternative(ids, spans, mask_id, random_id, rng):
    kind_of = {}
    for (start, end), number in zip(spans, 1 - rng.random(len(spans)), strict=True):
        kind_of |= dict.fromkeys(range(start, end), "keep" if number < 0.1 else number < 0.2)
    return [
        old
        if kind_of.get(place, "keep") == "keep"
        else (random_id() if kind_of[place] else mask_id)
        for place, old in enumerate(ids)
    ]


WRONG = (
    Slip(_replace_each_piece, "drawn-for-each-piece"),
    Slip(_replace_mask_only, "mask-only"),
    Slip(_replace_nothing, "unchanged"),
    Slip(_replace_never_keeps, "never-keeps"),
    Slip(_replace_keep_is_mask, "never-keeps"),
    Slip(_replace_never_random, "never-random"),
    Slip(_replace_swapped, "swapped"),
    Slip(_replace_two_draws, "drawn-independently"),
    Slip(_replace_tenth_of_the_rest, "a-tenth-of-the-rest"),
    Slip(_replace_if_if, "second-if-overwrites"),
    Slip(_replace_other_limits, "other-shares"),
    Slip(_replace_one_random, "one-random-piece"),
    Slip(_replace_end_included, "end-included"),
    Slip(_replace_without_the_last, "piece-left-out"),
    Slip(_replace_first_only, "first-piece-only"),
    Slip(_replace_not_called, "not-called"),
    Slip(_replace_own_pieces, "other-pieces"),
    Slip(_replace_in_place, "changes-its-input"),
    Slip(_replace_one_draw, "one-draw-for-all"),
    Slip(_replace_globally, "own-randomness"),
    Slip(_replace_one_mask, "other-length"),
)
