"""All views, and how one is asked, as its browser side does."""

from spanbert_teach.views.view import STATIC

VIEWS = sorted(path.stem for path in STATIC.glob("*.js") if path.stem != "shared")


def ask(view, **changes) -> None:
    """Change settings of an `AnsweringView`; its answer stands in `view.shown`."""
    view.settings = {**view.settings, **changes, "number": view.settings["number"] + 1}
    assert view.shown["answer"] == view.settings["number"]
