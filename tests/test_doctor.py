"""The doctor: it tells the truth about this machine, notices each fault, and prints no path."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from packaging.version import Version

import spanbert_teach
from spanbert_teach import cli, device, doctor, paths
from spanbert_teach.doctor import Check, as_json, as_text, report

NAMES = {
    *("Python", "torch build", "device", "precision", "threads", "memory"),
    *("widgets", "data", "MiniLM", "disk"),
}


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    return report()


def same_release(first: str, second: str) -> bool:
    """The same version, whatever the build: PyPI's torch 2.13.0 calls itself 2.13.0+cu130."""
    return Version(first).base_version == Version(second).base_version


@pytest.mark.parametrize(
    ("installed", "says", "same"),
    [
        ("2.13.0", "2.13.0+cu130", True),
        ("2.13.0+cpu", "2.13.0+cpu", True),
        ("2.13.0", "2.13.1+cu130", False),
    ],
)
def test_a_build_is_no_other_version(installed, says, same):
    assert same_release(installed, says) is same


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def test_report_has_every_line_and_this_environment_is_fit(checks):
    found = by_name(checks)
    assert set(found) >= NAMES | {"torch", "numpy", "ipywidgets", "jupyterlab"}
    assert [check for check in checks if check.status == "problem"] == []
    assert same_release(found["torch"].found, torch.__version__)
    assert all(check.status == "ok" or check.advice for check in checks), "what is to do?"


def test_report_names_no_path_of_the_machine(checks):
    text = as_text(checks) + as_json(checks)
    for place in (Path.home(), Path.cwd(), Path(sys.prefix), Path(spanbert_teach.__file__).parent):
        assert str(place) not in text


def test_json_is_the_same_report(checks):
    assert [Check(**fields) for fields in json.loads(as_json(checks))] == checks


def test_text_has_a_mark_and_the_advice_on_each_line():
    checks = [Check("a", "ok", "fine"), Check("b", "problem", "gone", "fetch it")]
    first, second, last = as_text(checks).splitlines()
    assert first.startswith("✓ a") and "→" not in first
    assert second.startswith("✗ b") and second.endswith("gone → fetch it")
    assert "b" in last
    assert "can run here" in as_text(checks[:1])


def test_command_line_prints_it_and_fails_on_a_problem(monkeypatch, capsys):
    lines = [Check("a", "ok", "fine"), Check("b", "warning", "odd", "look")]
    monkeypatch.setattr(doctor, "report", lambda: lines)
    assert cli.main(["doctor"]) == 0
    assert "! b" in capsys.readouterr().out
    lines.append(Check("c", "problem", "gone", "fetch it"))
    assert cli.main(["doctor", "--json"]) == 1
    assert [line["name"] for line in json.loads(capsys.readouterr().out)] == ["a", "b", "c"]


def test_module_runs_as_a_command():
    command = [sys.executable, "-m", "spanbert_teach", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line["name"] for line in json.loads(done.stdout)} >= NAMES


# --- Each fault is noticed ------------------------------------------------------------------------


def test_old_and_missing_packages(monkeypatch):
    versions = {"torch": "2.5.1+cu121", "bertviz": None}
    real = doctor.installed
    monkeypatch.setattr(doctor, "installed", lambda name: versions.get(name, real(name)))
    versions["tqdm"] = None
    found = by_name(doctor.check_packages())
    assert found["torch"].status == "problem" and "'torch>=2.6'" in found["torch"].advice
    assert found["tqdm"].status == "problem" and found["tqdm"].found == "missing"
    assert found["bertviz"].status == "warning", "only the extra `course` asks for it"
    assert found["numpy"].status == "ok"


@pytest.fixture
def data(monkeypatch, tmp_path) -> Path:
    """A data folder with two files and their checksums."""
    lines = []
    for name in ("one.txt", "corpus/two.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode())
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    (tmp_path / "checksums.sha256").write_text("".join(lines), encoding="utf-8")

    def data_path(name=""):
        if not (tmp_path / name).exists():
            raise FileNotFoundError(name)
        return tmp_path / name

    monkeypatch.setattr(doctor, "data_path", data_path)
    return tmp_path


def test_data_as_published(data):
    check = doctor.check_data()
    assert (check.status, check.found) == ("ok", "2 files, as they were published")


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda data: (data / "one.txt").write_bytes(b"One.txt"), "one.txt was changed"),
        (lambda data: (data / "corpus" / "two.txt").unlink(), "corpus/two.txt is missing"),
        (lambda data: (data / "checksums.sha256").unlink(), "checksums.sha256 is missing"),
        (lambda data: (data / "checksums.sha256").write_text("", "utf-8"), "no file listed"),
    ],
)
def test_harmed_data(data, harm, said):
    harm(data)
    check = doctor.check_data()
    assert check.status == "problem"
    assert check.found == said and "get the repository again" in check.advice


@pytest.mark.parametrize(
    ("versions", "status", "said"),
    [
        ({"ipywidgets": "8.1.9", "anywidget": "0.11", "jupyterlab": "4.6.6"}, "ok", ""),
        ({"ipywidgets": "7.7.1", "anywidget": "0.9.21", "nbclassic": "1.3.3"}, "ok", ""),
        ({"ipywidgets": "7.7.1", "anywidget": "0.9.21", "jupyterlab": "4.6.6"}, "warning", ">=8"),
        ({"ipywidgets": "8.1.9", "anywidget": "0.11"}, "warning", "jupyterlab>=4.4"),
        ({"ipywidgets": "8.1.9", "jupyterlab": "4.6.6"}, "problem", "anywidget"),
    ],
)
def test_widget_support(monkeypatch, versions, status, said):
    monkeypatch.setattr(doctor, "installed", versions.get)
    check = doctor.check_widgets()
    assert check.status == status and said in check.advice


def test_memory(monkeypatch):
    monkeypatch.setattr(doctor, "free_memory", lambda: 5e8)
    assert doctor.check_memory().status == "warning"
    monkeypatch.setattr(doctor, "free_memory", lambda: None)
    assert "unknown" in doctor.check_memory().found


def test_this_machines_free_memory_is_plausible():
    free = device.free_memory()
    assert free is not None and 10e6 < free < 100e12


def test_a_folder_that_takes_no_file_is_a_problem(monkeypatch, tmp_path, checks):
    assert by_name(checks)["disk"].found.endswith("GB free")
    (tmp_path / "notes").write_text("mine")
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(tmp_path / "notes"))
    check = doctor.check_disk()
    assert check.status == "problem" and "lessons and progress cannot be written" in check.found
    assert "SPANBERT_TEACH_HOME" in check.advice and str(tmp_path) not in check.found
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(tmp_path / "new" / "deep"))
    assert doctor.check_disk().status != "problem"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes"], "only tried"


def test_minilm_missing_is_a_warning(monkeypatch):
    monkeypatch.setattr(doctor, "installed", lambda name: None)
    check = doctor.check_minilm()
    assert check.status == "warning" and "make minilm" in check.advice


# --- Device and precision -------------------------------------------------------------------------


def test_device_follows_what_torch_has(monkeypatch):
    has = {"cuda": True, "mps": True}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: has["mps"])
    assert device.choose_device() == torch.device("cuda")
    has["cuda"] = False
    assert device.choose_device() == torch.device("mps")
    has["mps"] = False
    assert device.choose_device() == torch.device("cpu")


@pytest.mark.parametrize(
    ("native_bf16", "capability", "precision"),
    [(True, (8, 0), "bf16"), (False, (7, 5), "fp16"), (False, (6, 1), "fp32")],
    ids=["A100", "T4", "GTX 1080"],
)
def test_precision_of_cards(monkeypatch, native_bf16, capability, precision):
    def is_bf16_supported(including_emulation=True):
        return native_bf16 or including_emulation  # emulated on every card: slow

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_bf16_supported)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert device.choose_precision(torch.device("cuda")) == precision


def test_precision_of_processors(monkeypatch):
    for has, precision in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(device, "_cpu_has_bf16", lambda has=has: has)
        assert device.choose_precision(torch.device("cpu")) == precision
        assert device.choose_precision(torch.device("mps")) == "fp32"


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "has"),
    [
        ("x86_64", "flags\t\t: fpu sse avx512f avx512_bf16\n", True),
        ("x86_64", "flags\t\t: fpu sse avx512f amx_bf16 amx_tile\n", True),
        ("x86_64", "flags\t\t: fpu sse avx2 avx512f avx512_vnni\n", False),
        ("aarch64", "Features\t: fp asimd bf16 i8mm\n", True),
        ("aarch64", "Features\t: fp asimd i8mm\n", False),
    ],
)
def test_linux_names_bf16_instructions(monkeypatch, tmp_path, machine, cpuinfo, has):
    (tmp_path / "cpuinfo").write_text(cpuinfo, encoding="utf-8")
    monkeypatch.setattr(device, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(device.platform, "machine", lambda: machine)
    assert device._cpu_has_bf16() is has


# --- The other commands ---------------------------------------------------------------------------


def test_lessons_command_outside_of_a_checkout_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(cli, "checkout", lambda: None)
    assert cli.main(["lessons"]) == 1
    assert "Clone the repository" in capsys.readouterr().out


def test_lessons_command_copies_the_lessons(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(tmp_path / "mine"))
    assert cli.main(["lessons"]) == 0
    lessons = {path.name for path in (cli.checkout() / "notebooks").glob("[0-9]*.ipynb")}
    assert {path.name for path in (tmp_path / "mine").glob("*.ipynb")} == lessons


def test_lessons_command_names_the_variable_when_nothing_can_be_written(
    monkeypatch, tmp_path, capsys
):
    (tmp_path / "notes").write_text("mine")
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(tmp_path / "notes" / "deep"))
    assert cli.main(["lessons"]) == 1
    said = capsys.readouterr().out
    assert "could not be brought up to date" in said and "set SPANBERT_TEACH_HOME" in said


def test_lessons_command_says_when_it_keeps_them_in_the_home_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("SPANBERT_TEACH_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(paths, "may_write", lambda folder: False)
    assert cli.main(["lessons"]) == 0
    said = capsys.readouterr().out
    assert f"They are in {tmp_path / 'my_lessons'}, because you may not write" in said
    assert "SPANBERT_TEACH_HOME names another place" in said
    assert (tmp_path / "my_lessons" / "00_start_here.ipynb").is_file()


def test_unknown_command_is_not_understood(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["grade"])
    assert stopped.value.code == 2
    assert "doctor" in capsys.readouterr().err
