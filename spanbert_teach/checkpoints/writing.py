"""How a checkpoint is written: whole or not at all.

All files go into a new folder beside the target, `.name.unfinished-…`. When they are on the disk,
the old folder is renamed to `.name.old`, the new one to `name`, and the old one is removed. Lesson
`04_encoder`.
"""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from spanbert_teach.checkpoints.files import (
    FORMAT_VERSION,
    RECORD,
    config_text,
    files_of,
    in_memory,
    read_json,
)
from spanbert_teach.checkpoints.load import enough_rows
from spanbert_teach.checkpoints.tensors import ENCODER_PARTS, check_heads
from spanbert_teach.model import SpanBertConfig, SpanBertEncoder
from spanbert_teach.objectives import SpanBert
from spanbert_teach.paths import cannot_write, sha256
from spanbert_teach.tokenization import WordPieceTokenizer

FILES = ("config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt")
# What a killed save left is removed when it is older than this, and no longer being written.
LEFT_BEHIND = 3600  # seconds


def check_target(folder: Path) -> None:
    """Raise when saving to `folder` would destroy something that is no checkpoint of ours."""
    if not folder.exists():
        return
    there = files_of(folder)
    others = [name for name in there if name not in FILES]
    if others:
        raise ValueError(
            f"{str(folder)!r} holds more than a checkpoint: {', '.join(others[:5])}. A checkpoint "
            "replaces its whole folder, so nothing was written. Expected a new folder, or an old "
            "checkpoint of this course."
        )
    if there and ("config.json" not in there or RECORD not in read_json(folder / "config.json")):
        raise ValueError(
            f"{str(folder)!r} holds a checkpoint that this course did not write; it is not "
            "replaced. Expected a new folder."
        )


def named_tensors(
    encoder: SpanBertEncoder, heads: Mapping[str, nn.Module], extras: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """All tensors to store, by our names; on the processor, none of them twice."""
    tensors = encoder.state_dict()
    own = {(tensor.data_ptr(), tensor.shape) for tensor in tensors.values()}
    more = {
        f"{part}.{name}": tensor
        for part, head in heads.items()
        for name, tensor in head.state_dict().items()
        if (tensor.data_ptr(), tensor.shape) not in own
    }
    for name in extras:
        if name in more or name in tensors:
            raise ValueError(f"There are two tensors with the name {name!r}. Rename yours.")
    for name, tensor in (more | dict(extras)).items():
        if name.startswith(ENCODER_PARTS):
            raise ValueError(
                f"The name {name!r} belongs to the encoder. Expected a name that does not begin "
                f"with {', '.join(ENCODER_PARTS)}."
            )
        if not isinstance(tensor, Tensor):
            raise ValueError(f"{name!r} is {type(tensor).__name__}. Expected a tensor.")
        tensors[name] = tensor.clone()  # safetensors refuses tensors that share memory
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def make_unfinished(folder: Path) -> Path:
    """An empty folder beside `folder`; what killed saves left there long ago is removed."""
    name = f".{folder.name}.unfinished-"
    unfinished = folder.with_name(name + secrets.token_hex(4))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.iterdir():
            if left.name.startswith(name) and time.time() - left.stat().st_mtime > LEFT_BEHIND:
                shutil.rmtree(left, ignore_errors=True)
        unfinished.mkdir()
    except PermissionError:
        raise PermissionError(
            f"Nothing may be written in {str(folder.parent)!r} by you. Expected a folder of yours."
        ) from None
    except OSError as error:
        raise cannot_write(folder, error) from None
    return unfinished


def write_files(
    folder: Path,
    config: SpanBertConfig,
    tensors: dict[str, Tensor],
    tokenizer: WordPieceTokenizer | None,
    provenance: dict,
) -> None:
    """Write all files of a checkpoint into an empty folder, and wait until they are on the disk.

    Raises:
        OSError: one of them cannot be written.
    """
    record = {"format_version": FORMAT_VERSION, "vocabulary": None, "provenance": provenance}
    if tokenizer is not None:
        path = folder / "vocab.txt"
        tokenizer.save(path)
        record["lowercase"] = tokenizer.lowercase
        size, added = len(tokenizer.pieces), [asdict(token) for token in tokenizer.added]
        record["vocabulary"] = {"file": path.name, "size": size, "sha256": sha256(path)}
        settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": tokenizer.lowercase}
        if added:
            record["vocabulary"]["added"] = added
            settings["added_tokens_decoder"] = {
                str(token["id"]): {n: token[n] for n in token if n != "id"} for token in added
            }
        text = json.dumps(settings, indent=2) + "\n"
        (folder / "tokenizer_config.json").write_bytes(text.encode())
    (folder / "config.json").write_bytes(config_text(config, record).encode())
    try:
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    except SafetensorError as error:  # it has no other sign than its words for a full disk
        if (number := re.search(r"os error (\d+)", str(error))) is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1]))) from None
    mode = (folder / "config.json").stat().st_mode & 0o777
    (folder / "model.safetensors").chmod(mode)  # newer versions of safetensors let nobody else read
    for path in folder.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())


def replace_folder(new: Path, folder: Path) -> None:
    """Put `new` in the place of `folder`.

    Where a kill falls between the two renames, the old one is found by `find_checkpoint`.
    """
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:  # Ctrl-C, too
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def save_checkpoint(
    folder: str | Path,
    encoder: SpanBertEncoder,
    *,
    tokenizer: WordPieceTokenizer | None = None,
    provenance: dict,
    heads: Mapping[str, nn.Module] | None = None,
    extras: Mapping[str, Tensor] | None = None,
    half: bool = False,
) -> None:
    """Write a checkpoint, whole or not at all: an old one in `folder` stays until then.

    Args:
        folder: is made, or replaced when it is a checkpoint of this course.
        provenance: what a reader must know: data, steps, seed, …; anything that JSON can hold.
        heads: modules by the name of their part, {"mlm": head}: their tensors become "mlm.…". What
            a head shares with the encoder (a tied decoder) is stored once, with the encoder.
        extras: any other tensors, by names of your own.
        half: in 16 bits (float16), for half the room; they are read as float32 again.

    Raises:
        ValueError: a vocabulary of another size than the encoder's, two tensors of one name, a
            head "mlm" or "sbo" that is not BERT's or SpanBERT's, a provenance that is not JSON, or
            a folder with other things in it.
        OSError: it cannot be written, and why; nothing was changed.
    """
    folder = Path(folder).expanduser().resolve()
    check_target(folder)
    if not isinstance(provenance, dict):
        raise ValueError(f"provenance is {provenance!r}. Expected a dictionary.")
    if tokenizer is not None:
        rows = encoder.config.vocab_size
        if not enough_rows(len(tokenizer), rows):
            raise ValueError(
                f"The tokenizer has {len(tokenizer):,} pieces, but the encoder's word embeddings "
                f"have {rows:,} rows: it is not the one that the encoder was trained with."
            )
    tensors = named_tensors(encoder, heads or {}, extras or {})
    stored = {name: in_memory(tensor) for name, tensor in tensors.items()}
    check_heads(folder, encoder.config, stored, {name: name for name in tensors})
    if half:
        tensors = {n: t.half() if t.is_floating_point() else t for n, t in tensors.items()}
    unfinished = make_unfinished(folder)
    try:
        write_files(unfinished, encoder.config, tensors, tokenizer, provenance)
        replace_folder(unfinished, folder)
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def save_model(folder: str | Path, model: SpanBert, *, provenance: dict) -> None:
    """Write a pretrained model, heads and tokenizer with it, in 16 bits; see `save_checkpoint`."""
    heads = {"mlm": model.mlm} | ({} if model.sbo is None else {"sbo": model.sbo})
    tokenizer = model.tokenizer
    save_checkpoint(
        folder, model.encoder, tokenizer=tokenizer, provenance=provenance, heads=heads, half=True
    )
