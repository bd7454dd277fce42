"""The model that a run begins with: fresh, or another run's. Lesson `05_sbo_vs_mlm`."""

from dataclasses import replace

import torch

from spanbert_teach.checkpoint_vocabulary import check_size
from spanbert_teach.checkpoints import load_model
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert
from spanbert_teach.pretraining_settings import DROPOUTS, OBJECTIVES, Settings
from spanbert_teach.tokenization import WordPieceTokenizer


def sinusoids(rows: int, size: int, amplitude: float = 0.04) -> torch.Tensor:
    """(rows, size) sines and cosines of many wave lengths: neighbours look alike from the start.

    Vaswani et al. 2017, §3.5, made as small as BERT's initial weights. Rows of random numbers would
    first have to be told apart one by one.
    """
    wave = 10_000 ** (-torch.arange(0, size, 2) / size)
    angle = torch.arange(rows)[:, None] * wave
    return amplitude * torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :size]


def new_model(settings: Settings, tokenizer: WordPieceTokenizer) -> SpanBert:
    """A model with fresh weights, or with those of `settings.start`; a head it lacks is fresh."""
    generator = torch.Generator().manual_seed(settings.seed)
    sbo = OBJECTIVES[settings.objective].sbo
    if settings.start is None:
        model = SpanBert(settings.config(len(tokenizer)), sbo=sbo, generator=generator)
        if settings.positions == "sinusoids":
            table = model.encoder.embeddings.position_embeddings.weight
            table.data = sinusoids(*table.shape)
    else:
        old = load_model(settings.start)
        config = replace(old.encoder.config, **dict.fromkeys(DROPOUTS, settings.dropout))
        check_start(settings, config, old.tokenizer, tokenizer)
        model = SpanBert(config, sbo=sbo, generator=generator)
        model.load_state_dict(old.state_dict(), strict=False)  # either may have no SBO head
    model.tokenizer = tokenizer
    return model


def check_start(
    settings: Settings,
    config: SpanBertConfig,
    trained: WordPieceTokenizer | None,
    tokenizer: WordPieceTokenizer,
) -> None:
    """Raise a ValueError when the model of `settings.start` cannot read this run's blocks.

    Args:
        trained: the tokenizer of that model; None where it is not known.
    """
    if trained is None:
        name = settings.vocabulary or "this course"
        check_size(name, tokenizer.tokens, config.vocab_size, f"of {settings.start!r}")
    elif (trained.tokens, trained.lowercase) != (tokenizer.tokens, tokenizer.lowercase):
        raise ValueError(
            f"{settings.start!r} was trained with another vocabulary. Expected the one of this "
            "run: give its vocab.txt as `vocabulary`."
        )
    longest = max(stage.length for stage in settings.stages)
    if longest > config.max_position_embeddings:
        raise ValueError(
            f"Blocks of {longest} pieces are too long for {settings.start!r}, which has "
            f"{config.max_position_embeddings} positions. Expected stages as short."
        )
