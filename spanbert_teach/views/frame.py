"""What every live view does: the picture that stays without a kernel, answers to settings."""

import anywidget
import traitlets

from spanbert_teach.views.guards import Failed


class View(anywidget.AnyWidget):
    """A widget that leaves a static picture where no kernel runs: GitHub, nbval, a printed page."""

    def picture(self) -> str:
        """The view as HTML that is safe to show anywhere."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs):
        bundle = super()._repr_mimebundle_(**kwargs)
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle or {}, {})
        return {**data, "text/plain": repr(self), "text/html": self.picture()}, metadata


class AnsweringView(View):
    """A view whose browser side asks with `settings` and gets what to draw in `shown`.

    `settings["number"]` comes back as `shown["answer"]`: so the browser knows which of its
    questions is answered. The default of `shown` is what stands there when there is no answer.
    """

    settings = traitlets.Dict().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)
    message = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        self.observe(self._redraw, ["settings"])
        self._redraw()

    def compute(self, settings: dict) -> tuple[dict, list[str]]:
        """What to draw for these settings, and what should be said about it; may raise `Failed`."""
        raise NotImplementedError

    def _redraw(self, _change=None) -> None:
        number = self.settings.get("number", 0)
        try:
            shown, notes = self.compute(self.settings)
        except Failed as failed:
            shown, notes = self.trait_defaults("shown"), [str(failed)]
        with self.hold_sync():
            self.message = " ".join(notes)
            self.shown = shown | {"answer": number}
