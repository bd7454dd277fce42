"""A tiny checkpoint: its encoder, its heads, its vocabulary, and the folder that they stand in."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file

from spanbert_teach.model import SpanBertConfig, SpanBertEncoder
from spanbert_teach.tokenization import SPECIAL_TOKENS, WordPieceTokenizer

TOKENS = [*SPECIAL_TOKENS, *"abcdefghijk", "The", "##s"]
TINY = SpanBertConfig(
    vocab_size=len(TOKENS),
    hidden_size=8,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=12,
    max_position_embeddings=16,
)
H, V = TINY.hidden_size, TINY.vocab_size
MLM = {"mlm.dense.weight": (H, H), "mlm.dense.bias": (H,), "mlm.bias": (V,)}
MLM |= {"mlm.LayerNorm.weight": (H,), "mlm.LayerNorm.bias": (H,)}
SBO = {"sbo.linear1.weight": (H, 2 * H + 4), "sbo.linear2.weight": (H, H), "sbo.bias": (V,)}
SBO |= {f"sbo.{part}.bias": (H,) for part in ("linear1", "linear2", "norm1", "norm2")}
SBO |= {f"sbo.{part}.weight": (H,) for part in ("norm1", "norm2")}
SBO |= {"sbo.positions.weight": (15, 4)}


def tiny(seed: int = 1, pooler: bool = False) -> SpanBertEncoder:
    encoder = SpanBertEncoder(TINY, pooler=pooler)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in encoder.parameters():  # biases, too: no two tensors are equal
            parameter.normal_(generator=generator)
    return encoder.eval()


def heads(shapes: dict, seed: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def tokenizer(lowercase: bool = False) -> WordPieceTokenizer:
    return WordPieceTokenizer(TOKENS, lowercase)


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]), name


def write_folder(folder: Path, tensors: dict, *, config: dict | None = None, **files) -> Path:
    """A folder as transformers writes it; `files` are texts by name, with _ for the dot."""
    folder.mkdir(exist_ok=True)
    content = {"model_type": "bert", "hidden_act": "gelu", **asdict(TINY), **(config or {})}
    content = {name: value for name, value in content.items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(content))
    own = {name: tensor.clone() for name, tensor in tensors.items()}  # no shared memory
    save_file(own, folder / "model.safetensors", {"format": "pt"})
    for name, text in files.items():
        (folder / ".".join(name.rsplit("_", 1))).write_text(text, encoding="utf-8")
    return folder
