"""The results of lesson 05, computed a second way: through the library's heads and masks."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from spanbert_teach import SENTENCE
from spanbert_teach.checkpoints import load_model
from spanbert_teach.evaluation import hidden_states, mlm_answers, sbo_answers, sbo_columns
from spanbert_teach.held_out import held_out
from spanbert_teach.masking import MaskOptions, SboBatch, sbo_targets
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert, loss_sum
from spanbert_teach.paths import data_path
from tools.measure_trio import FEW, TRIO, places_in_spans


@pytest.fixture(scope="module")
def model() -> SpanBert:
    return load_model("course")


@pytest.fixture(scope="module")
def encoding(model):
    return model.tokenizer.encode(SENTENCE)


@pytest.fixture(scope="module")
def span(encoding) -> tuple[int, int]:
    return encoding.tokens.index("V"), encoding.tokens.index("for")


@pytest.fixture(scope="module")
def masked(model, encoding, span) -> torch.Tensor:
    ids = torch.tensor([encoding.ids])
    ids[0, slice(*span)] = model.tokenizer.id("[MASK]")
    return ids


@pytest.fixture(scope="module")
def hidden(model, masked) -> torch.Tensor:
    with torch.inference_mode():
        return model.encoder(masked).hidden


def by_mlm(model, hidden, span):
    with torch.inference_mode():
        return model.mlm(hidden[0, slice(*span)])


def by_sbo(model, hidden, span):
    start, end = span
    position = torch.arange(end - start)
    row, left, right = (torch.full_like(position, x) for x in (0, start - 1, end))
    return model.sbo(hidden, row, left, right, position)


def best_three(model, encoding, span, logits) -> list[str]:
    lines = []
    for place, row in zip(range(*span), logits, strict=True):
        found = row.topk(4)
        # Twenty times what rounding changes from one processor to another.
        assert found.values.diff().abs().min() > 2e-4, "another processor might change the order"
        best = [model.tokenizer.tokens[i] for i in found.indices[:3]]
        line = f"{encoding.tokens[place]:7} " + " ".join(f"{piece:12}" for piece in best)
        lines.append(line.rstrip())
    return lines


def stripped(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@pytest.mark.result("05-mlm")
def test_mlm(recorded_output, model, encoding, hidden, span):
    expected = best_three(model, encoding, span, by_mlm(model, hidden, span))
    assert stripped(recorded_output) == expected


@pytest.mark.result("05-sbo")
def test_sbo(recorded_output, model, encoding, hidden, span):
    with torch.inference_mode():
        logits = by_sbo(model, hidden, span)
    assert stripped(recorded_output) == best_three(model, encoding, span, logits)


@pytest.mark.result("05-targets")
def test_targets(recorded_output, encoding, span):
    start, end = span
    text = np.array(encoding.ids[1:-1])  # the library's blocks have no [CLS]
    found = sbo_targets(text, [(start - 1, end - 1)], MaskOptions())
    lines = []
    for left, right, position in zip(found.left + 1, found.right + 1, found.position, strict=True):
        place = start + position
        beside = f"{encoding.tokens[left]} … {encoding.tokens[right]}"
        lines.append(
            f"piece {place} {encoding.tokens[place]:7} from {left} and {right} ({beside}), "
            f"row {position}"
        )
    assert recorded_output.splitlines() == lines


def how_many_move(model, hidden, span, changed: list[int]) -> dict[str, int]:
    """How many predictions of each head are other ones when these states are destroyed."""
    other = hidden.clone()
    noise = torch.randn(hidden.shape, generator=torch.Generator().manual_seed(5))
    other[:, changed] = noise[:, changed]
    with torch.inference_mode():
        return {
            name: int((head(model, other, span) != head(model, hidden, span)).any(-1).sum())
            for name, head in (("MLM", by_mlm), ("SBO", by_sbo))
        }


@pytest.mark.result("05-leak")
def test_leak(recorded_output, model, hidden, span):
    start, end = span
    destroyed = {
        "the third state destroyed:": [start + 2],
        "all five inside the span:": list(range(start, end)),
        "the two boundaries:": [start - 1, end],
    }
    lines = []
    for what, columns in destroyed.items():
        moved = how_many_move(model, hidden, span, columns)
        lines.append(f"{what:30} {moved['MLM']} of MLM's, {moved['SBO']} of SBO's")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("05-first-loss")
def test_first_loss(recorded_output):
    batch, rows = held_out("test", "spans", most=250).masked, slice(0, 16)
    real = torch.from_numpy(held_out("test", "spans", most=250).rows.real)[rows]
    fresh = SpanBert(SpanBertConfig.course(), generator=torch.Generator().manual_seed(3)).eval()
    targets = batch.mlm_targets[rows][batch.mask[rows]]
    with torch.inference_mode():
        states = fresh.encoder(batch.input_ids[rows], real).hidden[batch.mask[rows]]
        loss = loss_sum(fresh.mlm(states), targets).item() / len(targets)
    uniform = np.log(fresh.encoder.config.vocab_size)
    assert recorded_output == (
        f"fresh model: {loss:.1f} nats over {len(targets)} hidden pieces; ln 8192 is {uniform:.1f}"
    )


@pytest.fixture(scope="module")
def answered(model):
    """MLM and SBO on 250 blocks where SBO is asked, and SBO with the next span's boundaries."""
    held = held_out("test", "spans", most=250)
    states = hidden_states(model, held)
    sbo = held.masked.sbo
    asked = set(zip(sbo.batch.tolist(), sbo_columns(sbo).tolist(), strict=True))
    mlm = mlm_answers(model, held, states)
    kept = [p in asked for p in zip(mlm.row.tolist(), mlm.column.tolist(), strict=True)]
    spans, of_span = torch.unique(
        torch.stack([sbo.batch, sbo.left, sbo.right]), dim=1, return_inverse=True
    )
    others = spans.roll(-1, dims=1)[:, of_span]
    elsewhere = SboBatch(*others, sbo.position, sbo.target)
    return {
        "MLM": mlm.correct[kept],
        "SBO": (by_boundaries := sbo_answers(model, held, states)).correct,
        "SBO, wrong boundaries": sbo_answers(model, held, states, elsewhere).correct,
    }, places_in_spans(by_boundaries, held.masked.spans.numpy())


@pytest.mark.result("05-side")
def test_side_by_side(recorded_output, answered):
    lines = [
        f"{name:22} {right.mean():.1%} of {len(right):,} hidden pieces right"
        for name, right in answered[0].items()
    ]
    assert recorded_output.splitlines() == lines


@pytest.mark.result("05-places")
def test_places(recorded_output, answered):
    results, (length, place) = answered
    lines = []
    for name in ("MLM", "SBO"):
        shares = []
        for number in (1, 2, 3, -3, -2, -1):
            here = place == number if number > 0 else place == length + 1 + number
            right = results[name][(length >= 6) & (length < 15) & here]
            shares.append(f"{right.mean():.1%}")
        first, last = (f"[{', '.join(part)}]" for part in (shares[:3], shares[3:]))
        lines.append(f"{name}  first three {first}  last three {last}")
    lines.append(f"spans of 6 to 14 pieces: {len(right)}")
    assert recorded_output.splitlines() == lines


@pytest.fixture(scope="module")
def trio() -> dict:
    return json.loads(data_path("runs/trio.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("masking", ["tokens", "spans"])
@pytest.mark.parametrize("name", TRIO)
def test_the_file_about_the_trio_is_true(trio, name, masking):
    """What `tools/measure_trio.py` wrote, on a hundred of its blocks."""
    answers = mlm_answers(load_model(TRIO[name]), held_out("test", masking, most=FEW))
    written = trio[name][masking]["mlm_on_few"]
    assert len(answers.target) == written["pieces"]
    assert answers.accuracy == pytest.approx(written["accuracy"], abs=0.002)
    assert answers.cross_entropy == pytest.approx(written["cross_entropy"], abs=0.005)
    whole = trio[name][masking]["mlm"]["accuracy"]
    spread = 0.5 / answers.target.size**0.5
    assert abs(whole - answers.accuracy) < 5 * spread, "not the same models, or not the same text"


@pytest.mark.result("05-trio")
def test_trio(recorded_output, trio):
    ngrams = json.loads(data_path("runs/ngrams.json").read_text(encoding="utf-8"))["maskings"]
    rows = {name: [trio[name][m]["mlm"] for m in ("tokens", "spans")] for name in TRIO}
    again = trio["again"]["spanbert-again"]
    rows["spanbert, another seed"] = [again[m] for m in ("tokens", "spans")]
    rows["5-grams, both sides"] = [ngrams[m]["test"]["product"] for m in ("tokens", "spans")]
    lines = ["MLM on held-out text    single pieces, nats    spans, nats"]
    for name, both in rows.items():
        cells = [f"{100 * of['accuracy']:8.1f}% {of['cross_entropy']:7.2f}" for of in both]
        lines.append(f"{name:23} {' '.join(cells)}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("05-probe")
def test_probe(recorded_output):
    """From the file that `tools/probe_boundaries.py` wrote: no test trains nine heads again."""
    probe = json.loads(data_path("runs/probe.json").read_text(encoding="utf-8"))
    lines = [
        f"{name:11} a fresh SBO head finds "
        + ", ".join(f"{100 * share:.1f}%" for share in probe["encoders"][name]["accuracy"])
        for name in TRIO
    ]
    assert recorded_output.splitlines() == lines


@pytest.mark.result("05-bug")
def test_bug(recorded_output, model, hidden, span):
    """The article's SBO reads what the masked-LM head reads."""
    start, end = span
    lines = []
    for name, columns in (("inside", list(range(start, end))), ("boundaries", [start - 1, end])):
        moves = how_many_move(model, hidden, span, columns)["MLM"] > 0
        said = "moves" if moves else "nothing moves"
        lines.append(f"the article's SBO, {name} destroyed: {said}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("05-bug-copy")
def test_bug_copy(recorded_output):
    """The library's model, trained on the article's loss in place of its own."""
    held = held_out("test", "spans", most=250)
    ids, mask = held.masked.input_ids, held.masked.mask
    config = SpanBertConfig.course(
        num_hidden_layers=1, hidden_dropout_prob=0, attention_probs_dropout_prob=0
    )
    copier = SpanBert(config, sbo=False, generator=torch.Generator().manual_seed(9))
    optimizer = torch.optim.Adam(copier.parameters(), lr=3e-3)
    for step in range(120):
        x = ids[2 * step : 2 * step + 4]
        loss = F.cross_entropy(copier.mlm(copier.encoder(x).hidden[x != 0]), x[x != 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        guesses = copier.eval().mlm(copier.encoder(ids[242:]).hidden[mask[242:]]).argmax(-1)
    mask_id, truth = 4, torch.from_numpy(held.rows.ids)[242:][mask[242:]]
    assert recorded_output.splitlines() == [
        f"its loss fell below 1: {loss.item() < 1}",
        f"hidden pieces where it says [MASK]: {(guesses == mask_id).float().mean():.0%}, "
        f"where it is right: {(guesses == truth).float().mean():.0%}",
    ]


@pytest.mark.result("05-k")
def test_k(recorded_output):
    spans = held_out("test", "spans", most=250).masked.sbo
    runs = torch.unique(torch.stack([spans.batch, spans.left, spans.right]), dim=1)
    inner = (runs[2] - runs[1] - 1).tolist()
    lines = [
        f"K = {most:2}: {sum(min(n, most) for n in inner) / sum(inner):.1%} of {sum(inner):,} "
        "pieces are asked"
        for most in (1, 5, 10, 15)
    ]
    assert recorded_output.splitlines() == lines


@pytest.mark.result("05-gradient")
def test_gradient(recorded_output, model, encoding, masked, span):
    inputs = model.encoder.embeddings.word_embeddings(masked).detach().requires_grad_(True)
    last = model.encoder(inputs_embeds=inputs).hidden
    last.retain_grad()
    targets = torch.tensor(encoding.ids[slice(*span)])
    loss_sum(by_sbo(model, last, span), targets).backward()
    lines = []
    for name, tensor in (("last states", last), ("inputs", inputs)):
        matters = (tensor.grad[0].abs().sum(-1) > 0).nonzero()[:, 0].tolist()
        listed = matters if len(matters) < 5 else ""
        lines.append(
            f"{name:12} with a gradient: {len(matters)} of {masked.shape[1]} {listed}".rstrip()
        )
    assert stripped(recorded_output) == lines


@pytest.mark.result("05-pull")
def test_pull(recorded_output, model):
    held = held_out("test", "spans", most=250)
    batch, rows = held.masked, slice(0, 32)
    hidden = model.encoder(batch.input_ids[rows], torch.from_numpy(held.rows.real)[rows]).hidden
    mask, few = batch.mask[rows], batch.sbo.batch < 32
    sbo = batch.sbo
    places = (x[few] for x in (sbo.batch, sbo.left, sbo.right, sbo.position))
    losses = [
        F.cross_entropy(model.mlm(hidden[mask]), batch.mlm_targets[rows][mask]),
        F.cross_entropy(model.sbo(hidden, *places), sbo.target[few]),
    ]
    parameters = [
        p for n, p in model.encoder.named_parameters() if n != "embeddings.word_embeddings.weight"
    ]
    pulls = []
    for loss in losses:
        parts = torch.autograd.grad(loss, parameters, retain_graph=True)
        pulls.append(torch.cat([part.flatten() for part in parts]))
    cosine = torch.cosine_similarity(*pulls, dim=0).item()
    ratio = (pulls[1].norm() / pulls[0].norm()).item()
    expected = f"cosine {cosine:.2f}; length of SBO's gradient {ratio:.1f} times MLM's"
    assert recorded_output == expected


def test_what_the_lesson_reads_from_files_is_what_the_tools_wrote():
    """Figures of long runs, which no test repeats, come from files that name their command."""
    for name in ("ngrams", "trio", "probe"):
        found = json.loads(data_path(f"runs/{name}.json").read_text(encoding="utf-8"))
        assert found["command"].startswith("python tools/"), name
