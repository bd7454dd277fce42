"""What the pictures of views without a kernel are made of: HTML that is safe to show anywhere.

Styles stand at the elements themselves: pages such as GitHub's drop style sheets and classes.
"""

import html
from collections.abc import Iterable

LEFT = "text-align:left"


def element(tag: str, content: str, style: str = "") -> str:
    """`<tag style="…">content</tag>`. The content is HTML: of a text, pass `html.escape(text)`."""
    return f'<{tag} style="{style}">{content}</{tag}>' if style else f"<{tag}>{content}</{tag}>"


def elements(tag: str, contents: Iterable[str], style: str = "") -> str:
    """An element for each content, one behind the other: the cells of a table's row."""
    return "".join(element(tag, content, style) for content in contents)


def note(message: str) -> str:
    """What a view says of its input, as a paragraph; "" when it says nothing."""
    return element("p", html.escape(message)) if message else ""
