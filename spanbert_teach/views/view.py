"""What every live view does: the picture that stays without a kernel, answers to settings."""

import re
from pathlib import Path

import anywidget
import traitlets

from spanbert_teach.views.colours import custom_properties
from spanbert_teach.views.own_function import Failed

STATIC = Path(__file__).parent / "static"


def browser_side(name: str) -> tuple[str, str]:
    """The module and the style sheet of a view: what all views share, then its own two files.

    The shared rules are written for `.view`, and become rules for the class of this view alone:
    so no view on a page changes another, and a view's own rules, which come later, win.

    Args:
        name: of its files in `static/`; with "-" for "_" also its class in the page.
    """
    files = ("shared.js", f"{name}.js", "shared.css", f"{name}.css")
    shared, own, rules, own_rules = ((STATIC / f).read_text(encoding="utf-8") for f in files)
    rules = f".view {{ {custom_properties()} }}\n{rules}"
    rules = re.sub(r"\.view\b", f".{name.replace('_', '-')}", rules)
    return f"{shared}\n{own}", f"{rules}\n{own_rules}"


class View(anywidget.AnyWidget):
    """A widget that leaves a static picture where no kernel runs: GitHub, nbval, a printed page.

    A view names its files in the page: `_esm, _css = browser_side("ripple")`.
    """

    def picture(self) -> str:
        """The view as HTML that is safe to show anywhere."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/plain": repr(self), "text/html": self.picture()}, metadata


class AnsweringView(View):
    """A view whose browser side asks with `settings` and gets what to draw in `shown`.

    `settings["number"]` comes back as `shown["answer"]`, so the browser (`asking` in shared.js)
    knows which of its questions is answered: it asks the next when it has the answer to this one,
    and only the newest counts. The default of `shown` is what stands there when there is no answer.
    What is large and stays the same for many questions is a trait of its own, set by `compute`.
    """

    settings = traitlets.Dict().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)

    def __init__(self, settings: dict, **traits):
        super().__init__(settings={"number": 0} | settings, **traits)
        self.observe(self._answer, ["settings"])
        self._answer()

    def compute(self, settings: dict) -> tuple[dict, list[str]]:
        """What to draw for these settings, and what should be said about it; may raise `Failed`."""
        raise NotImplementedError

    def _answer(self, _change=None) -> None:
        with self.hold_sync():  # the browser gets all that changes at once
            try:
                shown, notes = self.compute(self.settings)
            except Failed as failed:
                shown, notes = self.trait_defaults("shown"), [str(failed)]
            self.message = " ".join(notes)
            self.shown = shown | {"answer": self.settings.get("number", 0)}
