"""What the tensors of a BERT file are called, and how large they may be.

    our_name("decoder.bert.embeddings.LayerNorm.gamma")     # "embeddings.LayerNorm.weight"

One model, four sets of names. Our own are those of transformers' `BertModel`, so a BERT loads as it
is; the heads have short names of their own, `mlm.*` and `sbo.*`. Whatever else a file holds keeps
its name.

Three things say how large a checkpoint is: its config.json, the shapes in its file of weights, and
the bytes of that file. They are compared here, as numbers alone, before anything of that size is
made, and one sentence names the first that does not fit: 10^18 layers in a config.json are refused
as fast as one too many. Lesson `04_encoder`.
"""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from torch import Tensor

from spanbert_teach.model import SpanBertConfig

LAYOUTS = {
    "ours": "this course's names: BertModel's, then mlm.* and sbo.*",
    "bert": "transformers' BertModel: no prefix, no heads",
    "masked_lm": "transformers' BertForMaskedLM and the like: bert.*, then the heads",
    "official": "the official SpanBERT code (fairseq): decoder.*, LayerNorm's gamma and beta",
}
WORDS = "embeddings.word_embeddings.weight"
# What belongs to an encoder; all else is a head or travels along unread.
ENCODER_PARTS = ("embeddings.", "encoder.", "pooler.")

MLM, SBO = "cls.predictions", "cls.pair_target_predictions"
HEADS = {  # ours: theirs, up to the last dot or whole
    "mlm.dense": f"{MLM}.transform.dense",
    "mlm.LayerNorm": f"{MLM}.transform.LayerNorm",
    "mlm.bias": f"{MLM}.bias",
    "sbo.linear1": f"{SBO}.mlp_layer_norm.linear1",
    "sbo.norm1": f"{SBO}.mlp_layer_norm.layer_norm1",
    "sbo.linear2": f"{SBO}.mlp_layer_norm.linear2",
    "sbo.norm2": f"{SBO}.mlp_layer_norm.layer_norm2",
    "sbo.positions": f"{SBO}.position_embeddings",
    "sbo.bias": f"{SBO}.bias",
    "nsp": "cls.seq_relationship",
}
OURS = {theirs: ours for ours, theirs in HEADS.items()}
# Stored a second time in other layouts: theirs: ours.
TIED = {f"{MLM}.decoder.weight": WORDS, f"{SBO}.decoder.weight": WORDS}
TIED_BIAS = {f"{MLM}.decoder.bias": "mlm.bias"}
COUNTERS = ("embeddings.position_ids",)  # 0, 1, 2, … in files of old versions of transformers
NORMS = ("LayerNorm", "layer_norm1", "layer_norm2")
OLD_NORM = {"gamma": "weight", "beta": "bias"}


def layout_of(names: Iterable[str]) -> str | None:
    """The layout of a file with these tensors, a key of `LAYOUTS`; None when it is no BERT's.

    A file of ours without heads is BertModel's, name for name.
    """
    names = set(names)
    if any(name.startswith("decoder.bert.") for name in names):
        return "official"
    if f"bert.{WORDS}" in names or any(name.startswith("bert.embeddings.") for name in names):
        return "masked_lm"
    if WORDS in names:
        return "ours" if any(name.startswith(("mlm.", "sbo.")) for name in names) else "bert"
    return None


def without_prefix(name: str) -> str:
    """The name without `decoder.` and `bert.`; LayerNorm's `gamma` and `beta` renamed."""
    if name.startswith(("decoder.bert.", "decoder.cls.")):
        name = name.removeprefix("decoder.")
    name = name.removeprefix("bert.")
    before, _, last = name.rpartition(".")
    if last in OLD_NORM and before.rpartition(".")[2] in NORMS:
        name = f"{before}.{OLD_NORM[last]}"
    return name


def our_name(name: str) -> str:
    """Our name of a tensor in any of the layouts; a name that is in none of them stays.

    A tensor that is stored twice (`copy_of`) has no name of its own: it stays, too.
    """
    name = without_prefix(name)
    if name in OURS:
        return OURS[name]
    before, dot, last = name.rpartition(".")
    return f"{OURS[before]}{dot}{last}" if before in OURS else name


def copy_of(name: str) -> str | None:
    """Our name of the tensor that this one repeats: a tied decoder. None for all others."""
    return (TIED | TIED_BIAS).get(without_prefix(name))


def full_name(name: str) -> str:
    """`our_name`, and for a tied decoder, which has none, "mlm.decoder.weight" and so on."""
    ours = our_name(name)
    return ours.replace(f"{MLM}.", "mlm.").replace(f"{SBO}.", "sbo.") if copy_of(name) else ours


def is_counter(name: str) -> bool:
    """Whether it is the list 0, 1, 2, … that old versions of transformers stored."""
    return without_prefix(name) in COUNTERS


def our_names(names: Iterable[str]) -> dict[str, str]:
    """Our name -> the file's name, for all tensors but counters and the copies of tied ones.

    Where a file has a tied tensor by the name of its copy alone, that is its name.

    Raises:
        ValueError: two tensors of the file would get the same name; both are given.
    """
    found: dict[str, str] = {}
    names = list(names)
    for name in names:
        if copy_of(name) or is_counter(name):
            continue
        ours = our_name(name)
        if ours in found:
            raise ValueError(
                f"{found[ours]!r} and {name!r} are names of the same tensor, {ours!r}: "
                "the file mixes two layouts. Expected one of the two."
            )
        found[ours] = name
    for name in names:
        if ours := copy_of(name):
            found.setdefault(ours, name)
    return found


def check_copy(copy: str, repeated: Tensor, name: str, tensor: Tensor) -> None:
    """Raise a ValueError when a tied decoder is not the tensor that it is tied to."""
    if repeated.shape != tensor.shape or not (repeated == tensor).all():
        raise ValueError(
            f"{copy!r}, {tuple(repeated.shape)}, is not equal to {name!r}, {tuple(tensor.shape)}: "
            "this head was trained with a decoder of its own. Here, as in BERT and SpanBERT, it is "
            "tied. load_encoder() reads the encoder of such a file."
        )


AGAIN = "Get the file again."

# --- The header of a safetensors file against the bytes of the file ------------------------------

# In the header -> in torch, and the bytes of one number.
DTYPES = {"F64": ("float64", 8), "F32": ("float32", 4), "F16": ("float16", 2)}
DTYPES |= {"BF16": ("bfloat16", 2), "F8_E4M3": ("float8_e4m3fn", 1), "F8_E5M2": ("float8_e5m2", 1)}
DTYPES |= {"I64": ("int64", 8), "I32": ("int32", 4), "I16": ("int16", 2), "I8": ("int8", 1)}
DTYPES |= {"U64": ("uint64", 8), "U32": ("uint32", 4), "U16": ("uint16", 2), "U8": ("uint8", 1)}
DTYPES |= {"BOOL": ("bool", 1)}
LONGEST_HEADER = 100_000_000  # bytes; safetensors reads no longer one
MOST_AXES = 64  # of a tensor in torch
LARGEST = 2**63  # of a number that says a size


def read_header(path: Path) -> dict[str, dict]:
    """What a safetensors file says of its tensors: name -> "dtype", "shape" and "data_offsets".

    Raises:
        ValueError: it has no such header; why, in a few words.
    """
    room = path.stat().st_size - 8
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > min(room, LONGEST_HEADER):
            raise ValueError("its header would be longer than the file, or than a header may be")
        raw = file.read(length)
    try:
        header = json.loads(raw, object_pairs_hook=without_twins)
    except (ValueError, RecursionError):
        raise ValueError("its header is not JSON, nested too deep, or has a name twice") from None
    notes = header.pop("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise ValueError("its header is no list of tensors")
    for name, entry in header.items():
        if not is_entry(entry):
            raise ValueError(
                f"{called(name)} has no proper dtype, shape and data_offsets in its header"
            )
    return header


def without_twins(pairs: list[tuple[str, object]]) -> dict:
    """An object of JSON; two values of one name are a ValueError, not the second of them."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands there twice")
    return found


def is_entry(entry: object) -> bool:
    """Whether it says of a tensor what it must; the numbers may be wrong."""
    if not isinstance(entry, dict) or not isinstance(entry.get("dtype"), str):
        return False
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        return False
    sizes = [type(size) is int and 0 <= size < LARGEST for size in (*shape, *offsets)]
    return all(sizes) and len(shape) <= MOST_AXES


def check_header(path: Path, header: Mapping[str, dict]) -> None:
    """Compare the tensors of a header with each other and with the bytes of the file.

    The numbers of all tensors stand one after the other, none twice, up to the end of the file.

    Args:
        path: of safetensors.
        header: see `read_header`.

    Raises:
        ValueError: the first tensor that does not fit is named.
    """
    file, at, before = repr(str(path)), 0, "the header"
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        if dtype not in DTYPES:
            known = ", ".join(DTYPES)
            raise ValueError(
                f"{file}: {called(name)} is of the dtype {dtype[:20]!r}, which is not known here. "
                f"Expected one of {known}."
            )
        needed = math.prod(shape) * DTYPES[dtype][1]
        if needed != end - start:
            raise ValueError(
                f"{file} is damaged: {called(name)} has {end - start:,} bytes, and {shape} of "
                f"{dtype} needs {needed:,}. {AGAIN}"
            )
        if start != at:
            how = "overlap" if start < at else f"have {start - at:,} bytes between them"
            raise ValueError(f"{file} is damaged: {before} and {called(name)} {how}. {AGAIN}")
        at, before = end, called(name)
    check_end(path, header, at)


def check_end(path: Path, header: Mapping[str, dict], needed: int) -> None:
    """Raise a ValueError when the last tensor does not end where the file does."""
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = 8 + int.from_bytes(file.read(8), "little")
    if begin + needed < size:
        more = size - begin - needed
        raise ValueError(
            f"{str(path)!r} is damaged: {more:,} bytes after its last tensor belong to none. "
            f"{AGAIN}"
        )
    if begin + needed > size:
        ends = sorted((begin + t["data_offsets"][1], n, t["shape"]) for n, t in header.items())
        cut = [(name, shape) for end, name, shape in ends if end > size]
        name, shape = cut[0]
        raise ValueError(
            f"{str(path)!r} is cut off: it should have {begin + needed:,} bytes and has {size:,}. "
            f"{len(cut)} of {len(ends)} tensors are not whole, the first is {called(name)}, "
            f"{tuple(shape)}. {AGAIN}"
        )


# --- The tensors of a file against config.json ---------------------------------------------------


class Sized(Protocol):
    """What is known of a tensor before its numbers are read; `Stored` is one."""

    shape: tuple[int, ...]
    dtype: str


NUMBERS = ("float64", "float32", "float16", "bfloat16")  # that weights may be stored as
HEAD_NAMES = {"mlm": "masked-LM head", "sbo": "SBO head"}
WITHOUT_HEADS = "load_encoder() alone reads such a file."


def linear(name: str, out: int, into: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, into), f"{name}.bias": (out,)}


def norm(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def layer_shapes(config: SpanBertConfig, number: int) -> dict[str, tuple[int, ...]]:
    """The tensors of one layer: our name -> shape."""
    hidden, inner, layer = config.hidden_size, config.intermediate_size, f"encoder.layer.{number}"
    shapes = {}
    for part in ("self.query", "self.key", "self.value", "output.dense"):
        shapes |= linear(f"{layer}.attention.{part}", hidden, hidden)
    return (
        shapes
        | norm(f"{layer}.attention.output.LayerNorm", hidden)
        | linear(f"{layer}.intermediate.dense", inner, hidden)
        | linear(f"{layer}.output.dense", hidden, inner)
        | norm(f"{layer}.output.LayerNorm", hidden)
    )


def outer_shapes(config: SpanBertConfig, pooler: bool) -> dict[str, tuple[int, ...]]:
    """An encoder's tensors around its layers: our name -> shape."""
    hidden = config.hidden_size
    shapes = {
        WORDS: (config.vocab_size, hidden),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, hidden),
        "embeddings.token_type_embeddings.weight": (config.type_vocab_size, hidden),
    }
    shapes |= norm("embeddings.LayerNorm", hidden)
    return shapes | (linear("pooler.dense", hidden, hidden) if pooler else {})


def head_shapes(config: SpanBertConfig, positions: tuple[int, int]) -> dict[str, dict]:
    """The tensors of both heads without their tied decoders: "mlm" or "sbo" -> name -> shape.

    Args:
        positions: the shape of the table of positions in the SBO head.
    """
    hidden, bias = config.hidden_size, (config.vocab_size,)
    mlm = linear("mlm.dense", hidden, hidden) | norm("mlm.LayerNorm", hidden) | {"mlm.bias": bias}
    sbo = {"sbo.positions.weight": positions, "sbo.bias": bias}
    sbo |= linear("sbo.linear1", hidden, 2 * hidden + positions[1]) | norm("sbo.norm1", hidden)
    sbo |= linear("sbo.linear2", hidden, hidden) | norm("sbo.norm2", hidden)
    return {"mlm": mlm, "sbo": sbo}


def check_tensors(
    path: Path, config: SpanBertConfig, stored: Mapping[str, Sized], names: Mapping[str, str]
) -> None:
    """Compare the tensors that an encoder needs with those of a file.

    Args:
        path: the file, for the messages.
        config: of the encoder, as config.json gives it.
        stored: the file's name -> tensor.
        names: our name -> the file's name.

    Raises:
        ValueError: tensors are missing, or of other shapes, or unknown within the encoder.
    """
    file, layers = repr(str(path)), config.num_hidden_layers
    expected = outer_shapes(config, "pooler.dense.weight" in names)
    there = {name.split(".")[2] for name in names if name.startswith("encoder.layer.")}
    if not there and not names.keys() & expected.keys():
        count = len(expected) + layers * len(layer_shapes(config, 0))
        raise ValueError(
            f"{file} holds no BERT: of the {count:,} tensors of its encoder there is none. "
            f"It has: {first_names(list(stored))}. Expected {WORDS!r} and so on, with or without "
            "'bert.' before."
        )
    if layers > len(there):
        raise ValueError(
            f"{file} has tensors of {len(there):,} layers, and the config.json beside it says "
            f"num_hidden_layers={layers}. Is it the right one?"
        )
    for number in range(layers):
        expected |= layer_shapes(config, number)
    check_shapes(file, expected, stored, names)
    if missing := [name for name in expected if name not in names]:
        raise ValueError(
            f"{file} lacks {len(missing)} of the encoder's {len(expected)} tensors: "
            f"{first_names(missing)}. {AGAIN}"
        )
    unknown = [names[n] for n in names if n.startswith(ENCODER_PARTS) and n not in expected]
    if unknown:
        raise ValueError(
            f"{file} has tensors within the encoder that BERT, as config.json describes it, does "
            f"not have: {first_names(unknown)}. Left out, the results would be others: is it "
            "another model, or are there fewer layers in config.json?"
        )


def check_heads(
    path: Path, config: SpanBertConfig, stored: Mapping[str, Sized], names: Mapping[str, str]
) -> None:
    """The same of the heads of pretraining, each of which a file has whole or not at all."""
    table = names.get("sbo.positions.weight")
    positions = stored[table].shape if table is not None else (1, 1)
    if len(positions) != 2 or 0 in positions:
        raise ValueError(
            f"{str(path)!r}: {table!r} has the shape {positions}, expected (positions, numbers for "
            f"each). {WITHOUT_HEADS}"
        )
    for part, expected in head_shapes(config, positions).items():
        there = [name for name in names if name.startswith(f"{part}.")]
        missing = [name for name in expected if name not in names]
        more = [names[name] for name in there if name not in expected]
        if there and (missing or more):
            what = f"lacks {first_names(missing)}" if missing else f"also has {first_names(more)}"
            raise ValueError(f"{str(path)!r}: its {HEAD_NAMES[part]} {what}. {WITHOUT_HEADS}")
        if there:
            check_shapes(repr(str(path)), expected, stored, names)


def check_shapes(
    file: str,
    expected: Mapping[str, tuple[int, ...]],
    stored: Mapping[str, Sized],
    names: Mapping[str, str],
) -> None:
    """Raise a ValueError when a tensor has another shape, or other numbers than weights have."""
    there = {names[name]: shape for name, shape in expected.items() if name in names}
    wrong = [
        f"{name!r} has the shape {stored[name].shape}, expected {shape}"
        for name, shape in there.items()
        if stored[name].shape != shape
    ]
    if wrong:
        more = f" ({len(wrong) - 3} more do not fit)" if len(wrong) > 3 else ""
        raise ValueError(
            f"{file} does not fit the config.json beside it: {'; '.join(wrong[:3])}{more}."
        )
    for name in there:
        if stored[name].dtype not in NUMBERS:
            raise ValueError(
                f"{file}: {name!r} is of {stored[name].dtype}. Expected {', '.join(NUMBERS)}: the "
                "numbers of a quantised model mean nothing without their scale."
            )


def first_names(names: list[str]) -> str:
    """The first few names, and how many more."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(called, names[:5])) + more


def called(name: str) -> str:
    """A tensor's name as a message quotes it: cut where it would be too long to read."""
    return repr(name if len(name) <= 100 else f"{name[:99]}…")
