// The ripple view: the kernel runs the models and sends how far each hidden state moved; this file
// draws it. Every text is set with textContent: a piece `<script>` is shown, never run.

const REACHED = 0.001; // as in ripple.py
const LONGEST_TEXT = 2000; // as in ripple.py; the kernel cuts too
const PATIENCE = 6000; // ms without an answer, then the next state is sent all the same
const HINT =
  "Click a piece below the grid, or go there with the Tab key and the arrow keys, to change it. Point at a dot, or go through the grid with the arrow keys, to read its number.";

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A long text by its beginning, so that a line stays a line.
function shorten(text, most = 60) {
  const letters = [...text];
  return letters.length <= most ? text : letters.slice(0, most - 1).join("") + "…";
}

function render({ model, el }) {
  let settings = { ...model.get("settings") };
  let shown = model.get("shown");
  let waiting = null;
  let pending = false;
  let chosen = 0; // which model
  let frame = ""; // what the grid was built for
  let length = 0;
  let cells = []; // [state][column]: the dots
  let pieces = []; // the buttons below, both sentences'
  let selected = null; // [state, column] that the keys have reached
  let hovered = null;

  // Only the newest state goes out, and only when the kernel has answered the one before.
  function flush() {
    pending = false;
    settings.number = Math.max(settings.number, model.get("settings").number, shown.answer) + 1;
    model.set("settings", { ...settings });
    model.save_changes();
    waiting = setTimeout(answered, PATIENCE);
    busy(true);
  }
  function answered() {
    clearTimeout(waiting);
    waiting = null;
    if (pending) flush();
    else busy(false);
  }
  function send(changes) {
    Object.assign(settings, changes);
    if (waiting === null) flush();
    else pending = true;
  }
  const computing = element("span", { class: "computing", "aria-hidden": "true" }, "computing …");
  function busy(on) {
    computing.classList.toggle("absent", !on);
    el.setAttribute("aria-busy", on);
  }

  // --- controls
  const sentences = model.get("sentences");
  const field = (label, attributes = {}) => element("input", {
    type: "text", "aria-label": label, spellcheck: "false", autocomplete: "off", autocapitalize: "off", ...attributes,
  });
  function sentence(key, name) {
    const choice = element("select", { "aria-label": `example for ${name}` });
    choice.append(element("option", { value: -1 }, "(your own)"));
    sentences.forEach((text, i) => choice.append(element("option", { value: i }, shorten(text, 40))));
    const typed = field(name, { class: "typed" });
    typed.value = settings[key];
    choice.value = sentences.indexOf(settings[key]);
    choice.addEventListener("change", () => {
      if (choice.value < 0) return typed.focus();
      typed.value = sentences[choice.value];
      send({ [key]: typed.value });
    });
    typed.addEventListener("input", () => {
      choice.value = -1;
      send({ [key]: typed.value.slice(0, LONGEST_TEXT + 1) });
    });
    return element("div", { class: "controls" }, element("span", { class: "which" }, name), choice, typed);
  }
  const old = element("b");
  const replacement = field("the piece in its place", { class: "replacement" });
  replacement.value = settings.new;
  replacement.addEventListener("input", () => send({ new: replacement.value.slice(0, 200) }));

  const names = model.get("names");
  const choices = names.map((name, i) => {
    const button = element("button", { type: "button", role: "radio", class: "model" }, name);
    button.addEventListener("click", () => choose(i));
    return button;
  });
  const choice = element("div", { class: "models", role: "radiogroup", "aria-label": "model" }, ...choices);
  choice.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    choose((chosen + step + names.length) % names.length);
    choices[chosen].focus();
  });
  function choose(i) {
    chosen = i;
    draw();
  }
  const numbers = element("input", { type: "checkbox" });
  numbers.addEventListener("change", () => grid.classList.toggle("numbers", numbers.checked));

  const message = element("p", { class: "message", role: "status" });
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
      if (!pending) Object.assign(settings, { sentence: shown.sentence, place: shown.place });
    }
    draw();
  }

  // --- pointer and keys
  const pick = (column) => send({ sentence: column < length ? 0 : 1, place: column % length });
  row.addEventListener("click", (event) => {
    const box = event.target.closest(".piece");
    if (box) pick(Number(box.dataset.column));
  });
  row.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || !pieces.length) return;
    const at = pieces.findIndex(({ box }) => box === document.activeElement);
    const targets = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: 2 * length - 1 };
    if (event.key === "ArrowUp") {
      event.preventDefault();
      return cells[0][Math.max(0, at)].box.focus();
    }
    if (!(event.key in targets)) return;
    event.preventDefault();
    const column = Math.min(Math.max(0, targets[event.key]), 2 * length - 1);
    pieces[column].box.focus();
    pick(column);
  });
  const atOf = (node) => node.closest(".cell")?.dataset.at.split(" ").map(Number) ?? null;
  grid.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const [state, column] = atOf(event.target) ?? [0, 0];
    const moves = {
      ArrowLeft: [state, column - 1], ArrowRight: [state, column + 1], ArrowUp: [state + 1, column],
      ArrowDown: [state - 1, column], Home: [state, 0], End: [state, 2 * length - 1],
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const [toState, toColumn] = moves[event.key];
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
  // The keyboard may scroll other cells below a pointer that rests: that is no pointing.
  let rests = "";
  grid.addEventListener("pointermove", (event) => {
    const spot = `${event.clientX} ${event.clientY}`;
    if (spot === rests) return;
    rests = spot;
    const at = atOf(event.target);
    if (`${at}` === `${hovered}`) return;
    hovered = at;
    point();
  });
  grid.addEventListener("pointerleave", () => {
    hovered = null;
    point();
  });
  el.addEventListener("keydown", (event) => {
    event.stopPropagation(); // JupyterLab would take the arrow keys away
    if (event.key !== "Escape" || !(selected ?? hovered)) return;
    event.preventDefault();
    hovered = null;
    if (selected) pieces[changed()].box.focus();
    else point();
  });

  model.on("change:shown", () => {
    begin();
    if (shown.answer >= settings.number) answered();
  });
  const showMessage = () => {
    message.textContent = model.get("message");
  };
  model.on("change:message", showMessage);

  el.classList.add("ripple");
  el.append(
    sentence("first", "sentence 1"), sentence("second", "sentence 2"),
    element("div", { class: "controls" }, element("label", {}, element("span", {}, "put"), replacement, element("span", {}, "in place of "), old),
      computing),
    message,
    element("div", { class: "controls" }, choice, element("label", {}, numbers, element("span", {}, "all numbers"))),
    verdict, element("div", { class: "wide" }, chart), explain, more,
  );
  busy(false);
  showMessage();
  begin();
}

export default { render };
