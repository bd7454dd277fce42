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
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from spanbert_teach.checkpoints.names import ENCODER_PARTS, WORDS
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
DTYPES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
DTYPES |= {"I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8"}
DTYPES |= {"BOOL": "bool"}
AGAIN = "Get the file again."
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
            f"{str(folder)!r} is a file. Expected the folder of a checkpoint, with config.json "
            f"beside the weights: {str(folder.parent)!r}?"
        ) from None
    except PermissionError:
        raise PermissionError(
            f"The folder {str(folder)!r} may not be read by you: its owner can change that."
        ) from None


def open_weights(path: Path) -> dict[str, Stored]:
    """All tensors of a file by the file's own names; nothing is read but the list of them.

    Args:
        path: of safetensors, of torch.save(), or of an index of either (then all its parts).

    Raises:
        OSError: the file is missing or may not be read.
        ValueError: it is damaged, or something else, or holds more than tensors.
    """
    try:
        with path.open("rb") as file:
            begins = file.read(64)
    except IsADirectoryError:
        raise IsADirectoryError(f"{str(path)!r} is a folder. Expected a file.") from None
    except PermissionError:
        raise PermissionError(f"The file {str(path)!r} may not be read by you.") from None
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
        if not (index.parent / part).is_file():
            raise FileNotFoundError(f"{str(index)!r} names {part!r}, but it is not there. {AGAIN}")
        tensors |= open_weights(index.parent / part)
    return tensors


def open_safetensors(path: Path, begins: bytes) -> dict[str, Stored]:
    def reader(name: str) -> Callable[[], Tensor]:
        def read() -> Tensor:
            with safe_open(path, "pt") as file:
                return file.get_tensor(name)

        return read

    tensors = {}
    try:
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 (it is no dictionary)
                part = file.get_slice(name)
                dtype = DTYPES.get(part.get_dtype(), part.get_dtype())
                tensors[name] = Stored(tuple(part.get_shape()), dtype, reader(name))
    except SafetensorError as error:
        raise ValueError(damage(path, begins, error)) from None
    return tensors


def damage(path: Path, begins: bytes, error: Exception) -> str:
    """What is wrong with a safetensors file: cut off (in which tensor), or something else."""
    size, length = path.stat().st_size, int.from_bytes(begins[:8], "little")
    try:
        with path.open("rb") as file:
            file.seek(8)
            header = json.loads(file.read(length)) if length < size else None
        header.pop("__metadata__", None)
        ends = sorted((8 + length + t["data_offsets"][1], n, t["shape"]) for n, t in header.items())
    except (AttributeError, ValueError, KeyError, TypeError, IndexError):
        if sign := next((SIGNS[sign] for sign in SIGNS if begins.startswith(sign)), None):
            return f"{str(path)!r} is no safetensors file but {sign}."
        return f"{str(path)!r} is no safetensors file, or damaged from its start ({error}). {AGAIN}"
    cut = [(name, shape) for end, name, shape in ends if end > size]
    if not cut:
        return f"{str(path)!r} is damaged: {error}. {AGAIN}"
    name, shape = cut[0]
    return (
        f"{str(path)!r} is cut off: it should have {ends[-1][0]:,} bytes and has {size:,}. "
        f"{len(cut)} of {len(ends)} tensors are not whole, the first is {name!r}, {tuple(shape)}. "
        f"{AGAIN}"
    )


def open_torch(path: Path, begins: bytes) -> dict[str, Stored]:
    """A file of torch.save(): tensors by names, or fairseq's {"model": tensors by names, …}.

    `args` of fairseq is an argparse.Namespace, a class without code: it is the one class that is
    allowed beside torch's tensors.
    """
    try:
        safe = torch.serialization.safe_globals([argparse.Namespace])
        with safe, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what torch says about odd files, we say the rest
            lazily = zipfile.is_zipfile(path)  # the format of before 2020 cannot be mapped
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=lazily)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(refused(path, begins, error)) from None
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    tensors = content if isinstance(content, dict) else {}
    tensors = {str(name): t for name, t in tensors.items() if isinstance(t, Tensor)}
    if not tensors:
        raise ValueError(
            f"{str(path)!r} holds {type(content).__name__}, without a tensor by its name. Expected "
            "what torch.save(model.state_dict(), …) writes."
        )
    return {
        name: Stored(tuple(t.shape), str(t.dtype).removeprefix("torch."), lambda t=t: t)
        for name, t in tensors.items()
    }


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
    reason = (str(error).splitlines() or ["it ends too early"])[0].split(". ")[0]
    return f"{str(path)!r} is cut off or damaged ({reason}). {AGAIN}"


def read_json(path: Path) -> dict:
    """The object in a JSON file; a message with the file, and the line, when there is none."""
    try:
        content = json.loads(path.read_bytes())
    except PermissionError:
        raise PermissionError(f"The file {str(path)!r} may not be read by you.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} is not JSON: {error}.") from None
    if not isinstance(content, dict):
        kind = type(content).__name__
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
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no config.json in {str(folder)!r}. Expected BERT's, with "
            f"{', '.join(NEEDED)}: the number of heads cannot be seen in the weights."
        )
    content = read_json(path)
    for entry, expected in ONLY.items():
        if (value := content.get(entry, expected[0])) not in expected:
            raise ValueError(
                f"{str(path)!r} says {entry}={value!r}: this encoder is BERT's and would compute "
                f"something else. Expected {expected[0]!r}."
            )
    if missing := [name for name in NEEDED if content.get(name) is None]:
        raise ValueError(f"{str(path)!r} does not say {', '.join(missing)}. Is it a BERT's?")
    fields = [field.name for field in dataclasses.fields(SpanBertConfig)]
    given = {name: content[name] for name in fields if content.get(name) is not None}
    try:
        config = SpanBertConfig(**given)
    except (TypeError, ValueError) as error:
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


def check_tensors(
    path: Path,
    expected: Mapping[str, tuple[int, ...]],
    stored: Mapping[str, Stored],
    names: Mapping[str, str],
) -> None:
    """Compare the tensors that an encoder needs with those of a file.

    Args:
        path: the file, for the messages.
        expected: our name -> shape, of all the encoder's tensors.
        stored: the file's name -> tensor.
        names: our name -> the file's name.

    Raises:
        ValueError: tensors are missing, or of other shapes, or unknown within the encoder.
    """
    file = repr(str(path))
    missing = [name for name in expected if name not in names]
    if len(missing) == len(expected):
        raise ValueError(
            f"{file} holds no BERT: of the {len(expected)} tensors of its encoder there is none. "
            f"It has: {first_names(list(stored))}. Expected {WORDS!r} and so on, with or without "
            "'bert.' before."
        )
    wrong = [
        f"{names[name]!r} has the shape {stored[names[name]].shape}, expected {shape}"
        for name, shape in expected.items()
        if name in names and stored[names[name]].shape != shape
    ]
    if wrong:
        more = f" ({len(wrong) - 3} more do not fit)" if len(wrong) > 3 else ""
        raise ValueError(
            f"{file} does not fit the config.json beside it: {'; '.join(wrong[:3])}{more}."
        )
    if missing:
        layers = {name.split(".")[2] for name in missing if name.startswith("encoder.layer.")}
        whole = any(f".layer.{n}." in name for n in layers for name in names)
        hint = AGAIN if whole or not layers else "Is num_hidden_layers in config.json right?"
        raise ValueError(
            f"{file} lacks {len(missing)} of the encoder's {len(expected)} tensors: "
            f"{first_names(missing)}. {hint}"
        )
    unknown = [names[n] for n in names if n.startswith(ENCODER_PARTS) and n not in expected]
    if unknown:
        raise ValueError(
            f"{file} has tensors within the encoder that BERT, as config.json describes it, does "
            f"not have: {first_names(unknown)}. Left out, the results would be others: is it "
            "another model, or are there fewer layers in config.json?"
        )


def first_names(names: list[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, names[:5])) + more
