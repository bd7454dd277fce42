"""The results of lesson 03, computed a second way: through the library's encoder."""

import pytest
import torch

from spanbert_teach import SENTENCE
from spanbert_teach.checkpoints import load_encoder, load_minilm
from spanbert_teach.corpus import course_documents, sentences, words
from spanbert_teach.model import attend, attention_probabilities, attention_scores

PIECES = ["the", "Voting", "Rights", "Act"]
QUERY = torch.tensor([1.0, 2, 0, 1])
KEYS = torch.tensor([[0.0, 0, 0, 0], [2, 0, 1, 0], [0, 2, 0, 0], [1, 2, 0, 1]])
VALUES = torch.tensor([[0.0, 0], [1, 0], [2, 4], [4, 0]])


def alone(x: torch.Tensor) -> torch.Tensor:
    """A table as a batch of one with one head."""
    return x.reshape(1, 1, -1, x.shape[-1])


@pytest.fixture(scope="module")
def encoder():
    return load_encoder("minilm")


@pytest.fixture(scope="module")
def tokenizer():
    return load_minilm().tokenizer


@pytest.fixture(scope="module")
def texts(tokenizer) -> list[list[int]]:
    found = [s for d in course_documents("test") for p in d.paragraphs for s in sentences(p)]
    found = [text for text in found if 12 <= len(words(text)) <= 40]
    return [tokenizer.encode(text).ids for text in found[:: len(found) // 200][:200]]


def first_layer(encoder, ids: list[int]) -> torch.Tensor:
    """(heads, length, length) the probabilities that the encoder records."""
    with torch.inference_mode():
        return encoder(torch.tensor([ids]), output_attentions=True).attentions[0][0]


def shares_by_head(encoder, texts) -> torch.Tensor:
    """(3, heads): what goes to the piece before, to the piece after, and to [CLS]."""
    found = []
    for ids in texts:
        p, inner = first_layer(encoder, ids), range(1, len(ids) - 1)
        places = [[i - 1 for i in inner], [i + 1 for i in inner], [0 for _ in inner]]
        found.append(torch.stack([p[:, list(inner), to].mean(1) for to in places]))
    return torch.stack(found).mean(0)


@pytest.mark.result("03-dot")
def test_dot(recorded_output):
    scores = attention_scores(alone(QUERY), alone(KEYS)).flatten()
    lines = []
    for piece, key, score in zip(PIECES, KEYS.int().tolist(), scores.tolist(), strict=True):
        terms = " + ".join(f"{q}·{k}" for q, k in zip(QUERY.int().tolist(), key, strict=True))
        lines.append(f"{piece:7} {terms} = {2 * score:.0f}")
    assert recorded_output.splitlines() == [*lines, f"divided by 2: {scores.tolist()}"]


@pytest.mark.result("03-softmax")
def test_softmax(recorded_output):
    shares = attention_probabilities(attention_scores(alone(QUERY), alone(KEYS))).flatten()
    assert recorded_output.splitlines() == [
        f"“Voting” looks at {piece:7} {share:.3f}"
        for piece, share in zip(PIECES, shares.tolist(), strict=True)
    ]


@pytest.mark.result("03-mean")
def test_mean(recorded_output):
    taken, _ = attend(alone(QUERY), alone(KEYS), alone(VALUES))
    expected = [round(number, 3) for number in taken.double().flatten().tolist()]
    assert recorded_output == f"Voting takes over {expected}"


@pytest.mark.result("03-scaling")
def test_scaling(recorded_output):
    generator = torch.Generator().manual_seed(0)
    lines = []
    for size in (4, 64, 1024):
        queries = torch.randn(200, size, generator=generator)
        keys = torch.randn(32, size, generator=generator)
        scaled = attention_scores(alone(queries), alone(keys))
        raw = scaled * size**0.5
        largest = [attention_probabilities(s).amax(-1).mean() for s in (raw, scaled)]
        shown = f"largest share: raw {largest[0]:.2f}, divided {largest[1]:.2f}"
        lines.append(f"length {size:4}: scores spread by {raw.std():5.1f}; {shown}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("03-bug")
def test_bug(recorded_output):
    table = torch.tensor([[[[0.0, 1.0, 2.0], [3.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]])
    right = attention_probabilities(table)
    assert torch.allclose(right.sum(-1), torch.ones(3))
    # Over the axis of one head, every share is 1: the right function on each number alone.
    wrong = attention_probabilities(table.unsqueeze(-1)).squeeze(-1)
    assert recorded_output.splitlines() == [
        f"rows sum to {wrong.sum(-1)[0, 0].tolist()}",
        f"{wrong[0, 0].tolist()}",
    ]


@pytest.mark.result("03-padding")
def test_padding(recorded_output):
    keys = torch.cat([KEYS, torch.full((2, 4), 3.0)])
    real = torch.tensor([[True, True, True, True, False, False]])
    scores = attention_scores(alone(QUERY), alone(keys))
    lines = []
    for name, shares in [
        ("nothing hidden", attention_probabilities(scores)),
        ("minus one", attention_probabilities(scores - (~real).float())),
        ("minus ten thousand", attention_probabilities(scores, real)),
    ]:
        lines.append(f"{name:19} {[round(p, 3) for p in shares.flatten().tolist()]}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("03-sentence-heads")
def test_sentence_heads(recorded_output, encoder, tokenizer):
    encoding = tokenizer.encode(SENTENCE)
    place = encoding.tokens.index("rights")
    shares = first_layer(encoder, encoding.ids)[:, place]
    lines = []
    for head in (5, 8):
        best = shares[head].argsort(descending=True)[:2].tolist()
        shown = ", ".join(f"{encoding.tokens[i]} {shares[head, i].item():.0%}" for i in best)
        lines.append(f"head {head + 1}: “rights” looks at {shown}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("03-heads")
def test_heads(recorded_output, encoder, texts):
    assert recorded_output.splitlines() == [
        f"{name:7} " + " ".join(f"{share:5.1%}" for share in row)
        for name, row in zip(
            ["before", "after", "[CLS]"], shares_by_head(encoder, texts).tolist(), strict=True
        )
    ]


@pytest.mark.result("03-random")
def test_random(recorded_output, encoder, texts):
    """The contrast is any random layer: its heads look everywhere alike."""
    trained, contrast = recorded_output.splitlines()
    assert trained == (
        f"trained: the most on one side {shares_by_head(encoder, texts)[:2].max().item():.1%}"
    )
    shown = float(contrast.split()[-1].rstrip("%")) / 100
    even = sum(1 / len(ids) for ids in texts) / len(texts)
    assert even / 1.3 < shown < even * 1.3


@pytest.mark.result("03-no-mask")
def test_no_mask(recorded_output):
    right, _ = attend(alone(QUERY), alone(KEYS), alone(VALUES))
    lines = []
    for padding in (0, 2, 8):
        keys = torch.cat([KEYS, torch.zeros(padding, 4)])
        values = torch.cat([VALUES, torch.ones(padding, 2)])
        wrong, _ = attend(alone(QUERY), alone(keys), alone(values))
        real = torch.tensor([[True] * 4 + [False] * padding])
        masked, _ = attend(alone(QUERY), alone(keys), alone(values), real)
        assert torch.equal(masked, right)
        off = (wrong - right).abs().max().item()
        lines.append(f"{padding} pieces of padding, not hidden: off by {off:.2f}")
    assert recorded_output.splitlines() == lines
