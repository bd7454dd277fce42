"""Toy notebooks for the tests of the harness."""

import json
from pathlib import Path

# A view like the course's: numbers in, drawn in the browser, with a static picture beside it.
VIEW = '''
import anywidget, traitlets

class Bars(anywidget.AnyWidget):
    _esm = """
    export default { render({ model, el }) {
      const input = document.createElement("input");
      Object.assign(input, { type: "range", min: 0, max: 9, value: model.get("value") });
      const drawn = document.createElement("div");
      drawn.className = "drawn";
      const draw = () => { drawn.textContent = "#".repeat(model.get("value")); };
      // JupyterLab moves between cells with the arrow keys unless they stop here.
      el.addEventListener("keydown", (event) => event.stopPropagation());
      input.addEventListener("input", () => {
        model.set("value", Number(input.value)); model.save_changes(); draw(); });
      const answer = document.createElement("div");
      answer.className = "answer";
      model.on("change:answer", () => { answer.textContent = `kernel: ${model.get("answer")}`; });
      el.append(input, drawn, answer);
      draw();
    } };
    """
    value = traitlets.Int(2).tag(sync=True)
    answer = traitlets.Int(0).tag(sync=True)

    def __repr__(self):
        return "Bars"

bars = Bars()
bars.observe(lambda change: setattr(bars, "answer", 10 * change["new"]), "value")
bars
'''


def cell(name: str, source: str, outputs=()) -> dict:
    return {
        "cell_type": "code",
        "id": name,
        "metadata": {},
        "source": source,
        "outputs": list(outputs),
        "execution_count": 1 if outputs else None,
    }


def save(path: Path, *cells: dict) -> Path:
    """A notebook with a title and these cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    title = {"cell_type": "markdown", "id": "title", "metadata": {}, "source": "# Toy"}
    content = {
        "cells": [title, *cells],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
