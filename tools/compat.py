"""`make compat`: an environment like Colab's in .venv-compat, and the tests that run lessons in it.

The tests themselves run in .venv: they need its tools. They start the lessons' kernels with the
Python of .venv-compat, which has Colab's versions and no spanbert-teach until a set-up cell
installs it. The classic notebook of .venv-compat draws ipywidgets 7, as Colab does.

`python -m tools.compat --install` makes .venv-compat only; any Python can run that.
"""

import hashlib
import os
import subprocess
import sys

from tools.setup import BIN, ROOT, Problem, create_environment, install_torch, pip_install

VENV = ROOT / ".venv-compat"
PACKAGES = "constraints-colab.txt"
NEEDED_GB = 1.5


def ensure() -> None:
    """Make .venv-compat fit constraints-colab.txt; at once when it does already."""
    stamp = VENV / "installed"
    wanted = hashlib.sha256((ROOT / PACKAGES).read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print("Setting up .venv-compat; the first time takes some minutes.", flush=True)
    create_environment(VENV, NEEDED_GB)
    install_torch(PACKAGES, venv=VENV)
    pip_install("-r", PACKAGES, venv=VENV)
    stamp.write_text(wanted, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Set up, then run the tests; returns the exit status."""
    try:
        ensure()
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    if arguments == ["--install"]:
        return 0
    tests = ("tests/compat", "tests/browser/test_classic.py")
    return subprocess.call(
        [sys.executable, "-m", "pytest", *tests, *arguments],
        cwd=ROOT,
        env={**os.environ, "CLASSIC_PYTHON": str(VENV / BIN)},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
