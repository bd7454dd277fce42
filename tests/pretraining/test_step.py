"""One step: its rate, what decays, and the gradient of a batch in parts."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spanbert_teach.objectives import joint_loss
from spanbert_teach.pretraining import Batches, Settings, learning_rate, pretrain
from spanbert_teach.pretraining.run import Loop
from spanbert_teach.pretraining.start import new_model
from spanbert_teach.pretraining.step import (
    check_step,
    gradients,
    is_finite,
    parameter_groups,
    step_seed,
)

from .runs import STEPS, TOKENIZER

# --- the learning rate (point 26) ----------------------------------------------------------------


def test_the_official_schedule():
    rate = [learning_rate(step, 1e-4, 10_000, 2_400_000) for step in (1, 10_000, 10_001, 2_400_000)]
    assert rate == pytest.approx([1e-8, 1e-4, 9.9583e-5, 0], rel=1e-5, abs=1e-15)


@given(warmup=st.integers(0, 50), more=st.integers(1, 100))
def test_the_rate_rises_in_a_line_and_falls_in_a_line_to_0(warmup, more):
    steps = warmup + more
    rates = np.array([learning_rate(step, 2.0, warmup, steps) for step in range(1, steps + 1)])
    assert np.allclose(np.diff(rates[:warmup], prepend=0), 2.0 / max(warmup, 1))
    assert np.allclose(np.diff(rates[warmup:]), -2.0 / steps)
    assert rates[-1] == 0 and (rates >= 0).all() and (rates <= 2).all()


def test_a_run_has_the_rates_of_its_schedule(tiny):
    seen = []
    pretrain(tiny(peak_rate=1e-3), watch=seen.append)
    assert [record["step"] for record in seen] == list(range(1, STEPS + 1))
    expected = [learning_rate(step, 1e-3, 3, STEPS) for step in range(1, STEPS + 1)]
    assert [record["rate"] for record in seen] == expected


# --- what decays ---------------------------------------------------------------------------------


def test_matrices_decay_and_vectors_do_not(tiny):
    model = new_model(tiny(), TOKENIZER)
    decayed, others = parameter_groups(model, 0.01, decay_all=False)
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.01, 0.0)
    ids = [id(p) for group in (decayed, others) for p in group["params"]]
    assert len(set(ids)) == len(ids) and set(ids) == {id(p) for p in model.parameters()}
    of_decayed = {id(p) for p in decayed["params"]}
    for name, parameter in model.named_parameters():
        vector = name.endswith("bias") or "LayerNorm" in name or "norm" in name
        assert (id(parameter) in of_decayed) == (not vector), name
    [all_of_them] = parameter_groups(model, 0.1, decay_all=True)
    assert all_of_them["weight_decay"] == 0.1
    assert len(all_of_them["params"]) == len(ids)


# --- gradients of parts --------------------------------------------------------------------------


def gradients_of(settings: Settings) -> tuple[dict[str, torch.Tensor], dict]:
    loop = Loop(settings)
    parts = loop.batches.parts(6)
    found = gradients(loop.parallel, parts, settings, "fp32", loop.scaler, False)
    return {name: p.grad for name, p in loop.model.named_parameters()}, found


def difference(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest difference of any number."""
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


@pytest.mark.parametrize("normalisation", ["official", "paper"])
def test_parts_of_a_batch_add_up_to_its_gradient(tiny, normalisation):
    same_for_all = {"dropout": 0.0, "normalisation": normalisation}
    whole, told = gradients_of(tiny(**same_for_all))
    assert max(g.abs().max() for g in whole.values()) > 0.01
    for accumulate in (2, 4):
        parts, told_by_parts = gradients_of(tiny(accumulate=accumulate, **same_for_all))
        assert difference(whole, parts) < 1e-6
        assert told_by_parts == pytest.approx(told, rel=1e-5)
    if normalisation == "official":  # the parts have different numbers of boundary targets
        local, _ = gradients_of(tiny(accumulate=4, counts="local", **same_for_all))
        assert difference(whole, local) > 1e-3
    alone, _ = gradients_of(tiny(counts="local", **same_for_all))
    assert difference(whole, alone) < 1e-6  # one part is the whole


def test_the_gradient_is_that_of_the_joint_loss(tiny):
    settings = tiny(dropout=0.0, sbo_weight=0.5)
    found, told = gradients_of(settings)
    model = new_model(settings, TOKENIZER)
    [part] = Batches.from_text(settings, TOKENIZER).parts(6)
    sums = model(part.masked, part.attention_mask)
    counts = int(part.masked.mask.sum()), len(part.masked.sbo.target)
    joint_loss(sums.mlm, sums.sbo, *counts, sbo_weight=0.5).backward()
    assert difference(found, {n: p.grad for n, p in model.named_parameters()}) < 1e-6
    expected = {"mlm": sums.mlm.item(), "sbo": sums.sbo.item()}
    expected |= dict(zip(("mlm_count", "sbo_count"), counts, strict=True))
    assert told == pytest.approx(expected | {"pieces": part.pieces, "stop": 0}, rel=1e-5)


def test_local_counts_are_the_mean_of_the_losses_of_the_parts(tiny):
    settings = tiny(dropout=0.0, accumulate=4, counts="local")
    found, _ = gradients_of(settings)
    model = new_model(settings, TOKENIZER)
    for part in Batches.from_text(settings, TOKENIZER).parts(6):
        sums = model(part.masked, part.attention_mask)
        (joint_loss(sums.mlm, sums.sbo, sums.mlm_count, sums.sbo_count) / 4).backward()
    assert difference(found, {n: p.grad for n, p in model.named_parameters()}) < 1e-6


def test_a_large_gradient_is_clipped(tiny):
    """With plain steps, as long as the gradient, the first step is as long as rate * clip."""
    loop = Loop(tiny(clip=1e-3, dropout=0.0))
    loop.optimizer = torch.optim.SGD(loop.model.parameters(), 1.0)
    before = [p.detach().clone() for p in loop.model.parameters()]
    loop.take_step(False)
    moved = zip(before, loop.model.parameters(), strict=True)
    length = math.sqrt(sum(float(((a - b.detach()) ** 2).sum()) for a, b in moved))
    assert length == pytest.approx(1e-3 * loop.rate, rel=0.01)
    assert loop.norm > 0.1  # what is written down is the norm before


# --- a step that would spoil the weights ---------------------------------------------------------

FINE = {"mlm": 50.0, "sbo": 40.0}


def scaler_at(scale: float | None) -> torch.amp.GradScaler:
    """A scaler that has come to a scale; None: none, as without fp16."""
    return torch.amp.GradScaler("cpu", enabled=scale is not None, init_scale=scale or 1.0)


@pytest.mark.parametrize(
    ("found", "norm", "scale", "said"),
    [
        (FINE, 1e30, None, None),
        (FINE | {"mlm": math.nan}, 1.0, None, "step 9: the loss is nan"),
        (FINE | {"sbo": math.inf}, 1.0, None, "step 9: the loss is inf"),
        (FINE, math.nan, None, "step 9: the gradient is nan"),
        (FINE, math.inf, None, "step 9: the gradient is inf"),
        (FINE, math.inf, 65536.0, None),  # with fp16 that is normal: the step is skipped
        (FINE, math.nan, 2.0**-13, None),
        (FINE, math.inf, 2.0**-14, "the gradient overflows fp16 at every scale"),
        (FINE, 1.0, 2.0**-14, None),
        (FINE | {"mlm": math.inf}, math.inf, 65536.0, "step 9: the loss is inf"),
    ],
)
def test_a_loss_or_gradient_that_is_no_number_is_a_failure(found, norm, scale, said):
    if said is None:
        check_step(9, found, norm, scaler_at(scale))
        return
    with pytest.raises(FloatingPointError, match=f"{said}.*Try, in a new folder, a lower rate"):
        check_step(9, found, norm, scaler_at(scale))


def test_weights_are_looked_at_each(tiny):
    model = new_model(tiny(), TOKENIZER)
    assert is_finite(model)
    with torch.no_grad():  # a position that no block of this run has
        model.encoder.embeddings.position_embeddings.weight[500, 3] = math.nan
    assert not is_finite(model)


# --- dropout -------------------------------------------------------------------------------------


def test_each_step_and_process_has_a_dropout_of_its_own():
    seeds = {
        step_seed(seed, step, rank)
        for seed in (0, 1, 2, 1_764_078_000_000_000_000)
        for step in range(1, 200)
        for rank in (0, 1, 7)
    }
    assert len(seeds) == 4 * 199 * 3
    torch.Generator().manual_seed(max(seeds))  # however large the seed of the run
