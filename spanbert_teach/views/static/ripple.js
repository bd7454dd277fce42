// The ripple view: the kernel runs the models and sends how far each hidden state moved; this file
// draws it.

const REACHED = 0.001; // as in ripple_state.py
const HINT =
  "Click a piece below the grid, or go there with the Tab key and the arrow keys, to change it. Point at a dot, or go through the grid with the arrow keys, to read its number.";

function render({ model, el }) {
  let shown = model.get("shown");
  let chosen = 0; // which model
  let frame = ""; // what the grid was built for
  let length = 0;
  let cells = []; // [state][column]: the dots
  let pieces = []; // the buttons below, both sentences'
  let selected = null; // [state, column] that the keys have reached
  let hovered = null;

  const computing = element("span", { class: "computing", "aria-hidden": "true" }, "computing …");
  function busy(on) {
    computing.classList.toggle("absent", !on);
    el.setAttribute("aria-busy", on);
  }

  // --- controls
  const examples = model.get("sentences");
  function sentence(key, name) {
    const typed = textField(name, { class: "typed" });
    typed.value = model.get("settings")[key];
    const choice = chooser({
      name: `example for ${name}`, own: "(your own)", examples, most: 40, field: typed,
      take: (text) => kernel.change({ [key]: text }),
    });
    return element("div", { class: "controls" }, element("span", { class: "which" }, name), choice, typed);
  }
  const old = element("b");
  const replacement = textField("the piece in its place", { class: "replacement" });
  replacement.value = model.get("settings").new;
  replacement.addEventListener("input", () => kernel.change({ new: replacement.value.slice(0, 200) }));

  const names = model.get("names");
  const choices = names.map((name, i) => {
    const button = element("button", { type: "button", role: "radio", class: "model choice" }, name);
    button.addEventListener("click", () => choose(i));
    return button;
  });
  const choice = element("div", { class: "choices", role: "radiogroup", "aria-label": "model" }, ...choices);
  choice.addEventListener("keydown", (event) => {
    const step = keyTarget(event, { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 });
    if (step === undefined) return;
    choose((chosen + step + names.length) % names.length);
    choices[chosen].focus();
  });
  function choose(i) {
    chosen = i;
    draw();
  }
  const numbers = element("input", { type: "checkbox" });
  numbers.addEventListener("change", () => grid.classList.toggle("numbers", numbers.checked));

  const message = messageLine(model);
  const verdict = element("p", { class: "verdict", "aria-live": "polite" });
  const explain = element("p", { class: "explain", "aria-live": "polite" });
  const grid = element("div", { class: "grid", role: "group", "aria-label": "how far each hidden state moved; the last layer is above" });
  const row = element("div", { class: "picks", role: "radiogroup", "aria-label": "the piece that changes" });
  const under = element("div", { class: "under", "aria-hidden": "true" });
  const chart = element("div", { class: "chart" }, grid, row, under);
  const body = element("tbody");
  const more = element("details", {}, element("summary", {}, "The numbers as a table"), element("div", { class: "wide" }, element("table", {}, body)));
  more.addEventListener("toggle", tabulate);

  const tokenOf = (column) => shown.tokens[column < length ? 0 : 1][column % length];
  const placeOf = (column) => `“${tokenOf(column)}” of sentence ${column < length ? 1 : 2}`;
  const stateName = (state) => (state ? `layer ${state}` : "embeddings");
  const changed = () => shown.sentence * length + shown.place;
  const valueOf = (state, column) => {
    const found = shown.models[chosen]?.changes[state];
    return found ? found[column < length ? 0 : 1][column % length] : null;
  };
  const digits = (value) => (value < REACHED ? "0" : value < 0.005 ? "<0.01" : value.toFixed(2));
  // In a cell there is room for three signs.
  const brief = (value) => (value < 0.995 ? digits(value).replace("0.", ".") : value.toFixed(1));

  // --- building
  function rebuild(states) {
    chart.style.setProperty("--count", length);
    cells = [];
    const rows = [];
    for (let state = states - 1; state >= 0; state--) {
      rows.push(element("span", { class: "state", "aria-hidden": "true" }, stateName(state)));
      cells[state] = [];
      for (let column = 0; column < 2 * length; column++) {
        const dot = element("span", { class: "dot" });
        const number = element("span", { class: "number" });
        const box = element("span", {
          class: `cell${column === length ? " second" : ""}`, role: "img", tabindex: -1, "data-at": `${state} ${column}`,
        }, dot, number);
        cells[state][column] = { box, dot, number };
        rows.push(box);
      }
    }
    grid.replaceChildren(...rows);
    pieces = Array.from({ length: 2 * length }, (_, column) => {
      const name = element("span", { class: "name" });
      const box = element("button", {
        type: "button", role: "radio", class: `piece${column === length ? " second" : ""}`, "data-column": column,
      }, name);
      return { box, name };
    });
    row.replaceChildren(element("span", { class: "state" }), ...pieces.map((piece) => piece.box));
    under.replaceChildren(
      element("span"),
      element("span", { class: "side" }, "sentence 1"),
      element("span", { class: "side second" }, "sentence 2"),
    );
    selected = hovered = null;
  }

  // --- drawing
  function draw() {
    const drawn = shown.models.length > 0;
    choices.forEach((button, i) => {
      button.setAttribute("aria-checked", i === chosen);
      button.setAttribute("tabindex", i === chosen ? 0 : -1);
    });
    chart.classList.toggle("absent", !drawn);
    if (!drawn) {
      verdict.textContent = "";
      explain.textContent = "";
      return;
    }
    const result = shown.models[chosen];
    verdict.textContent = result.problem ? `✗ ${result.problem}` : `${names[chosen]}: ${result.verdict}`;
    verdict.classList.toggle("bad", Boolean(result.problem));
    cells.forEach((line, state) => line.forEach((cell, column) => {
      const value = valueOf(state, column);
      const moved = value !== null && value >= REACHED;
      cell.box.classList.toggle("moved", moved);
      cell.box.classList.toggle("none", value === null);
      cell.box.classList.toggle("source", column === changed());
      cell.dot.style.setProperty("--size", moved ? Math.max(0.16, Math.sqrt(Math.min(1, value))) : 0);
      cell.dot.style.opacity = moved ? 0.35 + 0.65 * Math.min(1, value) : 1;
      cell.number.textContent = value === null ? "" : moved ? brief(value) : "·";
      cell.box.setAttribute("aria-label", value === null ? "no such layer" : `${stateName(state)}, ${placeOf(column)}: ${digits(value)}`);
    }));
    pieces.forEach(({ box, name }, column) => {
      const source = column === changed();
      const token = tokenOf(column);
      name.replaceChildren(...(source ? [element("s", {}, token), ` ${shown.new}`] : [token]));
      box.title = source ? `${token} → ${shown.new}` : token;
      box.setAttribute("aria-checked", source);
      box.setAttribute("tabindex", source ? 0 : -1);
      box.setAttribute("aria-label", source ? `${placeOf(column)}, replaced by “${shown.new}”` : placeOf(column));
    });
    old.textContent = `“${shorten(shown.old, 20)}”`;
    tabulate();
    point();
  }

  function point() {
    for (const node of grid.querySelectorAll(".pointed")) node.classList.remove("pointed");
    for (const { box } of pieces) box.classList.remove("looked");
    const at = hovered ?? selected;
    explain.classList.toggle("hint", !at);
    const stop = selected ?? [0, changed()];
    for (const node of grid.querySelectorAll("[tabindex='0']")) node.tabIndex = -1;
    if (cells[stop[0]]) cells[stop[0]][stop[1]].box.tabIndex = 0;
    if (!at) {
      explain.textContent = HINT;
      return;
    }
    const [state, column] = at;
    cells[state][column].box.classList.add("pointed");
    pieces[column].box.classList.add("looked");
    const value = valueOf(state, column);
    const where = `${state ? `Layer ${state}` : "Embeddings"}, ${placeOf(column)}`;
    explain.textContent =
      value === null ? `${where}: this model has no such layer.`
      : value < REACHED ? `${where}: did not move.`
      : `${where}: moved by ${digits(value)} of its own length.`;
  }

  function tabulate() {
    if (!more.open || !shown.models.length) return;
    const changes = shown.models[chosen].changes;
    body.replaceChildren(...changes.map((_, k) => changes.length - 1 - k).map((state) => element("tr", {},
      element("th", { scope: "row" }, stateName(state)),
      ...pieces.map((_, column) => element("td", {}, digits(valueOf(state, column)))))),
    element("tr", {}, element("td"), ...pieces.map((_, column) => element("th", { scope: "col" }, tokenOf(column)))));
  }

  function begin() {
    shown = model.get("shown");
    if (shown.models.length) {
      length = shown.tokens[0].length;
      const states = Math.max(1, ...shown.models.map((one) => one.changes.length));
      const now = `${length} ${states}`;
      if (now !== frame) rebuild(states);
      frame = now;
      if (kernel.answered()) Object.assign(kernel.settings, { sentence: shown.sentence, place: shown.place });
    }
    draw();
  }

  // --- pointer and keys
  const pick = (column) => kernel.change({ sentence: column < length ? 0 : 1, place: column % length });
  row.addEventListener("click", (event) => {
    const box = event.target.closest(".piece");
    if (box) pick(Number(box.dataset.column));
  });
  row.addEventListener("keydown", (event) => {
    if (!pieces.length) return;
    const at = pieces.findIndex(({ box }) => box === document.activeElement);
    const to = keyTarget(event, { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: "grid", Home: 0, End: 2 * length - 1 });
    if (to === undefined) return;
    if (to === "grid") return cells[0][Math.max(0, at)].box.focus();
    const column = Math.min(Math.max(0, to), 2 * length - 1);
    pieces[column].box.focus();
    pick(column);
  });
  const atOf = (node) => node.closest(".cell")?.dataset.at.split(" ").map(Number) ?? null;
  grid.addEventListener("keydown", (event) => {
    const [state, column] = atOf(event.target) ?? [0, 0];
    const to = keyTarget(event, {
      ArrowLeft: [state, column - 1], ArrowRight: [state, column + 1], ArrowUp: [state + 1, column],
      ArrowDown: [state - 1, column], Home: [state, 0], End: [state, 2 * length - 1],
    });
    if (to === undefined) return;
    const [toState, toColumn] = to;
    if (toState < 0) return pieces[changed()].box.focus();
    cells[toState]?.[toColumn]?.box.focus();
  });
  grid.addEventListener("focusin", (event) => {
    selected = atOf(event.target);
    hovered = null;
    point();
  });
  grid.addEventListener("focusout", () => {
    selected = null;
    point();
  });
  const moved = pointerMoves();
  grid.addEventListener("pointermove", (event) => {
    if (!moved(event)) return;
    const at = atOf(event.target);
    if (`${at}` === `${hovered}`) return;
    hovered = at;
    point();
  });
  grid.addEventListener("pointerleave", () => {
    hovered = null;
    point();
  });
  keepKeys(el, () => {
    if (!(selected ?? hovered)) return false;
    hovered = null;
    if (selected) pieces[changed()].box.focus();
    else point();
    return true;
  });

  const kernel = asking(model, begin, busy);
  el.classList.add("ripple");
  el.append(
    sentence("first", "sentence 1"), sentence("second", "sentence 2"),
    element("div", { class: "controls" }, element("label", {}, element("span", {}, "put"), replacement, element("span", {}, "in place of "), old),
      computing),
    message,
    element("div", { class: "controls" }, choice, element("label", {}, numbers, element("span", {}, "all numbers"))),
    verdict, element("div", { class: "wide" }, chart), explain, more,
  );
  begin();
}

export default { render };
