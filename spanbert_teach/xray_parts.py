"""What the X-ray and the comparison share: a file's tensors in the order of BERT's parts."""

import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from torch import Tensor

from spanbert_teach.checkpoint_files import Stored, find_weights, open_weights
from spanbert_teach.checkpoint_names import copy_of, is_counter, our_name
from spanbert_teach.checkpoint_places import find_checkpoint

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
NUMBER = re.compile(r"\.(\d+)\.")
AT_ONCE = 1 << 22  # numbers, of which a norm makes doubles


def opened(path_or_name: str | Path) -> tuple[str, dict[str, Stored]]:
    """What to call a checkpoint, without the folders above it, and its tensors."""
    path = find_checkpoint(path_or_name)
    is_path = Path(path_or_name).expanduser() == path
    file = path if path.is_file() else find_weights(path)
    return path.resolve().name if is_path else str(path_or_name), open_weights(file)


def part_of(name: str) -> str:
    """The part of BERT to which a tensor with our name belongs."""
    return next((part for part, start in PARTS.items() if name.startswith(start)), OTHER)


def by_part(things: Iterable, part: Callable) -> dict[str, list]:
    """Things by part, in the order of the parts; only the parts that there are."""
    things = list(things)
    groups = {name: [t for t in things if part(t) == name] for name in (*PARTS, OTHER)}
    return {name: group for name, group in groups.items() if group}


def order(name: str) -> tuple:
    """A key for sorting: by part; within, layer 10 after layer 9, weight before bias."""
    last = {"weight": 0, "bias": 1}
    words = [
        (0, int(word), "") if word.isdigit() else (1, last.get(word, 2), word)
        for word in name.split(".")
    ]
    return [*PARTS, OTHER].index(part_of(name)), words


def norm(values: Tensor) -> float:
    """The root of the sum of squares, added up as doubles."""
    pieces = values.reshape(-1).split(AT_ONCE)
    return math.sqrt(sum(piece.double().square().sum().item() for piece in pieces))


def relative_difference(a: Tensor, b: Tensor) -> float:
    """Norm of the difference over the root mean square of both norms; 0 when both are zero.

    Two tensors of any one shape; the result is between 0 (the same) and 2 (opposite), and about
    1.41 for two that have nothing to do with each other.
    """
    pairs = zip(a.reshape(-1).split(AT_ONCE), b.reshape(-1).split(AT_ONCE), strict=True)
    apart = math.sqrt(sum((x.double() - y.double()).square().sum().item() for x, y in pairs))
    return 0.0 if apart == 0 else apart / math.sqrt((norm(a) ** 2 + norm(b) ** 2) / 2)


def alike(tensors: Iterable[tuple[str, tuple, str]]) -> dict[str, list[str]]:
    """Names that only differ in the layer's number, under one: "encoder.layer.[0-5].output.…".

    Args:
        tensors: name, shape and dtype of each; only those of one shape and dtype come together.
    """
    groups: dict[tuple, list[str]] = {}
    for name, shape, dtype in tensors:
        groups.setdefault((NUMBER.sub(".#.", name, count=1), shape, dtype), []).append(name)
    shown = {}
    for (pattern, *_), names in groups.items():
        numbers = [int(found[1]) for name in names if (found := NUMBER.search(name))]
        if len(names) == 1:
            shown[names[0]] = names
        elif numbers == list(range(numbers[0], numbers[-1] + 1)):
            shown[pattern.replace("#", f"[{numbers[0]}-{numbers[-1]}]")] = names
        else:
            shown[pattern.replace("#", f"[{','.join(map(str, numbers))}]")] = names
    return shown


def between(values: Iterable[float]) -> str:
    """The least and the greatest, in four digits; one number when they are the same."""
    values = list(values)
    low, high = f"{min(values):.4g}", f"{max(values):.4g}"
    return low if low == high else f"{low} to {high}"


def parameters(stored: dict[str, Stored]) -> dict[str, Stored]:
    """The tensors by our names, but for copies of tied ones and lists 0, 1, 2, …"""
    return {our_name(n): t for n, t in stored.items() if not copy_of(n) and not is_counter(n)}
