"""What all live views share, in Python and in the page."""

import re

import pytest
import traitlets

from spanbert_teach.views.own_function import Failed
from spanbert_teach.views.view import STATIC, AnsweringView, browser_side

from .asking import VIEWS, ask


class Doubling(AnsweringView):
    """Draws twice the number that it is asked for."""

    shown = traitlets.Dict({"answer": 0, "twice": None}).tag(sync=True)
    big = traitlets.Dict().tag(sync=True)

    def compute(self, settings):
        if settings["one"] < 0:
            raise Failed("Less than nothing.")
        if settings["one"] == 3:
            self.big = {"sent": "once"}
        return {"twice": 2 * settings["one"]}, ["one note", "another"]


def test_an_answer_has_the_number_of_its_question():
    view = Doubling({"one": 1})
    assert view.settings == {"number": 0, "one": 1} and view.message == "one note another"
    assert view.shown == {"twice": 2, "answer": 0}
    ask(view, one=2)
    assert view.shown == {"twice": 4, "answer": 1}
    ask(view, one=-1)
    assert view.shown == {"twice": None, "answer": 2} and view.message == "Less than nothing."


def test_all_that_changes_is_sent_at_once(monkeypatch):
    view, sent = Doubling({"one": 1}), []
    monkeypatch.setattr(
        view,
        "send_state",
        lambda key=None: sent.append({key} if isinstance(key, str) else set(key)),
    )
    ask(view, one=3)
    assert [keys - {"settings"} for keys in sent if keys != {"settings"}] == [{"shown", "big"}]


@pytest.mark.parametrize("name", VIEWS)
def test_the_shared_text_comes_before_a_views_own(name):
    script, style = browser_side(name)
    shared = (STATIC / "shared.js").read_text(encoding="utf-8")
    own = (STATIC / f"{name}.js").read_text(encoding="utf-8")
    assert script.startswith(shared) and script.endswith(own)
    assert script.count("export default") == 1, "one module"
    defined = re.findall(r"(?m)^(?:const|let|function) (\w+)", script)
    assert len(defined) == len(set(defined)), "a name is defined twice"
    assert not re.search(r"\b(window|globalThis)\.\w+ = ", script), "nothing is global"
    kind = name.replace("_", "-")
    assert f'classList.add("{kind}")' in own
    selectors = re.findall(r"(?m)^(?!@media|/\*| ).*?(?= \{)", style)
    assert len(selectors) > 30
    for selector in [one for line in selectors for one in line.split(", ")]:
        assert re.search(rf"(^|[ \]])\.{kind}\b", selector), "a rule for the whole page"
    assert "--orange: 230, 159, 0;" in style


def test_nothing_of_a_view_comes_from_elsewhere():
    for name in VIEWS:
        for text in browser_side(name):
            assert not re.search(
                r"\bimport\b|@import|url\(|https?://(?!www\.w3\.org/2000/svg)", text
            )
