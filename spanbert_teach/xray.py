"""X-ray of a checkpoint: which tensors a file holds, which it lacks, and what that means.

    print(xray("minilm"))
    print(difference("runs/first", "runs/second"))

It reads one tensor at a time, so a file of 1 GB does not fill the memory, and needs no config.json:
any file of safetensors or of torch.save() will do. Lesson `04_encoder`.
"""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from torch import Tensor

from spanbert_teach.checkpoints import (
    LAYOUTS,
    Stored,
    copy_of,
    find_checkpoint,
    find_weights,
    full_name,
    is_counter,
    layout_of,
    open_weights,
    our_name,
)
from spanbert_teach.xray_findings import OTHER, PARTS, findings, part_of


@dataclass(frozen=True)
class TensorFact:
    """One tensor: `name` is ours, `stored_as` the file's; `norm` the root of the sum of squares.

    `learned` is False for the copy of a tied tensor and for a list 0, 1, 2, …
    """

    name: str
    stored_as: str
    part: str
    shape: tuple[int, ...]
    dtype: str
    size: int
    bytes: int
    norm: float
    learned: bool = True


@dataclass(frozen=True)
class XRay:
    """All tensors of a checkpoint, and sentences on what they mean; print it.

    `layout` is a key of `checkpoints.LAYOUTS`, or None when it is no BERT.
    """

    source: str
    layout: str | None
    tensors: tuple[TensorFact, ...]
    findings: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """How many numbers a model learns: without copies of tied tensors."""
        return sum(tensor.size for tensor in self.tensors if tensor.learned)

    @property
    def bytes(self) -> int:
        """How many bytes the tensors take in the file."""
        return sum(tensor.bytes for tensor in self.tensors)

    def parts(self) -> dict[str, list[TensorFact]]:
        """The tensors by part (embeddings, layers, pooler, …); only the parts that there are."""
        return by_part(self.tensors, lambda tensor: tensor.part)

    def __str__(self) -> str:
        return "\n".join(xray_lines(self))

    __repr__ = __str__


def xray(path_or_name: str | Path) -> XRay:
    """Look into a checkpoint.

    Args:
        path_or_name: as in `load_encoder`, or the path of a file of weights.

    Raises:
        OSError, ImportError, ValueError: as `load_encoder`, but tensors may be missing or unknown.
    """
    source, stored = opened(path_or_name)
    facts = sorted((fact(name, stored[name]) for name in stored), key=lambda f: place_of(f.name))
    by_name = {fact.name: stored[fact.stored_as] for fact in facts}
    layout = layout_of(stored)
    said = findings(by_name, {fact.name: fact.norm for fact in facts}, layout)
    return XRay(source, layout, tuple(facts), tuple(said))


def fact(name: str, tensor: Stored) -> TensorFact:
    """All that is said about one tensor."""
    ours, size, values = full_name(name), math.prod(tensor.shape), tensor.read()
    return TensorFact(
        name=ours,
        stored_as=name,
        part=part_of(ours),
        shape=tensor.shape,
        dtype=tensor.dtype,
        size=size,
        bytes=size * values.element_size(),
        norm=norm(values),
        learned=not (copy_of(name) or is_counter(name)),
    )


def xray_lines(ray: XRay) -> list[str]:
    """The X-ray as lines of text; tensors that only differ in the layer's number share a line."""
    dtypes = ", ".join(sorted({tensor.dtype for tensor in ray.tensors}))
    lines = [
        f"X-ray of {ray.source}: {ray.parameters:,} parameters in {len(ray.tensors)} tensors, "
        f"{ray.bytes / 1e6:,.1f} MB, {dtypes}",
        f"Names of {LAYOUTS.get(ray.layout, 'another kind of model')}",
    ]
    by_name = {tensor.name: tensor for tensor in ray.tensors}
    for part, tensors in ray.parts().items():
        size = sum(tensor.size for tensor in tensors if tensor.learned)
        share = f" ({size / ray.parameters:.1%})" if ray.parameters else ""
        lines.append(f"\n{part}: {size:,} parameters{share}, {counted(len(tensors), 'tensor')}")
        for shown, names in alike((t.name, t.shape, t.dtype) for t in tensors).items():
            tensor = by_name[names[0]]
            shape = " x ".join(map(str, tensor.shape)) or "1"
            norms = between(by_name[name].norm for name in names)
            note = "" if tensor.learned else "  (no parameter)"
            lines.append(f"  {shown:<58} {shape:>13}  {tensor.dtype:<8}  norm {norms}{note}")
    return [*lines, "", *(f"- {finding}" for finding in ray.findings)]


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}" + "s" * (number != 1)


# --- Two checkpoints -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """Two checkpoints, tensor by tensor; print it.

    Attributes:
        relative: our name -> how far apart the two tensors are: 0 for the same, about 1.41 for
            two that have nothing to do with each other, 2 for opposite ones.
        shapes: our name -> both shapes, where they are not the same.
        only_first, only_second: our names.
    """

    first: str
    second: str
    relative: dict[str, float]
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    def parts(self) -> dict[str, list[str]]:
        """The names in `relative` by part; only the parts that there are."""
        return by_part(self.relative, part_of)

    def __str__(self) -> str:
        return "\n".join(difference_lines(self))

    __repr__ = __str__


def difference(first: str | Path, second: str | Path) -> Difference:
    """Compare two checkpoints, of whatever layouts; arguments and errors as in `xray`.

    A tensor's relative difference is the norm of the difference over the root mean square of both
    norms. Copies of tied tensors are left out.
    """
    (name_a, stored_a), (name_b, stored_b) = opened(first), opened(second)
    a, b = parameters(stored_a), parameters(stored_b)
    both = sorted(a.keys() & b.keys(), key=place_of)
    same = [name for name in both if a[name].shape == b[name].shape]
    return Difference(
        first=name_a,
        second=name_b,
        relative={name: relative_difference(a[name].read(), b[name].read()) for name in same},
        shapes={n: (a[n].shape, b[n].shape) for n in both if a[n].shape != b[n].shape},
        only_first=tuple(sorted(a.keys() - b.keys(), key=place_of)),
        only_second=tuple(sorted(b.keys() - a.keys(), key=place_of)),
    )


def difference_lines(found: Difference) -> list[str]:
    """The comparison as lines of text; layers share a line, with the least and the greatest."""
    equal = sum(value == 0 for value in found.relative.values())
    lines = [
        f"{found.first} and {found.second}: {counted(len(found.relative), 'tensor')} compared, "
        f"{equal} of them equal",
        "0 = the same, 1.41 = nothing in common, 2 = opposite",
    ]
    for part, names in found.parts().items():
        lines.append(f"\n{part}: {between(found.relative[name] for name in names)}")
        for shown, group in alike((name, (), "") for name in names).items():
            lines.append(f"  {shown:<58} {between(found.relative[name] for name in group)}")
    if found.shapes or found.only_first or found.only_second:
        lines.append("")
    lines += [f"- {name}: the shapes are {a} and {b}" for name, (a, b) in found.shapes.items()]
    for source, names in ((found.first, found.only_first), (found.second, found.only_second)):
        if names:
            shown = ", ".join(alike((name, (), "") for name in names))
            lines.append(f"- only in {source}: {shown}")
    return lines


# --- What both share ------------------------------------------------------------------------------


# A layer's number; with more digits it is part of a name.
NUMBER = re.compile(r"\.([0-9]{1,9})\.")
AT_ONCE = 1 << 22  # numbers, of which a norm makes doubles


def opened(path_or_name: str | Path) -> tuple[str, dict[str, Stored]]:
    """What to call a checkpoint, without the folders above it, and its tensors."""
    path = find_checkpoint(path_or_name)
    is_path = Path(path_or_name).expanduser() == path
    file = find_weights(path) if path.is_dir() else path
    return path.resolve().name if is_path else str(path_or_name), open_weights(file)


def by_part(things: Iterable, part: Callable) -> dict[str, list]:
    """Things by part, in the order of the parts; only the parts that there are."""
    things = list(things)
    groups = {name: [t for t in things if part(t) == name] for name in (*PARTS, OTHER)}
    return {name: group for name, group in groups.items() if group}


def place_of(name: str) -> tuple:
    """A key for sorting: by part; within, layer 10 after layer 9, weight before bias."""
    last = {"weight": 0, "bias": 1}
    words = [
        (0, int(word), "") if NUMBER.fullmatch(f".{word}.") else (1, last.get(word, 2), word)
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
        elif all(after == before + 1 for before, after in pairwise(numbers)):
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
