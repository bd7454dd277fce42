"""Asks a view as its browser side does."""


def ask(view, **changes) -> None:
    """Change settings of an `AnsweringView`; its answer stands in `view.shown`."""
    view.settings = {**view.settings, **changes, "number": view.settings["number"] + 1}
    assert view.shown["answer"] == view.settings["number"]
