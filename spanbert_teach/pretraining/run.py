"""A pretraining run: the loop, which can be stopped at any moment and goes on.

    run = pretrain(Settings("spanbert", stages=(Stage(128, 32, 1000),)), folder="runs/first")
    run.model, run.log

The same from a terminal: `python -m spanbert_teach pretrain --help`; on several processes with
`torchrun --nproc-per-node=N -m spanbert_teach pretrain ...`. A run in a folder can be stopped at
any moment and goes on when it is started again. Lesson `05_sbo_vs_mlm`.
"""

import contextlib
import json
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import distributed, nn

from spanbert_teach.checkpoints import save_model
from spanbert_teach.device import choose_device, choose_precision
from spanbert_teach.evaluation import HeldOut
from spanbert_teach.objectives import SpanBert
from spanbert_teach.paths import write_whole
from spanbert_teach.pretraining.data import UNKNOWN_SHARE, Batches
from spanbert_teach.pretraining.folder import (
    check_same_settings,
    check_same_texts,
    fingerprints,
    only_one,
    write_settings,
)
from spanbert_teach.pretraining.settings import Settings
from spanbert_teach.pretraining.start import new_model, run_tokenizer
from spanbert_teach.pretraining.state import (
    CHECKPOINT,
    FILM,
    LOG,
    add_record,
    keeping,
    load_state,
    read_log,
    save_state,
)
from spanbert_teach.pretraining.step import (
    autocast,
    check_step,
    failure,
    gradients,
    is_finite,
    learning_rate,
    parameter_groups,
    processes,
    step_seed,
)
from spanbert_teach.pretraining.watch import (
    Tally,
    add_frame,
    film_frame,
    film_steps,
    held_out_questions,
    measure,
)

LOG_EVERY = 50  # steps
SAVE_EVERY = 60.0  # seconds


@dataclass(frozen=True, eq=False)
class Run:
    """A pretraining run: the model in eval mode, and what was written down on the way.

    `log` has a record every 50 steps: step, mlm and sbo (mean loss in nats since the last record),
    rate, norm, pieces, pieces_per_second; at the steps of the film also "held_out".
    """

    model: SpanBert
    settings: Settings
    log: list[dict]


class Stop:
    """Ctrl-C, a polite kill and a closed terminal end the run after the next whole step, saved.

    So does a `watch` that nobody hears any more. A second Ctrl-C ends it at once. Signals reach the
    main thread only; elsewhere nothing changes. Under `nohup` a closed terminal changes nothing.
    """

    SIGNALS = tuple(
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    )

    def __init__(self):
        self.asked: int | None = None
        self.unheard: OSError | None = None
        self.before: dict = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            for number in self.SIGNALS:
                if number in (signal.SIGINT, signal.SIGTERM) or not ignored(number):
                    self.before[number] = signal.signal(number, self.note)
        return self

    @property
    def wanted(self) -> bool:
        return self.asked is not None or self.unheard is not None

    def tell(self, listener: Callable, said: object) -> None:
        """Call a `watch` or `say`; where it cannot write, its reader is gone: a closed pipe."""
        try:
            listener(said)
        except OSError as error:
            self.unheard = error

    def note(self, number, frame) -> None:
        if self.asked is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = number

    def __exit__(self, *exception) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def ignored(number: int) -> bool:
    """Whether this process was told to take no notice of a signal."""
    return signal.getsignal(number) is signal.SIG_IGN


def join_processes() -> tuple[int, torch.device]:
    """This process's number and its device; joins the others when torchrun started it."""
    device = choose_device()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        if device.type == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        else:
            device = torch.device("cpu")
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return distributed.get_rank(), device
    return 0, device


@contextlib.contextmanager
def together() -> Iterator[None]:
    """What is refused within it in the first process is refused in all: none waits for another."""
    error = None
    try:
        yield
    except (OSError, ValueError) as found:
        error = found
    if processes() > 1:
        told = [error]
        distributed.broadcast_object_list(told)
        [error] = told
    if error is not None:
        raise error


def check_same_step(step: int, device: torch.device) -> None:
    """Raise a ValueError, in all processes, when they are not at the same step."""
    if processes() > 1:
        steps = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(processes())]
        distributed.all_gather(steps, torch.tensor([step], device=device))
        found = [int(other) for other in steps]
        if len(set(found)) > 1:
            raise ValueError(
                f"The processes would go on from different steps: {', '.join(map(str, found))}. "
                "Expected a folder for the run that all machines share."
            )


class Loop:
    """A run under way: model, optimiser and place. `pretrain` drives it."""

    def __init__(self, settings: Settings, unknown_share: float = UNKNOWN_SHARE):
        self.settings = settings
        self.rank, self.device = join_processes()
        self.precision = (
            choose_precision(self.device) if settings.precision == "auto" else settings.precision
        )
        self.tokenizer = run_tokenizer(settings)
        self.batches = Batches.from_text(settings, self.tokenizer)
        self.batches.check_shares(processes())
        self.batches.check_unknown(unknown_share)
        self.model = new_model(settings, self.tokenizer).to(self.device)
        self.model.train()
        self.parallel = (
            nn.parallel.DistributedDataParallel(self.model) if processes() > 1 else self.model
        )
        groups = parameter_groups(self.model, settings.weight_decay, settings.decay_all)
        fused = self.device.type in ("cpu", "cuda")
        self.optimizer = torch.optim.AdamW(groups, settings.peak_rate, eps=1e-8, fused=fused)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        self.step, self.tally = 0, Tally()

    def state(self) -> dict:
        """All that the next steps depend on, and what the next record of the log will tell."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "tally": self.tally.seen,
        }

    def restore(self, state: dict) -> None:
        """Go on from a state.

        Raises:
            ValueError: it is the state of another model, as of another vocabulary.
        """
        own = self.model.state_dict()
        for name, tensor in state["model"].items():
            if name not in own or own[name].shape != tensor.shape:
                raise ValueError(
                    f"The run's state is of another model: its {name} is {tuple(tensor.shape)}, "
                    f"here it is {tuple(own[name].shape) if name in own else 'unknown'}. Was the "
                    "vocabulary changed? Expected the one that the run was begun with."
                )
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.tally = Tally(state["tally"])

    def is_sound(self) -> bool:
        """Whether the weights, and the loss of the next step with them, are numbers.

        No state is kept before this is known: after one update too large the weights are numbers
        still, and nothing can be learned from them any more.
        """
        step = min(self.step, self.settings.steps - 1)
        part = self.batches.parts(step, self.rank, processes())[0].to(self.device)
        with torch.no_grad(), autocast(self.device, self.precision):
            found = self.model(part.masked, part.attention_mask)
        return is_finite(self.model) and math.isfinite(found.mlm.item() + found.sbo.item())

    def take_step(self, stop: bool) -> bool:
        """One update of the weights; whether any process was asked to stop.

        Raises:
            FloatingPointError: a loss or gradient that is no number; no weight was changed.
        """
        settings, step = self.settings, self.step + 1
        torch.manual_seed(step_seed(settings.seed, step, self.rank))
        parts = self.batches.parts(self.step, self.rank, processes())
        found = gradients(self.parallel, parts, settings, self.precision, self.scaler, stop)
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), settings.clip).item()
        check_step(step, found, norm, self.scaler)
        self.rate = learning_rate(step, settings.peak_rate, settings.warmup, settings.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.step, self.norm = step, norm
        asked = found.pop("stop") > 0
        self.tally.add(found)
        return asked


def train(
    loop: Loop,
    stop: Stop,
    log: list[dict],
    questions: dict[int, dict[str, HeldOut]],
    folder: Path | None,
    watch: Callable[[dict], None],
    save_every: float,
) -> None:
    """Take the steps that are left, unless asked to stop; what is seen goes into `log`.

    Args:
        questions: see `held_out_questions`.
        folder: where this process keeps the run; None: it does not.
    """
    settings = loop.settings
    frames, saved = set(film_steps(settings.steps)), time.monotonic()
    while loop.step < settings.steps:
        asked = loop.take_step(stop.wanted)
        if loop.rank == 0 and (loop.step % LOG_EVERY == 0 or loop.step in frames):
            record = loop.tally.record(loop.step, loop.rate, loop.norm)
            if loop.step in frames:
                asking = questions.get(settings.length_at(loop.step), {})
                record["held_out"] = measure(loop.model, asking, loop.precision)
            log.append(record)
            if folder is not None:
                add_record(folder / LOG, record)
                if loop.step in frames:
                    add_frame(folder / FILM, loop.step, film_frame(loop.model, loop.tokenizer))
            stop.tell(watch, record)
            loop.tally = Tally()  # what was measured on the way is not training time
        ends = asked or loop.step == settings.steps
        if ends or (folder is not None and time.monotonic() - saved > save_every):
            sound = loop.is_sound()  # if not, and it goes on, the next step tells all processes
            if ends and not sound:
                raise FloatingPointError(failure(loop.step, "it has spoilt the weights"))
            if folder is not None and sound:
                save_state(folder, loop.state())
            saved = time.monotonic()
        if asked:
            return


def pretrain(
    settings: Settings,
    folder: str | Path | None = None,
    *,
    watch: Callable[[dict], None] = lambda record: None,
    say: Callable[[str], None] = lambda sentence: None,
    save_every: float = SAVE_EVERY,
    unknown_share: float = UNKNOWN_SHARE,
) -> Run:
    """Train a model as the settings say, or go on with a run that was stopped.

    Args:
        folder: where the run is kept: settings.json, log.jsonl, state.pt, film.npz, and at the end
            checkpoint/. None: nothing is written, and a run that is stopped is lost.
        watch: is called with each record of the log.
        say: is called with what is to be known before the first step (see `Batches.notes`).
        save_every: seconds between two states; a kill loses at most the steps since the last one.
        unknown_share: the most of the text that may be [UNK], 0 to 1.

    Raises:
        KeyboardInterrupt: Ctrl-C, a polite kill or a closed terminal; the state of the last whole
            step is saved.
        FloatingPointError: a loss, gradient or weight is no finite number. The last good state is
            kept, and no checkpoint is written.
        ValueError: the folder holds another run, or this one is under way already; the text or the
            vocabulary has changed since it was begun; more of the text is outside the vocabulary
            than `unknown_share`; several processes do not find the same state in the folder; see
            also `Settings`.
        OSError: a file cannot be written, or `watch` could not: the state is kept.
    """
    folder = None if folder is None else Path(folder).expanduser()
    with Stop() as stop, torch.random.fork_rng(), contextlib.ExitStack() as held:
        rank, _ = join_processes()
        writes = rank == 0 and folder is not None
        with together():
            if writes:  # before anything is looked at: two that begin together are not one run
                held.enter_context(only_one(folder))
                check_same_settings(folder, settings)
        loop = Loop(settings, unknown_share)
        questions, validation = (
            held_out_questions(settings, loop.tokenizer) if rank == 0 else ({}, [])
        )
        read = fingerprints(loop.batches.fingerprints, validation, loop.tokenizer)
        with together():
            if writes:
                check_same_texts(folder, settings, read)
        state = None if folder is None else load_state(folder)
        if state is not None:
            loop.restore(state)
        check_same_step(loop.step, loop.device)
        begun = loop.step
        log = [] if folder is None else read_log(folder / LOG, loop.step)
        with keeping(folder):
            if writes:  # not before all text is read: what cannot be trained leaves no folder
                write_settings(folder, settings, read)
                text = "".join(json.dumps(record) + "\n" for record in log)
                write_whole(folder / LOG, text.encode())
            if rank == 0:
                for sentence in loop.batches.notes():
                    stop.tell(say, sentence)
            train(loop, stop, log, questions, folder if writes else None, watch, save_every)
            model, done = loop.model.eval(), loop.step == settings.steps
            if writes and done and (loop.step > begun or not (folder / CHECKPOINT).exists()):
                save_model(folder / CHECKPOINT, model, provenance={"settings": settings.as_json()})
    if not done or stop.unheard is not None:
        raise stop.unheard or KeyboardInterrupt
    return Run(model, settings, log)
