"""The two objectives: which states each head reads, its layers, its start, and the joint loss."""

import copy
import math
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import generator, stir
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM

from spanbert_teach.checkpoints import load_model, save_model
from spanbert_teach.masking import IGNORE, MaskedBatch, MaskOptions, mask_batch, sbo_targets
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import (
    POSITION_SIZE,
    MaskedLMHead,
    SpanBert,
    SpanBoundaryHead,
    boundary_input,
    joint_loss,
    loss_sum,
)

MASK_ID = 4
TINY = SpanBertConfig(
    vocab_size=50,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=48,
    max_position_embeddings=80,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
H, V = TINY.hidden_size, TINY.vocab_size


def spanbert(config: SpanBertConfig = TINY, **options) -> SpanBert:
    return stir(SpanBert(config, generator=generator(1), **options))


def masked(lengths, config=TINY, width=None, seed=0) -> tuple[MaskedBatch, torch.Tensor]:
    """A masked batch of random text, `[CLS] text [SEP] [PAD] ...`, and its attention mask."""
    rng = np.random.default_rng(seed)
    shape = (len(lengths), width or max(lengths) + 2)
    column, size = np.arange(shape[1]), np.array(lengths)[:, None]
    text = (column > 0) & (column <= size)
    ids = np.zeros(shape, dtype=np.int64)
    ids[text] = rng.integers(5, config.vocab_size, text.sum())
    ids[:, 0], ids[np.arange(len(lengths)), size[:, 0] + 1] = 2, 3
    batch = mask_batch(
        ids,
        text,
        text,
        MaskOptions(),
        seed=seed,
        epoch=0,
        index=np.arange(len(lengths)),
        mask_id=MASK_ID,
        unigram=np.r_[np.zeros(5), np.full(config.vocab_size - 5, 1 / (config.vocab_size - 5))],
    )
    return batch, torch.from_numpy(column <= size + 1)


def state_of_span(length=12, first=5, last=8, hidden=H, seed=3):
    """Random outputs of an encoder, and the arguments of the head for a span, [CLS] at column 0."""
    states = torch.randn(1, length + 2, hidden, generator=generator(seed))
    spans = [(first - 1, last)]  # x1 is piece 0
    sbo = sbo_targets(np.arange(length) + 5, spans, MaskOptions())
    places = [torch.from_numpy(side) for side in (sbo.left + 1, sbo.right + 1, sbo.position)]
    return states, (torch.zeros_like(places[0]), *places)


# --- what the span boundary head reads (points 13 to 15) -----------------------------------------


def test_figure_1_the_third_piece_of_x5_to_x8_is_predicted_from_x4_x9_and_p3():
    head = spanbert().sbo
    states, (row, left, right, position) = state_of_span()
    assert len(row) == 4
    third = [part[2:3] for part in (row, left, right, position)]  # x7, "football"
    states.requires_grad_()
    logits = head(states, *third)
    logits[0, 17].backward()
    assert states.grad[0].abs().sum(-1).nonzero().flatten().tolist() == [4, 9]
    assert head.positions.weight.grad.abs().sum(-1).nonzero().flatten().tolist() == [2]
    read = boundary_input(states, *third[:3], head.positions(third[3]))
    expected = torch.cat([states[0, 4], states[0, 9], head.positions.weight[2]])
    assert torch.equal(read[0], expected) and read.shape == (1, 2 * H + POSITION_SIZE)


@torch.no_grad()
def test_states_inside_the_span_change_no_bit_and_each_boundary_does():
    head = spanbert().sbo
    states, places = state_of_span()
    logits = head(states, *places)

    def with_other(columns):
        other = states.clone()
        other[0, columns] = torch.randn(len(columns), H, generator=generator(9))
        return head(other, *places)

    assert torch.equal(with_other([5, 6, 7, 8]), logits)
    assert torch.equal(with_other([0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13]), logits)
    for boundary in (4, 9):
        assert ((with_other([boundary]) - logits).abs().amax(-1) > 0.1).all()
    row, left, right, position = places
    assert ((head(states, row, right, left, position) - logits).abs().amax(-1) > 0.1).all()


@torch.no_grad()
def test_the_head_knows_the_place_in_the_span_and_not_the_place_in_the_text():
    head = spanbert().sbo
    states = torch.randn(3, 30, H, generator=generator(4))
    states[0, 20], states[0, 25] = states[0, 4], states[0, 9]  # the same boundaries further on
    states[2, 1], states[2, 6] = states[0, 4], states[0, 9]  # and in another row
    row, left = torch.tensor([[0] * 4, [0] * 4, [2] * 4]), torch.tensor([[4], [20], [1]])
    left, position = left.expand(3, 4), torch.arange(4).expand(3, 4)
    logits = head(states, *(x.flatten() for x in (row, left, left + 5, position))).view(3, 4, V)
    torch.testing.assert_close(logits[1], logits[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(logits[2], logits[0], atol=1e-6, rtol=0)
    for a in range(4):
        for b in range(a):
            assert (logits[0, a] - logits[0, b]).abs().max() > 0.1


# --- the layers of the heads (points 16 to 18) ---------------------------------------------------


@pytest.mark.parametrize("mlp", ["mlm", "sbo"])
def test_linear_then_gelu_with_erf_then_norm(mlp):
    model = SpanBert(TINY, generator=generator(1))
    states, places = state_of_span()
    if mlp == "sbo":
        head, stages = model.sbo, [("linear1", "norm1"), ("linear2", "norm2")]
    else:
        head, stages = model.mlm, [("dense", "LayerNorm")]
    states = 10 * states  # so far from 0 that GELU is not nearly a line
    seen = {}
    for stage in stages:
        for name in stage:
            head.get_submodule(name).register_forward_hook(
                lambda _, given, made, name=name: seen.update({name: (given[0], made)})
            )
    decoded = []
    head.decoder.register_forward_hook(lambda _, given, made: decoded.append(given[0]))
    _ = head(states, *places) if mlp == "sbo" else head(states[0])
    for linear, norm in stages:
        x = seen[linear][1].double()
        exact = x * (1 + torch.erf(x / math.sqrt(2))) / 2
        assert (seen[norm][0] - exact).abs().max() < 1e-6
        # The approximation with tanh would be seen: it is off by more.
        assert (F.gelu(x, approximate="tanh") - exact).abs().max() > 1e-5 or linear == "linear2"
        made = seen[norm][1]
        torch.testing.assert_close(made.mean(-1), torch.zeros(len(made)), atol=1e-5, rtol=0)
        torch.testing.assert_close(made.var(-1, correction=0), torch.ones(len(made)))
    assert torch.equal(decoded[0], seen[stages[-1][1]][1])


def test_the_span_boundary_head_again_in_numpy():
    model = spanbert()
    states, places = state_of_span(length=20, first=3, last=17)
    with torch.no_grad():
        logits = model.sbo(states, *places).numpy()
    w = {name: p.detach().numpy().astype(float) for name, p in model.sbo.named_parameters()}
    words = model.encoder.embeddings.word_embeddings.weight.detach().numpy().astype(float)
    h = states[0].numpy().astype(float)
    erf = np.vectorize(math.erf)

    def layer(x, number):
        x = w[f"linear{number}.weight"] @ x + w[f"linear{number}.bias"]
        x = 0.5 * x * (1 + erf(x / 2**0.5))
        x = (x - x.mean()) / np.sqrt(x.var() + TINY.layer_norm_eps)
        return x * w[f"norm{number}.weight"] + w[f"norm{number}.bias"]

    for k in range(15):  # pieces x3 to x17 between x2 and x18
        x = layer(layer(np.concatenate([h[2], h[18], w["positions.weight"][k]]), 1), 2)
        np.testing.assert_allclose(logits[k], words @ x + w["bias"], atol=1e-4, rtol=1e-5)
    assert len(logits) == 15


def own_parameters(head: nn.Module) -> int:
    return sum(p.numel() for name, p in head.named_parameters() if name != "decoder.weight")


def test_shapes_and_numbers_of_the_released_sizes():
    with torch.device("meta"):  # shapes without numbers
        base = SpanBert(SpanBertConfig.base())
        large = SpanBert(SpanBertConfig.large())
        wider = SpanBoundaryHead(base.encoder.config, base.encoder.embeddings.word_embeddings, 20)
    shapes = {name: tuple(p.shape) for name, p in base.sbo.named_parameters()}
    vectors = ("linear1.bias", "linear2.bias", "norm1.weight", "norm1.bias")
    vectors = (*vectors, "norm2.weight", "norm2.bias")
    assert shapes == dict.fromkeys(vectors, (768,)) | {
        "positions.weight": (15, 200),
        "linear1.weight": (768, 1736),
        "linear2.weight": (768, 768),
        "decoder.weight": (28_996, 768),
        "bias": (28_996,),
    }
    assert own_parameters(base.sbo) == 1_959_676
    assert own_parameters(base.mlm) == 621_124
    assert own_parameters(large.sbo) == 3_388_668
    assert own_parameters(large.mlm) == 1_080_644
    assert own_parameters(wider) == 1_959_676 + 5 * 200
    for model, size in ((base, 110_300_480), (large, 336_998_976)):  # tied: counted once
        assert sum(p.numel() for p in model.parameters()) == size


def assert_tied(model: SpanBert) -> None:
    words = model.encoder.embeddings.word_embeddings.weight
    for head in (model.mlm, model.sbo):
        assert head.decoder.weight is words
        assert head.decoder.bias is None
    assert model.mlm.bias is not model.sbo.bias
    assert model.mlm.bias.data_ptr() != model.sbo.bias.data_ptr()
    assert sum(p is words for p in model.parameters()) == 1


def test_both_decoders_are_the_word_embeddings_and_stay_so(tmp_path):
    model = spanbert()
    assert_tied(model)
    assert_tied(copy.deepcopy(model))
    assert copy.deepcopy(model).mlm.bias is not model.mlm.bias
    assert_tied(copy.deepcopy(model).to(torch.float64))
    loaded = SpanBert(TINY)
    loaded.load_state_dict(model.state_dict())
    assert_tied(loaded)
    save_model(tmp_path / "saved", model, provenance={})
    assert_tied(load_model(tmp_path / "saved"))
    # One step of an optimiser moves all three, and the biases apart from each other.
    batch, real = masked([20, 20])
    before = model.mlm.decoder.weight.clone()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    found = model(batch, real)
    (found.mlm + found.sbo).backward()
    optimizer.step()
    assert_tied(model)
    assert not torch.equal(model.encoder.embeddings.word_embeddings.weight, before)
    assert not torch.equal(model.mlm.bias, model.sbo.bias)


# --- the masked-LM head is BERT's ----------------------------------------------------------------


def test_the_mlm_head_gives_the_logits_of_transformers(tmp_path):
    torch.manual_seed(0)
    peer = stir(BertForMaskedLM(BertConfig(**asdict(TINY), attn_implementation="eager"))).eval()
    peer.save_pretrained(tmp_path / "peer")
    model = load_model(tmp_path / "peer")
    assert model.sbo is None
    batch, real = masked([20, 9])
    with torch.no_grad():
        expected = peer(input_ids=batch.input_ids, attention_mask=real.long()).logits
        hidden = model.encoder(batch.input_ids, real).hidden
        found = model.mlm(hidden[batch.mask])
    assert found.shape == (int(batch.mask.sum()), V)
    torch.testing.assert_close(found, expected[batch.mask], atol=1e-5, rtol=0)
    loss = peer(input_ids=batch.input_ids, attention_mask=real.long(), labels=batch.mlm_targets)
    ours = model(batch, real)
    assert IGNORE == -100  # as transformers has it
    torch.testing.assert_close(ours.mlm / ours.mlm_count, loss.loss, atol=1e-5, rtol=0)


# --- the start (point 20) ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "around"),
    [
        (TINY, None),
        (SpanBertConfig.course(), 9.06),
        (SpanBertConfig.base(num_hidden_layers=1), 10.43),
    ],
    ids=["tiny", "course", "base"],
)
def test_the_initial_losses_are_those_of_guessing(config, around):
    model = SpanBert(config, generator=generator(2)).eval()
    expected = math.log(config.vocab_size) + 0.5 * 0.02**2 * config.hidden_size
    assert around is None or abs(expected - around) < 0.01
    rows = 4 if config.hidden_size > 256 else 40
    batch, real = masked([60] * rows, config, seed=5)
    with torch.no_grad():
        found = model(batch, real)
    assert abs(found.mlm / found.mlm_count - expected) < 0.15
    assert abs(found.sbo / found.sbo_count - expected) < 0.15


def test_weights_come_from_the_generator_and_mlm_alone_starts_from_the_same():
    a, b = (SpanBert(TINY, generator=generator(3)).state_dict() for _ in range(2))
    assert all(torch.equal(a[name], b[name]) for name in a)
    other = SpanBert(TINY, generator=generator(4)).state_dict()
    assert not torch.equal(a["mlm.dense.weight"], other["mlm.dense.weight"])
    alone = SpanBert(TINY, sbo=False, generator=generator(3)).state_dict()
    assert set(a) - set(alone) == {name for name in a if name.startswith("sbo.")}
    assert all(torch.equal(a[name], alone[name]) for name in alone)
    assert abs(a["sbo.positions.weight"].std() - 0.02) < 0.001
    for name, tensor in a.items():
        if name.endswith("bias"):
            assert not tensor.any(), name
        if name.endswith(("norm1.weight", "norm2.weight", "LayerNorm.weight")):
            assert (tensor == 1).all(), name


# --- the losses (points 19, 21) ------------------------------------------------------------------


def test_loss_sum_leaves_out_what_is_ignored_and_adds_up_in_float32():
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0], [5.0, -5.0]])
    targets = torch.tensor([1, 0, IGNORE])
    assert abs(loss_sum(logits, targets).item() - (math.log(4 / 3) + math.log(2))) < 1e-6
    half = loss_sum(logits.bfloat16(), targets)
    assert half.dtype == torch.float32
    assert loss_sum(torch.zeros(0, 2), torch.zeros(0, dtype=torch.long)) == 0


@given(
    sums=st.tuples(st.floats(0.1, 1e4), st.floats(0.1, 1e4)),
    counts=st.tuples(st.integers(1, 5000), st.integers(0, 5000)),
    weight=st.floats(0, 10),
)
def test_the_joint_loss_is_the_formula(sums, counts, weight):
    mlm, sbo = (torch.tensor(x, dtype=torch.float64) for x in sums)
    official = joint_loss(mlm, sbo, *counts, sbo_weight=weight)
    paper = joint_loss(mlm, sbo, *counts, sbo_weight=weight, normalisation="paper")
    assert math.isclose(official, sums[0] / counts[0] + weight * sums[1] / (counts[1] + 1))
    assert math.isclose(paper, (sums[0] + weight * sums[1]) / counts[0])


def test_the_joint_loss_by_default_is_the_official_one_with_weight_1():
    assert joint_loss(torch.tensor(6.0), torch.tensor(8.0), 3, 3) == 6 / 3 + 8 / 4
    with pytest.raises(ValueError, match=r"normalisation='mean'.*official or paper"):
        joint_loss(torch.tensor(1.0), torch.tensor(1.0), 1, 1, normalisation="mean")


def joint(model, batch, real, **options):
    found = model(batch, real)
    return joint_loss(found.mlm, found.sbo, found.mlm_count, found.sbo_count, **options)


def gradients(model, loss) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def test_without_weight_the_span_boundary_head_learns_nothing():
    model = spanbert()
    batch, real = masked([40, 30])
    assert len(batch.sbo.target) > 5
    found = gradients(model, joint(model, batch, real, sbo_weight=0.0))
    own = [name for name in found if name.startswith("sbo.")]
    assert len(own) == 10 and not any(found[name].any() for name in own)
    alone = model(batch, real)
    only_mlm = gradients(model, alone.mlm / alone.mlm_count)
    for name in set(found) - set(own):
        torch.testing.assert_close(found[name], only_mlm[name], atol=1e-7, rtol=0)
    both = gradients(model, joint(model, batch, real))
    assert all(both[name].any() for name in own)


@pytest.mark.parametrize("normalisation", ["official", "paper"])
def test_no_span_to_predict_gives_a_finite_loss(normalisation):
    model = spanbert()
    batch, real = masked([1, 1])  # a text of one piece: its span touches both edges
    assert len(batch.sbo.target) == 0 and batch.mask.sum() == 2
    found = model(batch, real)
    assert found.sbo == 0 and found.sbo_count == 0 and found.mlm > 0 and found.mlm_count == 2
    grads = gradients(model, joint(model, batch, real, normalisation=normalisation))
    assert all(g.isfinite().all() for g in grads.values())
    assert not grads["sbo.linear1.weight"].any()
    # It is there, and 0: data-parallel training waits for the gradient of each parameter.
    assert set(grads) == {name for name, _ in model.named_parameters()}


def test_the_model_sums_both_losses_over_their_own_targets():
    model = spanbert()
    batch, real = masked([40, 25, 3])
    found = model(batch, real)
    with torch.no_grad():
        hidden = model.encoder(batch.input_ids, real).hidden
        mlm = [
            F.cross_entropy(model.mlm(hidden[r, c]), batch.mlm_targets[r, c])
            for r, c in batch.mask.nonzero().tolist()
        ]
        sbo = batch.sbo
        places = torch.stack([sbo.batch, sbo.left, sbo.right, sbo.position], 1)
        each = [
            F.cross_entropy(model.sbo(hidden, *place[:, None])[0], target)
            for place, target in zip(places, sbo.target, strict=True)
        ]
    assert (found.mlm_count, found.sbo_count) == (len(mlm), len(each))
    torch.testing.assert_close(found.mlm, torch.stack(mlm).sum(), atol=1e-3, rtol=1e-5)
    torch.testing.assert_close(found.sbo, torch.stack(each).sum(), atol=1e-3, rtol=1e-5)


def test_logits_are_computed_for_the_predicted_pieces_alone():
    model = spanbert()
    batch, real = masked([40, 25, 3])
    seen = []
    for head in (model.mlm, model.sbo):
        head.decoder.register_forward_hook(lambda module, given, logits: seen.append(logits.shape))
    found = model(batch, real)
    vocabulary = model.encoder.config.vocab_size
    assert seen == [(found.mlm_count, vocabulary), (found.sbo_count, vocabulary)]
    assert 0 < found.mlm_count < batch.input_ids.numel() / 3


@settings(max_examples=10, deadline=None)
@given(more=st.integers(1, 30), seed=st.integers(0, 99))
def test_padding_changes_no_loss_and_no_gradient(more, seed):
    model = spanbert()
    lengths = [30, 17]
    (short, real), (long, real_long) = (
        masked(lengths, width=width, seed=seed) for width in (None, 32 + more)
    )
    # The same masks, and other numbers where the padding is.
    width = short.input_ids.shape[1]
    assert torch.equal(short.input_ids, long.input_ids[:, :width])
    ids = torch.where(real_long, long.input_ids, 7)
    a = gradients(model, joint(model, short, real))
    loss_a = joint(model, short, real)
    b = gradients(model, joint(model, replace(long, input_ids=ids), real_long))
    loss_b = joint(model, replace(long, input_ids=ids), real_long)
    torch.testing.assert_close(loss_a, loss_b, atol=1e-6, rtol=1e-6)
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=1e-6, rtol=1e-5)


def test_without_the_attention_mask_padding_would_be_seen():
    model = spanbert()
    batch, real = masked([30, 17])
    assert abs(joint(model, batch, real) - joint(model, batch, None)) > 1e-4


def test_dummy_pairs_change_no_loss_and_no_gradient():
    model = spanbert()
    batch, real = masked([30, 17])
    sbo = batch.sbo
    dummies = {name: torch.zeros(3, dtype=torch.long) for name in vars(sbo)}
    dummies["target"] += IGNORE  # as the official code fills its batches: [CLS] twice, no target
    filled = {name: torch.cat([getattr(sbo, name), dummies[name]]) for name in vars(sbo)}
    with_dummies = replace(batch, sbo=replace(sbo, **filled))
    assert with_dummies.sbo.count == batch.sbo.count == len(sbo.target)
    losses = [joint(model, one, real) for one in (batch, with_dummies)]
    torch.testing.assert_close(*losses, atol=1e-6, rtol=0)
    a, b = (gradients(model, loss) for loss in losses)
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=1e-6, rtol=0)


# --- one segment, and the way of the gradient (points 14, 22) -------------------------------------


def test_no_pooler_no_next_sentence_head_and_one_segment():
    model = spanbert()
    assert model.encoder.pooler is None
    assert {name for name, _ in model.named_children()} == {"encoder", "mlm", "sbo"}
    batch, real = masked([30, 17])
    found = gradients(model, joint(model, batch, real))
    segments = found["encoder.embeddings.token_type_embeddings.weight"]
    assert segments[0].any() and not segments[1].any()
    before = joint(model, batch, real)
    with torch.no_grad():
        model.encoder.embeddings.token_type_embeddings.weight[1] += 5
    assert torch.equal(before, joint(model, batch, real))


@pytest.mark.parametrize("attention", [True, False])
def test_the_gradient_of_the_boundary_loss_reaches_inner_pieces_through_attention_alone(attention):
    model = spanbert()
    if not attention:  # what is attended to is the same nothing for each piece
        with torch.no_grad():
            for layer in model.encoder.encoder.layer:
                layer.attention.self.value.weight.zero_()
                layer.attention.self.value.bias.zero_()
    states, places = state_of_span()
    words = torch.randn(states.shape, generator=generator(8)).requires_grad_()
    hidden = model.encoder(inputs_embeds=words).hidden
    hidden.retain_grad()
    loss_sum(model.sbo(hidden, *places), torch.tensor([7, 8, 9, 10])).backward()
    reached = [columns.grad[0].abs().sum(-1) > 0 for columns in (hidden, words)]
    assert reached[0].nonzero().flatten().tolist() == [4, 9]
    assert reached[1].nonzero().flatten().tolist() == (list(range(14)) if attention else [4, 9])


def test_mlm_alone_has_no_span_boundary_head_and_no_such_loss():
    model = spanbert(sbo=False)
    batch, real = masked([30, 17])
    found = model(batch, real)
    assert model.sbo is None and found.sbo == 0 and found.sbo_count == 0
    assert found.mlm_count == batch.mask.sum()
    joint(model, batch, real).backward()


def test_a_head_needs_a_position_and_the_embedding_as_it_is():
    with pytest.raises(ValueError, match="sbo_positions=0: expected a whole number, 1 or more"):
        spanbert(sbo_positions=0)
    embedding = nn.Embedding(V, H)
    state = torch.get_rng_state()
    head = MaskedLMHead(TINY, embedding)
    drawn = torch.get_rng_state()
    torch.set_rng_state(state)
    nn.Linear(H, H)
    assert torch.equal(drawn, torch.get_rng_state())  # the decoder draws nothing of its own
    assert head.decoder.weight is embedding.weight
