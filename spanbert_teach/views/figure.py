"""Figures with a text alternative."""

import io

import matplotlib.pyplot as plt
from IPython.display import display
from matplotlib.figure import Figure

from spanbert_teach.views.colours import BLUE, GREEN, ORANGE, PINK, RED, SKY

# A lesson takes its colours from here, too.
__all__ = [
    "BLUE",
    "GREEN",
    "ORANGE",
    "PINK",
    "RED",
    "SKY",
    "figure",
]


def figure(fig: Figure, alt: str) -> None:
    """Show `fig` as a PNG that carries a description for people who do not see it, then close it.

    JupyterLab writes no alternative text of its own. The description goes into the picture's
    metadata and, as text/plain, beside the picture: screen readers, text-only pages and nbval
    read it there.

    Args:
        fig: a matplotlib figure.
        alt: what the picture shows, in a sentence or two; must not be empty.
    """
    if not alt.strip():
        raise ValueError("figure() needs a description of the picture: figure(fig, 'Bars of …')")
    png = io.BytesIO()
    # Without "Software" the same figure gives the same bytes for every matplotlib patch release.
    fig.savefig(png, format="png", dpi=100, bbox_inches="tight", metadata={"Software": None})
    plt.close(fig)
    display(
        {"image/png": png.getvalue(), "text/plain": alt},
        raw=True,
        metadata={"image/png": {"alt": alt}},
    )
