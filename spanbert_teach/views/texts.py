"""Texts for a view: a learner's own made fit to send, long ones shortened, shares in percent.

The browser's `shorten`, `percent` and `wholePercent` (static/shared.js) do what these do, but for
exact halves, which they round up.
"""


def sendable(text: str) -> str:
    """A text that a message to the browser can hold: a lone surrogate is half a character."""
    return text.encode("utf-8", "replace").decode()


def first_characters(text: str, most: int) -> tuple[str, list[str]]:
    """A learner's text as far as it is used, `sendable`, and what should be said about it."""
    notes = [f"Only the first {most:,} characters are used."] if len(text) > most else []
    return sendable(text[:most]), notes


def shorten(text: str, most: int) -> str:
    """A long text by its beginning, so that a line stays a line: at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def percent(share: float) -> str:
    """A share with one decimal below 10%: 12%, 1.2%, <0.1%.

    What is there is never a rounded 0%, what is missing never hidden by a rounded 100%.
    """
    if 0 < share < 0.0005:
        return "<0.1%"
    if share > 0.995:
        return "100%" if share > 0.99995 else ">99%"
    return f"{share:.1%}" if 0 < share < 0.0995 else f"{share:.0%}"


def whole_percent(share: float) -> str:
    """A share without decimals, where they would say too much: 12%, <1%."""
    value = round(100 * share)
    return "<1%" if value == 0 and share > 0 else f"{value}%"


def percent_in_words(share: float) -> str:
    """A share inside a sentence: 13%, 0.4%, under 0.1%, more than 99%; as honest as `percent`."""
    value = 100 * share
    if value == 0 or 1 <= value <= 99 or value == 100:
        return f"{value:.0f}%"
    return "more than 99%" if value > 99 else f"{value:.1f}%" if value >= 0.1 else "under 0.1%"
