"""The results of lesson 04, computed a second way: through the library's encoder."""

import math

import pytest
import torch

from spanbert_teach import SENTENCE
from spanbert_teach.checkpoints import load_encoder, load_minilm
from spanbert_teach.model import (
    Intermediate,
    Layer,
    SpanBertConfig,
    SpanBertEncoder,
)


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("minilm")


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.tensor([load_minilm().tokenizer.encode(SENTENCE).ids])


@pytest.mark.result("04-positions")
def test_positions(recorded_output, encoder):
    trained = encoder.embeddings.position_embeddings.weight
    fresh = torch.randn(trained.shape, generator=torch.Generator().manual_seed(0)) * 0.02
    alike = {}
    for name, table in (("trained", trained), ("fresh", fresh)):
        unit = table / table.norm(dim=1, keepdim=True)
        product = unit @ unit.T
        alike[name] = {d: product.diagonal(d)[:400].mean().item() for d in (1, 3, 6, 80)}
    largest = max(map(abs, alike["fresh"].values()))
    assert recorded_output.splitlines() == [
        *(f"{d:2} apart: trained {value:.2f}" for d, value in alike["trained"].items()),
        f"fresh: all below {math.ceil(100 * largest) / 100:.2f}",
    ]


@pytest.mark.result("04-embedded")
def test_embedded(recorded_output, encoder, ids):
    with torch.inference_mode():
        embedded = encoder.embeddings(ids)[0]
    numbers = [round(x, 3) for x in embedded[1, :4].tolist()]
    assert recorded_output == f"{tuple(embedded.shape)} {numbers}"


@pytest.mark.result("04-by-hand")
def test_by_hand(recorded_output, encoder, ids):
    with torch.inference_mode():
        hidden = encoder(ids).hidden[0]
    tokens = load_minilm().tokenizer.encode(SENTENCE).tokens
    assert recorded_output.splitlines() == [
        f"{token:8} {[round(x, 2) for x in row[:5].tolist()]}"
        for token, row in list(zip(tokens, hidden, strict=True))[:4]
    ]


def random_layers(count: int) -> list[Layer]:
    """The library's layers with the lesson's random weights."""
    generator = torch.Generator().manual_seed(0)
    layers = []
    for _ in range(count):
        layer = Layer(SpanBertConfig.base(vocab_size=1)).eval()
        attention = layer.attention.self
        for linear in (
            *(attention.query, attention.key, attention.value),
            *(layer.attention.output.dense, layer.intermediate.dense, layer.output.dense),
        ):
            weight = torch.randn(linear.weight.shape, generator=generator) * 0.02
            torch.nn.init.zeros_(linear.bias)
            linear.weight.data = weight
        layers.append(layer)
    return layers


@pytest.mark.result("04-collapse")
def test_collapse(recorded_output):
    start = torch.randn(32, 768, generator=torch.Generator().manual_seed(1))[None]
    lines = []
    for count in (1, 6, 12):
        alike = []
        for residual in (1, 0):
            x = start
            with torch.inference_mode():
                for layer in random_layers(count):
                    if residual:
                        x = layer(x)[0]
                        continue
                    taken, _ = layer.attention.self(x)
                    x = layer.attention.output(taken, torch.zeros_like(x))
                    x = layer.output(layer.intermediate(x), torch.zeros_like(x))
            unit = torch.nn.functional.normalize(x[0], dim=1)
            alike.append(((unit @ unit.T).sum() - 32).item() / (32 * 31))
        lines.append(
            f"{count:2} layers: cosine {alike[0]:.2f} with the residual, {alike[1]:.2f} without"
        )
    assert recorded_output.splitlines() == lines


@pytest.mark.result("04-gelu")
def test_gelu(recorded_output):
    intermediate = Intermediate(SpanBertConfig(hidden_size=12, intermediate_size=12))
    with torch.inference_mode():
        intermediate.dense.weight.copy_(torch.eye(12))
        intermediate.dense.bias.zero_()
        exact = intermediate(torch.tensor([-2.0, -1, 0, 1, 2] + 7 * [0.0]))[:5]
    tanh = torch.nn.functional.gelu(torch.tensor([-2.0, -1, 0, 1, 2]), approximate="tanh")
    assert recorded_output.splitlines() == [
        f"{name} {[round(y, 4) for y in values.tolist()]}"
        for name, values in [("exact:", exact), ("tanh: ", tanh)]
    ]


@pytest.mark.result("04-bug")
def test_bug(recorded_output):
    """The library's encoder sees what the repaired one sees; the article's sees the other row."""
    config = SpanBertConfig.course(hidden_size=64, num_attention_heads=8, intermediate_size=128)
    encoder = SpanBertEncoder(config, generator=torch.Generator().manual_seed(0)).eval()
    generator = torch.Generator().manual_seed(3)
    before = torch.randn(2, 6, 64, generator=generator)
    after = before.clone()
    after[1, 2] = torch.randn(64, generator=generator)
    with torch.inference_mode():
        runs = [encoder(inputs_embeds=x).hidden for x in (before, after)]
        # Across the batch: the same encoder on rows and columns exchanged.
        across = [
            encoder(inputs_embeds=x.transpose(0, 1)).hidden.transpose(0, 1) for x in (before, after)
        ]
    lines = []
    for name, (a, b) in [("the article", across), ("with batch_first=True", runs)]:
        lines.append(f"{name}; piece 3 of sentence 2 is changed:")
        for number, row in enumerate(((b - a).abs().amax(-1) > 1e-5).tolist(), 1):
            lines.append(
                f"  sentence {number}: " + " ".join("moves" if m else "  –  " for m in row)
            )
    assert [line.rstrip() for line in recorded_output.splitlines()] == [x.rstrip() for x in lines]


@pytest.mark.result("04-count")
def test_count(recorded_output):
    lines = []
    for name in ("course", "base", "large"):
        with torch.device("meta"):
            encoder = SpanBertEncoder(getattr(SpanBertConfig, name)())
        lines.append(f"{name:7} {sum(math.prod(p.shape) for p in encoder.parameters()):11,}")
    assert recorded_output.splitlines() == lines
