"""What the masking lab shows: settings, a text and all draws so far, as numbers for the browser.

`masking_draws` masks, `masking_tally` counts, `masking_verdict` judges; `masking_lab` draws the
picture and is the widget.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from spanbert_teach.masking import KINDS, MaskOptions, masking_budget, span_length_pmf
from spanbert_teach.tokenization import WordPieceTokenizer
from spanbert_teach.views import masking_verdict
from spanbert_teach.views.masking_draws import (
    BLOCK,
    FirstMask,
    Text,
    draw_masks,
    own_masks,
    read_text,
)
from spanbert_teach.views.masking_settings import clean, lab_options, reference_options
from spanbert_teach.views.masking_tally import Draws, Tally
from spanbert_teach.views.masking_verdict import BAD, GOOD, Verdict
from spanbert_teach.views.own_function import Failed

PER_MOVE, PER_BUTTON, MOST_BUTTON = 200, 1000, 5
# One mask of the learner's function may take a millisecond: a move ends after so many seconds.
OWN_MOVE_SECONDS, OWN_BUTTON_SECONDS = 0.02, 0.4
# What the library's own rule makes of a text is drawn with a seed that no learner can choose; of a
# short text more often, so that the picture is as steady as that of a long one in the same time.
REFERENCE_SEED = 2**40
REMEMBERED = 200


def show(
    tokens: Sequence[str],
    text: Text,
    settings: dict,
    one: FirstMask,
    tally: Tally,
    reference: Tally,
    judged: Verdict,
) -> dict:
    """All that the browser draws after a change, as plain numbers and strings.

    Args:
        tokens: the vocabulary, for the random pieces.
        one: the mask that is shown; tally: of all masks so far; reference: of masks of the same
            text by the library's own rule.

    Returns:
        preset, scheme: of the settings; spans: [start, end, how many pieces SBO predicts] each;
        kinds: one letter, m, r or k, for each masked piece, in order; random: [piece, token] for
        those that a random piece stands for; masks, pieces, budget, least, most: how many; mean and
        law_mean, in words; bins: labels of the histogram; realised, rule, law: a share for each
        bin; cut: share of the masks that end inside a word; shares: of [MASK], random and kept
        pieces; mixed: share of the longer spans; max_sbo; uses: which controls matter; verdict: the
        fields of `Verdict`; note.
    """
    options = lab_options(settings)
    pmf = span_length_pmf(options.p, options.max_words)
    bins = max(10, options.max_words)
    places = [piece for start, end in one.spans for piece in range(start, end)]
    random = KINDS.index("random")
    per_mask = max(1, tally.masks)
    article = options.anchor == "every"
    return {
        "preset": settings["preset"],
        "scheme": settings["scheme"],
        "spans": [[*s, n] for s, n in zip(one.spans, one.predicted, strict=True)],
        "kinds": "".join(KINDS[kind][0] for kind in one.kinds),
        "random": [
            [place, tokens[read]]
            for place, kind, read in zip(places, one.kinds, one.read, strict=True)
            if kind == random
        ],
        "masks": tally.masks,
        "pieces": len(text.ids),
        "budget": masking_budget(len(text.ids), MaskOptions(budget=options.budget)),
        "least": tally.least,
        "most": tally.most,
        "mean": round(tally.mean(), 3),
        "law_mean": round(float(pmf @ np.arange(1, len(pmf) + 1)), 3),
        "bins": [*map(str, range(1, bins + 1)), "more"],
        "realised": binned(tally, bins),
        "rule": binned(reference, bins),
        "law": [*(round(float(share), 4) for share in pmf), *[0.0] * (bins + 1 - len(pmf))],
        "cut": round(tally.cut / per_mask, 4),
        "shares": [round(float(n) / max(1, tally.pieces), 4) for n in tally.kinds],
        "mixed": round(tally.mixed / max(1, tally.long_spans), 4),
        "max_sbo": options.max_sbo,
        "uses": {
            "p": options.scheme == "span",
            "longest": options.scheme == "span" and not article,
            "budget": not article,
            "mistake": not article,
        },
        "verdict": judged._asdict(),
        "note": good_note(tally, settings) if judged.state == GOOD else "",
    }


def good_note(tally: Tally, settings: dict) -> str:
    """What should be said beside a good verdict: why a mistake is not seen, or the mean not met."""
    if settings["mistake"] != "none":
        return (
            "A mistake is switched on, but these masks do not show it: a small budget cuts long "
            "spans in any case. Try a longer text, a smaller p, or redraw × 1000."
        )
    return masking_verdict.mean_note(tally, lab_options(settings))


def binned(tally: Tally, bins: int) -> list[float]:
    """The shares of the lengths 1 .. bins, then of all that are longer."""
    counts = np.pad(tally.lengths, (0, max(0, bins + 1 - len(tally.lengths))))
    shares = [*counts[1 : bins + 1], counts[bins + 1 :].sum()]
    return [round(float(share) / max(1, tally.spans), 4) for share in shares]


class Lab:
    """Masks of one text after the other under changing settings; remembers what it has drawn.

    Args:
        tokenizer, unigram: of the masks; choose: the learner's own function, or None.
    """

    def __init__(
        self,
        tokenizer: WordPieceTokenizer,
        unigram: np.ndarray,
        choose: Callable | None = None,
    ):
        self.tokenizer, self.unigram, self.choose = tokenizer, unigram, choose
        self.mask_id = tokenizer.id("[MASK]")
        self.text: Text | None = None
        self._references: dict[tuple, Tally] = {}
        self._forget()

    def _forget(self) -> None:
        self._tally, self._key, self._next, self._more = Tally(), None, 0, 0
        self._seeds: set[int] = set()

    def read(self, text: str, tagged: dict | None = None) -> Text | None:
        """Take another text; None when there is no piece in it."""
        self.text = read_text(self.tokenizer, text, tagged)
        self._references.clear()
        self._forget()
        return self.text

    def own(self, settings: dict) -> bool:
        """Whether the masks come from the learner's function: it knows the official rule alone."""
        official = ("official", "span", "none")
        chosen = (settings["preset"], settings["scheme"], settings["mistake"])
        return self.choose is not None and chosen == official

    def _draw(self, settings: dict, first: int, count: int, seconds: float):
        same = (self.text, lab_options(settings), settings["seed"], first, count)
        if self.own(settings):
            return own_masks(*same, self.mask_id, self.unigram, self.choose, seconds)
        return draw_masks(*same, self.mask_id, self.unigram)

    def _count(self, draws: Draws) -> None:
        self._tally.add(draws, self.text.word_starts)
        self._next += draws.count

    def masks(self, settings: dict) -> tuple[FirstMask, Tally]:
        """The mask of these settings, and a tally of all since anything but the seed changed."""
        rule = ("preset", "scheme", "p", "longest", "budget", "mistake")
        key = tuple(settings[name] for name in rule)
        if key != self._key:
            self._forget()
            self._key, self._more = key, settings["more"]
            draws, one = self._draw(settings, 0, PER_MOVE, OWN_MOVE_SECONDS)
            self._count(draws)
        else:
            draws, one = self._draw(settings, 0, 1, 0)
            if settings["seed"] not in self._seeds:
                self._count(draws)
        self._seeds.add(settings["seed"])
        presses = min(max(settings["more"] - self._more, 0), MOST_BUTTON)
        self._more = settings["more"]
        for _ in range(presses):
            self._count(self._draw(settings, self._next, PER_BUTTON, OWN_BUTTON_SECONDS)[0])
        return one, self._tally

    def reference(self, options: MaskOptions, masks: int = 0) -> Tally:
        """Masks of this text by other options, at least so many; remembered."""
        masks = max(masks, min(PER_BUTTON, PER_MOVE * BLOCK // len(self.text.ids)))
        key = (options.p, options.max_words, options.budget, options.length_law, options.anchor)
        tally = self._references.get(key, Tally())
        if missing := max(0, masks - tally.masks):
            same = (self.text, options, REFERENCE_SEED, tally.masks, missing)
            draws, _ = draw_masks(*same, self.mask_id, self.unigram)
            tally.add(draws, self.text.word_starts)
            if len(self._references) >= REMEMBERED:
                self._references.pop(next(iter(self._references)))
            self._references[key] = tally
        return tally

    def shown(self, settings: dict) -> dict:
        """See `show`; a function that fails gives an empty mask and a verdict that says why."""
        options = reference_options(settings)
        try:
            one, tally = self.masks(settings)
        except Failed as failed:
            self._forget()
            one, tally = FirstMask([], [], [], []), Tally()
            reference = self.reference(options)
            judged = Verdict(BAD, str(failed), ["failed"])
            return show(self.tokenizer.tokens, self.text, settings, one, tally, reference, judged)
        # As many as there are: what is compared with fewer would blur what many masks show.
        reference = self.reference(options, min(tally.masks, 6 * PER_BUTTON))
        judged = masking_verdict.verdict(
            tally,
            reference,
            lab_options(settings),
            len(self.text.ids),
            self.text.longest_word(),
            lambda law: self.reference(replace(options, length_law=law)),
        )
        return show(self.tokenizer.tokens, self.text, settings, one, tally, reference, judged)

    def pieces(self, number: int) -> dict:
        """The text as the browser draws it, sent once: tokens, word starts, what stands below."""
        text = self.text
        starts = text.word_starts.astype(int).tolist()
        return {"number": number, "tokens": text.tokens, "starts": starts, "under": text.under}


def masking_lab(
    tokenizer: WordPieceTokenizer,
    text: str,
    unigram: np.ndarray,
    choose: Callable | None = None,
    tagged: dict | None = None,
    **settings,
) -> tuple[dict, dict]:
    """All that the lab shows of one text: (pieces, shown), see `Lab.pieces` and `show`.

    Args:
        tagged: "entity" and "noun_phrase" -> spans in pieces.
        settings: preset, scheme, p, longest, budget (in percent), mistake, seed, more (thousands of
            further masks); what is not given is official.

    Raises:
        ValueError: no piece in the text.
    """
    lab = Lab(tokenizer, unigram, choose)
    if lab.read(text, tagged) is None:
        raise ValueError("There is no piece in the text: nothing to mask.")
    return lab.pieces(0), lab.shown(clean(settings))
