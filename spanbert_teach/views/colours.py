"""The colours of figures and views: here for Python, and from here for the style sheets.

Okabe and Ito's can be told apart with every common form of colour blindness. Nothing is said by
colour alone all the same.
"""

ORANGE, SKY, GREEN = "#E69F00", "#56B4E9", "#009E73"
BLUE, RED, PINK = "#0072B2", "#D55E00", "#CC79A7"

# Shades of them: pale ones under a text, dark ones around it, deep ones under a white text or for a
# thin line on a light page, a bright one for such a line on a dark page.
PALE_SKY, PALE_GREEN, PALER_GREEN = "#8CCBF0", "#8FD3BD", "#9ADBC5"
DARK_ORANGE, DARK_SKY, DARK_GREEN = "#7A5400", "#00304F", "#00523C"
DEEP_GREEN, DEEP_RED, BRIGHT_GREEN = "#007A59", "#B34700", "#2FC79A"


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue of "#RRGGBB", 0 to 255 each."""
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def custom_properties() -> str:
    """All colours for a style sheet, as `--pale-sky: 140, 203, 240;`.

    It uses them as `rgb(var(--pale-sky))` or, let through, as `rgba(var(--pale-sky), 0.5)`.
    """
    colours = {name: value for name, value in globals().items() if name.isupper()}
    return " ".join(
        f"--{name.lower().replace('_', '-')}: {', '.join(map(str, rgb(value)))};"
        for name, value in colours.items()
    )
