"""The view of lesson 05: both heads' numbers, what cannot be asked, what bad input gets."""

import json
import re
from functools import cache

import pytest
import torch
from asking import ask
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from spanbert_teach import SENTENCE
from spanbert_teach.filling import blank_shares, fill, why_not_sbo
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert, boundary_input
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer
from spanbert_teach.views.own_function import Failed
from spanbert_teach.views.span_guesses import SpanGuesses, static_html
from spanbert_teach.views.span_guesses_state import (
    LONGEST_TEXT,
    MOST_HIDDEN,
    inside,
    own_shares,
    read_sentence,
    six_digits,
    span_guesses,
    why_no_sbo,
)
from spanbert_teach.views.texts import percent

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "<", "script"]
PIECES += [">", "&", ".", "dog", "ran", "on", "a", "mat"]
SMALL = WordPieceTokenizer(PIECES, lowercase=True)
TEXT = "the cats sat on a mat ."  # 8 pieces: the cat ##s sat on a mat .


@cache
def model(sbo=True, seed=0, positions=64):
    config = SpanBertConfig(len(PIECES), 16, 2, 2, 32, positions)
    made = SpanBert(config, sbo=sbo)
    torch.manual_seed(seed)
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.3)
    made.tokenizer = SMALL
    return made.eval()


def guesses(text=TEXT, start=3, end=5, which=None, **kwargs):
    return span_guesses(which or model(), SMALL, text, start, end, **kwargs)


def view(models=None, text=TEXT, **kwargs):
    models = models or {"SpanBERT": model(), "MLM alone": model(sbo=False, seed=1)}
    return SpanGuesses(models, text, **kwargs)


def vector(hidden, row, left, right, position, table):
    return torch.cat([hidden[row, left], hidden[row, right], table[position]], dim=1)


def hidden_states(text, start, end):
    ids = SMALL.encode(text).ids
    ids[start:end] = [PIECES.index("[MASK]")] * (end - start)
    with torch.no_grad():
        return model().encoder(torch.tensor([ids])).hidden


# --- the numbers


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 6), st.integers(1, 5), st.sampled_from(["mlm", "sbo"]))
def test_the_numbers_are_the_heads(start, length, head):
    start, end = inside(start, min(start + length, 8), 10)
    shown = guesses(start=start, end=end)
    assert shown["tokens"] == SMALL.encode(TEXT).tokens
    assert (shown["start"], shown["end"]) == (start, end) and shown["why_not"] == ""
    targets = SMALL.encode(TEXT).ids[start:end]
    with torch.no_grad():
        shares = blank_shares(model(), hidden_states(TEXT, start, end), start, end, head)
    places = shown[head]["places"]
    for place, share, target in zip(places, shares.tolist(), targets, strict=True):
        order = sorted(range(len(PIECES)), key=lambda i: -share[i])
        assert [piece for piece, _, _ in place["guesses"]] == [PIECES[i] for i in order[:5]]
        assert [p for _, p, _ in place["guesses"]] == pytest.approx(
            [share[i] for i in order[:5]], abs=1e-6
        )
        assert [right for _, _, right in place["guesses"]] == [i == target for i in order[:5]]
        assert place["rank"] == order.index(target) + 1
        assert place["share"] == pytest.approx(share[target], abs=1e-6)
    assert shown[head]["right"] == sum(place["rank"] == 1 for place in places)
    loss = F.cross_entropy(shares.log(), torch.tensor(targets)).item()
    assert shown[head]["loss"] == pytest.approx(loss, abs=1e-3)


@pytest.mark.parametrize("head", ["mlm", "sbo"])
def test_the_guesses_are_those_of_fill(head):
    [blank] = fill("the cat [MASK] [MASK] on a mat .", model(), by=head).blanks
    places = guesses("the cat dog ran on a mat .", 3, 5)[head]["places"]
    for (start, end), place in zip(enumerate(blank.guesses), places, strict=True):
        assert start < 2 and [p for p, _ in end] == [p for p, _, _ in place["guesses"]]
        assert [s for _, s in end] == pytest.approx([s for _, s, _ in place["guesses"]], abs=1e-6)


def test_no_model_can_read_what_is_hidden():
    first = guesses("the cat dog ran on a mat .", 3, 5)
    second = guesses("the cat sat < on a mat .", 3, 5)
    for head in ("mlm", "sbo"):
        for one, other in zip(first[head]["places"], second[head]["places"], strict=True):
            assert [g[:2] for g in one["guesses"]] == [g[:2] for g in other["guesses"]]
    elsewhere = guesses("the dog sat < on a mat .", 3, 5)
    assert elsewhere["mlm"]["places"] != second["mlm"]["places"]


def test_a_model_in_training_gives_the_same_and_stays_in_training():
    model().train()
    try:
        assert guesses() == guesses()
        assert model().training and model().sbo.training
    finally:
        model().eval()
    assert not torch.is_inference_mode_enabled() and torch.is_grad_enabled()


def test_fewer_or_more_guesses():
    assert len(guesses(top=2)["mlm"]["places"][0]["guesses"]) == 2
    assert len(guesses(top=999)["sbo"]["places"][0]["guesses"]) == len(PIECES)


# --- where SBO cannot


@given(st.integers(1, 20), st.integers(1, 20), st.integers(3, 24), st.booleans())
def test_the_sbo_is_refused_where_fill_refuses_it(start, end, length, sbo):
    start, end = inside(start, end, length)
    which = model(sbo=sbo)
    assert bool(why_no_sbo(which, start, end, length)) == bool(
        why_not_sbo(which, start, end, length)
    )


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (1, 3, "at the beginning: its left boundary would be [CLS]. An SBO never saw"),
        (7, 9, "at the end: its right boundary would be [SEP]. An SBO never saw"),
        (1, 9, "the whole text: its boundaries would be [CLS] and [SEP]"),
    ],
)
def test_a_span_at_an_edge_says_so_and_mlm_still_guesses(start, end, said):
    shown = guesses(start=start, end=end)
    assert said in shown["why_not"] and shown["sbo"] is None and not shown["failed"]
    assert len(shown["mlm"]["places"]) == end - start


def test_too_long_a_span_and_no_head():
    long = guesses("the " * 30, 2, 18)
    assert "has 16 pieces" in long["why_not"] and "positions 1 to 15" in long["why_not"]
    assert long["sbo"] is None and len(long["mlm"]["places"]) == 16
    assert guesses("the " * 30, 2, 17)["sbo"] is not None
    alone = guesses(which=model(sbo=False))
    assert alone["why_not"] == "This model was trained with MLM alone and has no SBO head."


@given(st.integers(), st.integers(), st.integers(3, 600))
def test_a_span_stays_inside(start, end, length):
    start, end = inside(start, end, length)
    assert 1 <= start < end <= length - 1 and end - start <= MOST_HIDDEN


# --- texts


def test_texts_of_every_kind():
    for empty in ("", " \n", "\u200b"):
        with pytest.raises(Failed, match="Type a sentence"):
            read_sentence(SMALL, empty)
    encoding, notes = read_sentence(SMALL, TEXT)
    assert notes == [] and len(encoding) == 10
    encoding, notes = read_sentence(SMALL, "cat " * 100_000, 64)
    assert f"Only the first {LONGEST_TEXT:,} characters are used." in notes
    assert "The text has 2,500 pieces. The model has 64 positions" in notes[1]
    assert "only the first 62 are used" in notes[1] and encoding.tokens[-1] == "[SEP]"
    assert len(encoding) == 64
    for text in ("😀 中文 <script>alert(1)</script>", "\ud800", "x" * 100_000, "[MASK] [SEP]"):
        shown = view(text=text)
        assert shown.shown["models"][0]["mlm"] and not shown.shown["models"][0]["problem"]
        json.dumps([shown.shown, shown.message], ensure_ascii=False).encode()


def test_a_script_is_shown_and_never_run():
    shown = view(text="the <script> sat & ran <", hide="<script>")
    assert shown.shown["tokens"][2:5] == ["<", "script", ">"] and shown.shown["end"] == 5
    page = shown._repr_mimebundle_()[0]["text/html"]
    assert "<script" not in page and "1: &lt;" in page and ">&amp;<" in page


def test_an_unknown_piece_is_named_by_its_letters():
    shown = view(text="the zebra sat on a mat", hide="zebra")
    assert shown.shown["under"][1:4] == ["", "zebra", ""]
    assert "[UNK] is what is not in the vocabulary; its letters cannot be guessed." in shown.message
    ask(shown, start=4, end=5)
    assert shown.message == ""


# --- the learner's function


def test_ones_own_vectors_give_the_librarys_numbers():
    hidden = hidden_states(TEXT, 3, 6)
    with torch.no_grad():
        shares, same = own_shares(model(), hidden, 3, 6, vector)
        position = torch.arange(3)
        row, left, right = (torch.full_like(position, x) for x in (0, 2, 6))
        head = model().sbo(hidden, row, left, right, position).softmax(-1)
        read = boundary_input(hidden, row, left, right, model().sbo.positions(position))
    assert same and torch.allclose(shares, head, atol=1e-6)
    assert torch.equal(
        vector(hidden, row, left, right, position, model().sbo.positions.weight), read
    )
    own = view(boundary_vector=vector)
    assert (
        own.shown["models"][0]["own"]
        and own.shown["models"][0]["sbo"] == (view().shown["models"][0]["sbo"])
    )
    assert own.message == "SBO reads the vectors of your vector: the same as the library’s."


def test_ones_own_wrong_vectors_give_other_guesses_and_a_sentence():
    def swapped(hidden, row, left, right, position, table):
        found = vector(hidden, row, right, left, position, table)
        hidden.zero_()
        table.zero_()
        return found

    own = view(boundary_vector=swapped)
    found, due = own.shown["models"][0], view().shown["models"][0]
    assert found["sbo"]["places"] != due["sbo"]["places"] and found["mlm"] == due["mlm"]
    assert found["own"] is False and "not those that it was trained with" in own.message
    assert view().shown["models"][0] == due, "a function cannot spoil the model"


def never_ends(hidden, row, left, right, position, table):
    while True:
        pass


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda *given: 1 / 0, "stopped with ZeroDivisionError: division by zero."),
        (lambda: 0, "stopped with TypeError"),
        (lambda *given: exit(), "stopped with SystemExit"),
        (lambda *given: None, "gave back None: is the return missing?"),
        (lambda *given: ..., "gave back Ellipsis: is the return missing?"),
        (lambda *given: [1, 2], "gave back [1, 2]; it should be a tensor."),
        (lambda h, row, left, *rest: h[row, left], "the shape (1, 16); expected (1, 232)"),
        (lambda *given: vector(*given) / 0, "infinite or none at all"),
        (never_ends, "was stopped after 2 seconds"),
    ],
)
def test_a_function_that_fails_gives_a_message(function, said):
    shown = view(boundary_vector=function)
    found = shown.shown["models"][0]
    assert found["failed"] and said in found["why_not"] and found["sbo"] is None
    assert len(found["mlm"]["places"]) == 1 and not found["problem"]
    assert (
        f"✗ {function.__name__}".replace("<", "&lt;").replace(">", "&gt;")
        in (shown._repr_mimebundle_()[0]["text/html"])
    )


# --- models


def test_a_bad_model_gives_a_message_and_the_other_still_works():
    class Bad(SpanBert):
        pass

    broken = Bad(SpanBertConfig(len(PIECES), 16, 1, 2, 32))
    broken.tokenizer = SMALL
    broken.encoder.forward = lambda ids: 1 / 0
    sick = Bad(SpanBertConfig(len(PIECES), 16, 1, 2, 32))
    sick.tokenizer = SMALL
    nn.init.constant_(sick.mlm.bias, float("nan"))
    shown = view({"broken": broken, "sick": sick, "good": model()})
    ask(shown, start=3, end=5, models=[0, 1, 2])
    first, second, third = shown.shown["models"]
    assert first["problem"] == "The model stopped with ZeroDivisionError: division by zero."
    assert "infinite or no numbers" in second["problem"] and third["sbo"] and not third["problem"]
    page = static_html(shown.shown)
    assert page.count("<table>") == 1 and "ZeroDivisionError" in page


def test_without_models_or_with_unlike_ones():
    empty = SpanGuesses({})
    assert "load_model" in empty.message and empty.shown["models"] == [] and "ask" in repr(empty)
    assert "load_model" in empty._repr_mimebundle_()[0]["text/html"]
    bare = SpanBert(SpanBertConfig(len(PIECES), 16, 1, 2, 32))
    with pytest.raises(ValueError, match="'bare' has no tokenizer"):
        view({"good": model(), "bare": bare})
    bare.tokenizer = WordPieceTokenizer([*PIECES, "more"], lowercase=True)
    with pytest.raises(ValueError, match="'bare' has another tokenizer than 'good'"):
        view({"good": model(), "bare": bare})


# --- the live layer and the static picture


def test_the_view_begins_with_the_course_sentence_and_its_name():
    which = SpanBert(SpanBertConfig.course(num_hidden_layers=1)).eval()
    which.tokenizer = load_tokenizer()
    shown = SpanGuesses({"random": which})
    start, end = shown.shown["start"], shown.shown["end"]
    assert shown.settings["text"] == SENTENCE
    assert shown.shown["tokens"][start:end] == ["V", "##ot", "##ing", "Rights", "Act"]
    assert shown.shown["models"][0]["sbo"] and shown.message == ""


def test_the_view_follows_its_settings():
    shown = view()
    assert shown.names == ["SpanBERT", "MLM alone"] and shown.shown["answer"] == 0
    assert (shown.shown["start"], shown.shown["end"]) == (4, 5), "the middle"
    assert [m["name"] for m in shown.shown["models"]] == ["SpanBERT"]
    ask(shown, start=3, end=6)
    assert shown.shown["answer"] == 1 and len(shown.shown["models"][0]["sbo"]["places"]) == 3
    direct = guesses(start=3, end=6)
    assert {key: shown.shown["models"][0][key] for key in ("mlm", "sbo")} == {
        key: direct[key] for key in ("mlm", "sbo")
    }
    ask(shown, start=3, end=6, models=[0, 1])
    assert [m["name"] for m in shown.shown["models"]] == ["SpanBERT", "MLM alone"]
    assert "no SBO head" in shown.shown["models"][1]["why_not"]
    ask(shown, start=3, end=6, models=[])
    assert [m["name"] for m in shown.shown["models"]] == ["SpanBERT"], "one stays"
    ask(shown, start=5, end=99)
    assert (shown.shown["start"], shown.shown["end"]) == (5, 9) and shown.message == ""
    ask(shown, start=2, end=40, text="the cat " * 20)
    assert shown.shown["end"] == 2 + MOST_HIDDEN and "At most 20 pieces" in shown.message
    ask(shown, start=2, end=3, text=" ")
    assert "Type a sentence" in shown.message and shown.shown["tokens"] == []
    assert shown.shown["answer"] == shown.settings["number"] and "Type a" in repr(shown)
    json.dumps(shown.shown)


def test_a_model_is_asked_once_for_a_span(monkeypatch):
    asked = []
    shown = view()
    monkeypatch.setattr(shown, "_ask", lambda name, *rest: asked.append(name) or {})
    shown._known = ((), {})
    monkeypatch.setattr("spanbert_teach.views.span_guesses.own_notes", lambda *_: [])
    for models in ([0], [0, 1], [1], [0]):
        ask(shown, start=3, end=5, models=models)
    assert asked == ["SpanBERT", "MLM alone"]
    ask(shown, start=3, end=6, models=[0])
    assert asked == ["SpanBERT", "MLM alone", "SpanBERT"]


def test_a_share_that_is_there_stays_more_than_nothing():
    assert six_digits(1 / 3) == 0.333333 and six_digits(2e-9) == 2e-9 and six_digits(1.0) == 1.0


def test_the_static_picture_shows_what_the_view_shows():
    first, second = (view(hide="sat on")._repr_mimebundle_()[0] for _ in "12")
    assert first["text/html"] == second["text/html"] and first["text/plain"] == second["text/plain"]
    assert first["text/plain"] == ("SpanGuesses('the cat ##s [MASK] [MASK] a mat .', SpanBERT)")
    assert "application/vnd.jupyter.widget-view+json" in first
    page, shown = first["text/html"], view(hide="sat on").shown
    assert page.count("<b>[MASK]</b>") == 2 and "##s ▸" in page and "◂ a" in page
    assert page.count("<table>") == 1 and "1: sat" in page and "2: on" in page
    for head in ("mlm", "sbo"):
        found = shown["models"][0][head]
        assert f"first guess right: {found['right']} of 2" in page
        assert f"loss {found['loss']:.2f} nats" in page
        for place in found["places"]:
            assert f"true: rank {place['rank']}, " in page
            for piece, share, _ in place["guesses"]:
                shown_piece = piece.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
                assert f"{shown_piece} {percent(share)}" in page
    edge = view(hide="the")._repr_mimebundle_()[0]["text/html"]
    assert "its left boundary would be [CLS]" in edge and ">[CLS] ✗<" in edge
    for taken_away in ("<svg", "<script", "<style>", " id=", "aria-", "data-", "var("):
        assert taken_away not in page
    for tag in ("table", "tr", "td", "th", "span", "p", "b"):
        assert len(re.findall(rf"<{tag}[ >]", page)) == page.count(f"</{tag}>")
