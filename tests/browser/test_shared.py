"""What all views share in the page, without a notebook: texts as in Python, keys, questions."""

import pytest

from spanbert_teach.views.texts import percent, shorten, whole_percent
from spanbert_teach.views.view import STATIC

pytestmark = pytest.mark.browser

# The module as a view sees it, and a model that keeps what is set and sent.
LOAD = """async ([shared, names]) => {
  const text = `${shared}\\nexport { ${names} };`;
  const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  window.shared = await import(address);
  window.makeModel = (state) => {
    const heard = {};
    const model = {
      sent: [],
      get: (name) => state[name],
      set(name, value) {
        state[name] = value;
        (heard[`change:${name}`] ?? []).forEach((act) => act());
      },
      save_changes: () => model.sent.push(state.settings),
      on: (event, act) => { (heard[event] ??= []).push(act); },
      answer: (number) => model.set("shown", { answer: number }),
    };
    return model;
  };
}"""
NAMES = "asking, chooser, element, keepKeys, keyTarget, percent, PATIENCE, shorten, textField"
NAMES += ", wholePercent"


@pytest.fixture
def page(browser):
    page = browser.new_page()
    page.clock.install()
    page.evaluate(LOAD, [(STATIC / "shared.js").read_text(encoding="utf-8"), NAMES])
    yield page
    page.close()


def test_texts_are_those_of_python(page):
    shares = [n / 8191 for n in range(8192)] + [1e-9, 0.0005, 0.0995, 0.00499, 0.99994, 0.99996]
    both = "shares => shares.map(s => [shared.percent(s), shared.wholePercent(s)])"
    assert page.evaluate(both, shares) == [[percent(s), whole_percent(s)] for s in shares]
    texts = ["", "abc", "abcde", "ab de", "😀😀😀😀😀", "e\u0301bcd"]
    cut = "texts => texts.map(t => shared.shorten(t, 4))"
    assert page.evaluate(cut, texts) == [shorten(text, 4) for text in texts]


def test_only_the_newest_question_goes_out(page):
    page.evaluate("""() => {
      window.model = makeModel({ settings: { number: 0, x: 1 }, shown: { answer: 0 } });
      window.drawn = 0;
      window.busy = [];
      window.kernel = shared.asking(model, () => { drawn += 1; }, (on) => busy.push(on));
    }""")

    def state():
        return page.evaluate("[model.sent.map(s => [s.number, s.x]), drawn, kernel.answered()]")

    assert state() == [[], 0, True]
    page.evaluate("[2, 3, 4].forEach(x => kernel.change({ x }))")
    assert state() == [[[1, 2]], 0, False], "the first at once, the others wait"
    page.evaluate("model.answer(1)")
    assert state() == [[[1, 2], [2, 4]], 1, False], "3 is never asked for"
    page.evaluate("model.answer(2)")
    assert state() == [[[1, 2], [2, 4]], 2, True]
    assert page.evaluate("busy") == [False, True, True, False]


def test_a_kernel_that_keeps_silent_is_asked_again(page):
    page.evaluate("""() => {
      window.model = makeModel({ settings: { number: 0, x: 1 }, shown: { answer: 0 } });
      window.kernel = shared.asking(model, () => {});
      kernel.change({ x: 2 });
      kernel.change({ x: 3 });
    }""")
    patience = page.evaluate("shared.PATIENCE")
    page.clock.run_for(patience - 10)
    assert page.evaluate("model.sent.length") == 1
    page.clock.run_for(20)
    assert page.evaluate("model.sent.map(s => [s.number, s.x])") == [[1, 2], [2, 3]]
    page.evaluate("model.answer(1)")
    assert not page.evaluate("kernel.answered()"), "that was the question before"
    page.evaluate("model.answer(2)")
    assert page.evaluate("kernel.answered()")


def test_settings_that_a_cell_changes_are_kept(page):
    page.evaluate("""() => {
      window.model = makeModel({ settings: { number: 0, x: 1, y: 1 }, shown: { answer: 0 } });
      window.kernel = shared.asking(model, () => {});
      model.set("settings", { number: 5, x: 7, y: 1 });
      kernel.change({ y: 2 });
    }""")
    assert page.evaluate("model.sent") == [{"number": 6, "x": 7, "y": 2}]


def test_the_list_and_the_field_follow_each_other(page):
    page.evaluate("""() => {
      const field = shared.textField("own");
      field.value = "two";
      window.taken = [];
      const list = shared.chooser({ name: "list", own: "(own)", examples: ["one", "two"], field,
        take: (text, number) => taken.push([text.length, number]) });
      document.body.append(list, field);
    }""")
    choice, field = page.get_by_label("list"), page.get_by_label("own")
    assert choice.input_value() == "1"
    choice.select_option("0")
    assert field.input_value() == "one"
    field.fill("x" * 20_000)
    assert choice.input_value() == "-1"
    choice.select_option("1")
    choice.select_option("-1")
    assert field.evaluate("e => e === document.activeElement")
    assert field.input_value() == "two"
    assert page.evaluate("taken") == [[3, 0], [10_001, -1], [3, 1], [3, -1]]


def test_keys_that_belong_to_others_are_left_to_them(page):
    page.evaluate("""() => {
      window.found = [];
      window.outside = 0;
      const node = shared.element("input", {});
      node.addEventListener("keydown", (event) => {
        const to = shared.keyTarget(event, { ArrowLeft: 0, ArrowRight: undefined });
        found.push([to ?? null, event.defaultPrevented]);
      });
      const view = shared.element("div", {}, node);
      shared.keepKeys(view, () => true);
      document.body.append(view);
      document.body.addEventListener("keydown", () => { outside += 1; });
      node.focus();
    }""")
    for key in ("ArrowLeft", "Control+ArrowLeft", "ArrowRight", "a"):
        page.keyboard.press(key)
    pressed = [[0, True], [None, False], [None, False], [None, True], [None, False]]
    assert page.evaluate("found") == pressed and page.evaluate("outside") == 0
