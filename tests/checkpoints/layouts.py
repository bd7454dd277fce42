"""A checkpoint's tensors by the names of every layout, for tests that read them back."""

from collections.abc import Mapping

from torch import Tensor

from spanbert_teach.checkpoints.tensors import (
    ENCODER_PARTS,
    HEADS,
    NORMS,
    OLD_NORM,
    TIED,
    TIED_BIAS,
    WORDS,
    check_copy,
    copy_of,
    our_names,
)


def name_in(layout: str, name: str) -> str:
    """The name in a layout of a tensor with our name; a tensor of no known part keeps its own."""
    if layout in ("ours", "bert"):
        return name
    before, dot, last = name.rpartition(".")
    if name.startswith(ENCODER_PARTS):
        name = f"bert.{name}"
    elif name in HEADS:
        name = HEADS[name]
    elif before in HEADS:
        name = f"{HEADS[before]}{dot}{last}"
    if layout == "official":
        before, dot, last = name.rpartition(".")
        old = {new: old for old, new in OLD_NORM.items()}
        if before.rpartition(".")[2] in NORMS:
            name = f"{before}{dot}{old[last]}"
        if name.startswith(("bert.", "cls.")):
            name = f"decoder.{name}"
    return name


def to_layout(tensors: Mapping[str, Tensor], layout: str) -> dict[str, Tensor]:
    """Tensors by our names -> by the names of a layout, tied decoders stored again where it does.

    "bert" has no heads: only the encoder and its pooler are in the result. The other layouts lose
    nothing, though transformers reports the SBO head as unexpected, since it has no class for it.
    """
    if layout == "bert":
        return {name: t for name, t in tensors.items() if name.startswith(ENCODER_PARTS)}
    named = {name_in(layout, name): tensor for name, tensor in tensors.items()}
    if layout == "ours":
        return named
    copies = TIED | TIED_BIAS if layout == "masked_lm" else TIED
    prefix = "decoder." if layout == "official" else ""
    for copy, ours in copies.items():
        head = copy.removesuffix(".decoder.weight").removesuffix(".decoder.bias")
        if f"{prefix}{head}.bias" in named:
            named[prefix + copy] = tensors[ours]
    return named


def from_layout(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors by the names of any layout -> by our names; copies and counters are left out.

    Raises:
        ValueError: a decoder is not the tensor it should be tied to, or names of two layouts.
    """
    names = our_names(tensors)
    for copy, ours in ((name, copy_of(name)) for name in tensors):
        if ours in names:
            check_copy(copy, tensors[copy], names[ours], tensors[names[ours]])
    return {ours: tensors[name] for ours, name in names.items()}


def official(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names of the official file with heads, written out by hand."""
    cls, pair = "decoder.cls.predictions.", "decoder.cls.pair_target_predictions."
    renamed = {
        "mlm.bias": f"{cls}bias",
        "mlm.dense.weight": f"{cls}transform.dense.weight",
        "mlm.dense.bias": f"{cls}transform.dense.bias",
        "mlm.LayerNorm.weight": f"{cls}transform.LayerNorm.gamma",
        "mlm.LayerNorm.bias": f"{cls}transform.LayerNorm.beta",
        "sbo.bias": f"{pair}bias",
        "sbo.positions.weight": f"{pair}position_embeddings.weight",
        "sbo.linear1.weight": f"{pair}mlp_layer_norm.linear1.weight",
        "sbo.linear1.bias": f"{pair}mlp_layer_norm.linear1.bias",
        "sbo.linear2.weight": f"{pair}mlp_layer_norm.linear2.weight",
        "sbo.linear2.bias": f"{pair}mlp_layer_norm.linear2.bias",
        "sbo.norm1.weight": f"{pair}mlp_layer_norm.layer_norm1.gamma",
        "sbo.norm1.bias": f"{pair}mlp_layer_norm.layer_norm1.beta",
        "sbo.norm2.weight": f"{pair}mlp_layer_norm.layer_norm2.gamma",
        "sbo.norm2.bias": f"{pair}mlp_layer_norm.layer_norm2.beta",
    }
    named = {}
    for name, tensor in tensors.items():
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma")
        old = old.replace("LayerNorm.bias", "LayerNorm.beta")
        named[renamed.get(name, f"decoder.bert.{old}")] = tensor
    named[f"{cls}decoder.weight"] = named[f"{pair}decoder.weight"] = tensors[WORDS]
    return named
