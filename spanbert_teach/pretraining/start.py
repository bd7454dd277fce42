"""The tokenizer and the model that a run begins with: fresh, or another run's.

Lesson `05_sbo_vs_mlm`.
"""

from dataclasses import replace

import torch

from spanbert_teach.checkpoints import (
    casing_of_file,
    check_size,
    find_checkpoint,
    load_model,
    tokenizer_in,
)
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert
from spanbert_teach.pretraining.settings import DROPOUTS, OBJECTIVES, Settings
from spanbert_teach.tokenization import WordPieceTokenizer, load_tokenizer, read_vocabulary


def sinusoids(rows: int, size: int, amplitude: float = 0.04) -> torch.Tensor:
    """(rows, size) sines and cosines of many wave lengths: neighbours look alike from the start.

    Vaswani et al. 2017, §3.5, made as small as BERT's initial weights. Rows of random numbers would
    first have to be told apart one by one.
    """
    wave = 10_000 ** (-torch.arange(0, size, 2) / size)
    angle = torch.arange(rows)[:, None] * wave
    return amplitude * torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1)[:, :size]


def run_tokenizer(settings: Settings) -> WordPieceTokenizer:
    """The tokenizer of a run: that of the checkpoint it starts from, or of its vocabulary file.

    Capital letters are kept or not as `settings.lowercase` says; else as the checkpoint was
    trained; else as the pieces of the vocabulary file show, or its name, when there are few; else
    they are kept. With neither checkpoint nor file it is the course's own.

    Raises:
        OSError, ValueError: no such file; none of the two has a vocabulary, or both have and they
            differ; see also `load_tokenizer_of`.
    """
    start, file, lowercase = settings.start, settings.vocabulary, settings.lowercase
    trained = None
    if start is not None:
        trained = tokenizer_in(find_checkpoint(start), start, lowercase)
    if file is None:
        if start is not None and trained is None:
            raise ValueError(
                f"{start!r} has no vocabulary, so nothing says what its ids mean. Give the one "
                "that it was trained with: `vocabulary`, on the command line --vocabulary VOCAB."
            )
        return trained or load_tokenizer().with_casing(bool(lowercase))
    pieces = read_vocabulary(file)
    if trained is not None:
        check_same_pieces(settings, trained.pieces, pieces)
        return trained
    if lowercase is None:
        lowercase = casing_of_file(file, pieces)
    return WordPieceTokenizer(pieces, bool(lowercase))


def check_same_pieces(settings: Settings, trained: list[str], pieces: list[str]) -> None:
    """Raise a ValueError when a run would read other pieces than its start was trained with."""
    if trained != pieces:
        raise ValueError(
            f"{settings.start!r} was trained with another vocabulary. Expected the one of this "
            "run: give its vocab.txt as `vocabulary`, or none, and its own is used."
        )


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
        old = load_model(settings.start, settings.lowercase)
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
    else:
        check_same_pieces(settings, trained.pieces, tokenizer.pieces)
    longest = max(stage.length for stage in settings.stages)
    if longest > config.max_position_embeddings:
        raise ValueError(
            f"Blocks of {longest} pieces are too long for {settings.start!r}, which has "
            f"{config.max_position_embeddings} positions. Expected stages as short."
        )
