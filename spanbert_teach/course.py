"""The command line: `python -m spanbert_teach doctor | lessons | progress FILE... | xray NAME`."""

import argparse
import sys
from pathlib import Path

from spanbert_teach.paths import checkout, learner_folder


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 something is wrong, 2 not understood."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # an old console shows "?" instead of failing on ✓
    arguments = parser().parse_args(argv)
    return arguments.run(arguments)


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
    return top


# The imports stand inside the functions: torch takes seconds, and not every command needs it.


def run_doctor(arguments: argparse.Namespace) -> int:
    try:
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
    from spanbert_teach.my_lessons import refresh

    root = checkout()
    if root is None:
        print(
            "Only a checkout of the repository has lessons to copy, and this package was installed "
            "without one. Clone the repository and type `make lab` there."
        )
        return 1
    try:
        said = refresh(root / "notebooks", learner_folder())
    except (OSError, ValueError) as error:
        print(f"Your copies of the lessons could not be brought up to date: {error}")
        return 1
    print("\n".join(said))
    return 0


def run_progress(arguments: argparse.Namespace) -> int:
    from spanbert_teach.exercises import class_table

    print(class_table(arguments.files))
    return int(not all(path.exists() for path in arguments.files))


def run_xray(arguments: argparse.Namespace) -> int:
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
