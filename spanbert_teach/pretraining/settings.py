"""What a pretraining run is made of: all that its result depends on. Lesson `05_sbo_vs_mlm`."""

import dataclasses
import math
from dataclasses import dataclass
from typing import NamedTuple

from spanbert_teach.checks import check_count
from spanbert_teach.masking import MaskOptions
from spanbert_teach.model import SIZES, SpanBertConfig
from spanbert_teach.objectives import NORMALISATIONS, SBO_POSITIONS


class Objective(NamedTuple):
    """What is hidden, and whether the span boundary objective is trained."""

    masking: MaskOptions
    sbo: bool


OBJECTIVES = {  # the last two hide the same pieces
    "mlm-tokens": Objective(MaskOptions(scheme="subword", replacement="piece"), False),
    "mlm-spans": Objective(MaskOptions(max_sbo=0), False),
    "spanbert": Objective(MaskOptions(max_sbo=SBO_POSITIONS), True),
}
FINGERPRINTS = "fingerprints"  # stand beside the settings in a run's folder, see `folder`
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")


class Stage(NamedTuple):
    """So many steps on blocks of `length` pieces ([CLS] and [SEP] included), `batch` at a time."""

    length: int
    batch: int
    steps: int


@dataclass(frozen=True)
class Settings:
    """A pretraining run. Same settings, same processor type and thread count: same weights.

    Attributes:
        objective: of `OBJECTIVES`.
        stages: blocks may grow from stage to stage; the learning rate follows the sum of the steps.
        token_steps: so many steps at the beginning hide single pieces, for MLM alone, whatever the
            objective: a new model leaves the plateau far sooner that way (lesson 05, *Deeper*).
        text: files or folders (see `read_documents`); none: the course's corpus, train split.
        validation: the same, for measuring on the way; none: the course's validation split when
            the text is the course's, else nothing is measured.
        text_field: the name of the text in files of records, such as JSON lines and tables.
        vocabulary: a `vocab.txt`; None: that of `start`, or the course's.
        lowercase: small letters without accents, for an uncased vocabulary; None: as `start` was
            trained, or as the vocabulary shows (see `run_tokenizer`).
        layers, hidden, heads: of a new encoder; the feed-forward network has 4 * hidden.
        start: a checkpoint to go on from, whose encoder and heads are taken; None: a new model.
        positions: a new model's position table starts "random", N(0, 0.02) as BERT's, or
            "sinusoids" of amplitude 0.04. It is learned either way.
        peak_rate: the learning rate after `warmup` steps; from there it falls in a line to 0.
        weight_decay: of AdamW. decay_all: also for biases and LayerNorm, as the official code.
        clip: the largest norm of the gradient.
        accumulate: parts of a batch that are computed one after the other, to save memory.
        sbo_weight, normalisation: see `joint_loss`.
        counts: "global" = the losses are divided by the targets of the whole batch; "local" = by
            those of each process and part, then averaged, as the official code.
        dropout: of hidden states and attention probabilities.
        precision: "bf16", "fp16", "fp32"; "auto": what trains fastest on the device.
        seed: of weights, order, masks and dropout.
    """

    objective: str = "spanbert"
    stages: tuple[Stage, ...] = (Stage(128, 32, 1000),)
    token_steps: int = 0
    text: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    text_field: str = "text"
    vocabulary: str | None = None
    lowercase: bool | None = None
    layers: int = 4
    hidden: int = 256
    heads: int = 4
    start: str | None = None
    positions: str = "sinusoids"
    peak_rate: float = 7e-4
    warmup: int = 100
    weight_decay: float = 0.01
    decay_all: bool = False
    clip: float = 1.0
    accumulate: int = 1
    sbo_weight: float = 1.0
    normalisation: str = "official"
    counts: str = "global"
    dropout: float = 0.1
    precision: str = "auto"
    seed: int = 1

    def __post_init__(self):
        check_settings(self)

    @property
    def steps(self) -> int:
        """Of all stages."""
        return sum(stage.steps for stage in self.stages)

    def masking_at(self, step: int) -> MaskOptions:
        """What step number `step`, from 1, hides."""
        return OBJECTIVES["mlm-tokens" if step <= self.token_steps else self.objective].masking

    def length_at(self, step: int) -> int:
        """The length of the blocks that step number `step`, from 1, reads."""
        for stage in self.stages:
            if step <= stage.steps:
                return stage.length
            step -= stage.steps
        raise ValueError(f"There is no such step: the run has {self.steps}.")

    def config(self, vocab_size: int) -> SpanBertConfig:
        """The measures of a new encoder."""
        sizes = (self.hidden, self.layers, self.heads, 4 * self.hidden)
        longest = max(stage.length for stage in self.stages)
        return SpanBertConfig(
            vocab_size=vocab_size,
            max_position_embeddings=max(512, longest),
            **dict.fromkeys(DROPOUTS, self.dropout),
            **dict(zip(SIZES, sizes, strict=True)),
        )

    def as_json(self) -> dict:
        """For a file; `from_json` reads it again."""
        return dataclasses.asdict(self) | {"stages": [list(stage) for stage in self.stages]}

    @classmethod
    def from_json(cls, found: dict) -> "Settings":
        """The settings that `as_json` wrote; fingerprints beside them are left out."""
        found = {name: value for name, value in found.items() if name != FINGERPRINTS}
        lists = {name: tuple(found[name]) for name in ("text", "validation")}
        return cls(**found | lists | {"stages": tuple(Stage(*stage) for stage in found["stages"])})


def check_settings(settings: Settings) -> None:
    """Raise a ValueError that names the first setting with an impossible value."""
    words = {
        "objective": tuple(OBJECTIVES),
        "positions": ("random", "sinusoids"),
        "normalisation": NORMALISATIONS,
        "counts": ("global", "local"),
        "precision": ("auto", "bf16", "fp16", "fp32"),
    }
    for name, allowed in words.items():
        if (value := getattr(settings, name)) not in allowed:
            raise ValueError(f"{name}={value!r} is not known. Expected {' or '.join(allowed)}.")
    if not settings.stages:
        raise ValueError("stages is empty: there is nothing to train. Expected a stage or more.")
    for stage in settings.stages:
        check_count("a stage's length", stage.length, 3)
        check_count("a stage's batch", stage.batch, 1)
        check_count("a stage's steps", stage.steps, 1)
    check_count("accumulate", settings.accumulate, 1)
    check_count("token_steps", settings.token_steps, 0)
    check_count("warmup", settings.warmup, 0)
    check_count("seed", settings.seed, 0)
    for name in ("text", "validation"):
        if isinstance(value := getattr(settings, name), str):
            raise ValueError(f"{name}={value!r}: expected several, such as ({value!r},).")
    for name in ("peak_rate", "clip"):
        if not getattr(settings, name) > 0:
            raise ValueError(f"{name}={getattr(settings, name)!r}: expected a number above 0.")
    for name in ("weight_decay", "sbo_weight"):
        if not getattr(settings, name) >= 0:
            raise ValueError(f"{name}={getattr(settings, name)!r}: expected 0 or more.")
    for name in ("peak_rate", "weight_decay", "sbo_weight"):  # clip=inf: nothing is clipped
        if not math.isfinite(getattr(settings, name)):
            raise ValueError(f"{name}={getattr(settings, name)!r}: expected a finite number.")
    if settings.warmup >= settings.steps:
        raise ValueError(
            f"warmup={settings.warmup}, but there are only {settings.steps} steps. Expected fewer."
        )
    if settings.token_steps >= settings.steps:
        raise ValueError(
            f"token_steps={settings.token_steps}, but there are only {settings.steps} steps: the "
            "objective's own would never come. Expected fewer."
        )


# Single pieces first, also where the blocks grow: with spans hidden, a model needs far longer to
# leave the plateau, and to learn positions that it has not seen. The last stage is the objective's
# own, so `steps` counts its steps. The GPU's were not measured.
PRESETS = {
    "ci": Settings(
        stages=(Stage(32, 8, 30),), layers=2, hidden=64, heads=2, warmup=10, peak_rate=1e-3
    ),
    "laptop": Settings(
        stages=(Stage(32, 64, 4000), Stage(128, 32, 1000), Stage(128, 32, 3000)),
        token_steps=5000,
        warmup=200,
    ),
    "gpu": Settings(
        stages=(Stage(32, 256, 6000), Stage(128, 128, 2000), Stage(128, 128, 28000)),
        token_steps=8000,
        layers=6,
        hidden=384,
        heads=6,
        warmup=1000,
    ),
}


def from_preset(
    preset: str, *, steps: int | None = None, batch: int | None = None, **changes
) -> Settings:
    """A preset with changes; those that are None, or an empty text, are the preset's own.

    Args:
        steps: of the last stage. batch: of all stages.

    Raises:
        ValueError: no such preset, or settings that cannot be.
    """
    if preset not in PRESETS:
        raise ValueError(f"There is no preset {preset!r}. Expected {' or '.join(PRESETS)}.")
    settings = PRESETS[preset]
    stages = list(settings.stages)
    if steps is not None:
        stages[-1] = stages[-1]._replace(steps=steps)
    if batch is not None:
        stages = [stage._replace(batch=batch) for stage in stages]
    changes = {name: value for name, value in changes.items() if value is not None}
    for name in ("text", "validation"):
        changes[name] = tuple(map(str, changes.get(name, ())))
    total = sum(stage.steps for stage in stages)
    changes.setdefault("warmup", min(settings.warmup, total // 2))  # of a run that was made short
    return dataclasses.replace(settings, stages=tuple(stages), **changes)
