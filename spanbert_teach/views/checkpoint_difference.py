"""The difference of two checkpoints as a picture: a mark for each tensor, layer by layer."""

import re

from matplotlib.figure import Figure
from matplotlib.pyplot import subplots

from spanbert_teach.views.figure import BLUE, GREEN, RED, figure
from spanbert_teach.xray import Difference

KINDS = {  # name: mark and colour
    "weight matrices": ("o", BLUE),
    "biases": ("x", RED),
    "LayerNorm": ("^", GREEN),
}
LAYER = re.compile(r"encoder\.layer\.(\d+)\.")


def draw_difference(found: Difference) -> None:
    """Show the relative difference of every tensor of two checkpoints (see `xray.difference`)."""
    figure(*difference_picture(found))


def difference_picture(found: Difference) -> tuple[Figure, str]:
    """The figure, and its description in words.

    Raises:
        ValueError: the two have no tensor in common.
    """
    columns = by_column(found)
    if not columns:
        raise ValueError(f"{found.first} and {found.second} have no tensor in common to draw.")
    fig, ax = subplots(figsize=(max(5, 1.5 + 0.5 * len(columns)), 3.5), layout="constrained")
    for kind, (mark, colour) in KINDS.items():
        dots = [
            (at, found.relative[name])
            for at, names in enumerate(columns.values())
            for name in names
            if kind_of(name) == kind
        ]
        if dots:
            across, up = zip(*dots, strict=True)
            ax.scatter(across, up, marker=mark, color=colour, label=kind, s=25, alpha=0.8)
    ax.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
    ax.set_ylabel("relative difference")
    ax.set_title(f"{found.first} and {found.second}")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize="small")
    return fig, described(found, columns)


def by_column(found: Difference) -> dict[str, list[str]]:
    """The compared tensors by column: each part one, each layer one of its own."""
    columns: dict[str, list[str]] = {}
    for part, names in found.parts().items():
        for name in names:
            layer = LAYER.match(name)
            columns.setdefault(f"layer {layer[1]}" if layer else part, []).append(name)
    return columns


def kind_of(name: str) -> str:
    """A key of `KINDS`."""
    if "LayerNorm" in name or ".norm" in name:
        return "LayerNorm"
    return "biases" if name.endswith("bias") else "weight matrices"


def described(found: Difference, columns: dict[str, list[str]]) -> str:
    """The picture in words: the mean of each column."""
    means = {
        column: sum(found.relative[name] for name in names) / len(names)
        for column, names in columns.items()
    }
    said = ", ".join(f"{column} {mean:.2g}" for column, mean in means.items())
    return (
        f"Relative difference of {found.first} and {found.second}, a mark for each of "
        f"{len(found.relative)} tensors; 0 is the same, 1.41 nothing in common. Means: {said}."
    )
