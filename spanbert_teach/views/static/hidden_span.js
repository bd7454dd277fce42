// The hidden span view: the kernel sends words and shares, this file draws them.
// Every text is set with textContent: a token `<script>` is shown, never run.

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function render({ model, el }) {
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };

  const choice = element("select", { "aria-label": "example sentence" });
  choice.append(element("option", { value: -1 }, "(your own sentence)"));
  model.get("examples").forEach((text, i) => {
    choice.append(element("option", { value: i }, text.length > 70 ? text.slice(0, 69) + "…" : text));
  });
  choice.value = 0;
  choice.addEventListener("change", () => {
    typed.value = model.get("examples")[choice.value] ?? "";
    set("text", typed.value);
  });
  const typed = element("input", { type: "text", "aria-label": "your own sentence", class: "typed" });
  typed.value = model.get("text");
  typed.addEventListener("input", () => {
    choice.value = -1;
    set("text", typed.value);
  });

  const slider = (name, label) => {
    const input = element("input", { type: "range", min: 1, step: 1, "data-name": name });
    const value = element("output");
    input.addEventListener("input", () => set(name, Number(input.value)));
    return { input, value, row: element("label", {}, label, input, value) };
  };
  const start = slider("start", "first hidden word");
  const length = slider("length", "words hidden");
  const side = (name, label) => {
    const box = element("input", { type: "checkbox", "data-name": name });
    box.checked = model.get(name);
    box.addEventListener("change", () => set(name, box.checked));
    return element("label", {}, box, label);
  };

  const strip = element("div", { class: "strip" });
  const columns = element("div", { class: "columns" });
  const answer = element("button", { type: "button", "aria-pressed": "false" }, "Show the hidden words");
  answer.addEventListener("click", () => {
    answer.setAttribute("aria-pressed", answer.getAttribute("aria-pressed") === "false");
    draw();
  });
  const verdict = element("p", { class: "verdict", "aria-live": "polite" });
  const message = element("p", { class: "message", role: "alert" });

  // A new sentence or span is guessed anew: what was uncovered is covered again.
  function cover() {
    answer.setAttribute("aria-pressed", "false");
  }

  function draw() {
    const shown = model.get("shown");
    message.textContent = model.get("message");
    const open = answer.getAttribute("aria-pressed") === "true";
    const last = shown.start + shown.length;
    const total = shown.tokens.length;
    start.input.max = Math.max(1, total - 1 - shown.length);
    length.input.max = Math.max(1, Math.min(model.get("longest"), total - 2));
    start.input.value = shown.start;
    length.input.value = shown.length;
    start.value.textContent = `number ${shown.start + 1} of ${total}`;
    length.value.textContent = shown.length;
    answer.textContent = open ? "Cover the hidden words" : "Show the hidden words";

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
          const percent = `${(100 * share).toFixed(0)}%`;
          return element("li", {}, bar, element("b", {}, word), " ", percent);
        });
        const title = open ? `${correct ? "✓" : "✗"} ${shown.answers[i]}` : `hidden word ${i + 1}`;
        return element("div", { class: "column" }, element("h4", {}, title), element("ol", {}, ...rows));
      }),
    );
    const seen = [shown.left, shown.right].filter((word) => word !== null);
    const from = seen.length ? `From “${seen.join("” and “")}”` : "From no neighbour at all";
    const empty = total === 0;
    answer.disabled = start.input.disabled = length.input.disabled = empty;
    if (empty) verdict.textContent = start.value.textContent = "";
    else verdict.textContent = open
      ? `${from}: the first guess is right for ${right} of ${shown.length}.`
      : `${from}: guess yourself before you look.`;
  }

  // JupyterLab would take the arrow keys away from the sliders.
  el.addEventListener("keydown", (event) => event.stopPropagation());
  for (const name of ["text", "start", "length"]) model.on(`change:${name}`, cover);
  model.on("change:shown", draw);
  model.on("change:message", draw);
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
