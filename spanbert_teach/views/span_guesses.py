"""The view of lesson 05: hide a span, and see what MLM and SBO guess, side by side.

The numbers come from `span_guesses_state`; they take a forward pass of each model, and the browser
draws them.
"""

import html
from collections.abc import Mapping

import traitlets

from spanbert_teach import SENTENCE
from spanbert_teach.filling import MASK
from spanbert_teach.objectives import SpanBert
from spanbert_teach.views.colours import BLUE, GREEN, ORANGE
from spanbert_teach.views.own_function import Failed, stopped_with
from spanbert_teach.views.picture import LEFT, element, elements, note
from spanbert_teach.views.span_guesses_state import (
    MOST_HIDDEN,
    BoundaryVector,
    guess,
    inside,
    read_sentence,
)
from spanbert_teach.views.texts import percent, sendable
from spanbert_teach.views.view import AnsweringView, browser_side

HIDE = "Voting Rights Act"  # of the course's sentence
UNKNOWN = "[UNK]"
CELL = f"{LEFT};vertical-align:top"
# The text's pieces and what stands below them, the hidden span, the size of the vocabulary; and for
# each model its name, its problem, and the fields of `guess`.
NOTHING = {"answer": 0, "tokens": [], "under": [], "start": 0, "end": 0, "size": 0, "models": []}
NO_GUESS = {"mlm": None, "sbo": None, "why_not": "", "failed": False, "own": None}
NO_MODELS = (
    "There is no model here to ask. Give the view a name and a model, for example "
    'SpanGuesses({"SpanBERT": load_model("course")}).'
)


def static_html(shown: dict, message: str = "") -> str:
    """The view without a kernel: the sentence, a table for each model. Safe to show anywhere."""
    parts = [note(message)]
    if shown["tokens"]:
        chips = [strip_chip(shown, column) for column in range(len(shown["tokens"]))]
        parts.append(f"<div>{' '.join(chips)}</div>")
        parts.append("<p>Orange: hidden. Thick border: the boundaries, ▸ left and right ◂.</p>")
    for model in shown["models"]:
        parts.append(f"<p><b>{html.escape(model['name'])}</b></p>{model_table(shown, model)}")
    return "".join(parts) + "<p>Run the cell to hide another span, in any sentence.</p>"


def strip_chip(shown: dict, column: int) -> str:
    """One piece of the sentence, as the model reads it."""
    style = "display:inline-block;padding:1px 4px;margin:1px;border:1px solid #999999"
    text = html.escape(shown["tokens"][column])
    if shown["start"] <= column < shown["end"]:
        style += f";background-color:{ORANGE};color:#000000"
        text = element("b", MASK)
    elif column not in (shown["start"] - 1, shown["end"]):
        pass
    elif column in (0, len(shown["tokens"]) - 1):  # no span was predicted from these in training
        text += " ✗"
    else:
        style += f";border:2px solid {BLUE}"
        text = f"{text} ▸" if column < shown["start"] else f"◂ {text}"
    return element("span", text, style)


def model_table(shown: dict, model: dict) -> str:
    """Columns: the hidden pieces. Rows: the two heads."""
    if model["problem"]:
        return note(f"✗ {model['problem']}")
    true = shown["tokens"][shown["start"] : shown["end"]]
    heads = [f"{number}: {html.escape(piece)}" for number, piece in enumerate(true, 1)]
    rows = [elements("th", ["hidden piece", *heads], CELL)]
    for head, colour in (("mlm", BLUE), ("sbo", ORANGE)):
        found = model[head]
        if not found:
            why = ("✗ " if model["failed"] else "") + model["why_not"]
            cell = f'<td style="{CELL}" colspan="{len(true)}">{html.escape(why)}</td>'
            rows.append(element("th", head.upper(), CELL) + cell)
            continue
        label = f"{head.upper()}<br>first guess right: {found['right']} of {len(true)}"
        label += f"<br>loss {found['loss']:.2f} nats"
        cells = [place_lines(place, colour) for place in found["places"]]
        rows.append(element("th", label, CELL) + elements("td", cells, CELL))
    return element("table", elements("tr", rows))


def place_lines(place: dict, colour: str) -> str:
    """One head's guesses for one piece, each with a bar, and how the true piece fared."""
    lines = []
    for piece, share, right in place["guesses"]:
        bar = f"border-left:{1 + round(40 * share)}px solid {GREEN if right else colour}"
        text = html.escape(f"{piece} {percent(share)}")
        text = element("b", f"✓ {text}") if right else text
        lines.append(element("span", text, f"{bar};padding-left:4px"))
    true = f"true: rank {place['rank']:,}, {html.escape(percent(place['share']))}"
    return "<br>".join([*lines, true])


class SpanGuesses(AnsweringView):
    """Hide a span of a sentence, and compare the guesses of the MLM head and of the SBO head.

    Args:
        models: name -> `SpanBert` with a tokenizer, the same for all; the first is shown first.
        sentence: the text at the beginning. The learner may type another.
        boundary_vector: the learner's own function in the place of what the SBO head reads:
            `(hidden, row, left, right, position, table) -> (targets, 2 * hidden + position size)`.
        hide: the part of the sentence that is hidden at the beginning; if it is not there, one
            piece in the middle is.

    Raises:
        ValueError: a model without a tokenizer, or with another than the first one's.
    """

    _esm, _css = browser_side("span_guesses")

    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    most = traitlets.Int(MOST_HIDDEN).tag(sync=True)
    first = traitlets.Dict().tag(sync=True)
    shown = traitlets.Dict(NOTHING).tag(sync=True)

    def __init__(
        self,
        models: Mapping[str, SpanBert],
        sentence: str = SENTENCE,
        boundary_vector: BoundaryVector | None = None,
        hide: str = HIDE,
    ):
        self.models, self.boundary_vector = dict(models), boundary_vector
        self.tokenizer = shared_tokenizer(self.models)
        sentence = sendable(sentence)
        start, end = self._columns(sentence, hide)
        first = {"text": sentence, "start": start, "end": end, "models": [0]}
        self._known: tuple[tuple, dict] = ((), {})  # what was asked last, and each model's answer
        super().__init__(first, names=list(self.models), first=first)

    def _columns(self, sentence: str, hide: str) -> tuple[int, int]:
        """Where `hide` is among the pieces of the sentence; else a piece in the middle."""
        if self.tokenizer is None:
            return 1, 2
        encoding = self.tokenizer.encode(sentence)
        first = sentence.find(hide) if hide else -1
        columns = [
            column
            for column, (start, end) in enumerate(encoding.offsets)
            if 0 <= first < end and start < first + len(hide) and start < end
        ]
        middle = max(1, (len(encoding) - 1) // 2)
        return (columns[0], columns[-1] + 1) if columns else (middle, middle + 1)

    def compute(self, settings: dict) -> tuple[dict, list[str]]:
        if not self.models:
            raise Failed(NO_MODELS)
        positions = min(m.encoder.config.max_position_embeddings for m in self.models.values())
        text = settings["text"]
        encoding, notes = read_sentence(self.tokenizer, text, positions)
        start, end = inside(int(settings["start"]), int(settings["end"]), len(encoding))
        if min(settings["end"], len(encoding) - 1) - start > MOST_HIDDEN:
            notes.append(f"At most {MOST_HIDDEN} pieces can be hidden at once.")
        under = [
            sendable(text[s:e][:8]) if token == UNKNOWN else ""
            for token, (s, e) in zip(encoding.tokens, encoding.offsets, strict=True)
        ]
        if UNKNOWN in encoding.tokens[start:end]:
            notes.append(
                f"{UNKNOWN} is what is not in the vocabulary; its letters cannot be guessed."
            )
        if self._known[0] != (encoding.ids, start, end):
            self._known = ((encoding.ids, start, end), {})
        known = self._known[1]
        names = list(self.models)
        chosen = [n for i, n in enumerate(names) if i in settings["models"]] or names[:1]
        for name in chosen:
            if name not in known:
                known[name] = {"name": name} | self._ask(name, encoding.ids, start, end)
        models = [known[name] for name in chosen]
        notes += own_notes(self.boundary_vector, models)
        shown = {"tokens": encoding.tokens, "under": under, "start": start, "end": end}
        return NOTHING | shown | {"size": len(self.tokenizer), "models": models}, notes

    def _ask(self, name: str, ids: list[int], start: int, end: int) -> dict:
        """What a model guesses, or its problem."""
        own = self.boundary_vector
        try:
            found = guess(self.models[name], self.tokenizer, ids, start, end, boundary_vector=own)
            return {"problem": ""} | found
        except Failed as failed:
            return {"problem": str(failed)} | NO_GUESS
        except Exception as error:  # a model of the learner's own
            return {"problem": f"The model {stopped_with(error)}."} | NO_GUESS

    def __repr__(self) -> str:
        if not self.shown["tokens"]:
            return f"SpanGuesses({self.message!r})"
        start, end = self.shown["start"], self.shown["end"]
        tokens = [*self.shown["tokens"][1:-1]]
        tokens[start - 1 : end - 1] = [MASK] * (end - start)
        shown = [model["name"] for model in self.shown["models"]]
        return f"SpanGuesses({' '.join(tokens)!r}, {', '.join(shown)})"

    def picture(self) -> str:
        return static_html(self.shown, self.message)


def shared_tokenizer(models: Mapping[str, SpanBert]):
    """The one tokenizer of all models; None when there are none."""
    tokenizers = [model.tokenizer for model in models.values()]
    for name, tokenizer in zip(models, tokenizers, strict=True):
        if tokenizer is None:
            raise ValueError(f"{name!r} has no tokenizer. Expected one, as from load_model().")
        if tokenizer.tokens != tokenizers[0].tokens or (
            tokenizer.lowercase != tokenizers[0].lowercase
        ):
            raise ValueError(
                f"{name!r} has another tokenizer than {next(iter(models))!r}: their guesses cannot "
                "stand side by side."
            )
    return tokenizers[0] if tokenizers else None


def own_notes(function: BoundaryVector | None, models: list[dict]) -> list[str]:
    """What should be said of the learner's function, where it was used."""
    used = [model["own"] for model in models if model["own"] is not None]
    name = getattr(function, "__name__", "your function")
    if not used:
        return []
    if all(used):
        return [f"SBO reads the vectors of your {name}: the same as the library’s."]
    return [
        f"SBO reads the vectors of your {name}. They are not those that it was trained with (left "
        "state, right state, position), so its guesses are off."
    ]
