// The hidden span view: the kernel sends words and shares, this file draws them.

function render({ model, el }) {
  const examples = model.get("examples");
  const typed = textField("your own sentence", { class: "typed" });
  typed.value = model.get("settings").text;
  const choice = chooser({
    name: "example sentence", own: "(your own sentence)", examples, most: 70, field: typed,
    take: (text) => hideAnew({ text }),
  });
  const start = slider("first hidden word", { "data-name": "start" }, (value) => hideAnew({ start: value }));
  const length = slider("words hidden", { "data-name": "length" }, (value) => hideAnew({ length: value }));
  const side = (name, label) => {
    const box = element("input", { type: "checkbox", "data-name": name });
    box.checked = model.get("settings")[name];
    box.addEventListener("change", () => kernel.change({ [name]: box.checked }));
    return element("label", {}, box, element("span", {}, label));
  };

  const message = messageLine(model);
  const strip = element("div", { class: "strip" });
  const columns = element("div", { class: "columns" });
  const answer = element("button", { type: "button", "aria-pressed": "false" });
  answer.addEventListener("click", () => {
    answer.setAttribute("aria-pressed", answer.getAttribute("aria-pressed") === "false");
    draw();
  });
  const verdict = element("p", { class: "verdict", "aria-live": "polite" });

  // A new sentence or span is guessed anew: what was uncovered is covered again.
  function hideAnew(changes) {
    answer.setAttribute("aria-pressed", "false");
    kernel.change(changes);
  }

  function draw() {
    const shown = model.get("shown");
    const open = answer.getAttribute("aria-pressed") === "true";
    const last = shown.start + shown.length;
    const total = shown.tokens.length;
    start.input.max = Math.max(1, total - 1 - shown.length);
    length.input.max = Math.max(1, Math.min(model.get("longest"), total - 2));
    if (kernel.answered()) { // a slider that was moved on stays where it is
      start.input.value = shown.start;
      length.input.value = shown.length;
    }
    start.value.textContent = total ? `number ${shown.start + 1} of ${total}` : "";
    length.value.textContent = shown.length;
    answer.textContent = open ? "Cover the hidden words" : "Show the hidden words";
    answer.disabled = start.input.disabled = length.input.disabled = !total;

    strip.replaceChildren(
      ...shown.tokens.map((token, i) => {
        const hidden = i >= shown.start && i < last;
        const boundary =
          (i === shown.start - 1 && shown.left !== null) || (i === last && shown.right !== null);
        const kind = hidden ? "token masked" : boundary ? "token boundary" : "token";
        return element("span", { class: kind }, token);
      }),
    );
    let right = 0;
    columns.replaceChildren(
      ...shown.guesses.map((guesses, i) => {
        const correct = guesses[0][0] === shown.answers[i];
        right += correct ? 1 : 0;
        const rows = guesses.map(([word, share]) => {
          const bar = element("span", { class: "bar" });
          bar.style.width = `${Math.round(100 * share)}%`;
          return element("li", {}, bar, element("b", {}, word), ` ${wholePercent(share)}`);
        });
        const title = open ? `${correct ? "✓" : "✗"} ${shown.answers[i]}` : `hidden word ${i + 1}`;
        return element("div", { class: "column" }, element("h4", {}, title), element("ol", {}, ...rows));
      }),
    );
    const seen = [shown.left, shown.right].filter((word) => word !== null);
    const from = seen.length ? `From “${seen.join("” and “")}”` : "From no neighbour at all";
    if (!total) verdict.textContent = "";
    else verdict.textContent = open
      ? `${from}: the first guess is right for ${right} of ${shown.length}.`
      : `${from}: guess yourself before you look.`;
  }

  const kernel = asking(model, draw);
  keepKeys(el);
  el.classList.add("hidden-span");
  el.append(
    element("div", { class: "controls" }, choice, typed),
    element("div", { class: "controls" }, start.row, length.row),
    element(
      "div",
      { class: "controls" },
      side("see_left", "use the word on the left"),
      side("see_right", "use the word on the right"),
      answer,
    ),
    message,
    strip,
    verdict,
    columns,
  );
  draw();
}

export default { render };
