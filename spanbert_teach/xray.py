"""X-ray of a checkpoint: which tensors a file holds, which it lacks, and what that means.

    print(xray("minilm"))
    print(difference("runs/first", "runs/second"))

It reads one tensor at a time, so a file of 1 GB does not fill the memory, and needs no config.json:
any file of safetensors or of torch.save() will do. Lesson `04_encoder`.
"""

import math
from dataclasses import dataclass
from pathlib import Path

from spanbert_teach.checkpoint_files import Stored
from spanbert_teach.checkpoint_names import LAYOUTS, copy_of, full_name, is_counter, layout_of
from spanbert_teach.xray_findings import findings
from spanbert_teach.xray_parts import (
    alike,
    between,
    by_part,
    norm,
    opened,
    order,
    parameters,
    part_of,
    relative_difference,
)


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

    `layout` is a key of `checkpoint_names.LAYOUTS`, or None when it is no BERT.
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
    facts = sorted((fact(name, stored[name]) for name in stored), key=lambda f: order(f.name))
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
    both = sorted(a.keys() & b.keys(), key=order)
    same = [name for name in both if a[name].shape == b[name].shape]
    return Difference(
        first=name_a,
        second=name_b,
        relative={name: relative_difference(a[name].read(), b[name].read()) for name in same},
        shapes={n: (a[n].shape, b[n].shape) for n in both if a[n].shape != b[n].shape},
        only_first=tuple(sorted(a.keys() - b.keys(), key=order)),
        only_second=tuple(sorted(b.keys() - a.keys(), key=order)),
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
