"""What tests/conftest.py promises: `LESSON=` chooses, and on CI nothing is left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


def run_pytest(*arguments, before="", **environment):
    """pytest in a process of its own, in an environment without CI, LESSON and so on."""
    ours = ("CI", "REQUIRE_BROWSER", "NO_SKIPS", "LESSON", "CHROMIUM")
    rest = {name: value for name, value in os.environ.items() if name not in ours}
    arguments += ("-p", "no:cacheprovider", "--disable-plugin-autoload")  # none is needed
    program = (
        f"import sys, pytest; sys.path.insert(0, {str(TESTS)!r}); {before}\n"
        f"sys.exit(pytest.main([*{arguments!r}]))"
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**rest, **environment},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    "environment", [{}, {"CI": "true"}, {"NO_SKIPS": "1"}], ids=["at-home", "on-ci", "no-skips"]
)
def test_a_missing_browser_is_loud_and_on_ci_a_failure(environment):
    done = run_pytest(
        "tests/browser/test_harness.py::test_dark_theme",
        before="from browser import chromium; chromium.find_chromium = lambda: None",
        **environment,
    )
    assert "BROWSER TESTS DID NOT RUN: no Chromium found" in done.stdout
    if environment:
        assert done.returncode == 1 and "1 error" in done.stdout, done.stdout
    else:
        assert done.returncode == 0 and "1 skipped" in done.stdout, done.stdout
        assert re.search(r"(?m)^=+ browser =+$", done.stdout), done.stdout


LEFT_OUT = {
    "skip": "def test_a():\n    pytest.skip('no')",
    "skipif": "@pytest.mark.skipif(True, reason='no')\ndef test_a():\n    pass",
    "xfail": "@pytest.mark.xfail\ndef test_a():\n    assert False",
    "module": "pytest.skip('no', allow_module_level=True)",
    "import": "pytest.importorskip('no_such_module')",
}


@pytest.mark.parametrize("how", LEFT_OUT)
def test_on_ci_nothing_is_left_out(how, tmp_path):
    path = tmp_path / "test_left_out.py"
    path.write_text(f"import pytest\n{LEFT_OUT[how]}\n")
    arguments = (str(path), "-p", "conftest", "--rootdir", str(tmp_path))
    at_home, on_ci = run_pytest(*arguments), run_pytest(*arguments, NO_SKIPS="1")
    assert re.search(r"1 (skipped|xfailed)", at_home.stdout), at_home.stdout
    assert at_home.returncode in (0, 5), at_home.stdout  # 5: no test was found
    assert re.search(r"1 (failed|error)", on_ci.stdout), on_ci.stdout
    assert on_ci.returncode in (1, 2), on_ci.stdout  # 2: the module could not be collected


WITHOUT_MINILM = (
    "import importlib.util as u; find = u.find_spec; "
    "u.find_spec = lambda name, *rest: None if 'minilm' in name else find(name, *rest)"
)


@pytest.mark.parametrize("environment", [{}, {"NO_SKIPS": "1"}], ids=["at-home", "no-skips"])
def test_without_minilm_a_test_that_needs_it_fails_and_says_how_to_get_it(environment):
    """Nothing is left out, here or on CI, but all others are collected."""
    needs = "tests/test_model.py::test_real_weights_on_real_sentences"
    done = run_pytest(needs, before=WITHOUT_MINILM, **environment)
    assert done.returncode == 1 and "1 failed" in done.stdout, done.stdout
    assert "MiniLM is not installed. In a terminal: make minilm" in done.stdout
    paths = ("tests/test_model.py", "tests/tokenization", "tests/results/test_lesson_01.py")
    found = run_pytest("--collect-only", "-q", *paths, before=WITHOUT_MINILM, **environment)
    assert found.returncode == 0, found.stdout


def test_lesson_chooses_the_lesson():
    kept = ["test_contract.py", "exercises/test_all.py", "browser/test_lesson_00.py"]
    left = ["test_setup.py", "browser/test_harness.py", "browser/test_lesson_01.py"]
    paths = [f"tests/{name}" for name in kept + left]
    shown = run_pytest("--collect-only", "-q", *paths, LESSON="00").stdout
    for name in [*kept, "[00-1]"]:
        assert name in shown
    for name in [*left, "[01-1]"]:
        assert name not in shown
