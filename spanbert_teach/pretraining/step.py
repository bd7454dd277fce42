"""One update of the weights: learning rate, gradients over parts and processes, what decays.

Sources: Joshi et al. 2020, §4.2; Devlin et al. 2019, A.2; the official code. Lesson
`05_sbo_vs_mlm`.
"""

import contextlib
import math

import torch
from torch import distributed, nn

from spanbert_teach.objectives import joint_loss
from spanbert_teach.pretraining.data import TrainingBatch
from spanbert_teach.pretraining.settings import Settings

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def learning_rate(step: int, peak: float, warmup: int, steps: int) -> float:
    """The rate of update number `step` (from 1): up in a line to `peak`, then down to 0 at `steps`.

    As the official code: after the warm-up it is peak * (1 - step / steps), so it falls a little
    at once: from 1e-4 to 0.99583e-4 with a warm-up of 10,000 and 2.4 million steps.
    """
    if step <= warmup:
        return peak * step / warmup
    return peak * (1 - step / steps)


def parameter_groups(model: nn.Module, weight_decay: float, decay_all: bool) -> list[dict]:
    """The parameters for AdamW: matrices and tables decay; biases and LayerNorm (vectors) do not.

    The official code lets all of them decay.
    """
    decayed = [p for p in model.parameters() if p.ndim > 1 or decay_all]
    others = [p for p in model.parameters() if p.ndim == 1 and not decay_all]
    groups = [(decayed, weight_decay), (others, 0.0)]
    return [{"params": p, "weight_decay": decay} for p, decay in groups if p]


def gradients(
    model: nn.Module, parts: list[TrainingBatch], settings: Settings, precision: str, scaler, stop
) -> dict:
    """Forward and backward over this process's parts of a batch; the gradients stay in `model`.

    The losses are divided by the counts of the whole batch, over all parts and processes: a piece
    weighs the same wherever it is computed. DistributedDataParallel averages the gradients of the
    processes, so each loss is multiplied by their number.

    Returns:
        mlm, sbo: sums over the whole batch, with their counts; pieces; stop: whether any process
        was asked to.
    """
    device = next(model.parameters()).device
    counts = torch.tensor(
        [[part.masked.mask.sum(), part.masked.sbo.count, part.pieces] for part in parts]
    )
    totals = torch.cat([counts.sum(0), torch.tensor([int(stop)])]).to(device)
    if processes() > 1:
        distributed.all_reduce(totals)
    sums = torch.zeros(2, device=device)
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        waits = contextlib.nullcontext() if last or processes() == 1 else model.no_sync()
        with waits:
            here = part.to(device)
            with autocast(device, precision):
                found = model(here.masked, here.attention_mask)
            if settings.counts == "global":
                divide_by, share = totals[:2], processes()
            else:
                divide_by, share = counts[number - 1, :2].to(device), 1 / len(parts)
            loss = joint_loss(
                found.mlm,
                found.sbo,
                *divide_by,
                sbo_weight=settings.sbo_weight,
                normalisation=settings.normalisation,
            )
            scaler.scale(loss * share).backward()
        sums += torch.stack([found.mlm.detach(), found.sbo.detach()])
    if processes() > 1:
        distributed.all_reduce(sums)
    names = ("mlm", "sbo", "mlm_count", "sbo_count", "pieces", "stop")
    return dict(zip(names, [*sums.tolist(), *totals.tolist()], strict=True))


SMALLEST_SCALE = 1e-4  # as fairseq's: thirty overflows after each other have brought it there


def check_step(step: int, found: dict, norm: float, scaler) -> None:
    """Raise a FloatingPointError when a step would spoil the weights: they are not changed yet.

    With fp16 it is normal that a gradient overflows now and then: the scaler skips the step and
    scales less. When it has come down to nearly nothing that is a failure, too.
    """
    if not math.isfinite(loss := found["mlm"] + found["sbo"]):
        raise FloatingPointError(failure(step, f"the loss is {loss}"))
    if math.isfinite(norm):
        return
    if not scaler.is_enabled():
        raise FloatingPointError(failure(step, f"the gradient is {norm}"))
    if scaler.get_scale() < SMALLEST_SCALE:
        raise FloatingPointError(failure(step, "the gradient overflows fp16 at every scale"))


def is_finite(model: nn.Module) -> bool:
    """Whether each weight is a number."""
    return all(bool(parameter.isfinite().all()) for parameter in model.parameters())


def failure(step: int, what: str) -> str:
    """The sentence that ends a run, and what to try."""
    return (
        f"The run was stopped at step {step}: {what}. Going on would only spoil the weights. Try, "
        "in a new folder, a lower rate (--rate), a longer warm-up (--warmup), or --precision fp32."
    )


def autocast(device: torch.device, precision: str) -> torch.autocast:
    """16-bit matrix products where asked for."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32")


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of one step's dropout: the same after a stop, another in each process."""
    return ((seed * 1_000_003 + step) * 4096 + rank) % 2**63
