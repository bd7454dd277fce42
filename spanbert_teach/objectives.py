"""The two objectives of SpanBERT: masked language modelling, and the span boundary objective.

    model = SpanBert(SpanBertConfig.course())
    hidden = model.encoder(batch.input_ids, attention_mask).hidden
    mlm_logits = model.mlm(hidden[batch.mask])                 # from each hidden piece's own state
    sbo = batch.sbo
    sbo_logits = model.sbo(hidden, sbo.batch, sbo.left, sbo.right, sbo.position)  # from two others

Logits are computed where something is predicted and nowhere else. Sources: Devlin et al. 2019,
§3.1; Joshi et al. 2020, §3.2; the authors' pre-training code for what the paper leaves open. Lesson
`05_sbo_vs_mlm`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spanbert_teach.checks import check_count
from spanbert_teach.masking import IGNORE, MaskedBatch
from spanbert_teach.model import SpanBertConfig, SpanBertEncoder, initialize

# Of the released weights: the position table has a row for each of the first 15 pieces of a span.
SBO_POSITIONS = 15
POSITION_SIZE = 200
NORMALISATIONS = ("official", "paper")


class MaskedLMHead(nn.Module):
    """BERT's head: the hidden state of a piece -> logits over the vocabulary.

    Dense, GELU, LayerNorm, and a decoder that is the word embeddings themselves ("tied"), with a
    bias of its own.
    """

    def __init__(self, config: SpanBertConfig, embedding: nn.Embedding):
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.decoder = tied_decoder(embedding)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden_at: Tensor) -> Tensor:
        """(targets, hidden), the states of the pieces to predict -> (targets, vocabulary)."""
        x = self.LayerNorm(F.gelu(self.dense(hidden_at)))
        return self.decoder(x) + self.bias


def tied_decoder(embedding: nn.Embedding) -> nn.Linear:
    """hidden -> vocabulary, whose weight is the word embeddings: the same numbers in memory."""
    vocabulary, hidden = embedding.weight.shape
    decoder = nn.Linear(hidden, vocabulary, bias=False, device="meta")  # drawn for nothing else
    decoder.weight = embedding.weight
    return decoder


def boundary_input(
    hidden: Tensor, batch_index: Tensor, left: Tensor, right: Tensor, position: Tensor
) -> Tensor:
    """What the span boundary head reads: [state on the left; state on the right; position].

    Args:
        hidden: (batch, length, hidden) of the last layer.
        batch_index, left, right: (targets,) the row, and the columns of the two boundaries.
        position: (targets, position size), embedded.

    Returns:
        (targets, 2 * hidden + position size)
    """
    return torch.cat([hidden[batch_index, left], hidden[batch_index, right], position], dim=-1)


class SpanBoundaryHead(nn.Module):
    """Predicts a piece inside a span from the states just outside it and its place in the span.

    Linear, GELU, LayerNorm, twice; then the tied decoder with a bias of its own. No dropout.
    """

    def __init__(
        self, config: SpanBertConfig, embedding: nn.Embedding, positions: int = SBO_POSITIONS
    ):
        super().__init__()
        size, eps = config.hidden_size, config.layer_norm_eps
        self.positions = nn.Embedding(positions, POSITION_SIZE)
        self.linear1 = nn.Linear(2 * size + POSITION_SIZE, size)
        self.norm1 = nn.LayerNorm(size, eps)
        self.linear2 = nn.Linear(size, size)
        self.norm2 = nn.LayerNorm(size, eps)
        self.decoder = tied_decoder(embedding)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(
        self, hidden: Tensor, batch_index: Tensor, left: Tensor, right: Tensor, position: Tensor
    ) -> Tensor:
        """As `SboBatch` has them: -> (targets, vocabulary).

        Args:
            hidden: (batch, length, hidden) of the last layer.
            batch_index, left, right: (targets,) row, column before the span, column after it.
            position: (targets,) of the piece in its span, from 0.
        """
        where = (batch_index, left, right)
        return self.logits(boundary_input(hidden, *where, self.positions(position)))

    def logits(self, x: Tensor) -> Tensor:
        """(targets, 2 * hidden + position size), see `boundary_input` -> (targets, vocabulary)."""
        x = self.norm1(F.gelu(self.linear1(x)))
        x = self.norm2(F.gelu(self.linear2(x)))
        return self.decoder(x) + self.bias


def loss_sum(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in nats, summed over the targets that are not `IGNORE`; in float32.

    (targets, vocabulary), (targets,) -> ()
    """
    return F.cross_entropy(logits.float(), targets, ignore_index=IGNORE, reduction="sum")


def joint_loss(
    mlm_sum: Tensor,
    sbo_sum: Tensor,
    mlm_count: int | Tensor,
    sbo_count: int | Tensor,
    *,
    sbo_weight: float = 1.0,
    normalisation: str = "official",
) -> Tensor:
    """Both losses in one number to minimise, in nats.

    "official": each loss is divided by its own count, and one is added to the SBO's, so that having
    no target is no division by zero: MLM_sum / N_mlm + w * SBO_sum / (N_sbo + 1). "paper": the sum
    of both losses over the masked pieces, per masked piece: (MLM_sum + w * SBO_sum) / N_mlm.

    Args:
        mlm_sum, sbo_sum: sums over the targets of this process and micro-batch.
        mlm_count, sbo_count: how many targets the whole batch has, over all processes and
            micro-batches: then the parts add up to the gradient of the whole.
    """
    if normalisation not in NORMALISATIONS:
        raise ValueError(
            f"normalisation={normalisation!r}: expected {' or '.join(NORMALISATIONS)}."
        )
    if normalisation == "paper":
        return (mlm_sum + sbo_weight * sbo_sum) / mlm_count
    return mlm_sum / mlm_count + sbo_weight * sbo_sum / (sbo_count + 1)


@dataclass(frozen=True, eq=False)
class LossSums:
    """Both losses of a batch, summed over their targets, in nats, and how many there are."""

    mlm: Tensor
    sbo: Tensor
    mlm_count: int
    sbo_count: int


class SpanBert(nn.Module):
    """Encoder and heads, as they are pretrained; `sbo` is None where the objective is MLM alone.

    No pooler, no next-sentence head: SpanBERT reads one segment (Joshi et al. 2020, §3.3).
    `tokenizer` is the one that it was trained with, where it is known.
    """

    def __init__(
        self,
        config: SpanBertConfig,
        *,
        sbo: bool = True,
        sbo_positions: int = SBO_POSITIONS,
        generator: torch.Generator | None = None,
    ):
        super().__init__()
        check_count("sbo_positions", sbo_positions, 1)
        self.encoder = SpanBertEncoder(config, generator=generator)
        embedding = self.encoder.embeddings.word_embeddings
        self.mlm = MaskedLMHead(config, embedding)
        self.sbo = SpanBoundaryHead(config, embedding, sbo_positions) if sbo else None
        self.tokenizer = None
        initialize_head(self.mlm, config, generator)
        if self.sbo is not None:
            initialize_head(self.sbo, config, generator)

    def known(self, logits: Tensor) -> Tensor:
        """(targets, vocabulary) -> (targets, pieces): rows that belong to no piece are left out.

        The word embeddings of some models have a few such rows, which round their number up.
        """
        return logits if self.tokenizer is None else logits[..., : len(self.tokenizer)]

    def forward(self, batch: MaskedBatch, attention_mask: Tensor | None = None) -> LossSums:
        """The losses of a masked batch, which is on the device of the model."""
        hidden = self.encoder(batch.input_ids, attention_mask).hidden
        targets = batch.mlm_targets[batch.mask]
        mlm = loss_sum(self.mlm(hidden[batch.mask]), targets)
        if self.sbo is None:
            return LossSums(mlm, mlm.new_zeros(()), len(targets), 0)
        where = batch.sbo
        logits = self.sbo(hidden, where.batch, where.left, where.right, where.position)
        return LossSums(mlm, loss_sum(logits, where.target), len(targets), where.count)


def initialize_head(
    head: nn.Module, config: SpanBertConfig, generator: torch.Generator | None = None
) -> None:
    """Draw a head's own weights; the tied decoder keeps the word embeddings."""
    for name, part in head.named_children():
        if name != "decoder":
            initialize(part, config.initializer_range, generator)
