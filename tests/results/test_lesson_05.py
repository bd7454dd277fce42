"""The results of lesson 05, computed a second way: through the library's heads and masks."""

import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from spanbert_teach import SENTENCE
from spanbert_teach.checkpoints import load_model
from spanbert_teach.evaluation import MASKINGS, held_out, hidden_states, mlm_answers, sbo_answers
from spanbert_teach.masking import MaskOptions, SboBatch, sbo_targets
from spanbert_teach.model import SpanBertConfig
from spanbert_teach.objectives import SpanBert, joint_loss, loss_sum
from spanbert_teach.paths import data_path
from tools.measure_trio import (
    FEW,
    TRIO,
    asked_of_sbo,
    figures,
    places_in_spans,
    sbo_figures,
)


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
    mlm = mlm_answers(model, held, states)
    spans, of_span = torch.unique(
        torch.stack([sbo.batch, sbo.left, sbo.right]), dim=1, return_inverse=True
    )
    others = spans.roll(-1, dims=1)[:, of_span]
    elsewhere = SboBatch(*others, sbo.position, sbo.target)
    return {
        "MLM": mlm.correct[asked_of_sbo(mlm, sbo)],
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


def close(found: dict, written: dict) -> bool:
    """Up to what another processor's rounding may change."""
    apart = {name: abs(found[name] - written[name]) for name in found}
    return apart["pieces"] == 0 and apart["accuracy"] <= 0.002 and apart["cross_entropy"] <= 0.005


@pytest.mark.parametrize("masking", ["tokens", "spans"])
@pytest.mark.parametrize("name", TRIO)
def test_the_file_about_the_trio_is_true(trio, name, masking):
    """What `tools/measure_trio.py` wrote, on a hundred of its blocks, and all heads."""
    model, held = load_model(TRIO[name]), held_out("test", masking, most=FEW)
    hidden = hidden_states(model, held)
    found = {"mlm": figures(mlm_answers(model, held, hidden))}
    if name == "spanbert" and masking == "spans":
        found |= sbo_figures(model, held, hidden)
    written = trio[name][masking]
    assert found.keys() == written["on_few"].keys()
    for head, one in found.items():
        assert close(one, written["on_few"][head]), (head, one, written["on_few"][head])
        spread = 0.5 / one["pieces"] ** 0.5
        apart = abs(written[head]["accuracy"] - one["accuracy"])
        assert apart < 5 * spread, "not the same models, or not the same text"


def test_true_boundaries_beat_those_of_other_spans_by_five_points(trio):
    spans = trio["spanbert"]["spans"]
    for found in (spans, spans["on_few"]):
        assert found["sbo"]["accuracy"] > found["sbo_shuffled"]["accuracy"] + 0.05
        assert found["sbo"]["cross_entropy"] < found["sbo_shuffled"]["cross_entropy"]


@pytest.fixture(scope="module")
def ngrams() -> dict:
    return json.loads(data_path("runs/ngrams.json").read_text(encoding="utf-8"))["maskings"]


@pytest.mark.result("05-trio")
def test_trio(recorded_output, trio, ngrams):
    both = ("tokens", "spans")
    rows = {name: [trio[name][m]["mlm"] for m in both] for name in TRIO}
    for name in ("mlm-spans", "spanbert"):
        again = trio["again"][f"{name}-again"]
        rows[f"{name}, another seed"] = [again[m]["mlm"] for m in both]
    counters = {
        "5-grams, both sides": "product",
        "bigrams, both sides": "bigram product",
        "the most frequent piece": "unigram",
    }
    rows |= {said: [ngrams[m]["test"][name] for m in both] for said, name in counters.items()}
    lines = ["MLM on held-out text    single pieces, nats    spans, nats"]
    for name, both in rows.items():
        cells = [f"{100 * of['accuracy']:8.1f}% {of['cross_entropy']:7.2f}" for of in both]
        lines.append(f"{name:23} {' '.join(cells)}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("05-middle")
def test_middle(recorded_output):
    """Asked again, of all test blocks."""
    held = held_out("test", "spans")
    lines = []
    for name in TRIO:
        model = load_model(TRIO[name])
        hidden = hidden_states(model, held)
        answers = {"MLM": mlm_answers(model, held, hidden)}
        if model.sbo is not None:
            answers["SBO"] = sbo_answers(model, held, hidden)
        for head, found in answers.items():
            length, place = places_in_spans(found, held.masked.spans.numpy())
            inner = asked_of_sbo(found, held.masked.sbo) & (length >= 5) & (length <= 10)
            where = {
                "first": place == 1,
                "middle": (place > 2) & (place < length - 1),
                "last": place == length,
            }
            cells = [f"{n} {found.correct[inner & at].mean():6.1%}" for n, at in where.items()]
            lines.append(f"{name:10} {head}: {' '.join(cells)}")
        if model.sbo is not None:
            other = sbo_figures(model, held, hidden)["sbo_shuffled"]["accuracy"]
            asked = asked_of_sbo(answers["MLM"], held.masked.sbo)
            mlm, sbo = answers["MLM"].correct[asked].mean(), answers["SBO"].accuracy
    lines.append(f"spanbert, all: MLM {mlm:.1%}, SBO {sbo:.1%}, wrong boundaries {other:.1%}")
    assert recorded_output.splitlines() == lines


@pytest.mark.result("05-pairs")
def test_pairs(recorded_output, trio):
    lines = []
    for end, found in (("", trio), ("-again", trio["again"])):
        ahead = [found[f"{m}: spanbert{end} ahead of"][f"mlm-spans{end}"] for m in MASKINGS]
        said = [f"{one['points']:+.2f} ± {one['standard_error']:.2f}" for one in ahead]
        who = f"spanbert{end} ahead of mlm-spans{end}"
        lines.append(f"{who:40} single pieces {said[0]}; spans {said[1]}")
    assert recorded_output.splitlines() == lines


@pytest.mark.parametrize("masking", MASKINGS)
def test_the_difference_is_that_of_the_accuracies(trio, masking):
    for end, found in (("", trio), ("-again", trio["again"])):
        ours, others = (found[f"{n}{end}"][masking]["mlm"] for n in ("spanbert", "mlm-spans"))
        ahead = found[f"{masking}: spanbert{end} ahead of"][f"mlm-spans{end}"]
        points = 100 * (ours["accuracy"] - others["accuracy"])
        assert ahead["points"] == pytest.approx(points, abs=0.02)
        # Not paired, the error of a difference of two shares would be larger.
        share = others["accuracy"]
        assert 0.05 < ahead["standard_error"] < 100 * (2 * share / others["pieces"]) ** 0.5


@pytest.mark.result("05-ahead")
def test_ahead(recorded_output, trio, ngrams):
    def line(what, accuracy, nats=None):
        said = f"{what:36} {100 * accuracy:.1f}% "
        return said if nats is None else f"{said}{nats:.2f} nats"

    def both(found):
        return found["accuracy"], found["cross_entropy"]

    lines = []
    for masking, best in (("tokens", "mlm-tokens"), ("spans", "mlm-spans")):
        found = trio[best][masking]
        assert found["mlm"]["accuracy"] == max(trio[n][masking]["mlm"]["accuracy"] for n in TRIO)
        copied = found["mlm"]["accuracy"] * 0.9 + 0.1
        lines += [
            line(f"{masking}: 5-grams", *both(ngrams[masking]["test"]["product"])),
            line(f"{masking}: {best}, all [MASK]", *both(found["mlm"])),
            line(f"{masking}: if it copied 10%", copied),
            line(f"{masking}: {best}, as in training", *both(found["mlm_as_trained"])),
        ]
    dropout = trio["again"]["mlm-spans-dropout"]["spans"]["mlm"]
    lines.append(line("spans: mlm-spans-dropout", *both(dropout)))
    assert stripped(recorded_output) == [one.rstrip() for one in lines]


@pytest.mark.result("05-probe")
def test_probe(recorded_output):
    """From the file that `tools/probe_boundaries.py` wrote: no test trains fifteen heads again."""
    probe = json.loads(data_path("runs/probe.json").read_text(encoding="utf-8"))
    rows = {name: probe["encoders"][name] for name in TRIO}
    for name in ("spanbert", "mlm-spans"):
        rows[f"{name}, another seed"] = probe["again"][f"{name}-again"]
    lines = [
        f"{name:23} a fresh SBO head finds "
        + ", ".join(f"{100 * share:.1f}%" for share in found["accuracy"])
        for name, found in rows.items()
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
    losses = []
    for step in range(180):
        x = ids[2 * (step % 120) :][:4]
        loss = F.cross_entropy(copier.mlm(copier.encoder(x).hidden[x != 0]), x[x != 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.inference_mode():
        guesses = copier.eval().mlm(copier.encoder(ids[242:]).hidden[mask[242:]]).argmax(-1)
    mask_id, truth = 4, torch.from_numpy(held.rows.ids)[242:][mask[242:]]
    assert recorded_output.splitlines() == [
        f"its loss: {losses[0]:.0f} nats in the first step, below 0.1 in the last: "
        f"{losses[-1] < 0.1}",
        f"hidden pieces where it says [MASK]: {(guesses == mask_id).float().mean():.0%}, "
        f"where it is right: {(guesses == truth).float().mean():.0%}",
    ]


@pytest.mark.result("05-sums")
def test_sums(recorded_output, model):
    """From the library's heads and its joint loss."""
    held = held_out("test", "spans", most=250)
    batch, sbo = held.masked, held.masked.sbo
    found = []
    with torch.inference_mode():
        hidden = model.encoder(batch.input_ids[:32], torch.from_numpy(held.rows.real)[:32]).hidden
        for row in range(32):
            mask, mine = batch.mask[row], sbo.batch == row
            places = (x[mine] for x in (sbo.batch, sbo.left, sbo.right, sbo.position))
            mlm = loss_sum(model.mlm(hidden[row, mask]), batch.mlm_targets[row, mask])
            each = loss_sum(model.sbo(hidden, *places), sbo.target[mine])
            found.append(torch.tensor([mlm, each, mask.sum(), mine.sum()]))
    whole = sum(found)
    alone = torch.stack([joint_loss(*one) for one in found])
    paper = joint_loss(*whole, normalisation="paper")
    assert recorded_output.splitlines() == [
        f"official, counts of the whole batch:       {joint_loss(*whole):.2f} nats",
        f"official, each block with its own counts:  {alone.mean():.2f}",
        f"the paper's sum, by MLM's count:           {paper:.2f}",
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
        pulls.append(torch.cat([part.flatten() for part in parts]).double())
    cosine = torch.cosine_similarity(*pulls, dim=0).item()
    ratio = (pulls[1].norm() / pulls[0].norm()).item()
    radians = np.arccos(cosine)
    lines = [
        f"cosine {cosine:.2f}, angle {np.degrees(radians):.0f}°; "
        f"SBO's gradient is {ratio:.1f} times as long as MLM's"
    ]
    for w in (0.25, 1, 4):  # a triangle with two sides and the angle between them
        across, along = w * ratio * np.sin(radians), 1 + w * ratio * cosine
        to_mlm = np.arctan2(across, along)
        found = [f"{np.degrees(one):2.0f}°" for one in (to_mlm, radians - to_mlm)]
        lines.append(f"w = {w:4}: the sum is {found[0]} from MLM's and {found[1]} from SBO's")
    assert recorded_output.splitlines() == lines


def test_what_the_lesson_reads_from_files_is_what_the_tools_wrote():
    """Figures of long runs, which no test repeats, come from files that name their command."""
    for name in ("ngrams", "trio", "probe"):
        found = json.loads(data_path(f"runs/{name}.json").read_text(encoding="utf-8"))
        assert found["command"].startswith("python tools/"), name
