"""The exercises of lesson 00: counting neighbours, hiding a span, naming its boundaries."""

from collections import Counter
from itertools import pairwise

from spanbert_teach.exercises.checking import (
    NO_RETURN,
    Wrong,
    call,
    call_uncopied,
    expect,
    expect_call,
    expect_equal,
    shown,
    shown_call,
)
from spanbert_teach.exercises.form import Exercise, Slip

# --- 00-1: which words follow a word? -----------------------------------------------------------


def check_count_after(fn) -> None:
    """`count_after(paragraphs, word)`: how often each word stands directly after `word`."""

    def expect_counts(paragraphs, word, expected, hint, misconception, slips=()):
        """`slips`: (wrong result, hint, misconception) where the result itself tells the slip."""
        given = shown_call(fn, paragraphs, word)
        got = call(fn, paragraphs, word)
        if not isinstance(got, dict):
            kind = type(got).__name__
            raise Wrong(
                f"{given} should return a dictionary or a Counter (word → count), not a {kind}: "
                f"{shown(got)}.\nIf it is made of pairs or words, put Counter(…) around it.",
                "not-counts",
            )
        counts = {key: n for key, n in got.items() if n != 0}
        for wrong, its_hint, its_misconception in slips:
            if counts == wrong:
                hint, misconception = its_hint, its_misconception
        expect_equal(counts, expected, given=given, hint=hint, misconception=misconception)

    incomplete = "Some followers are missing or counted wrongly: look at every paragraph and place."
    expect_counts(
        [["the", "sea", "is", "deep"]],
        "sea",
        {"is": 1},
        'After "sea" stands "is". Do you look at every pair of neighbours?',
        "not-every-pair",
        [
            (
                {"the": 1},
                '"the" stands before "sea". Look one place to the right.',
                "counts-before",
            )
        ],
    )
    expect_counts(
        [["no", "man", "no", "cry"], ["no", "way"]],
        "no",
        {"man": 1, "cry": 1, "way": 1},
        incomplete,
        "not-every-pair",
        [
            (
                {"man": 1, "way": 1},
                "A word can stand in a paragraph often: `.index(word)` finds the first only.",
                "first-only",
            ),
            (
                {"is": 1, "man": 1, "cry": 1, "way": 1},
                '"is" comes from an earlier call: make the counter inside the function.',
                "remembers-calls",
            ),
        ],
    )
    try:
        expect_counts(
            [["a", "long", "war"], ["peace", "at", "last"]],
            "war",
            {},
            "A paragraph's last word has no word after it; the next paragraph is another text.",
            "crosses-paragraphs",
        )
    except Wrong as wrong:
        if "IndexError" not in wrong.message:
            raise
        hint = "The last word of a paragraph has no word after it: stop one place earlier."
        raise Wrong(f"{wrong.message}\n{hint}", "past-the-end") from wrong
    expect_counts(
        [["May", "is", "warm"], ["we", "may", "go"]],
        "may",
        {"go": 1},
        '"May" and "may" are two words: the course keeps capitals, names depend on them.',
        "ignores-case",
    )
    expect_counts(
        [["we", "met", "in", "May"]],
        "in",
        {"May": 1},
        'Count the words as they are: "May" stays "May".',
        "ignores-case",
    )
    expect_counts(
        [["also", "good", "so", "far"]],
        "so",
        {"far": 1},
        '"also" ends in "so" but is another word: compare whole words, not text.',
        "inside-words",
    )
    expect_counts(
        [["so", "far", "so", "far", "so", "good"], ["so", "far"], ["so", "so", "far"]],
        "so",
        {"far": 4, "good": 1, "so": 1},
        incomplete,
        "not-every-pair",
        [
            (
                {"far": 1, "good": 1, "so": 1},
                "Count every time a word follows, not only that it does.",
                "not-added-up",
            )
        ],
    )
    expect_counts([["a"], [], ["b", "a"]], "a", {}, "Paragraphs may be short or empty.", "edges")
    paragraphs = [["so", "far", "so", "good"]]
    call_uncopied(fn, paragraphs, "so")
    expect(
        paragraphs == [["so", "far", "so", "good"]],
        "count_after changed the paragraphs it was given: the text is gone after the first count.",
        "changes-its-input",
    )


def _count_before(paragraphs, word):
    return Counter(p[i - 1] for p in paragraphs for i in range(1, len(p)) if p[i] == word)


def _count_first_only(paragraphs, word):
    found = [p.index(word) + 1 for p in paragraphs if word in p]
    owners = [p for p in paragraphs if word in p]
    return Counter(p[i] for p, i in zip(owners, found, strict=True) if i < len(p))


def _count_across(paragraphs, word):
    text = [w for p in paragraphs for w in p]
    return Counter(b for a, b in pairwise(text) if a == word)


def _count_lowered(paragraphs, word):
    return Counter(b for p in paragraphs for a, b in pairwise(p) if a.lower() == word.lower())


def _count_a_set(paragraphs, word):
    return dict.fromkeys((b for p in paragraphs for a, b in pairwise(p) if a == word), 1)


def _most_common_word(paragraphs, word):
    return _count_alternative(paragraphs, word).most_common(1)[0][0]


def _count_past_the_end(paragraphs, word):
    return Counter(p[i + 1] for p in paragraphs for i in range(len(p)) if p[i] == word)


def _count_in_text(paragraphs, word):
    after = [text.split()[0] for p in paragraphs for text in " ".join(p).split(f"{word} ")[1:]]
    return Counter(after)


def _count_half_of_them(paragraphs, word):
    pairs = [pair for p in paragraphs for pair in zip(p[::2], p[1::2], strict=False)]
    return Counter(b for a, b in pairs if a == word)


def _count_and_take_away(paragraphs, word):
    counts = Counter()
    for p in paragraphs:
        while len(p) > 1:
            if p.pop(0) == word:
                counts[p[0]] += 1
    return counts


def _count_alternative(paragraphs, word):
    return Counter(b for p in paragraphs for a, b in pairwise(p) if a == word)


# --- 00-2: hide a span --------------------------------------------------------------------------

ISLAND = ["The", "island", "of", "New", "Guinea", "lies", "north", "of", "Australia", "."]


def check_hide_span(fn) -> None:
    """`hide_span(sentence, start, length)`: each hidden word becomes a `[MASK]` of its own."""
    got = call(fn, ISLAND, 3, 2)
    given = shown_call(fn, ISLAND, 3, 2)
    expect(
        isinstance(got, list),
        f"{given} should return a list of words, not a {type(got).__name__}: {shown(got)}.",
        "not-a-list",
    )
    one, many = ["[MASK]"], ["[MASK]"] * 2
    for wrong, hint, misconception in [
        (
            [*ISLAND[:3], *one, *ISLAND[5:]],
            "It hides two words behind one [MASK]. Each hidden word gets a [MASK] of its own: "
            "SpanBERT sees how many words are missing, and the sentence keeps its length.",
            "one-mask",
        ),
        (
            [*ISLAND[:3], *ISLAND[5:]],
            "Hidden is not deleted: put a [MASK] where each word stood.",
            "deleted",
        ),
        (
            [*ISLAND[:3], *one * 3, *ISLAND[6:]],
            "It hides three words. A span of `length` words ends before start + length.",
            "end-included",
        ),
        (
            [*ISLAND[:2], *many, *ISLAND[4:]],
            "It starts a word early. Places count from 0: start 3 is the fourth word.",
            "counts-from-one",
        ),
        (
            [*ISLAND[:3], *one, *ISLAND[4:]],
            "It hides one word. All `length` words of the span are hidden, not only its first.",
            "first-only",
        ),
        (ISLAND, "Nothing is hidden. Where does your range or slice end?", "nothing-hidden"),
        (
            [*ISLAND[:3], *"[MASK]", *ISLAND[5:]],
            "A text that is put into a slice goes in letter by letter. Put in a list: "
            '["[MASK]"] * length.',
            "letter-by-letter",
        ),
    ]:
        expect(got != wrong, f"{given} returns {shown(got)}.\n{hint}", misconception)
    expect_equal(
        got,
        [*ISLAND[:3], *many, *ISLAND[5:]],
        given=given,
        hint='Each word of the span, and only these, becomes exactly "[MASK]".',
        misconception="other",
    )
    for start, length, hint, misconception in [
        (4, 1, "Here one word is hidden: use `length`.", "fixed-length"),
        (4, 3, "Here three words are hidden: use `length`.", "fixed-length"),
        (7, 1, '"of" stands twice, and only the second is hidden: go by place.', "by-value"),
        (0, 1, "A span may start with the first word.", "edges"),
        (9, 1, "A span may end with the last word.", "edges"),
        (0, 10, "A span may be the whole sentence.", "edges"),
    ]:
        expected = [
            "[MASK]" if start <= i < start + length else word for i, word in enumerate(ISLAND)
        ]
        expect_call(
            fn, ISLAND, start, length, expected=expected, hint=hint, misconception=misconception
        )
    original = list(ISLAND)
    call_uncopied(fn, original, 3, 2)
    expect(
        original == ISLAND,
        "hide_span changed the list it was given: whoever called it has lost the answers.\n"
        "Build a new list, or start from a copy: list(sentence).",
        "changes-its-input",
    )


def _hide_with_one_mask(sentence, start, length):
    return [*sentence[:start], "[MASK]", *sentence[start + length :]]


def _hide_end_included(sentence, start, length):
    return ["[MASK]" if start <= i <= start + length else w for i, w in enumerate(sentence)]


def _hide_in_place(sentence, start, length):
    for i in range(start, start + length):
        sentence[i] = "[MASK]"
    return sentence


def _hide_by_deleting(sentence, start, length):
    return sentence[:start] + sentence[start + length :]


def _hide_from_one(sentence, start, length):
    return ["[MASK]" if start - 1 <= i < start + length - 1 else w for i, w in enumerate(sentence)]


def _hide_by_value(sentence, start, length):
    span = sentence[start : start + length]
    return ["[MASK]" if word in span else word for word in sentence]


def _hide_letters(sentence, start, length):
    hidden = list(sentence)
    hidden[start : start + length] = "[MASK]"
    return hidden


def _hide_to_length(sentence, start, length):
    return ["[MASK]" if i in range(start, length) else w for i, w in enumerate(sentence)]


def _hide_two(sentence, start, length):
    return [*sentence[:start], "[MASK]", "[MASK]", *sentence[start + 2 :]]


def _hide_the_first(sentence, start, length):
    return [*sentence[:start], "[MASK]", *sentence[start + 1 :]]


def _hide_without_return(sentence, start, length):
    sentence[start : start + length] = ["[MASK]"] * length


def _hide_alternative(sentence, start, length):
    hidden = list(sentence)
    hidden[start : start + length] = ["[MASK]"] * length
    return hidden


# --- 00-3: the boundaries of a span -------------------------------------------------------------


def check_boundaries(fn) -> None:
    """`boundaries(sentence, start, length)`: the visible word on either side, or None."""

    def expect_pair(start, length, expected, hint, misconception, slips=()):
        """`slips`: (wrong result, hint, misconception) where the result itself tells the slip."""
        given = shown_call(fn, ISLAND, start, length)
        try:
            got = call(fn, ISLAND, start, length)
        except Wrong as wrong:
            if wrong.misconception != NO_RETURN or None not in expected:
                raise
            message = f"{given} should return a pair here too, {expected}, but returns None."
            raise Wrong(message, "not-a-pair") from wrong
        expect(
            isinstance(got, (tuple, list))
            and len(got) == 2
            and all(isinstance(word, str | None) for word in got),
            f"{given} should return two words in this order, (left, right), not {shown(got)}.",
            "not-a-pair",
        )
        for wrong, its_hint, its_misconception in slips:
            if tuple(got) == wrong:
                hint, misconception = its_hint, its_misconception
        expect_equal(tuple(got), expected, given=given, hint=hint, misconception=misconception)

    beside = "The word before the span is at start − 1, the one after it at start + length."
    expect_pair(
        3,
        2,
        ("of", "lies"),
        beside,
        "off-by-one",
        [
            (
                ("New", "Guinea"),
                "These are the first and last word of the span itself, and they are hidden. "
                "SpanBERT's boundaries stand outside the span, one before and one after it.",
                "inside",
            )
        ],
    )
    expect_pair(4, 1, ("New", "lies"), "A span of one word has two boundaries too.", "off-by-one")
    expect_pair(1, 2, ("The", "New"), "The first word can be a boundary.", "edges")
    expect_pair(7, 1, ("north", "Australia"), '"of" stands twice: go by place.', "by-value")
    expect_pair(
        7,
        2,
        ("north", "."),
        "The last token can be a boundary, and a full stop is one like any other.",
        "edges",
    )
    missing = "Only the side that is missing is None (None itself, not a text)."
    expect_pair(
        0,
        2,
        (None, "of"),
        missing,
        "wrong-at-the-left-edge",
        [
            (
                (".", "of"),
                "Before the first word there is nothing. In Python sentence[-1] is the last word, "
                "so a span at the start quietly gets the end of the sentence as its neighbour.",
                "wraps-around",
            )
        ],
    )
    try:
        expect_pair(8, 2, ("of", None), missing, "wrong-at-the-right-edge")
    except Wrong as wrong:
        if "IndexError" not in wrong.message:
            raise
        hint = "After the last word there is nothing: return None for that side."
        raise Wrong(f"{wrong.message}\n{hint}", "past-the-end") from wrong
    expect_pair(0, 10, (None, None), "A span may be the whole sentence.", "edges")
    original = list(ISLAND)
    call_uncopied(fn, original, 0, 2)
    expect(
        original == ISLAND,
        "boundaries changed the list it was given. Look at it, but leave it as it is.",
        "changes-its-input",
    )


def _boundaries_inside(sentence, start, length):
    return sentence[start], sentence[start + length - 1]


def _boundaries_wrap(sentence, start, length):
    end = start + length
    return sentence[start - 1], sentence[end] if end < len(sentence) else None


def _boundaries_one_late(sentence, start, length):
    end = start + length + 1
    left = sentence[start - 1] if start else None
    return left, sentence[end] if end < len(sentence) else None


def _boundaries_crash(sentence, start, length):
    return sentence[start - 1] if start else None, sentence[start + length]


def _boundaries_never_the_last(sentence, start, length):
    end = start + length
    left = sentence[start - 1] if start else None
    return left, sentence[end] if end < len(sentence) - 1 else None


def _boundaries_by_value(sentence, start, length):
    padded = [None, *sentence, None]
    first = padded.index(sentence[start])
    return padded[first - 1], padded[first + length]


def _boundaries_as_text(sentence, start, length):
    padded = ["", *sentence, ""]
    return padded[start], padded[start + length + 1]


def _boundaries_padding_in_place(sentence, start, length):
    sentence.insert(0, None)
    sentence.append(None)
    return sentence[start], sentence[start + length + 1]


def _boundaries_right_only(sentence, start, length):
    end = start + length
    return sentence[end] if end < len(sentence) else None


def _boundaries_alternative(sentence, start, length):
    padded = [None, *sentence, None]
    return [padded[start], padded[start + length + 1]]


EXERCISES = (
    Exercise(
        id="00-1",
        title="Which words follow a word?",
        function="count_after",
        minutes=6,
        difficulty=2,
        more=check_count_after,
        slips=(
            Slip(_count_before, "counts-before"),
            Slip(_count_first_only, "first-only"),
            Slip(_count_across, "crosses-paragraphs"),
            Slip(_count_lowered, "ignores-case"),
            Slip(_count_a_set, "not-added-up"),
            Slip(_most_common_word, "not-counts"),
            Slip(_count_past_the_end, "past-the-end"),
            Slip(_count_in_text, "inside-words"),
            Slip(_count_half_of_them, "not-every-pair"),
            Slip(_count_and_take_away, "changes-its-input"),
        ),
        alternative=_count_alternative,
    ),
    Exercise(
        id="00-2",
        title="Hide a span",
        function="hide_span",
        minutes=5,
        difficulty=1,
        more=check_hide_span,
        slips=(
            Slip(_hide_with_one_mask, "one-mask"),
            Slip(_hide_end_included, "end-included"),
            Slip(_hide_in_place, "changes-its-input"),
            Slip(_hide_by_deleting, "deleted"),
            Slip(_hide_from_one, "counts-from-one"),
            Slip(_hide_the_first, "first-only"),
            Slip(_hide_by_value, "by-value"),
            Slip(_hide_letters, "letter-by-letter"),
            Slip(_hide_to_length, "nothing-hidden"),
            Slip(_hide_two, "fixed-length"),
            Slip(_hide_without_return, "no-return"),
        ),
        alternative=_hide_alternative,
    ),
    Exercise(
        id="00-3",
        title="The boundaries of a span",
        function="boundaries",
        minutes=6,
        difficulty=2,
        more=check_boundaries,
        slips=(
            Slip(_boundaries_inside, "inside"),
            Slip(_boundaries_wrap, "wraps-around"),
            Slip(_boundaries_one_late, "off-by-one"),
            Slip(_boundaries_crash, "past-the-end"),
            Slip(_boundaries_never_the_last, "edges"),
            Slip(_boundaries_by_value, "by-value"),
            Slip(_boundaries_as_text, "wrong-at-the-left-edge"),
            Slip(_boundaries_padding_in_place, "changes-its-input"),
            Slip(_boundaries_right_only, "not-a-pair"),
        ),
        alternative=_boundaries_alternative,
    ),
)
