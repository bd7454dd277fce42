"""What the check of 02-3 says about each way of drawing spans wrongly: misconception -> hint."""

HINTS = {
    "no-move-to-the-word-start": (
        "A word is masked from its middle on. The anchor is any piece; the span begins at the "
        "first piece of the anchor's word: go left while word_starts is False."
    ),
    "length-in-pieces": (
        "The length is counted in words, not in pieces: a span of 3 words of 2 pieces has 6 "
        "pieces. Only the very last span, when the budget is spent, may end inside a word."
    ),
    "word-drawn": (
        "It looks as if a random word were drawn. Draw a random piece, rng.integers of the number "
        "of pieces: a word of three pieces is hit three times as often as a word of one."
    ),
    "overshoots": (
        "The last span is masked as a whole. Stop as soon as the budget is spent, in the middle "
        "of a span if need be."
    ),
    "end-cut-off": (
        "It looks as if too much was masked and the end cut off: that always drops the rightmost "
        "pieces. Stop masking as soon as the budget is spent."
    ),
    "finishes-the-word": (
        "The last word is finished although the budget is spent. (The paper speaks of complete "
        "words, but the code that trained the weights stops at the exact number, and so do we.)"
    ),
    "undershoots": (
        "A span that does not fit into the rest of the budget ends it all, so pieces are missing. "
        "Mask of the last span as much as the budget allows."
    ),
    "drops-what-does-not-fit": (
        "A span that does not fit into the rest of the budget is thrown away, so long spans become "
        "rarer. Mask as much of it as the budget allows."
    ),
    "spans-never-touch": (
        "It looks as if spans were kept apart. Only an anchor that is masked is drawn anew; a span "
        "may touch another and run over it."
    ),
    "masked-anchor-kept": (
        "It looks as if a span could begin at a piece that is masked already. Then draw both anew, "
        "length and anchor."
    ),
    "masked-words-skipped": (
        "It looks as if masked words were skipped, or did not count. A span may run over masked "
        "words, and they count for its length."
    ),
    "stops-at-masked": (
        "It looks as if a span ended where it meets a masked word. It runs over it, and the masked "
        "word counts for its length."
    ),
    "only-where-it-fits": (
        "It looks as if the anchor were drawn only from where the whole span fits. It is any "
        "piece; at the end of the block the span is just shorter."
    ),
    "an-end-never-drawn": (
        "The first or the last piece is never the anchor. rng.integers(n) draws one of 0 … n - 1, "
        "all of them equally often."
    ),
    "budget-counts-spans": (
        "The budget counts masked pieces, not spans: go on until so many pieces are masked."
    ),
    "budget-counts-words": (
        "The budget counts masked pieces, not words: go on until so many pieces are masked."
    ),
    "span-at-every-piece": (
        "Everything is masked. A span is not drawn at every piece (an article writes it so): draw "
        "one anchor after the other, and stop when the budget is spent."
    ),
    "length-drawn-once": (
        "It looks as if the length were drawn once for the whole block. Draw a new one for each "
        "span."
    ),
    "length-fixed": (
        "It looks as if all spans had the same length. Draw it for each span, with `law` as the "
        "probabilities of 1, 2 … words."
    ),
    "law-ignored": (
        "The lengths do not follow `law`: its first entry is the probability of one word, its "
        "second that of two. rng.choice(len(law), p=law) draws the place of an entry."
    ),
    "length-one-too-long": (
        "The spans are one word too long. rng.choice(len(law), p=law) draws 0, 1, 2 …, so the "
        "length is one more than that, and the span ends before the next word after it."
    ),
    "length-one-too-short": (
        "The spans are one word too short. rng.choice(len(law), p=law) draws 0, 1, 2 …: add 1 to "
        "get the length in words."
    ),
    "no-spans": (
        "Single pieces are masked, here and there. From the anchor on mask as many words as the "
        "length says, to the right."
    ),
    "each-piece-by-chance": (
        "The number of masked pieces changes from call to call. The budget is exact: draw spans, "
        "not each piece by itself, until so many pieces are masked."
    ),
    "too-many": "Stop as soon as `budget` pieces are masked, even inside a span.",
    "too-few": (
        "Go on until exactly `budget` pieces are masked. Pieces that were masked before cost "
        "nothing: count the set, not what the spans add up to."
    ),
    "other": (
        "All of these can happen, but not so often. A length from law and any piece as anchor, "
        "both drawn anew when the anchor is masked; from its word's first piece to the right."
    ),
}
