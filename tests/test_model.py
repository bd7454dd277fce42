"""The encoder is BERT: equal to transformers' BertModel and to torch's own layer, part by part."""

import math
from dataclasses import asdict
from itertools import islice

import pytest
import torch
from devices import PRESENT, WITH_META
from hypothesis import given, settings
from hypothesis import strategies as st
from random_models import generator, stir
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertModel

from spanbert_teach.checkpoints.places import minilm
from spanbert_teach.corpus import course_documents
from spanbert_teach.model import (
    Layer,
    SpanBertConfig,
    SpanBertEncoder,
    attend,
    attend_fused,
    attention_probabilities,
    attention_scores,
    initialize,
    merge_heads,
    padding_bias,
    split_heads,
)
from spanbert_teach.tokenization import WordPieceTokenizer

CLOSE = {"atol": 1e-5, "rtol": 0}
TINY = SpanBertConfig(
    vocab_size=50,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=48,
    max_position_embeddings=40,
)


def changed(**changes) -> SpanBertConfig:
    return SpanBertConfig(**asdict(TINY) | changes)


SHAPES = {
    "tiny": TINY,
    "one head": changed(num_attention_heads=1, num_hidden_layers=1),
    "three segments": changed(type_vocab_size=3, pad_token_id=7, hidden_size=20),
    "wide": changed(hidden_size=384, num_attention_heads=12, intermediate_size=1536),
    "deep": changed(num_hidden_layers=12),
    "as initialised": changed(num_hidden_layers=4),
}


def encoder(config: SpanBertConfig = TINY, **options) -> SpanBertEncoder:
    return stir(SpanBertEncoder(config, generator=generator(1), **options)).eval()


def peer(config: SpanBertConfig, attention: str = "eager", pooler: bool = False) -> BertModel:
    torch.manual_seed(0)
    of_peer = BertConfig(**asdict(config), attn_implementation=attention)
    return BertModel(of_peer, add_pooling_layer=pooler).eval()


def batch(config: SpanBertConfig = TINY, lengths=(11, 7, 1), seed: int = 0):
    """Random ids, [PAD]'s among them, a mask, and segments: three (batch, length) tensors."""
    shape, draw = (len(lengths), max(lengths)), generator(seed)
    ids = torch.randint(0, config.vocab_size, shape, generator=draw)
    ids[0, -1] = config.pad_token_id
    mask = torch.arange(shape[1]) < torch.tensor(lengths)[:, None]
    segments = torch.randint(0, config.type_vocab_size, shape, generator=draw)
    return ids, mask, segments


def gradients(module: nn.Module, hidden: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of a loss to which every hidden state adds something of its own."""
    module.zero_grad()
    weights = torch.randn(hidden.shape, generator=generator(5)).to(hidden)
    (hidden * weights).mean().backward()
    found = {name: parameter.grad.clone() for name, parameter in module.named_parameters()}
    assert max(gradient.abs().max() for gradient in found.values()) > 1e-3
    return found


def assert_close(ours, theirs, **tolerance) -> None:
    torch.testing.assert_close(ours, theirs, **tolerance or CLOSE)


# --- the same as transformers' BertModel ---------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_every_hidden_state_attention_and_gradient_is_that_of_transformers(name):
    config = SHAPES[name]
    theirs = peer(config) if name == "as initialised" else stir(peer(config))
    ours = SpanBertEncoder(config).eval()
    ours.load_state_dict(theirs.state_dict())
    ids, mask, segments = batch(config)
    output = ours(ids, mask, segments, output_hidden_states=True, output_attentions=True)
    expected = theirs(ids, mask, segments, output_hidden_states=True, output_attentions=True)
    assert len(output.all_hidden) == config.num_hidden_layers + 1
    assert_close(output.hidden, expected.last_hidden_state)
    assert_close(output.all_hidden, expected.hidden_states)
    assert_close(output.attentions, expected.attentions)
    of_ours, of_theirs = gradients(ours, output.hidden), gradients(theirs, expected[0])
    assert_close(of_ours, of_theirs, atol=1e-6, rtol=0)


def test_without_mask_and_segments_it_is_still_transformers():
    theirs = stir(peer(TINY, "sdpa"))
    ours = SpanBertEncoder(TINY).eval()
    ours.load_state_dict(theirs.state_dict())
    ids, _, _ = batch()
    assert_close(ours(ids).hidden, theirs(ids).last_hidden_state)
    assert_close(gradients(ours, ours(ids).hidden), gradients(theirs, theirs(ids)[0]))


@pytest.mark.parametrize("kind", ["hidden", "attention_probs"])
def test_in_training_the_same_seed_drops_the_same_as_transformers(kind):
    others = {"hidden": "attention_probs", "attention_probs": "hidden"}
    config = changed(**{f"{kind}_dropout_prob": 0.4, f"{others[kind]}_dropout_prob": 0.0})
    theirs = stir(peer(config)).train()
    ours = SpanBertEncoder(config).train()
    ours.load_state_dict(theirs.state_dict())
    inputs = batch(config)
    torch.manual_seed(3)
    expected = theirs(*inputs).last_hidden_state
    torch.manual_seed(3)
    assert_close(ours(*inputs).hidden, expected)
    assert (ours(*inputs).hidden - expected).abs().max() > 0.1  # another draw


@pytest.mark.parametrize("pooler", [False, True])
def test_the_names_are_those_of_transformers_and_only_the_pooler_is_optional(pooler):
    theirs = peer(TINY, pooler=pooler).state_dict()
    assert set(SpanBertEncoder(TINY, pooler=pooler).state_dict()) == set(theirs)
    other = SpanBertEncoder(TINY, pooler=not pooler).load_state_dict(theirs, strict=False)
    of_pooler = ["pooler.dense.weight", "pooler.dense.bias"]
    assert other.unexpected_keys == (of_pooler if pooler else [])
    assert other.missing_keys == ([] if pooler else of_pooler)


def test_the_pooler_is_that_of_transformers():
    theirs = stir(peer(TINY, pooler=True))
    ours = SpanBertEncoder(TINY, pooler=True).eval()
    ours.load_state_dict(theirs.state_dict())
    output, expected = ours(*batch()), theirs(*batch())
    assert output.pooled.shape == (3, 32)
    assert_close(output.pooled, expected.pooler_output)
    assert encoder()(*batch()).pooled is None


def test_real_weights_on_real_sentences():
    folder = minilm()
    theirs = BertModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    known = theirs.config.to_dict()
    names = asdict(TINY)
    ours = SpanBertEncoder(SpanBertConfig(**{name: known[name] for name in names}), pooler=True)
    stored = load_file(folder / "model.safetensors")
    stored.pop("embeddings.position_ids", None)  # 0, 1, 2 ...: no weight
    ours.load_state_dict({name: weights.float() for name, weights in stored.items()})
    tokenizer = WordPieceTokenizer.load(folder / "vocab.txt", lowercase=True)
    documents = islice(course_documents("validation"), 12)
    rows = [tokenizer.encode(d.paragraphs[0], max_length=96).ids for d in documents]
    ids = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
    mask = ids != 0
    assert ids.shape[0] == 12 and not mask.all()
    with torch.no_grad():
        output = ours.eval()(ids, mask, output_hidden_states=True, output_attentions=True)
        expected = theirs.eval()(ids, mask, output_hidden_states=True, output_attentions=True)
    assert_close(output.all_hidden, expected.hidden_states, atol=1e-5, rtol=1e-5)
    assert_close(output.attentions, expected.attentions)
    assert_close(output.pooled, expected.pooler_output)


# --- the same as torch's own layer ---------------------------------------------------------------


def torch_layer(layer: Layer, config: SpanBertConfig) -> nn.TransformerEncoderLayer:
    """torch's layer with the weights of ours."""
    theirs = nn.TransformerEncoderLayer(
        config.hidden_size,
        config.num_attention_heads,
        config.intermediate_size,
        dropout=0.0,
        activation="gelu",
        layer_norm_eps=config.layer_norm_eps,
        batch_first=True,
    )
    attention = layer.attention
    linears = [attention.self.query, attention.self.key, attention.self.value]
    pairs = {
        "self_attn.out_proj": attention.output.dense,
        "norm1": attention.output.LayerNorm,
        "linear1": layer.intermediate.dense,
        "linear2": layer.output.dense,
        "norm2": layer.output.LayerNorm,
    }
    state = {f"{name}.{k}": v for name, part in pairs.items() for k, v in part.state_dict().items()}
    state["self_attn.in_proj_weight"] = torch.cat([linear.weight for linear in linears])
    state["self_attn.in_proj_bias"] = torch.cat([linear.bias for linear in linears])
    theirs.load_state_dict(state)
    return theirs


def test_the_layer_is_torchs_layer():
    layer = stir(Layer(TINY)).eval()
    theirs = torch_layer(layer, TINY).train()  # dropout 0; in eval mode another code would run
    _, mask, _ = batch()
    hidden = torch.randn(3, 11, 32, generator=generator())
    ours, _ = layer(hidden, mask)
    expected = theirs(hidden, src_key_padding_mask=~mask)
    assert_close(ours, expected)
    weights = gradients(layer, ours)["intermediate.dense.weight"]
    assert_close(weights, gradients(theirs, expected)["linear1.weight"])


# --- attention runs along the sequence -----------------------------------------------------------


def what_changes(encode) -> tuple[bool, bool]:
    """Whether a row changes with another row, and all other pieces with one piece of their row."""
    ids = torch.randint(1, 50, (3, 8), generator=generator())
    other, neighbour = ids.clone(), ids.clone()
    other[1:] = torch.randint(1, 50, (2, 8), generator=generator(2))
    neighbour[0, 3] = 1 + ids[0, 3] % 49
    before = encode(ids)[0]
    from_other = (encode(other)[0] - before).abs().amax(-1)
    from_neighbour = (encode(neighbour)[0] - before).abs().amax(-1)
    rest = torch.arange(8) != 3
    return bool(from_other.max() > 1e-5), bool((from_neighbour[rest] > 1e-4).all())


@pytest.mark.parametrize("attention", ["explicit", "fused"])
def test_attention_runs_along_the_sequence(attention):
    ours = encoder()
    ours.attention = attention
    assert what_changes(lambda ids: ours(ids).hidden) == (False, True)


def test_the_articles_encoder_attends_across_the_batch():
    torch.manual_seed(0)
    embeddings = nn.Embedding(50, 32)
    for batch_first, expected in ((False, (True, False)), (True, (False, True))):
        layer = nn.TransformerEncoderLayer(32, 4, 48, batch_first=batch_first)
        theirs = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
        assert what_changes(lambda ids, theirs=theirs: theirs(embeddings(ids))) == expected


# --- the parts, by hand --------------------------------------------------------------------------


def test_attention_by_hand():
    query = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])[None, None]
    key = 2 * math.log(3) * torch.tensor([[1.0, 0, 0, 0], [0, 1.0, 0, 0]])[None, None]
    value = torch.tensor([[4.0, 0.0, 0, 0], [0.0, 8.0, 0, 0]])[None, None]
    scores = attention_scores(query, key)
    assert_close(scores[0, 0], torch.tensor([[math.log(3), 0.0], [0.0, 0.0]]))
    means, probabilities = attend(query, key, value)
    assert_close(probabilities[0, 0], torch.tensor([[0.75, 0.25], [0.5, 0.5]]))
    assert_close(means[0, 0, :, :2], torch.tensor([[3.0, 2.0], [2.0, 4.0]]))
    masked = attention_probabilities(scores, torch.tensor([[True, False]]))
    assert masked[0, 0].tolist() == [[1, 0], [1, 0]]


def test_heads_split_and_merge():
    x = torch.arange(2 * 3 * 8).view(2, 3, 8)
    heads = split_heads(x, 4)
    assert heads.shape == (2, 4, 3, 2)
    assert heads[1, 2, 0].tolist() == x[1, 0, 4:6].tolist()
    assert torch.equal(merge_heads(heads), x) and heads.is_contiguous()


@pytest.mark.parametrize("way", [attend, attend_fused])
def test_attention_dropout_leaves_out_its_share_and_keeps_the_mean(way):
    torch.manual_seed(0)
    query, key = (torch.randn(2, 2, 64, 8) for _ in range(2))
    value = torch.eye(64).expand(2, 2, 64, 64)  # so the means are the dropped probabilities
    expected = attend(query, key, value)[1]
    weights, probabilities = way(query, key, value, dropout=0.25)
    kept = weights > 0
    assert 1 - kept.float().mean() == pytest.approx(0.25, abs=0.02)
    assert_close(weights[kept], expected[kept] / 0.75)
    assert_close(expected.sum(-1), torch.ones(2, 2, 64))
    if way is attend:
        assert_close(probabilities, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_padding_never_overflows(dtype):
    mask = torch.tensor([[True, False, True], [False, False, False]])
    bias = padding_bias(mask, dtype)
    assert bias.shape == (2, 1, 1, 3) and bias.dtype == dtype
    scores = torch.tensor([-15_000.0, 15_000.0, -15_000.0], dtype=dtype).expand(2, 1, 3, 3)
    assert (scores + bias).isfinite().all()
    probabilities = attention_probabilities(scores, mask)
    assert probabilities.isfinite().all()
    assert probabilities[0, 0, 0].tolist() == [0.5, 0, 0.5]


# --- padding -------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=4),
    extra=st.integers(0, 6),
    attention=st.sampled_from(["explicit", "fused"]),
    seed=st.integers(0, 99),
)
def test_padding_changes_no_real_piece(lengths, extra, attention, seed):
    ours = PADDED
    ours.attention = attention
    ids, mask, segments = batch(lengths=[*lengths, max(lengths) + extra], seed=seed)
    mask[-1] = False  # a row of padding alone
    with torch.no_grad():
        together = ours(ids, mask, segments, output_attentions=seed % 2 == 0)
        assert together.hidden.isfinite().all()
        for row, length in enumerate(lengths):
            alone = ours(ids[row : row + 1, :length], None, segments[row : row + 1, :length])
            assert_close(together.hidden[row, :length], alone.hidden[0])
            for probabilities in together.attentions or ():
                assert not probabilities[row, :, :, length:].any()


PADDED = encoder()


@pytest.mark.parametrize("attention", ["explicit", "fused"])
def test_what_padding_says_has_no_gradient_and_does_not_matter(attention):
    ours = encoder()
    ours.attention = attention
    ids, mask, _ = batch(lengths=(9, 4))
    embeds = ours.embeddings.word_embeddings(ids).detach().requires_grad_()
    ours(None, mask, inputs_embeds=embeds).hidden[mask].square().sum().backward()
    assert not embeds.grad[~mask].any() and (embeds.grad[mask].abs().amax(-1) > 0).all()


@pytest.mark.parametrize("attention", ["explicit", "fused"])
def test_a_row_of_padding_alone_gives_finite_gradients(attention):
    ours = encoder()
    ours.attention = attention
    ids, mask, _ = batch()
    mask[1] = False
    found = gradients(ours, ours(ids, mask).hidden)
    assert all(gradient.isfinite().all() for gradient in found.values())


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float32])
def test_any_zeros_and_ones_are_a_mask(dtype):
    ids, mask, segments = batch()
    expected = encoder()(ids, mask, segments).hidden
    assert torch.equal(encoder()(ids, mask.to(dtype), segments).hidden, expected)


# --- explicit and fused --------------------------------------------------------------------------


@pytest.mark.parametrize("device", PRESENT)
@pytest.mark.parametrize("padded", [False, True])
def test_fused_equals_explicit(device, padded):
    ours = encoder(changed(hidden_dropout_prob=0, attention_probs_dropout_prob=0)).train()
    ours.to(device)
    ids, mask, segments = (x.to(device) for x in batch())
    found = {}
    for ours.attention in ("explicit", "fused"):
        hidden = ours(ids, mask if padded else None, segments).hidden
        found[ours.attention] = hidden.detach(), gradients(ours, hidden)
    assert_close(found["fused"], found["explicit"])


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("padded", [False, True])
def test_evaluation_without_gradients_is_that_of_transformers(name, padded):
    config = SHAPES[name]
    theirs = stir(peer(config))
    ours = SpanBertEncoder(config).eval()
    ours.load_state_dict(theirs.state_dict())
    ids, mask, segments = batch(config)
    inputs = ids, mask if padded else None, segments
    with torch.no_grad():  # "auto" may take the fused call
        hidden = ours(*inputs).hidden
        assert_close(hidden, theirs(*inputs).last_hidden_state)
        assert_close(hidden, ours(*inputs, output_attentions=True).hidden)


@pytest.mark.parametrize("attention", ["explicit", "fused"])
def test_sixteen_bits_are_close(attention):
    ours = encoder()
    ours.attention = attention
    inputs = batch()
    expected = ours(*inputs).hidden
    with torch.autocast("cpu", torch.bfloat16):
        output = ours(*inputs)
    assert_close(output.hidden.float(), expected, atol=0.1, rtol=0)
    assert_close(output.hidden.float().mean(-1), expected.mean(-1), atol=0.02, rtol=0)


def calls(monkeypatch, ours, *inputs, **asked) -> int:
    """How often torch's fused attention is called in one forward pass."""
    seen = []
    fused = F.scaled_dot_product_attention

    def counted(*args):
        seen.append(args)
        return fused(*args)

    monkeypatch.setattr(F, "scaled_dot_product_attention", counted)
    ours(*inputs, **asked)
    return len(seen)


@pytest.mark.parametrize("device", PRESENT)
def test_which_attention_runs(monkeypatch, device):
    ours = encoder().to(device)
    inputs = [x.to(device) for x in batch()]
    layers = TINY.num_hidden_layers
    assert ours.attention == "auto"
    assert calls(monkeypatch, ours, *inputs) == (layers if device == "cuda" else 0)
    with torch.no_grad():  # in evaluation on a processor, too, but in fp32 only
        assert calls(monkeypatch, ours, *inputs) == (0 if device == "mps" else layers)
        assert calls(monkeypatch, ours, *inputs, output_attentions=True) == 0
        with torch.autocast(device, torch.bfloat16):
            assert calls(monkeypatch, ours, *inputs) == (layers if device == "cuda" else 0)
        half = encoder().to(device, torch.bfloat16)
        assert calls(monkeypatch, half, *inputs) == (layers if device == "cuda" else 0)
    ours.attention = "fused"
    assert calls(monkeypatch, ours, *inputs) == layers
    assert calls(monkeypatch, ours, *inputs, output_attentions=True) == 0
    ours.attention = "explicit"
    assert calls(monkeypatch, ours, *inputs) == 0
    ours.attention = "flash"
    with pytest.raises(ValueError, match="'flash': expected 'auto', 'explicit' or 'fused'"):
        ours(*inputs)


# --- looking inside ------------------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["explicit", "fused"])
@pytest.mark.parametrize("training", [False, True])
def test_queries_and_keys_give_the_probabilities(attention, training):
    ours = encoder().train(training)
    ours.attention = attention
    ids, mask, segments = batch()
    output = ours(ids, mask, segments, output_attentions=True)
    assert output.all_hidden is None and len(output.attentions) == len(output.queries) == 2
    for probabilities, query, key in zip(
        output.attentions, output.queries, output.keys, strict=True
    ):
        assert query.shape == key.shape == (3, 4, 11, 8)
        scores = torch.einsum("bhqd,bhkd->bhqk", query, key) / 8**0.5
        scores = scores.masked_fill(~mask[:, None, None], -math.inf)
        assert_close(probabilities, scores.softmax(-1))


def test_looking_changes_nothing():
    ours, inputs = encoder(), batch()
    plain = ours(*inputs)
    assert (plain.all_hidden, plain.attentions, plain.queries, plain.keys) == (None,) * 4
    output = ours(*inputs, output_hidden_states=True, output_attentions=True)
    assert torch.equal(output.hidden, plain.hidden)
    assert output.all_hidden[-1] is output.hidden
    assert torch.equal(output.all_hidden[0], ours.embeddings(inputs[0], inputs[2]))
    hidden = output.all_hidden[0]
    for layer, expected in zip(ours.encoder.layer, output.all_hidden[1:], strict=True):
        hidden, _ = layer(hidden, inputs[1])
        assert torch.equal(hidden, expected)


def test_embeddings_in_place_of_ids():
    ours = encoder()
    ids, mask, segments = batch()
    embeds = ours.embeddings.word_embeddings(ids)
    again = ours(None, mask, segments, inputs_embeds=embeds).hidden
    assert torch.equal(again, ours(ids, mask, segments).hidden)


# --- training ------------------------------------------------------------------------------------


def test_dropout_is_on_in_training_and_off_in_evaluation():
    ours, inputs = encoder(), batch()
    assert torch.equal(ours(*inputs).hidden, ours(*inputs).hidden)
    ours.train()
    assert (ours(*inputs).hidden - ours(*inputs).hidden).abs().max() > 0.1
    embedded = stir(SpanBertEncoder(changed(hidden_dropout_prob=0.3))).embeddings(inputs[0])
    assert (embedded == 0).float().mean() == pytest.approx(0.3, abs=0.08)


@pytest.mark.parametrize("attention", ["explicit", "fused"])
def test_gradient_checkpointing_changes_no_gradient(monkeypatch, attention):
    ours = encoder().train()  # with dropout
    ours.attention = attention
    inputs, found, forward = batch(), [], Layer.forward
    passes = []
    monkeypatch.setattr(Layer, "forward", lambda *a: passes.append(a) or forward(*a))
    for ours.gradient_checkpointing in (False, True):
        torch.manual_seed(4)
        output = ours(*inputs, output_hidden_states=True)
        found.append((output.all_hidden, gradients(ours, output.hidden)))
    assert_close(found[0], found[1], atol=0, rtol=0)
    assert len(passes) == 2 + 2 * 2  # once each; then once each and once again
    with torch.no_grad():
        ours(*inputs)
    assert len(passes) == 2 + 2 * 2 + 2


def test_initial_weights():
    ours = SpanBertEncoder(SpanBertConfig.course(), pooler=True, generator=generator())
    for name, parameter in ours.named_parameters():
        if name.endswith("LayerNorm.weight"):
            assert (parameter == 1).all()
        elif name.endswith("bias"):
            assert not parameter.any()
        elif "token_type" not in name:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.02), name
            assert abs(parameter.mean().item()) < 5 * 0.02 / parameter.numel() ** 0.5, name
    words = ours.embeddings.word_embeddings.weight
    assert not words[0].any() and words[1:].any(dim=1).all()
    assert ours.embeddings.token_type_embeddings.weight.std().item() == pytest.approx(
        0.02, rel=0.15
    )


def test_the_seed_decides_the_weights():
    first, again, other = (
        SpanBertEncoder(TINY, generator=generator(seed)).state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(
        first["encoder.layer.1.output.dense.weight"], other["encoder.layer.1.output.dense.weight"]
    )
    wider = nn.Sequential(nn.Linear(300, 300), nn.LayerNorm(300))
    initialize(wider, std=0.5, generator=generator())
    assert wider[0].weight.std().item() == pytest.approx(0.5, rel=0.02) and not wider[0].bias.any()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (SpanBertConfig.course(), 9.06),
        (SpanBertConfig.base(num_hidden_layers=1), 10.43),
    ],
)
def test_the_first_loss_is_a_little_above_that_of_a_guess(config, expected):
    """Through BERT's transform and the word embeddings, as pieces are predicted."""
    ours = SpanBertEncoder(config, generator=generator()).eval()
    size = config.hidden_size
    transform = nn.Sequential(nn.Linear(size, size), nn.GELU(), nn.LayerNorm(size, 1e-12))
    initialize(transform, config.initializer_range, generator(1))
    ids, targets = torch.randint(1, config.vocab_size, (2, 4, 64), generator=generator())
    with torch.no_grad():
        logits = transform(ours(ids).hidden) @ ours.embeddings.word_embeddings.weight.T
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten()).item()
    assert math.log(config.vocab_size) + 0.0002 * size == pytest.approx(expected, abs=0.01)
    assert loss == pytest.approx(expected, abs=0.05)


# --- sizes, devices, errors ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "pooler", "parameters"),
    [
        (SpanBertConfig.base(), False, 107_719_680),
        (SpanBertConfig.base(), True, 108_310_272),
        (SpanBertConfig.large(), False, 332_529_664),
        (SpanBertConfig.large(), True, 333_579_264),
        (SpanBertConfig.course(), False, 5_388_288),
    ],
)
def test_numbers_of_parameters(config, pooler, parameters):
    with torch.device("meta"):
        ours = SpanBertEncoder(config, pooler=pooler)
    assert sum(parameter.numel() for parameter in ours.parameters()) == parameters


def test_presets():
    assert SpanBertConfig() == SpanBertConfig.base()
    course = asdict(SpanBertConfig.course())
    assert course == asdict(SpanBertConfig.base()) | {
        "vocab_size": 8192,
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 1024,
    }
    large = SpanBertConfig.large()
    assert (large.num_attention_heads, large.vocab_size) == (16, 28_996)
    assert SpanBertConfig.course(vocab_size=100, hidden_size=64).vocab_size == 100
    assert SpanBertConfig.large(num_hidden_layers=2).num_hidden_layers == 2
    for config in (SpanBertConfig.base(), SpanBertConfig.course(), large):
        assert config.layer_norm_eps == 1e-12 and config.max_position_embeddings == 512


@pytest.mark.parametrize("device", WITH_META)
def test_shapes_on_every_device(device):
    with torch.device(device):
        ours = SpanBertEncoder(TINY, pooler=True)
        ids, mask = torch.ones(2, 7, dtype=torch.long), torch.ones(2, 7)
        output = ours(ids, mask, output_hidden_states=True, output_attentions=True)
        nothing = ours(ids[:0])
    assert output.hidden.shape == (2, 7, 32) and output.hidden.device.type == device
    assert [x.shape for x in output.all_hidden] == [(2, 7, 32)] * 3
    assert [x.shape for x in output.attentions] == [(2, 4, 7, 7)] * 2
    assert [x.shape for x in output.queries + output.keys] == [(2, 4, 7, 8)] * 4
    assert output.pooled.shape == (2, 32)
    assert nothing.hidden.shape == (0, 7, 32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 30}, r"hidden_size=30 .*num_attention_heads=4.* multiple"),
        ({"num_hidden_layers": 0}, r"num_hidden_layers=0: expected a whole number, 1 or more"),
        ({"vocab_size": 1.5}, r"vocab_size=1.5: expected a whole number"),
        ({"max_position_embeddings": True}, r"max_position_embeddings=True"),
        ({"hidden_dropout_prob": 1.0}, r"hidden_dropout_prob=1.0 is out of range"),
        ({"attention_probs_dropout_prob": -0.1}, r"attention_probs_dropout_prob=-0.1 is out"),
        ({"layer_norm_eps": 0.0}, r"layer_norm_eps=0.0 is out of range"),
        ({"initializer_range": -1}, r"initializer_range=-1 is out of range"),
        ({"pad_token_id": 50}, r"pad_token_id=50 is out of range"),
        ({"pad_token_id": -1}, r"pad_token_id=-1"),
        ({"layer_norm_eps": "1e-12"}, r"layer_norm_eps='1e-12' is out of range"),
        ({"layer_norm_eps": float("nan")}, r"layer_norm_eps=nan is out of range"),
        ({"initializer_range": float("inf")}, r"initializer_range=inf is out of range"),
        ({"hidden_dropout_prob": None}, r"hidden_dropout_prob=None is out of range"),
        ({"attention_probs_dropout_prob": False}, r"dropout_prob=False is out of range"),
    ],
)
def test_impossible_measures(changes, message):
    with pytest.raises(ValueError, match=message):
        changed(**changes)


IDS = torch.ones(2, 7, dtype=torch.long)
EMBEDS = torch.zeros(2, 7, 32)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "Give input_ids or inputs_embeds"),
        ({"input_ids": IDS, "inputs_embeds": EMBEDS}, "not both"),
        ({"input_ids": IDS[0]}, r"input_ids has the shape \(7,\).*input_ids\[None\]"),
        ({"inputs_embeds": EMBEDS[..., :16]}, r"\(2, 7, 16\); expected \(batch, length, 32\)"),
        ({"inputs_embeds": EMBEDS[0]}, r"\(7, 32\); expected \(batch, length, 32\)"),
        ({"input_ids": IDS.repeat(1, 6)}, "42 pieces is too long: there are 40 positions"),
        ({"input_ids": IDS + 49}, "input_ids has 50 to 50; expected 0 to 49"),
        ({"input_ids": IDS - 2}, "input_ids has -1 to -1"),
        ({"attention_mask": IDS[:, :6]}, r"attention_mask has the shape \(2, 6\); .*\(2, 7\)"),
        ({"attention_mask": IDS[:, None, None]}, r"\(2, 1, 1, 7\); expected \(2, 7\)"),
        ({"attention_mask": (1 - IDS) - 10_000.0}, "attention_mask has -10000.0 .*0 to 1"),
        ({"segment_ids": IDS[:1]}, r"segment_ids has the shape \(1, 7\)"),
        ({"segment_ids": IDS + 1}, "segment_ids has 2 to 2; expected 0 to 1"),
    ],
)
def test_impossible_inputs(inputs, message):
    if inputs and not inputs.keys() & {"input_ids", "inputs_embeds"}:
        inputs = {"input_ids": IDS} | inputs
    with pytest.raises(ValueError, match=message):
        PADDED(**inputs)
