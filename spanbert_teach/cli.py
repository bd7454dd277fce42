"""The command line: `python -m spanbert_teach COMMAND`; without one it lists them."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from spanbert_teach.paths import HOME_VARIABLE, checkout, elsewhere, learner_folder
from spanbert_teach.terminal import STOPPED, UNREAD, loading, quoted, reader_is_gone, say_anyhow


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status.

    0 done, 1 something is wrong, 2 not understood, 130 stopped by Ctrl-C, 141 nobody reads what is
    printed any more.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # an old console shows "?" instead of failing on ✓
    try:
        try:
            arguments = parser().parse_args(argv)
            return arguments.run(arguments)
        finally:  # here, and not when Python ends: what is left may find a closed pipe
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        say_anyhow("\nStopped.", sys.stderr)
        return STOPPED
    except OSError as error:
        if not (reader_is_gone() or isinstance(error, BrokenPipeError)):
            raise
        return UNREAD


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser("python -m spanbert_teach", description="SpanBERT from Scratch")
    commands = top.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("doctor", help="what this machine has, and what to do")
    command.add_argument("--json", action="store_true", help="for programs")
    command.set_defaults(run=run_doctor)

    command = commands.add_parser("lessons", help="bring your copies in my_lessons/ up to date")
    command.set_defaults(run=run_lessons)

    command = commands.add_parser("progress", help="one table from the progress files of a class")
    command.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="progress.json, or a folder of them"
    )
    command.set_defaults(run=run_progress)

    command = commands.add_parser("xray", help="what is in a checkpoint, or how two differ")
    command.add_argument("checkpoint", metavar="PATH_OR_NAME", help="a folder, a file, or minilm")
    command.add_argument("other", nargs="?", metavar="OTHER", help="compare with this one")
    command.set_defaults(run=run_xray)

    command = commands.add_parser("pretrain", help="pretrain a model, on your own text if you like")
    add_pretrain_options(command)
    command.set_defaults(run=run_pretrain)

    command = commands.add_parser("fill", help="fill the blanks of a text with a pretrained model")
    command.add_argument("text", help='"The [MASK] [MASK] of America": a [MASK] for each piece')
    command.add_argument(
        "--checkpoint", default="course", metavar="PATH_OR_NAME", help="default: course"
    )
    add_casing(command)
    command.add_argument("--by", choices=("mlm", "sbo", "both"), help="one head only; default: all")
    command.add_argument("--top", type=int, default=5, help="guesses for each piece (5)")
    command.set_defaults(run=run_fill)
    return top


def add_casing(command: argparse.ArgumentParser) -> None:
    """Whether capital letters are kept, where it is not to be seen."""
    command.add_argument(
        "--lowercase",
        action=argparse.BooleanOptionalAction,
        help="small letters without accents, or not (as the model or its vocabulary shows)",
    )


def add_pretrain_options(command: argparse.ArgumentParser) -> None:
    """What can be chosen from the command line; the presets choose all else."""
    command.add_argument(
        "--objective", default="spanbert", choices=("mlm-tokens", "mlm-spans", "spanbert")
    )
    command.add_argument(
        "--preset",
        default="laptop",
        choices=("ci", "laptop", "gpu"),
        help="size of model and run: ci takes seconds, laptop about an hour on two cores",
    )
    command.add_argument("--folder", type=Path, help="where the run is kept (runs/OBJECTIVE)")
    command.add_argument(
        "--text",
        nargs="+",
        default=(),
        metavar="FILE",
        help="files or folders: .txt, .md; by name also .jsonl, .csv, .zip; packed (.gz …) or not",
    )
    command.add_argument(
        "--text-field", metavar="NAME", help="the text's name in .jsonl, .json, .csv, .tsv (text)"
    )
    command.add_argument(
        "--unknown-share",
        type=float,
        metavar="SHARE",
        help="the most of the text that may be outside the vocabulary, 0 to 1 (0.2)",
    )
    command.add_argument(
        "--validation", nargs="+", default=(), metavar="FILE", help="text to measure on meanwhile"
    )
    command.add_argument(
        "--vocabulary", metavar="VOCAB", help="a vocab.txt (that of --start, or the course's)"
    )
    add_casing(command)
    command.add_argument("--start", metavar="PATH_OR_NAME", help="a checkpoint to go on from")
    command.add_argument("--steps", type=int, help="of the last stage of the preset")
    command.add_argument(
        "--token-steps",
        type=int,
        help="steps at the beginning that hide single pieces (the preset's; 0 suits --start)",
    )
    command.add_argument("--batch", type=int, help="blocks a step, in all stages")
    command.add_argument("--accumulate", type=int, help="parts of a batch, to save memory")
    command.add_argument("--rate", type=float, dest="peak_rate", help="learning rate at its peak")
    command.add_argument("--warmup", type=int, metavar="STEPS", help="until the rate is there")
    command.add_argument("--dropout", type=float)
    command.add_argument("--sbo-weight", type=float, help="of SBO's loss in the sum (1)")
    command.add_argument("--normalisation", choices=("official", "paper"), help="of the sum")
    command.add_argument("--counts", choices=("global", "local"), help="local: as the authors'")
    command.add_argument("--decay-all", action="store_true", default=None, help="as the authors'")
    command.add_argument("--precision", choices=("auto", "bf16", "fp16", "fp32"))
    command.add_argument("--seed", type=int)


# The imports stand inside the functions: torch takes seconds, and not every command needs it.


def run_doctor(arguments: argparse.Namespace) -> int:
    try:
        with loading():
            from spanbert_teach.doctor import as_json, as_text, report
    except ModuleNotFoundError as missing:
        print(
            f"✗ This Python has no package {missing.name!r}: it is not the course's environment. "
            "In the repository, `make doctor` (Windows: py tools\\setup.py doctor) uses the right "
            "one, and makes it if there is none."
        )
        return 1
    checks = report()
    print(as_json(checks) if arguments.json else as_text(checks))
    return int(any(check.status == "problem" for check in checks))


def run_lessons(arguments: argparse.Namespace) -> int:
    with loading():
        from spanbert_teach.my_lessons import refresh

    root = checkout()
    if root is None:
        print(
            "Only a checkout of the repository has lessons to copy, and this package was installed "
            "without one. Clone the repository and type `make lab` there."
        )
        return 1
    folder = learner_folder()
    try:
        said = refresh(root / "notebooks", folder)
    except (OSError, ValueError) as error:
        why = elsewhere(error) if isinstance(error, OSError) else error
        print(f"Your copies of the lessons could not be brought up to date: {why}")
        return 1
    if folder.parent != root and not os.environ.get(HOME_VARIABLE):
        said.append(
            f"They are in {folder}, because you may not write in the course's own folder. "
            f"{HOME_VARIABLE} names another place. Solutions: {root / 'notebooks' / 'solutions'}."
        )
    print("\n".join(said))
    return 0


def run_progress(arguments: argparse.Namespace) -> int:
    with loading():
        from spanbert_teach.exercises import class_table

    print(class_table(arguments.files))
    return int(not all(path.exists() for path in arguments.files))


def run_xray(arguments: argparse.Namespace) -> int:
    with loading():
        from spanbert_teach.xray import difference, xray

    try:
        if arguments.other is None:
            print(xray(arguments.checkpoint))
        else:
            print(difference(arguments.checkpoint, arguments.other))
    except (OSError, ValueError, ImportError) as error:
        print(f"✗ {error}")
        return 1
    return 0


def run_pretrain(arguments: argparse.Namespace) -> int:
    with loading():
        from tqdm import tqdm

        from spanbert_teach.pretraining import STATE, Settings, from_preset, pretrain, show_progress

    folder = (arguments.folder or Path("runs") / arguments.objective).expanduser()
    speaks = os.environ.get("RANK", "0") == "0"  # of several processes, one
    said = vars(arguments)
    allowed = {} if arguments.unknown_share is None else {"unknown_share": arguments.unknown_share}
    changes = {f.name: said[f.name] for f in dataclasses.fields(Settings) if f.name in said}
    try:
        if arguments.folder is None:
            check_place(folder)
        settings = from_preset(
            arguments.preset, steps=arguments.steps, batch=arguments.batch, **changes
        )
        with show_progress(settings) as watch:
            pretrain(settings, folder, watch=watch, say=tqdm.write, **allowed)
    except (KeyboardInterrupt, FloatingPointError, OSError, ValueError, ImportError) as error:
        unread = reader_is_gone()
        if not unread and not isinstance(error, KeyboardInterrupt):
            print(f"✗ {error}")
            return 1
        if speaks:
            end = "\nStopped before the first step was saved."
            if (folder / STATE).exists():
                end = f"\nStopped and saved in {folder}. The same command goes on from there."
            say_anyhow(end, sys.stderr if unread else sys.stdout)
        return STOPPED if isinstance(error, KeyboardInterrupt) else UNREAD
    if speaks:
        print(
            f'✓ Done. Try: python -m spanbert_teach fill "The [MASK] of America" '
            f"--checkpoint {quoted(folder / 'checkpoint')}"
        )
    return 0


def check_place(folder: Path) -> None:
    """Raise a ValueError where a folder that nobody named would come to stand in the disk's root.

    A service or a container often starts there: what was meant is somebody's own folder.
    """
    here = Path.cwd()
    if here == Path(here.anchor):
        raise ValueError(
            f"The run would be kept in {str(here / folder)!r}, right below the root of the disk. "
            "Expected to be told where: --folder FOLDER, or start in a folder of yours."
        )


def run_fill(arguments: argparse.Namespace) -> int:
    with loading():
        from spanbert_teach.checkpoints import load_model
        from spanbert_teach.filling import HEADS, fill

    try:
        model = load_model(arguments.checkpoint, arguments.lowercase)
        ways = HEADS if arguments.by is None else (arguments.by,)
        if arguments.by is None and model.sbo is None:
            ways = ("mlm",)
        for by in ways:
            try:
                print(fill(arguments.text, model, by, arguments.top))
            except ValueError as error:
                if by != "sbo" or arguments.by == "sbo":
                    raise
                print(error)  # the other ways can
    except (OSError, ValueError, ImportError) as error:
        print(f"✗ {error}")
        return 1
    return 0
