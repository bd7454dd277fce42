"""BERT's encoder: pieces in, one hidden state for each piece out.

SpanBERT changes how BERT is trained, not what it is, so BERT's weights load here by their own
names. Read from top to bottom: attention as functions, then the modules, each inside the next.

    encoder = SpanBertEncoder(SpanBertConfig.course())
    hidden = encoder(input_ids, attention_mask).hidden  # (batch, length, hidden)

Sources: Devlin et al. 2019, §3; Vaswani et al. 2017, §3. Lessons `03_attention`, `04_encoder`.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from spanbert_teach.checks import check_count, is_number


@dataclass(frozen=True)
class SpanBertConfig:
    """The measures of an encoder, in BERT's own names; the defaults are SpanBERT-base's.

    A preset takes changes: `SpanBertConfig.course(vocab_size=100)`.
    """

    vocab_size: int = 28_996
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    initializer_range: float = 0.02
    pad_token_id: int = 0

    def __post_init__(self):
        check_config(self)

    @classmethod
    def base(cls, **changes) -> "SpanBertConfig":
        """12 layers x 768: 108 million parameters."""
        return cls(**changes)

    @classmethod
    def large(cls, **changes) -> "SpanBertConfig":
        """24 layers x 1,024: 333 million parameters."""
        return cls(**LARGE | changes)

    @classmethod
    def course(cls, **changes) -> "SpanBertConfig":
        """4 layers x 256 over the course's own vocabulary: 5.4 million parameters."""
        return cls(**COURSE | changes)


SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
LARGE = dict(zip(SIZES, (1024, 24, 16, 4096), strict=True))
COURSE = dict(zip(SIZES, (256, 4, 4, 1024), strict=True)) | {"vocab_size": 8192}


def check_config(config: SpanBertConfig) -> None:
    """Raise a ValueError that names the first measure with an impossible value."""
    for name in ("vocab_size", "max_position_embeddings", "type_vocab_size", *SIZES):
        check_count(name, getattr(config, name), 1)
    check_count("pad_token_id", config.pad_token_id, 0)
    ranges = {
        "pad_token_id": lambda x: x < config.vocab_size,
        "layer_norm_eps": lambda x: x > 0,
        "initializer_range": lambda x: x > 0,
        "hidden_dropout_prob": lambda x: 0 <= x < 1,
        "attention_probs_dropout_prob": lambda x: 0 <= x < 1,
    }
    for name, fits in ranges.items():
        value = getattr(config, name)
        if not (is_number(value) and fits(value)):
            raise ValueError(f"{name}={value!r} is out of range.")
    if config.hidden_size % config.num_attention_heads:
        raise ValueError(
            f"hidden_size={config.hidden_size} cannot be divided among num_attention_heads="
            f"{config.num_attention_heads}. Expected a multiple of the number of heads."
        )


# --- Attention: queries, keys and values are (batch, heads, length, head size) -------------------


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(batch, length, hidden) -> (batch, heads, length, hidden / heads).

    Copied once, so that each head is one piece of memory; else every product copies it again.
    """
    return x.unflatten(-1, (heads, -1)).transpose(1, 2).contiguous()


def merge_heads(x: Tensor) -> Tensor:
    """(batch, heads, length, head size) -> (batch, length, heads * head size)."""
    return x.transpose(1, 2).flatten(2)


def attention_scores(query: Tensor, key: Tensor) -> Tensor:
    """How well each query fits each key: the dot product over the root of the head size.

    The queries are divided, not the scores: there are fewer of them. Vaswani et al. 2017, §3.2.1.

    Returns:
        (batch, heads, length, length): row i has the scores of query i.
    """
    return query / math.sqrt(query.shape[-1]) @ key.transpose(-2, -1)


def padding_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to the scores of each key: 0, or for padding so little that softmax gives 0.

    Half the lowest number there is: adding a score cannot overflow, and in a row of padding alone,
    which nobody reads, softmax does not become 0 / 0.

    Args:
        mask: (batch, length) bool, True for real pieces.

    Returns:
        (batch, 1, 1, length)
    """
    bias = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return bias.masked_fill(~mask, torch.finfo(dtype).min / 2)[:, None, None, :]


def attention_probabilities(scores: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax over the keys: each row sums to 1, with nothing on padding.

    (batch, heads, length, length) scores, and (batch, length) mask -> as the scores
    """
    if mask is not None:
        scores = scores + padding_bias(mask, scores.dtype)
    return scores.softmax(dim=-1)


def attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Attention written out: for each query, the mean of the values by its probabilities.

    Args:
        mask: (batch, length) bool, True for real pieces; None when there is no padding.
        dropout: the share of the probabilities that are dropped, the others scaled up.

    Returns:
        (batch, heads, length, head size), and the probabilities before dropout.
    """
    probabilities = attention_probabilities(attention_scores(query, key), mask)
    weights = F.dropout(probabilities, dropout) if dropout else probabilities
    return weights @ value, probabilities


def attend_fused(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, dropout: float = 0.0
) -> tuple[Tensor, None]:
    """The same in one call of torch, which never stores the probabilities. See `is_fused`."""
    bias = None if mask is None else padding_bias(mask, query.dtype)
    return F.scaled_dot_product_attention(query, key, value, bias, dropout), None


class Attended(NamedTuple):
    """What one layer's attention saw; `probabilities` is None where the call was fused."""

    probabilities: Tensor | None
    queries: Tensor
    keys: Tensor


class SelfAttention(nn.Module):
    """Multi-head self-attention: every piece looks at all pieces of its row. Lesson 03."""

    def __init__(self, config: SpanBertConfig):
        super().__init__()
        self.heads = config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(
        self, hidden: Tensor, mask: Tensor | None = None, fused: bool = False
    ) -> tuple[Tensor, Attended]:
        """(batch, length, hidden), (batch, length) -> (batch, length, hidden), what was seen."""
        query = split_heads(self.query(hidden), self.heads)
        key = split_heads(self.key(hidden), self.heads)
        value = split_heads(self.value(hidden), self.heads)
        dropout = self.dropout if self.training else 0.0
        way = attend_fused if fused else attend
        context, probabilities = way(query, key, value, mask, dropout)
        return merge_heads(context), Attended(probabilities, query, key)


# --- The layer. The names of the parts are BERT's, so its weights fit ----------------------------


class AddAndNorm(nn.Module):
    """A linear map and dropout, then the residual, and LayerNorm last ("post-LN")."""

    def __init__(self, config: SpanBertConfig, size: int):
        super().__init__()
        self.dense = nn.Linear(size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor, residual: Tensor) -> Tensor:
        """(batch, length, size), (batch, length, hidden) -> (batch, length, hidden)."""
        return self.LayerNorm(self.dropout(self.dense(x)) + residual)


class Attention(nn.Module):
    """Self-attention, and what mixes its heads."""

    def __init__(self, config: SpanBertConfig):
        super().__init__()
        self.self = SelfAttention(config)
        self.output = AddAndNorm(config, config.hidden_size)

    def forward(
        self, hidden: Tensor, mask: Tensor | None = None, fused: bool = False
    ) -> tuple[Tensor, Attended]:
        """(batch, length, hidden), (batch, length) -> (batch, length, hidden), what was seen."""
        context, attended = self.self(hidden, mask, fused)
        return self.output(context, hidden), attended


class Intermediate(nn.Module):
    """The wide half of the feed-forward network: linear, then the exact GELU (not by tanh)."""

    def __init__(self, config: SpanBertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.intermediate_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, length, hidden) -> (batch, length, intermediate)."""
        return F.gelu(self.dense(hidden))


class Layer(nn.Module):
    """Attention mixes the pieces; then the feed-forward network works on each piece alone."""

    def __init__(self, config: SpanBertConfig):
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = Intermediate(config)
        self.output = AddAndNorm(config, config.intermediate_size)

    def forward(
        self, hidden: Tensor, mask: Tensor | None = None, fused: bool = False
    ) -> tuple[Tensor, Attended]:
        """(batch, length, hidden), (batch, length) -> (batch, length, hidden), what was seen."""
        hidden, attended = self.attention(hidden, mask, fused)
        return self.output(self.intermediate(hidden), hidden), attended


# --- The encoder ---------------------------------------------------------------------------------


class Embeddings(nn.Module):
    """What a piece is + where it stands + whose text it is, normalised. Lesson 04."""

    def __init__(self, config: SpanBertConfig):
        super().__init__()
        size = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, size, config.pad_token_id)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size)
        self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(
        self,
        input_ids: Tensor | None,
        segment_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """(batch, length) ids, or word embeddings in their place -> (batch, length, hidden)."""
        words = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        positions = torch.arange(words.shape[1], device=words.device)
        segments = torch.zeros_like(positions) if segment_ids is None else segment_ids
        x = words + self.token_type_embeddings(segments) + self.position_embeddings(positions)
        return self.dropout(self.LayerNorm(x))


class Pooler(nn.Module):
    """One vector for the whole row, from its [CLS]: for classification, not for pretraining."""

    def __init__(self, config: SpanBertConfig):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """(batch, length, hidden) -> (batch, hidden)."""
        return torch.tanh(self.dense(hidden[:, 0]))


@dataclass(frozen=True, eq=False)
class EncoderOutput:
    """What the encoder gives back: hidden states, and for each layer what was asked for."""

    hidden: Tensor  # (batch, length, hidden), of the last layer
    all_hidden: tuple[Tensor, ...] | None = None  # the embeddings, then every layer
    attentions: tuple[Tensor, ...] | None = None  # (batch, heads, length, length), no dropout
    queries: tuple[Tensor, ...] | None = None  # (batch, heads, length, head size)
    keys: tuple[Tensor, ...] | None = None
    pooled: Tensor | None = None  # (batch, hidden), with a pooler


class LayerStack(nn.Module):
    """The layers, one after the other, and what each of them made of its input."""

    def __init__(self, config: SpanBertConfig):
        super().__init__()
        self.layer = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self,
        hidden: Tensor,
        mask: Tensor | None,
        fused: bool,
        checkpointing: bool,
        output_hidden_states: bool,
        output_attentions: bool,
    ) -> EncoderOutput:
        """(batch, length, hidden), (batch, length) -> an EncoderOutput."""
        all_hidden, seen = [hidden], []
        for layer in self.layer:
            if checkpointing:  # keep only the layer's input; the way back computes the rest again
                hidden, attended = checkpoint(layer, hidden, mask, fused, use_reentrant=False)
            else:
                hidden, attended = layer(hidden, mask, fused)
            if output_hidden_states:
                all_hidden.append(hidden)
            if output_attentions:
                seen.append(attended)
        output = EncoderOutput(hidden, tuple(all_hidden) if output_hidden_states else None)
        if output_attentions:
            attentions, queries, keys = zip(*seen, strict=True)
            output = replace(output, attentions=attentions, queries=queries, keys=keys)
        return output


def is_fused(attention: str, hidden: Tensor) -> bool:
    """Whether attention is one fused call: with "auto", where that is the faster way.

    That is on CUDA, and on a processor in fp32 without gradients (with them it is no faster there,
    and in bf16 it is slower).
    """
    if attention not in ("auto", "explicit", "fused"):
        raise ValueError(f"attention={attention!r}: expected 'auto', 'explicit' or 'fused'.")
    if attention != "auto":
        return attention == "fused"
    if hidden.device.type != "cpu":
        return hidden.device.type == "cuda"
    fp32 = hidden.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return fp32 and not torch.is_grad_enabled()


def initialize(module: nn.Module, std: float, generator: torch.Generator | None = None) -> None:
    """Draw all weights as BERT does: N(0, std), but 0 for biases and for the embedding of [PAD].

    LayerNorm stays as torch makes it, with weights of 1 and biases of 0.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Embedding):
            nn.init.normal_(part.weight, std=std, generator=generator)
        if isinstance(part, nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
        if isinstance(part, nn.Embedding) and part.padding_idx is not None:
            nn.init.zeros_(part.weight[part.padding_idx])


def check_inputs(config, input_ids, attention_mask, segment_ids, inputs_embeds) -> None:
    """Raise a ValueError that says which input does not fit, and what would.

    Values are looked at on the processor only: a GPU would have to finish all its work first.
    """
    if (input_ids is None) == (inputs_embeds is None):
        raise ValueError("Give input_ids or inputs_embeds: one of the two, not both.")
    if inputs_embeds is None and input_ids.ndim != 2:
        raise ValueError(
            f"input_ids has the shape {tuple(input_ids.shape)}; expected (batch, length). One "
            "sentence is a batch of one: input_ids[None]."
        )
    if input_ids is None and inputs_embeds.shape[2:] != (config.hidden_size,):
        raise ValueError(
            f"inputs_embeds has the shape {tuple(inputs_embeds.shape)}; expected (batch, length, "
            f"{config.hidden_size})."
        )
    shape = tuple((inputs_embeds if input_ids is None else input_ids).shape[:2])
    if shape[1] > config.max_position_embeddings:
        raise ValueError(
            f"A row of {shape[1]} pieces is too long: there are {config.max_position_embeddings} "
            "positions. Cut the text, or encode it in windows."
        )
    sizes = (config.vocab_size, 2, config.type_vocab_size)
    names = ("input_ids", "attention_mask", "segment_ids")
    for name, x, size in zip(names, (input_ids, attention_mask, segment_ids), sizes, strict=True):
        if x is not None and tuple(x.shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(x.shape)}; expected {shape}.")
        if x is not None and x.device.type == "cpu" and x.numel():
            low, high = (value.item() for value in x.aminmax())
            if low < 0 or high >= size:
                raise ValueError(f"{name} has {low} to {high}; expected 0 to {size - 1}.")


class SpanBertEncoder(nn.Module):
    """BERT's encoder: embeddings, layers, and a pooler if asked for (not for pretraining).

    Attributes to set at any time, which change the cost and not the result (but for rounding):
        attention: "explicit" = written out; "fused" = one call of torch; "auto" = the faster.
        gradient_checkpointing: train in less memory; each layer is computed twice.
    """

    def __init__(self, config: SpanBertConfig, *, pooler: bool = False, generator=None):
        super().__init__()
        self.config, self.attention, self.gradient_checkpointing = config, "auto", False
        self.embeddings = Embeddings(config)
        self.encoder = LayerStack(config)
        self.pooler = Pooler(config) if pooler else None
        initialize(self, config.initializer_range, generator)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        segment_ids: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
    ) -> EncoderOutput:
        """(batch, length) each -> EncoderOutput; True or 1 in attention_mask is a real piece."""
        check_inputs(self.config, input_ids, attention_mask, segment_ids, inputs_embeds)
        hidden = self.embeddings(input_ids, segment_ids, inputs_embeds)
        mask = None if attention_mask is None else attention_mask.bool()
        fused = is_fused(self.attention, hidden) and not output_attentions
        saving = self.gradient_checkpointing
        output = self.encoder(hidden, mask, fused, saving, output_hidden_states, output_attentions)
        if self.pooler is None:
            return output
        return replace(output, pooled=self.pooler(output.hidden))
