"""Blanks: which head answers, what it answers, and a text that is otherwise untouched."""

import re
from functools import cache
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spanbert_teach.filling import (
    Blank,
    blank_shares,
    blanks_of,
    fill,
    filled_text,
    joined_pieces,
    states_of,
)
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert
from spanbert_teach.tokenization import SPECIAL_TOKENS, WordPieceTokenizer, load_tokenizer

WORDS = ["The", "United", "States", "of", "America", "and", "the", "people", "in", "Congress"]
PARTS = ["play", "##ing", "##s", "##al"]
TOKENIZER = WordPieceTokenizer([*SPECIAL_TOKENS, *WORDS, *PARTS, *".,", *"abcdefghij", "Å"])
V = len(TOKENIZER)


def model(
    positions: int = 15, tokenizer=TOKENIZER, dropout: float = 0.1, rows: int = 0, **options
) -> SpanBert:
    config = SpanBertConfig(
        vocab_size=rows or len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    draw = torch.Generator().manual_seed(1)
    found = SpanBert(config, sbo_positions=positions, generator=draw, **options)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter += 0.2 * torch.randn(parameter.shape, generator=draw)
    found.tokenizer = tokenizer
    return found.eval()


NET = model()
TEXT = "The United [MASK] [MASK] America and [MASK] people in Congress."


def shares(blank: Blank) -> list[dict[str, float]]:
    """For each hidden piece the probability of every piece of the vocabulary."""
    assert all(len(place) == len({piece for piece, _ in place}) == V for place in blank.guesses)
    return [dict(place) for place in blank.guesses]


# --- what is answered ----------------------------------------------------------------------------


@torch.no_grad()
def test_each_head_answers_as_the_model_computes():
    ids = TOKENIZER.encode(TEXT).ids
    hidden = NET.encoder(torch.tensor([ids])).hidden[0]
    places = {(3, 5): (2, 5), (7, 8): (6, 8)}  # blank -> its boundaries
    found = {by: fill(TEXT, NET, by, V).blanks for by in ("mlm", "sbo", "both")}
    for number, ((start, end), (left, right)) in enumerate(places.items()):
        for by in found:
            blank = found[by][number]
            assert (blank.start, blank.end, blank.by) == (start, end, by)
            assert len(blank.guesses) == end - start
        for place in range(end - start):
            mlm = NET.mlm(hidden[start + place]).softmax(-1)
            read = [hidden[left], hidden[right], NET.sbo.positions.weight[place]]
            x = NET.sbo.norm1(torch.nn.functional.gelu(NET.sbo.linear1(torch.cat(read))))
            x = NET.sbo.norm2(torch.nn.functional.gelu(NET.sbo.linear2(x)))
            sbo = (NET.sbo.decoder(x) + NET.sbo.bias).softmax(-1)
            both = (mlm * sbo).sqrt()
            expected = {"mlm": mlm, "sbo": sbo, "both": both / both.sum()}
            for by, share in expected.items():
                answered = shares(found[by][number])[place]
                in_order = torch.tensor([answered[piece] for piece in TOKENIZER.tokens])
                torch.testing.assert_close(in_order, share, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("by", ["mlm", "sbo", "both"])
def test_probabilities_sum_to_1_and_the_likeliest_come_first(by):
    for blank in fill(TEXT, NET, by, top=V).blanks:
        for place in blank.guesses:
            in_order = [share for _, share in place]
            assert in_order == sorted(in_order, reverse=True)
            assert sum(in_order) == pytest.approx(1, abs=1e-5)
    few = fill(TEXT, NET, by, top=3).blanks
    assert [place[:3] for b in fill(TEXT, NET, by, top=V).blanks for place in b.guesses] == [
        place for b in few for place in b.guesses
    ]
    assert len(fill(TEXT, NET, by).blanks[0].guesses[0]) == 5
    assert len(fill(TEXT, NET, by, top=10 * V).blanks[0].guesses[0]) == V


def test_the_boundary_head_does_not_look_into_the_blank_and_the_other_does():
    hidden = states_of(TOKENIZER.encode(TEXT).ids, NET)
    other = hidden.clone()
    other[0, 3:5] = torch.randn(2, 32, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        mlm, sbo = (
            [blank_shares(NET, states, 3, 5, by) for states in (hidden, other)]
            for by in ("mlm", "sbo")
        )
        assert torch.equal(*sbo) and not torch.allclose(*mlm)
        # Its first guesses are the same however long the blank is, between the same two states.
        other[0, 8] = hidden[0, 5]
        longer = blank_shares(NET, other, 3, 8, "sbo")
    torch.testing.assert_close(longer[:2], sbo[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_and_the_mode_stays(training):
    net = model(dropout=0.5).train(training)
    a, b = (str(fill(TEXT, net, "both")) for _ in range(2))
    assert a == b and net.training is training
    net.encoder.forward = lambda *_: 1 / 0
    with pytest.raises(ZeroDivisionError):
        fill(TEXT, net)
    assert net.training is training


@pytest.mark.parametrize("by", ["mlm", "sbo", "both"])
def test_rows_that_are_no_piece_are_never_guessed(by):
    """Some models round the rows of their word embeddings up."""
    net = model(rows=V + 6)
    with torch.no_grad():
        net.mlm.bias[V:] = net.sbo.bias[V:] = 99.0
    for blank in fill(TEXT, net, by, top=V + 6).blanks:
        for place in shares(blank):
            assert sum(place.values()) == pytest.approx(1, abs=1e-5)


# --- the text ------------------------------------------------------------------------------------


@cache
def always(*pieces: str) -> SpanBert:
    """A model whose first likeliest piece is the first of these, and so on."""
    net = model()
    with torch.no_grad():
        net.mlm.bias.fill_(0.0)
        for number, piece in enumerate(pieces):
            net.mlm.bias[TOKENIZER.id(piece)] = 1000.0 - 100 * number
    return net


def test_blanks_are_filled_where_they_stand_and_words_are_joined():
    found = fill("  In\t[MASK],  [MASK] [MASK] of [MASK]!\n", always("play"))
    assert found.text == "  In\tplay,  play play of play!\n"
    assert [(b.start, b.end) for b in found.blanks] == [(2, 3), (4, 6), (7, 8)]
    assert [b.best for b in found.blanks] == ["play", "play play", "play"]
    text, blanks = "a [MASK] [MASK] b [MASK]", [(2, 4), (5, 6)]
    offsets = TOKENIZER.encode(text).offsets
    tokens = ["[CLS]", "a", "play", "##ing", "b", "United", "[SEP]"]
    assert filled_text(text, offsets, tokens, blanks) == "a playing b United"


def test_a_piece_that_goes_on_with_a_word_is_joined_to_it():
    assert joined_pieces(["play", "##ing", "##s", "of", "Congress"]) == "playings of Congress"
    found = fill("They play[MASK].", always("##ing"))
    assert found.text == "They playing." and found.blanks[0].best == "##ing"
    # Behind a space there is no word to go on with: the marks stay to be seen.
    assert fill("They [MASK] play", always("##ing")).text == "They ##ing play"
    assert fill("[MASK] play", always("##ing")).text == "##ing play"


ANY_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=60, deadline=None)
@given(before=ANY_TEXT, between=ANY_TEXT, after=ANY_TEXT)
def test_all_around_the_blanks_stays_as_it_was(before, between, after):
    assume("[MASK]" not in before + between + after)
    text = f"{before} [MASK] {between} [MASK] {after}"
    assume(len(TOKENIZER.encode(text).ids) <= 64)
    found = fill(text, always("Congress"))
    apart = len(TOKENIZER.encode(between).ids) > 2  # else no piece is between: one blank
    assert len(found.blanks) == 1 + apart
    middle = f" {between} " if apart else " "
    assert found.text == f"{before} Congress{middle}Congress {after}"
    assert sum(len(blank.guesses) for blank in found.blanks) == 2


@pytest.mark.parametrize(
    "text",
    [
        "🙂🙃 [MASK] 👩‍👩‍👧 people",
        "美国 [MASK] 国会。",
        "<script>alert('[MASK]')</script> & <b>",
        "Ås [MASK] Å, Congre\u0301s",
    ],
)
@pytest.mark.parametrize("by", ["mlm", "sbo", "both"])
def test_letters_that_the_vocabulary_lacks_stay(text, by):
    for net in (NET, course_model()):
        found = fill(text, net, by)
        [blank] = found.blanks
        before, after = text.split("[MASK]")
        glued = blank.best if before.endswith(" ") else blank.best.removeprefix("##")
        assert found.text == f"{before}{glued}{after}"
        assert str(found).startswith(found.text)


@cache
def course_model() -> SpanBert:
    return model(tokenizer=load_tokenizer())


def test_what_is_printed():
    found = fill(TEXT, NET, "both", top=2)
    lines = str(found).splitlines()
    assert lines[0] == found.text and lines[1] == f"{found.blanks[0].best!r} by both"
    assert re.fullmatch(r"  1: \S+ \d+\.\d%  \S+ \d+\.\d%", lines[2])
    assert len(lines) == 1 + 3 + 2


@given(st.lists(st.booleans(), max_size=30))
def test_blanks_are_the_stretches_of_mask(hidden):
    ids = [9 if here else 5 for here in hidden]
    found = blanks_of(ids, 9)
    assert [i for start, end in found for i in range(start, end)] == [
        i for i, here in enumerate(hidden) if here
    ]
    assert all(end < start for (_, end), (start, _) in pairwise(found))


# --- where the boundary head cannot --------------------------------------------------------------


@pytest.mark.parametrize("text", ["[MASK] people", "people [MASK] [MASK]", "[MASK]"])
def test_at_the_edges_only_mlm_answers(text):
    with pytest.raises(ValueError, match=r"edge of the text.*Try 'mlm'"):
        fill(text, NET, "sbo")
    both, mlm = fill(text, NET, "both"), fill(text, NET, "mlm")
    assert both == mlm and both.blanks[0].by == "mlm"


def test_beyond_its_positions_only_mlm_answers():
    net = model(positions=3)
    text = "The [MASK] [MASK] [MASK] of [MASK] [MASK] [MASK] [MASK] and"
    with pytest.raises(ValueError, match=r"4 pieces, and the SBO knows the positions 1 to 3"):
        fill(text, net, "sbo")
    assert [blank.by for blank in fill(text, net, "both").blanks] == ["both", "mlm"]
    assert len(fill("The" + " [MASK]" * 3 + " of", net, "sbo").blanks[0].guesses) == 3
    fifteen = "The" + " [MASK]" * 15 + " of"
    assert fill(fifteen, NET, "sbo").blanks[0].by == "sbo"
    with pytest.raises(ValueError, match="16 pieces"):
        fill(fifteen.replace("of", "[MASK] of"), NET, "sbo")


def test_without_the_head_only_mlm_answers():
    net = model(sbo=False)
    with pytest.raises(ValueError, match="trained with MLM alone and has no SBO head"):
        fill(TEXT, net, "sbo")
    assert {blank.by for blank in fill(TEXT, net, "both").blanks} == {"mlm"}


# --- what cannot be filled -----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "The people", "[mask]", "MASK", "[MASK"])
def test_a_text_without_a_blank_says_how_to_write_one(text):
    with pytest.raises(ValueError, match=r"no blank.*Write \[MASK\] for each piece"):
        fill(text, NET)


def test_a_text_that_is_too_long_says_so():
    with pytest.raises(ValueError, match=r"66 pieces is too long: there are 64 positions"):
        fill("[MASK] " + "people " * 63, NET)
    assert fill("[MASK] " + "people " * 61, NET).blanks


def test_impossible_arguments_are_named():
    with pytest.raises(ValueError, match="by='nsp': expected one of mlm, sbo, both"):
        fill(TEXT, NET, "nsp")
    for top in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match=f"top={top}: expected a whole number, 1 or more"):
            fill(TEXT, NET, top=top)
    net = model()
    net.tokenizer = None
    with pytest.raises(ValueError, match="no tokenizer"):
        fill(TEXT, net)
