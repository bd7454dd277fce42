"""The files of a checkpoint: which of a folder are read, tensor by tensor, and what can be wrong.

A file of 1 GB does not fill the memory: `open_weights` reads the list of tensors, each tensor's
numbers come when asked for. No code from a file ever runs: torch's own format is read with
`weights_only=True`, and a file that needs more is refused.

`config.json` holds BERT's measures as transformers writes them, and this course's record beside
them, so transformers opens a checkpoint of this course, and this course one of transformers:

    {"model_type": "bert", "hidden_size": 256, …,
     "spanbert_teach": {"format_version": 1, "lowercase": false, "vocabulary": …, "provenance": …}}

Lesson `04_encoder`.
"""

import argparse
import dataclasses
import json
import re
import reprlib
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from spanbert_teach.checkpoints.tensors import (
    AGAIN,
    DTYPES,
    LARGEST,
    LONGEST_HEADER,
    called,
    check_header,
    read_header,
)
from spanbert_teach.model import SpanBertConfig

# The order in which they are looked for. The last is the official SpanBERT with its heads.
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "model.pt",
)
OTHER_WEIGHTS = ("flax_model.msgpack", "tf_model.h5", "*.ckpt.index")
TIED = 4  # times that a file of torch.save() may name the same numbers; BERT with heads: 3
# What a file begins with when it is not what its name says.
SIGNS = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"PK\x03\x04": "a zip archive, or a file of torch.save(), which is called pytorch_model.bin",
    b"\x80": "a pickle, or an old file of torch.save(), which is called pytorch_model.bin",
    b"\x1f\x8b": "a gzip archive: unpack it first (tar -xzf)",
    b"\x89HDF": "HDF5, as Keras writes it",
    b"version https://git-lfs": "a Git LFS pointer, the name of the file without the file "
    "(`git lfs pull` gets it)",
    b"<": "a web page, saved in place of the file",
    b"{": "JSON",
}


@dataclass(frozen=True)
class Stored:
    """One tensor of a file: `read()` gets its numbers, shape and dtype are known before."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Tensor]


def in_memory(tensor: Tensor) -> Stored:
    return Stored(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), lambda: tensor)


def find_weights(folder: Path) -> Path:
    """The file of a folder that holds the weights.

    Raises:
        FileNotFoundError, NotADirectoryError, PermissionError: none; what there is instead.
    """
    there = files_of(folder)
    for name in WEIGHTS:
        if name in there:
            return folder / name
    foreign = [name for name in there if any(Path(name).match(other) for other in OTHER_WEIGHTS)]
    if not there:
        found = "The folder is empty."
    elif foreign:
        found = f"There is {foreign[0]}: not for torch. Convert it with transformers."
    else:
        more = f" and {len(there) - 8} more" if len(there) > 8 else ""
        found = f"There is: {', '.join(there[:8])}{more}."
    raise FileNotFoundError(
        f"There are no weights in {str(folder)!r}. {found} Expected {', '.join(WEIGHTS[:-1])} "
        f"or {WEIGHTS[-1]}."
    )


def files_of(folder: Path) -> list[str]:
    """The names in a folder, sorted; a message that names the folder when they cannot be had."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no folder {str(folder)!r}. Is the name right?") from None
    except NotADirectoryError:
        raise NotADirectoryError(
            f"{str(folder)!r} is {kind_of(folder)}. Expected the folder of a checkpoint, with "
            f"config.json beside the weights: {str(folder.parent)!r}?"
        ) from None
    except PermissionError:
        raise PermissionError(
            f"The folder {str(folder)!r} may not be read by you: its owner can change that."
        ) from None
    except OSError as error:
        raise OSError(f"The folder {str(folder)!r} cannot be read ({error.strerror}).") from None


def kind_of(path: Path) -> str:
    """What stands at a path: "a file", "a folder", "a pipe", "a device" or "a socket"."""
    mode = path.stat().st_mode
    kinds = {stat.S_IFREG: "a file", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe"}
    return (kinds | {stat.S_IFSOCK: "a socket"}).get(stat.S_IFMT(mode), "a device")


def read_begin(path: Path, most: int) -> bytes:
    """The first bytes of a file, `most` or fewer; what is no file is never opened.

    A pipe would be waited for, and a device may have no end.

    Raises:
        OSError: it is missing, or no file, or cannot be read; the path is in the message.
    """
    try:
        if (kind := kind_of(path)) != "a file":
            error = IsADirectoryError if kind == "a folder" else OSError
            raise error(f"{str(path)!r} is {kind}. Expected a file.")
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        raise FileNotFoundError(f"There is no file {str(path)!r}. Is the name right?") from None
    except PermissionError:
        raise PermissionError(f"The file {str(path)!r} may not be read by you.") from None
    except OSError as error:
        if error.errno is None:  # said above
            raise
        raise OSError(f"The file {str(path)!r} cannot be read ({error.strerror}).") from None


def open_weights(path: Path) -> dict[str, Stored]:
    """All tensors of a file by the file's own names; nothing is read but the list of them.

    Args:
        path: of safetensors, of torch.save(), or of an index of either (then all its parts).

    Raises:
        OSError: the file is missing or may not be read.
        ValueError: it is damaged, or something else, or holds more than tensors.
    """
    begins = read_begin(path, 64)
    if not begins:
        raise ValueError(f"{str(path)!r} is empty (0 bytes). {AGAIN}")
    if path.name.endswith(".index.json"):
        return open_parts(path)
    if path.suffix == ".safetensors":
        return open_safetensors(path, begins)
    return open_torch(path, begins)


def open_parts(index: Path) -> dict[str, Stored]:
    """The tensors of all files that an index names, each in the folder of the index."""
    parts = read_json(index).get("weight_map")
    if not isinstance(parts, dict) or not all(isinstance(part, str) for part in parts.values()):
        raise ValueError(f"{str(index)!r} has no weight_map: it is no index of files of weights.")
    tensors: dict[str, Stored] = {}
    for part in sorted(set(parts.values())):
        if Path(part).name != part:
            raise ValueError(f"{str(index)!r} names {part!r}, which is not a file beside it.")
        if Path(part).suffix == ".json":  # an index could name itself, and so for ever
            raise ValueError(f"{str(index)!r} names {part!r}, an index. Expected files of weights.")
        if not (index.parent / part).exists():
            raise FileNotFoundError(f"{str(index)!r} names {part!r}, but it is not there. {AGAIN}")
        found = open_weights(index.parent / part)
        if twice := next((name for name in found if name in tensors), None):
            raise ValueError(f"{str(index)!r} names two files that hold {called(twice)}. {AGAIN}")
        tensors |= found
    return tensors


def open_safetensors(path: Path, begins: bytes) -> dict[str, Stored]:
    def reader(name: str) -> Callable[[], Tensor]:
        def read() -> Tensor:
            with safe_open(path, "pt") as file:
                return file.get_tensor(name)

        return read

    try:
        header = read_header(path)
    except ValueError as error:
        if sign := next((SIGNS[sign] for sign in SIGNS if begins.startswith(sign)), None):
            raise ValueError(f"{str(path)!r} is no safetensors file but {sign}.") from None
        raise ValueError(
            f"{str(path)!r} is no safetensors file, or damaged from its start ({error}). {AGAIN}"
        ) from None
    check_header(path, header)
    try:
        with safe_open(path, "pt"):
            pass
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{str(path)!r} is damaged for safetensors: {error}. {AGAIN}") from None
    return {
        name: Stored(tuple(entry["shape"]), DTYPES[entry["dtype"]][0], reader(name))
        for name, entry in header.items()
    }


def open_torch(path: Path, begins: bytes) -> dict[str, Stored]:
    """A file of torch.save(): tensors by names, or fairseq's {"model": tensors by names, …}.

    `args` of fairseq is an argparse.Namespace, a class without code: it is the one class that is
    allowed beside torch's tensors.
    """
    try:
        safe = torch.serialization.safe_globals([argparse.Namespace])
        with safe, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what torch says about odd files, we say the rest
            lazily = is_unpacked_zip(path)  # the format of before 2020 cannot be mapped
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=lazily)
    except DAMAGED as error:
        raise ValueError(refused(path, begins, error)) from None
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    tensors = content if isinstance(content, dict) else {}
    tensors = {n: t for n, t in tensors.items() if isinstance(n, str) and isinstance(t, Tensor)}
    if not tensors:
        raise ValueError(
            f"{str(path)!r} holds {type(content).__name__}, without a tensor by its name. Expected "
            "what torch.save(model.state_dict(), …) writes."
        )
    check_plain(path, tensors)
    return {name: in_memory(tensor) for name, tensor in tensors.items()}


# What torch may end in when a file is damaged: nearly anything.
DAMAGED = (UnpicklingError, zipfile.BadZipFile, RuntimeError, ValueError, EOFError, LookupError)
DAMAGED += (AttributeError, TypeError, ArithmeticError, AssertionError, MemoryError, struct.error)
DAMAGED += (OSError,)  # of going to a place before the beginning; the file was read before


def is_unpacked_zip(path: Path) -> bool:
    """Whether it is a zip archive, as torch.save() writes it: it does not press its files."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        if any(file.compress_type != zipfile.ZIP_STORED for file in archive.infolist()):
            raise UnpicklingError("a compressed archive, which torch.save() does not write")
    return True


def check_plain(path: Path, tensors: dict[str, Tensor]) -> None:
    """Raise a ValueError unless all are plain numbers, no more of them than the file can hold.

    A tensor of torch can show one number many times over, and one place in the file can have many
    names; read into memory, each takes its own room.
    """
    total, size = 0, path.stat().st_size
    for name, tensor in tensors.items():
        if kind := odd_kind(tensor):
            raise ValueError(
                f"{str(path)!r}: {called(name)} is a {kind} tensor. Expected plain numbers for all."
            )
        needed = tensor.numel() * tensor.element_size()
        total += needed
        if needed > tensor.untyped_storage().nbytes() or total > TIED * size:
            raise ValueError(
                f"{str(path)!r} has {size:,} bytes, and its tensors up to {called(name)}, "
                f"{tuple(tensor.shape)}, need {total:,}. Expected the numbers of each in the file."
            )


def odd_kind(tensor: Tensor) -> str | None:
    """What a tensor is that is not numbers side by side; None for one that is."""
    kinds = {
        "nested": tensor.is_nested,
        "sparse": tensor.is_sparse or tensor.layout is not torch.strided,
        "quantised": tensor.is_quantized,
        "complex": tensor.is_complex(),
        "meta (a shape without numbers)": tensor.is_meta,
    }
    return next((kind for kind, is_so in kinds.items() if is_so), None)


def refused(path: Path, begins: bytes, error: Exception) -> str:
    """What is wrong with a file that torch would not open."""
    code = re.search(r"GLOBAL ([\w.]+)", str(error))
    if code:
        return (
            f"{str(path)!r} holds more than tensors: to open it, {code[1]} would have to run. It "
            "was not opened, and nothing in it was run. Expected tensors alone; ask its author for "
            "model.safetensors."
        )
    known = [sign for sign in SIGNS if sign not in (b"\x80", b"PK\x03\x04")]
    if sign := next((SIGNS[sign] for sign in known if begins.startswith(sign)), None):
        return f"{str(path)!r} is no file of torch.save() but {sign}."
    if isinstance(error, UnpicklingError) or not begins.startswith((b"\x80", b"PK")):
        return (
            f"{str(path)!r} is no file of torch.save(), or holds more than tensors. It was not "
            "opened, and nothing in it was run. Expected tensors alone: pytorch_model.bin or, "
            "better, model.safetensors."
        )
    return f"{str(path)!r} is cut off or damaged: torch cannot read it. {AGAIN}"


def read_json(path: Path) -> dict:
    """The object in a JSON file; a message with the file, and the line, when there is none."""
    raw = read_begin(path, LONGEST_HEADER + 1)
    if len(raw) > LONGEST_HEADER:
        raise ValueError(f"{str(path)!r} is longer than {LONGEST_HEADER:,} bytes: no settings are.")
    try:
        content = json.loads(raw)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} is not JSON: {error}.") from None
    except (ValueError, RecursionError):
        raise ValueError(
            f"{str(path)!r} has a number of thousands of digits, or is nested too deep."
        ) from None
    if not isinstance(content, dict):
        kind = "null" if content is None else type(content).__name__
        raise ValueError(f"{str(path)!r} holds {kind}: expected an object, {{…}}.")
    return content


# --- config.json ---------------------------------------------------------------------------------

FORMAT_VERSION = 1
RECORD = "spanbert_teach"
NEEDED = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
)
# What other settings would compute something else, silently. Missing means BERT's own value.
ONLY = {
    "model_type": ("bert",),
    "hidden_act": ("gelu",),
    "position_embedding_type": ("absolute",),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
}


def read_config(folder: Path) -> tuple[SpanBertConfig, dict | None]:
    """The configuration in a folder's config.json, and our record; None when it is not ours.

    Raises:
        FileNotFoundError: no config.json.
        ValueError: it is no BERT's, or of a later version of this course; the entry is named.
    """
    path = folder / "config.json"
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"There is no config.json in {str(folder)!r}. Expected BERT's, with "
            f"{', '.join(NEEDED)}: the number of heads cannot be seen in the weights."
        ) from None
    for entry, expected in ONLY.items():
        if (value := content.get(entry, expected[0])) not in expected:
            raise ValueError(
                f"{str(path)!r} says {entry}={reprlib.repr(value)}: this encoder is BERT's and "
                f"would compute something else. Expected {expected[0]!r}."
            )
    if missing := [name for name in NEEDED if content.get(name) is None]:
        raise ValueError(f"{str(path)!r} does not say {', '.join(missing)}. Is it a BERT's?")
    fields = [field.name for field in dataclasses.fields(SpanBertConfig)]
    given = {name: content[name] for name in fields if content.get(name) is not None}
    for name, value in given.items():
        if not isinstance(value, int | float) or abs(value) >= LARGEST:
            raise ValueError(
                f"{str(path)!r} says {name}={reprlib.repr(value)}. Expected a number such as "
                f"{getattr(SpanBertConfig, name)}."
            )
    try:
        config = SpanBertConfig(**given)
    except ValueError as error:
        raise ValueError(f"{str(path)!r}: {error}") from None
    return config, checked_record(path, content)


def checked_record(path: Path, content: dict) -> dict | None:
    """Our record in config.json, complete; None when there is none."""
    record = content.get(RECORD)
    if record is None:
        return None
    version = record.get("format_version") if isinstance(record, dict) else None
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"{str(path)!r}: {RECORD!r} has no format_version. Was it edited?")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{str(path)!r} is of format {version}, from a later spanbert-teach; this one reads "
            f"formats up to {FORMAT_VERSION}. Install the later one: git pull, or python -m pip "
            "install --upgrade spanbert-teach."
        )
    vocabulary = record.get("vocabulary")
    good = isinstance(record.get("provenance"), dict)
    if good and vocabulary is not None:
        good = isinstance(vocabulary, dict) and {"file", "size", "sha256"} <= vocabulary.keys()
        # A name, not a path: nothing outside the folder is read.
        good = good and Path(str(vocabulary["file"])).name == vocabulary["file"]
        good = good and type(vocabulary["size"]) is int and isinstance(vocabulary["sha256"], str)
        good = good and isinstance(record.get("lowercase"), bool)
    if not good:
        raise ValueError(
            f"{str(path)!r}: {RECORD!r} is incomplete. Expected provenance and, where there is a "
            "vocabulary, its file, size and sha256, and lowercase."
        )
    return record


def config_text(config: SpanBertConfig, record: dict) -> str:
    """The text of config.json, the same for the same entries.

    Raises:
        ValueError: something in the record cannot be written as JSON.
    """
    fixed = {"architectures": ["BertModel"], **{name: ONLY[name][0] for name in list(ONLY)[:3]}}
    content = fixed | dataclasses.asdict(config) | {RECORD: record}
    try:
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The provenance cannot be written as JSON: {error}. Expected a dictionary of names, "
            "texts, numbers, lists and the like (a path: str(path); an array: array.tolist())."
        ) from None
