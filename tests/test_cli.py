"""`python -m spanbert_teach pretrain` and `fill`: own text, what is said, exit codes."""

import gzip
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from spanbert_teach import cli, filling
from spanbert_teach.checkpoints import load_model, save_model
from spanbert_teach.filling import fill
from spanbert_teach.pretraining import LOG, SETTINGS, STATE, Settings
from spanbert_teach.pretraining import run as run_module
from spanbert_teach.pretraining.settings import PRESETS
from spanbert_teach.pretraining.state import add_record
from spanbert_teach.tokenization import load_tokenizer

LINES = [
    "The President may recommend to Congress such measures as he shall judge necessary.",
    "We cut taxes. We paid the debt, and the people of every State were better for it.",
    "",
    "In the year 1904 the canal was begun; nobody knew how long it would take to build.",
    "No free government can survive without schools, and no school without teachers.",
]
TEXT = "\n".join(LINES) + "\n"
SHORT = ("--preset", "ci", "--steps", "3", "--batch", "2", "--precision", "fp32")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch) -> Path:
    """An empty folder to work in, with a text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def pretrain(*arguments, short=SHORT) -> int:
    return cli.main(["pretrain", *short, *map(str, arguments)])


def weights(folder) -> bytes:
    return (Path(folder) / "checkpoint" / "model.safetensors").read_bytes()


# --- pretrain ------------------------------------------------------------------------------------


def test_own_text_is_trained_on_and_the_next_command_is_said(elsewhere, capsys):
    assert pretrain("--text", "my.txt") == 0
    said = capsys.readouterr().out
    assert [f"step {step} of 3" in said for step in (1, 2, 3)] == [True] * 3
    assert re.search(r"step 3 of 3: MLM \d\.\d{3} nats, SBO \d\.\d{3}, [\d,]+ pieces/s\n", said)
    [command] = re.findall(r"python -m spanbert_teach (fill .*)", said)
    assert command.endswith(f"--checkpoint {Path('runs/spanbert/checkpoint')}")
    model = load_model("runs/spanbert/checkpoint")
    ci = PRESETS["ci"]
    assert model.encoder.config.hidden_size == ci.hidden and model.sbo is not None
    settings = Settings.from_json(json.loads(Path("runs/spanbert", SETTINGS).read_text()))
    assert settings.text == ("my.txt",) and settings.steps == 3
    assert sorted(path.name for path in elsewhere.iterdir()) == ["my.txt", "runs"]


def test_a_gzip_and_a_folder_are_the_same_text(elsewhere):
    with gzip.open("my.txt.gz", "wt", encoding="utf-8") as file:
        file.write(TEXT)
    first, second = TEXT.split("\n\n")
    Path("texts/deep").mkdir(parents=True)
    Path("texts/a.md").write_text(first, encoding="utf-8")
    Path("texts/deep/b.txt").write_text(second, encoding="utf-8-sig")
    for name in ("my.txt", "my.txt.gz", "texts"):
        assert pretrain("--text", name, "--folder", f"run of {name}") == 0
    assert weights("run of my.txt") == weights("run of my.txt.gz") == weights("run of texts")
    assert pretrain("--text", "my.txt", "my.txt.gz", "--folder", "both") == 0
    assert weights("both") != weights("run of my.txt")


def test_options_reach_the_settings(capsys):
    options = ("--objective", "mlm-spans", "--validation", "my.txt", "--accumulate", "2")
    options = (*options, "--rate", "0.002", "--dropout", "0.3", "--seed", "9")
    options = (*options, "--token-steps", "1", "--sbo-weight", "0.5", "--normalisation", "paper")
    options = (*options, "--counts", "local", "--decay-all")
    assert pretrain("--text", "my.txt", *options) == 0
    said = capsys.readouterr().out
    assert "held-out tokens: MLM" in said and "SBO" not in said
    found = Settings.from_json(json.loads(Path("runs/mlm-spans", SETTINGS).read_text()))
    assert (found.objective, found.accumulate, found.peak_rate) == ("mlm-spans", 2, 0.002)
    assert (found.dropout, found.seed, found.precision) == (0.3, 9, "fp32")
    assert (found.token_steps, found.sbo_weight, found.normalisation) == (1, 0.5, "paper")
    assert (found.counts, found.decay_all) == ("local", True)
    assert {stage.batch for stage in found.stages} == {2}
    start = ("--start", "runs/mlm-spans/checkpoint", "--folder", "next")
    assert pretrain("--text", "my.txt", *start) == 0
    assert "SBO" in capsys.readouterr().out
    tokens = load_tokenizer().tokens
    Path("vocab.txt").write_text("\n".join(tokens[:5000]) + "\n", encoding="utf-8")
    assert pretrain("--text", "my.txt", "--vocabulary", "vocab.txt", "--folder", "other") == 0
    assert load_model("other/checkpoint").encoder.config.vocab_size == 5000
    assert pretrain("--text", "my.txt", "--vocabulary", "vocab.txt", *start[:2]) == 1
    assert "with another vocabulary" in capsys.readouterr().out


def test_small_letters_can_be_said(elsewhere, monkeypatch):
    for option, lowercase in (("--lowercase", True), ("--no-lowercase", False)):
        assert pretrain("--text", "my.txt", option, "--folder", f"run {option}") == 0
        assert load_model(f"run {option}/checkpoint").tokenizer.lowercase is lowercase
    asked = []
    monkeypatch.setattr(filling, "fill", lambda text, model, by, top: asked.append(model) or "")
    for option in ([], ["--lowercase"], ["--no-lowercase"]):
        checkpoint = ["--checkpoint", "run --lowercase/checkpoint", "--by", "mlm"]
        assert cli.main(["fill", BLANK, *checkpoint, *option]) == 0
    assert [model.tokenizer.lowercase for model in asked] == [True, True, False]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--text", "mine.txt"], "There is no file or folder 'mine.txt'"),
        (["--text", "latin.txt"], "'latin.txt' is not UTF-8: line 3, byte 4 is 0xE9"),
        (["--text", "empty.txt"], "'empty.txt' is empty"),
        (["--text", "nothing"], "The folder 'nothing' has no text in it"),
        (["--text", "broken.txt.gz"], "not a complete gzip"),
        (["--text", "zip.txt"], "'zip.txt' is a zip, or a document that is one inside"),
        (["--text", "my.csv"], "line 2 of 'my.csv' has no 'text'; it has 'body'"),
        (["--text", "foreign.txt"], "100.0% of the pieces of the text are [UNK]"),
        (["--text", "my.txt", "--unknown-share", "2"], "unknown_share=2.0: expected a number"),
        (["--text", "my.txt", "--start", "nowhere"], "There is no folder 'nowhere'"),
        (["--text", "my.txt", "--vocabulary", "no.txt"], "no.txt"),
        (["--text", "my.txt", "--dropout", "2"], "hidden_dropout_prob=2.0 is out of range"),
        (["--text", "my.txt", "--steps", "0"], "a stage's steps=0: expected a whole number"),
        (["--text", "my.txt", "--seed", "-1"], "seed=-1"),
        (["--text", "my.txt", "--token-steps", "3"], "token_steps=3, but there are only 3 steps"),
        (["--text", "my.txt", "--accumulate", "3"], "cannot be shared by 1 processes in 3 parts"),
        (["--text", "my.txt", "--folder", "nothing/full"], "not the folder of a run"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_left(arguments, said, elsewhere, capsys):
    Path("latin.txt").write_bytes("one\n\ncafé\n".encode("latin-1"))
    Path("empty.txt").write_text("\n\n")
    Path("nothing/full").mkdir(parents=True)
    Path("nothing/full/notes").write_text("mine")
    Path("broken.txt.gz").write_bytes(gzip.compress(TEXT.encode())[:40])
    Path("zip.txt").write_bytes(b"PK\x03\x04\x14\0\x08\0")
    Path("my.csv").write_text("body\none\n")
    Path("foreign.txt").write_text("語 " * 50, encoding="utf-8")
    before = sorted(elsewhere.rglob("*"))
    assert pretrain(*arguments) == 1
    out = capsys.readouterr().out
    assert out.startswith("✗ ") and said in out and out.count("\n") == 1
    assert sorted(elsewhere.rglob("*")) == before
    if "--folder" not in arguments:  # put right, the same folder takes the run
        assert pretrain("--text", "my.txt") == 0


def test_the_share_outside_the_vocabulary_and_the_field_can_be_chosen(capsys):
    Path("my.csv").write_text(f'body\n"{TEXT}"\n語 語\n', encoding="utf-8")
    assert pretrain("--text", "my.csv", "--text-field", "body", "--unknown-share", "1") == 0
    said = capsys.readouterr().out
    share = "The text: 72 pieces, 2.78% of them [UNK], outside the vocabulary."
    assert f"{share}\nstep 1 of 3" in said


def test_a_command_that_is_suggested_can_be_typed(capsys):
    assert pretrain("--text", "my.txt", "--folder", "my own run") == 0
    [command] = re.findall(r"python -m spanbert_teach (fill .*)", capsys.readouterr().out)
    if os.name != "nt":
        assert shlex.split(command)[-1] == str(Path("my own run/checkpoint"))


def test_below_the_root_of_the_disk_nothing_is_written_unasked(monkeypatch, elsewhere, capsys):
    text = elsewhere / "my.txt"
    monkeypatch.chdir(Path(elsewhere.anchor))
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: pytest.fail("a folder was made"))
    assert pretrain("--text", text) == 1
    said = capsys.readouterr().out
    assert said.startswith("✗ The run would be kept in") and "--folder FOLDER" in said


def test_a_failed_run_is_not_called_done(monkeypatch, capsys):
    assert pretrain("--text", "my.txt", "--rate", "1e30") == 1
    said = capsys.readouterr().out
    assert "✗ The run was stopped at step" in said and "a lower rate (--rate)" in said
    assert "Done" not in said and not Path("runs/spanbert/checkpoint").exists()
    assert pretrain("--text", "my.txt", "--rate", "1e-3", "--warmup", "2", "--folder", "new") == 0
    found = Settings.from_json(json.loads(Path("new", SETTINGS).read_text()))
    assert (found.peak_rate, found.warmup) == (1e-3, 2)
    assert pretrain("--text", "my.txt", "--rate", "inf", "--folder", "other") == 1
    assert "peak_rate=inf: expected a finite number" in capsys.readouterr().out


def test_a_run_that_nobody_reads_is_saved_first(monkeypatch, capsys):
    """As `pretrain … | head -1`: the reader goes when it has seen a line."""
    read, write = os.pipe()
    with monkeypatch.context() as patch, open(write, "w", encoding="utf-8") as stdout:
        patch.setattr(sys, "stdout", stdout)

        def gone(self, number, _append=add_record):
            os.close(read)
            patch.setattr(run_module, "add_record", _append)
            _append(self, number)

        patch.setattr(run_module, "add_record", gone)
        assert pretrain("--text", "my.txt") == 141
    assert "Stopped and saved in runs" in capsys.readouterr().err
    step = torch.load(Path("runs/spanbert", STATE), weights_only=True)["step"]
    assert step == 2
    assert pretrain("--text", "my.txt") == 0
    assert pretrain("--text", "my.txt", "--folder", "undisturbed") == 0
    assert weights("runs/spanbert") == weights("undisturbed")


@pytest.mark.parametrize("arguments", [["--objective", "nsp"], ["--steps", "many"], ["--text"]])
def test_what_is_not_understood_is_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        pretrain(*arguments)
    assert ended.value.code == 2 and arguments[0] in capsys.readouterr().err


def test_another_run_in_the_folder_is_refused(capsys):
    assert pretrain("--text", "my.txt") == 0
    before = weights("runs/spanbert")
    capsys.readouterr()
    assert pretrain("--text", "my.txt", "--seed", "2") == 1
    assert "seed=1, now 2. Expected the same settings" in capsys.readouterr().out
    assert pretrain("--text", "my.txt") == 0  # done already
    assert weights("runs/spanbert") == before


@pytest.mark.slow
def test_ctrl_c_in_a_real_process_saves_and_says_so(elsewhere):
    command = ["pretrain", "--preset", "ci", "--steps", "600", "--batch", "2", "--text", "my.txt"]
    command += ["--precision", "fp32"]
    env = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(
        [sys.executable, "-m", "spanbert_teach", *command],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    try:
        log, until = Path("runs/spanbert", LOG), time.monotonic() + 120
        while not log.exists() or log.read_text().count("\n") < 3:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert f"Stopped and saved in {Path('runs/spanbert')}. The same command goes on" in said
    assert "Traceback" not in said
    step = torch.load(Path("runs/spanbert", STATE), weights_only=True)["step"]
    assert 0 < step < 600
    assert not Path("runs/spanbert/checkpoint").exists()


def test_ctrl_c_before_anything_is_saved_says_so(monkeypatch, capsys):
    from spanbert_teach import pretraining

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pretraining, "pretrain", stopped)
    assert pretrain("--text", "my.txt") == 130
    assert "Stopped before the first step was saved" in capsys.readouterr().out


# --- fill ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory) -> str:
    """A model that was trained for three steps."""
    folder = tmp_path_factory.mktemp("filling")
    (folder / "my.txt").write_text(TEXT, encoding="utf-8")
    assert pretrain("--text", folder / "my.txt", "--folder", folder / "run") == 0
    return str(folder / "run" / "checkpoint")


BLANK = "The [MASK] [MASK] of America"


def test_fill_shows_all_three_ways_or_the_one_asked_for(checkpoint, capsys):
    model = load_model(checkpoint)
    capsys.readouterr()
    said = {by: str(fill(BLANK, model, by)) + "\n" for by in ("mlm", "sbo", "both")}
    assert cli.main(["fill", BLANK, "--checkpoint", checkpoint]) == 0
    assert capsys.readouterr().out == said["mlm"] + said["sbo"] + said["both"]
    for by in said:
        assert cli.main(["fill", BLANK, "--checkpoint", checkpoint, "--by", by]) == 0
        assert capsys.readouterr().out == said[by]
    assert cli.main(["fill", BLANK, "--checkpoint", checkpoint, "--top", "2"]) == 0
    assert capsys.readouterr().out.count("%") == 3 * 2 * 2


def test_fill_at_an_edge_shows_what_can_be_shown(checkpoint, capsys):
    """Without --by it is not an error that one head cannot: the others are shown."""
    assert cli.main(["fill", "[MASK] of America", "--checkpoint", checkpoint]) == 0
    out = capsys.readouterr().out
    assert out.count(" by mlm\n") >= 1 and "touches the edge" in out
    arguments = ["fill", "[MASK] of America", "--checkpoint", checkpoint]
    assert cli.main([*arguments, "--by", "sbo"]) == 1
    assert capsys.readouterr().out.startswith("✗ The span boundary head cannot fill this blank")


def test_fill_without_a_boundary_head_shows_mlm(checkpoint, elsewhere, capsys):
    model = load_model(checkpoint)
    model.sbo = None
    save_model(elsewhere / "alone", model, provenance={})
    assert cli.main(["fill", BLANK, "--checkpoint", "alone"]) == 0
    out = capsys.readouterr().out
    assert out.count(" by mlm\n") == 1 and "sbo" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["The people"], "There is no blank in the text. Write [MASK]"),
        ([BLANK, "--top", "0"], "top=0: expected a whole number, 1 or more"),
        (["[MASK] " * 600], "is too long: there are 512 positions"),
        ([BLANK, "--checkpoint", "nowhere"], "There is no folder 'nowhere'"),
    ],
)
def test_what_cannot_be_filled_is_said(arguments, said, checkpoint, capsys):
    at = [] if "--checkpoint" in arguments else ["--checkpoint", checkpoint]
    assert cli.main(["fill", *arguments, *at]) == 1
    out = capsys.readouterr().out
    assert out.startswith("✗ ") and said in out


@pytest.mark.parametrize("text", ["🙂 [MASK] <script>", "美国 [MASK] 国会", "\ud83d [MASK] a"])
def test_any_letters_are_answered_or_refused_in_words(text, checkpoint, capsys):
    status = cli.main(["fill", text, "--checkpoint", checkpoint, "--by", "mlm"])
    out = capsys.readouterr().out
    if "\ud83d" in text:  # half of a letter: no text
        assert status == 1 and out.startswith("✗ ") and "surrogate" in out
    else:
        assert status == 0 and out.startswith(text.split(" [MASK]")[0])
