"""What tensors are called in BERT files: one model, four sets of names.

    our_name("decoder.bert.embeddings.LayerNorm.gamma")     # "embeddings.LayerNorm.weight"

Our own names are those of transformers' `BertModel`, so a BERT loads as it is. The heads have short
names of their own, `mlm.*` and `sbo.*`. Whatever else a file holds keeps its name. Lesson
`04_encoder`.
"""

from collections.abc import Iterable

from torch import Tensor

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


# --- Parts of a BERT ------------------------------------------------------------------------------

# In the order in which data flows through them.
PARTS = {
    "embeddings": "embeddings.",
    "layers": "encoder.layer.",
    "pooler": "pooler.",
    "MLM head": "mlm.",
    "SBO head": "sbo.",
    "NSP head": "nsp.",
}


OTHER = "other"


def part_of(name: str) -> str:
    """The part of BERT to which a tensor with our name belongs."""
    return next((part for part, start in PARTS.items() if name.startswith(start)), OTHER)
