"""The view of lesson 01: greedy longest-match search, one look-up after the other.

The numbers come from `longest_match_state`; the browser draws them.
"""

import html

import traitlets

from spanbert_teach.tokenization import SPECIAL_TOKENS, match_longest, split_words
from spanbert_teach.views.longest_match_state import NO_ID, NOTHING, both_ends, longest_match
from spanbert_teach.views.own_function import Failed
from spanbert_teach.views.picture import LEFT, element, elements
from spanbert_teach.views.texts import first_characters
from spanbert_teach.views.view import AnsweringView, browser_side

LONGEST_TEXT = 2_000


def tried(shown: dict, first: int, last: int) -> list[str]:
    """The look-ups `first` to `last` - 1 in words, those in the middle left out."""
    texts = []
    for start, end, found, text in shown["lookups"][first:last]:
        text = text or ("##" if start else "") + shown["word"][start:end]
        texts.append(f"{'✓' if found else '✗'} {both_ends(text)}")
    return texts if len(texts) <= 6 else [*texts[:3], "…", *texts[-2:]]


def static_html(shown: dict) -> str:
    """The view without a kernel: a table of the pieces. Safe to show anywhere."""
    rows = [
        (p["token"], "–" if p["id"] == NO_ID else p["id"], p["first"], p["last"])
        for p in shown["pieces"]
    ]
    done = rows[-1][-1] if rows else 0
    if done < len(shown["lookups"]):
        rows.append(("(none)", "–", done, len(shown["lookups"])))
    lines = [elements("th", ("piece", "id", "look-ups", "tried in order"))]
    for token, number, first, last in rows:
        texts = (number, f"{last - first:,}", ", ".join(tried(shown, first, last)) or "–")
        cells = [element("b", html.escape(both_ends(token)))]
        cells += [html.escape(str(text)) for text in texts]
        lines.append(elements("td", cells, LEFT))
    sentence = html.escape(shown["problem"] or shown["result"])
    return (
        (element("table", elements("tr", lines)) if rows else "")
        + f"<p><b>{sentence}</b></p>"
        + "<p>✗: not in the vocabulary. ✓: found. Run the cell to step through the look-ups.</p>"
    )


class LongestMatchView(AnsweringView):
    """Type a word and step through the search for its pieces.

    Args:
        vocabulary: piece -> id, as `load_tokenizer().vocabulary`.
        examples: words to choose from. The learner may type one too.
        word: the word at the beginning; if not given, the first example.
        match: the function that cuts; a learner's own works as well as the library's.
    """

    _esm, _css = browser_side("longest_match")

    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    shown = traitlets.Dict(NOTHING).tag(sync=True)

    def __init__(self, vocabulary, examples, word=None, match=match_longest):
        self.vocabulary, self.match = vocabulary, match
        super().__init__({"text": examples[0] if word is None else word}, examples=list(examples))

    def compute(self, settings: dict) -> tuple[dict, list[str]]:
        text, notes = first_characters(settings["text"], LONGEST_TEXT)
        words = text.split()
        if not words:
            raise Failed(" ".join([*notes, "Type a word, or choose an example."]))
        if len(words) > 1:
            notes.append("Only the first word is cut: BERT splits a text at its spaces before.")
        inner = [part.text for part in split_words(words[0])]
        if len(inner) > 1 and words[0] not in SPECIAL_TOKENS:
            notes.append(
                f"BERT would split this into {len(inner):,} words first, "
                f"{both_ends(' '.join(inner))} – here it is searched as it stands."
            )
        return longest_match(words[0], self.vocabulary, self.match), notes

    def __repr__(self) -> str:
        return f"LongestMatchView({self.shown['problem'] or self.shown['result']!r})"

    def picture(self) -> str:
        return static_html(self.shown)
