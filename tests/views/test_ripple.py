"""The view of lesson 04: what moves, how it is counted, what bad models and texts get."""

import json
import re
from functools import cache

import pytest
import torch
from asking import ask
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spanbert_teach.model import SpanBertConfig, SpanBertEncoder
from spanbert_teach.tokenization import WordPieceTokenizer
from spanbert_teach.views.own_function import Failed
from spanbert_teach.views.ripple import NOTHING, Ripple, static_html
from spanbert_teach.views.ripple_state import (
    LONGEST_TEXT,
    MOST_PIECES,
    reached,
    read_pair,
    read_replacement,
    relative_change,
    ripple,
    verdict,
)

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "<", "script"]
PIECES += [">", "&", ".", "dog", "ran"]
SMALL = WordPieceTokenizer(PIECES, lowercase=True)
SENTENCES = ["the cat sat.", "the dog ran.", "cats"]


@cache
def bert():
    torch.manual_seed(0)
    encoder = SpanBertEncoder(SpanBertConfig(len(PIECES), 16, 3, 2, 32)).eval()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.3)
    return encoder


@cache
def article_parts(dropout=0.0):
    torch.manual_seed(0)
    layers = [nn.TransformerEncoderLayer(16, 2, 32, dropout) for _ in range(3)]
    return nn.Embedding(len(PIECES), 16), nn.Embedding(64, 16), nn.ModuleList(layers)


def run_bert(ids):
    return bert()(ids, output_hidden_states=True).all_hidden


def run_article(ids, dropout=0.0):
    words, positions, layers = article_parts(dropout)
    states = [words(ids) + positions(torch.arange(ids.shape[1]))]
    for layer in layers:
        states.append(layer(states[-1]))
    return states


def run_alone(ids):
    """No attention at all: nothing but the changed piece may move."""
    return [article_parts()[0](ids)] * 2


def view(models=None, change_to="dog", **changes):
    models = models or {"BERT": run_bert, "article": run_article}
    return Ripple(models, SMALL, SENTENCES, change_to, **changes)


IDS = st.lists(st.integers(5, len(PIECES) - 1), min_size=6, max_size=6)


@settings(deadline=None, max_examples=25)
@given(IDS, IDS, st.integers(0, 1), st.integers(0, 5), st.integers(5, len(PIECES) - 1))
def test_where_a_change_goes(first, second, sentence, place, new_id):
    before = torch.tensor([first, second])
    same = int(before[sentence, place]) == new_id
    changes = ripple(run_bert, before, sentence, place, new_id)
    assert len(changes) == 4 and len(changes[0]) == 2 and len(changes[0][0]) == 6
    if same:
        assert not any(value for state in changes for row in state for value in row)
        return
    own, other = reached(changes, sentence, place)
    assert own == [i for i in range(6) if i != place] and other == []
    assert [bool(value) for value in changes[0][sentence]] == [i == place for i in range(6)]
    own, other = reached(ripple(run_article, before, sentence, place, new_id), sentence, place)
    assert own == [] and other == [place]
    assert reached(ripple(run_alone, before, sentence, place, new_id), sentence, place) == ([], [])


def test_the_change_is_relative_and_by_hand():
    before = torch.tensor([[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]])
    after = torch.tensor([[3.0, 9.0], [0.0, 0.0], [1.0, 0.0]])
    assert relative_change(before, after).tolist() == [1.0, 0.0, 0.0]
    assert relative_change(after, before)[0].item() == pytest.approx(5 / 90**0.5)


def test_the_verdict_is_counted():
    still, moved = [0.0] * 4, [0.5] * 4
    one = [0.0, 0.0, 0.3, 0.0]
    said = verdict([[still, still], [moved, still]], 0, 2, False)
    assert said == (
        "The change reached all 3 other pieces of its own sentence and none of the 4 pieces of the "
        "other."
    )
    said = verdict([[one, still], [one, one]], 0, 2, False)
    assert said == (
        "The change reached none of the 3 other pieces of its own sentence and 1 of the 4 pieces "
        "of the other, the one at the same place."
    )
    assert "1 of the 4 pieces of the other." in verdict([[one, one]], 1, 0, False)
    assert "1 of the 3 other pieces" in verdict([[one, one]], 1, 0, False)
    assert "all 4 pieces of the other." in verdict([[moved, moved]], 1, 0, False)
    assert "nothing changes" in verdict([[still, still]], 1, 0, True)
    tiny = [0.0, 0.0009, 0.0, 0.0]
    assert reached([[tiny, tiny]], 0, 0) == ([], []), "rounding is no change"


def test_both_sentences_become_equally_long():
    pair, notes = read_pair(SMALL, "the cat sat.", "dog")
    assert [one.tokens for one in pair] == [["[CLS]", "the", "[SEP]"], ["[CLS]", "dog", "[SEP]"]]
    assert notes == ["Sentence 1 is cut to 3 pieces: the length of the other."]
    pair, notes = read_pair(SMALL, "the cat sat", "the dog ran")
    assert notes == [] and len(pair[0]) == len(pair[1]) == 5
    pair, notes = read_pair(SMALL, "cat " * 20, "dog " * 30)
    assert len(pair[0]) == MOST_PIECES and pair[0].tokens[-1] == "[SEP]"
    assert notes == [f"Both sentences are cut to {MOST_PIECES} pieces: so many fit here."]
    pair, notes = read_pair(SMALL, "cat " * 100_000, "\ud800")
    assert f"Of sentence 1, the first {LONGEST_TEXT:,} characters are used." in notes
    assert len(pair[0]) == 3
    for first, second, number in [("", "cat", 1), ("cat", " \n", 2)]:
        with pytest.raises(Failed, match=f"Sentence {number} has no piece yet"):
            read_pair(SMALL, first, second)


@pytest.mark.parametrize(
    ("typed", "piece", "said"),
    [
        ("dog", "dog", ""),
        (" Dog ", "dog", ""),
        ("##s", "##s", ""),
        ("[MASK]", "[MASK]", ""),
        ("cats", "cat", "has 2 pieces; only the first, “cat”"),
        ("zebra", "[UNK]", "“zebra” is not in the vocabulary: [UNK] takes its place."),
        ("😀 dog", "[UNK]", "“😀” is not in the vocabulary"),
        ("\ud800", "[UNK]", "not in the vocabulary"),
        ("<script>", "<", "has 3 pieces"),
        ("x" * 100_000, "[UNK]", "xx…” is not in the vocabulary"),
    ],
)
def test_the_replacement(typed, piece, said):
    found, number, notes = read_replacement(SMALL, typed)
    assert found == piece and PIECES[number] == piece
    assert said in " ".join(notes) and bool(said) == bool(notes)


def test_without_a_replacement_there_is_nothing_to_do():
    with pytest.raises(Failed, match="Type a piece"):
        read_replacement(SMALL, "  ")
    empty = view(change_to="")
    assert "Type a piece" in empty.message and empty.shown["models"] == []
    assert "Type a piece" in repr(empty) and "Type a piece" in static_html(NOTHING, empty.message)


def never_ends(ids):
    while True:
        pass


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda ids: 1 / 0, "stopped with ZeroDivisionError: division by zero."),
        (lambda: 0, "stopped with TypeError"),
        (lambda ids: None, "gave back None: is the return missing?"),
        (lambda ids: [], "gave back []; it should be a list of hidden states"),
        (lambda ids: run_bert(ids)[-1], "it should be a list of hidden states"),
        (lambda ids: [1, 2], "as state 0, the shape int; expected (2, 6, hidden)"),
        (lambda ids: [s[0] for s in run_bert(ids)], "as state 0, the shape (6, 16)"),
        (lambda ids: [s.transpose(0, 1) for s in run_bert(ids)], "expected (2, 6, hidden)"),
        (lambda ids: [*run_bert(ids), run_bert(ids)[0][..., :3]], "different sizes"),
        (lambda ids: [s * float("nan") for s in run_bert(ids)], "infinite or none at all"),
        (lambda ids: run_article(ids, 0.1), "gives other numbers each time"),
        (never_ends, "was stopped after 5 seconds"),
    ],
)
def test_a_bad_model_gives_a_message_and_the_other_still_works(model, said):
    shown = view({"bad": model, "good": run_bert})
    bad, good = shown.shown["models"]
    assert said in bad["problem"] and bad["changes"] == [] and bad["verdict"] == ""
    assert good["problem"] == "" and "reached all 5 other pieces" in good["verdict"]
    page = shown._repr_mimebundle_()[0]["text/html"]
    assert said in page.replace("&lt;", "<").replace("&gt;", ">") and page.count("<table") == 1
    assert said in repr(shown) and "Traceback" not in repr(shown)


def test_without_a_model_the_view_says_how_to_get_one():
    empty = Ripple({}, SMALL, SENTENCES, "dog")
    assert "make minilm" in empty.message and empty.shown["models"] == [] == empty.names
    page = empty._repr_mimebundle_()[0]["text/html"]
    assert "make minilm" in page and "<table" not in page and "make minilm" in repr(empty)


def test_a_model_cannot_spoil_the_ids():
    def spoils(ids):
        states = run_bert(ids)
        ids.zero_()
        return states

    assert view({"a": spoils}).shown["models"][0]["changes"] == view().shown["models"][0]["changes"]


def test_the_view_follows_its_settings():
    shown = view()
    assert shown.shown["place"] == 3 and shown.shown["old"] == "sat" and shown.shown["new"] == "dog"
    assert [m["name"] for m in shown.shown["models"]] == ["BERT", "article"] == shown.names
    assert all(len(m["changes"]) == 4 for m in shown.shown["models"])
    ask(shown, sentence=1, place=2)
    assert shown.shown["answer"] == 1 and shown.shown["old"] == "dog"
    assert all("nothing changes" in m["verdict"] for m in shown.shown["models"])
    ask(shown, new="cat")
    assert "reached all 5" in shown.shown["models"][0]["verdict"]
    ask(shown, place=99)
    assert shown.shown["place"] == 5 and shown.shown["old"] == "[SEP]"
    for empty in ("first", "second"):
        ask(shown, **{empty: " "})
        assert "has no piece yet" in shown.message and shown.shown["models"] == []
        assert shown.shown["answer"] == shown.settings["number"]
        ask(shown, **{empty: "the cat 😀 中文 <script>alert(1)</script>"})
        assert shown.shown["models"]
    json.dumps(shown.shown, ensure_ascii=False).encode()
    page = shown._repr_mimebundle_()[0]["text/html"]
    assert "<script" not in page and "<th>&lt;</th>" in page
    with pytest.raises(ValueError, match="at least two sentences"):
        Ripple({"a": run_bert}, SMALL, ["cat"], "dog")


def test_the_bundle_has_a_static_picture_and_stable_text():
    first, second = (view(place=2)._repr_mimebundle_()[0] for _ in "12")
    assert first["text/html"] == second["text/html"] and first["text/plain"] == second["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in first
    page = first["text/html"]
    assert page.count("<table>") == 2 and "“cat” becomes “dog” in sentence 1" in page
    assert page.count("<th>layer 3</th>") == 2 and page.count("<th>embeddings</th>") == 2
    assert len(re.findall(r"<td[^>]*>(?:·|&lt;0\.01|\d\.\d\d)</td>", page)) == 2 * 4 * 12
    assert "reached all 5 other pieces" in page and "the one at the same place" in page
    for taken_away in ("<svg", "<script", "<style>", " id=", "aria-", "data-", "var("):
        assert taken_away not in page
