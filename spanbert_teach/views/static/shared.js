// What all views share. `browser_side` (view.py) puts this text before a view's own; both are one
// module, so nothing of it is global in the page. Every text is set with textContent: a piece
// `<script>` is shown, never run.

const SVG = "http://www.w3.org/2000/svg";
const MOST_SENT = 10001; // characters of a text: no view uses more than 10,000, and tells of more
const PATIENCE = 6000; // ms without an answer, then the next question goes out all the same

// --- elements

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
const element = (tag, attributes = {}, ...children) =>
  build(document.createElement(tag), attributes, children);
const drawing = (tag, attributes = {}, ...children) =>
  build(document.createElementNS(SVG, tag), attributes, children);

function textField(label, attributes = {}) {
  return element("input", {
    type: "text", "aria-label": label, spellcheck: "false", autocomplete: "off", autocapitalize: "off", ...attributes,
  });
}

// A slider between its name and its value; `act` gets the number that it is moved to.
function slider(words, attributes, act) {
  const input = element("input", { type: "range", min: 1, step: 1, "aria-label": words, ...attributes });
  const value = element("output");
  input.addEventListener("input", () => act(Number(input.value)));
  return { input, value, row: element("label", {}, element("span", {}, words), input, value) };
}

// A list of examples for a field that also takes a text of one's own; the two follow each other.
// `take` gets the text, and the number of the example, -1 for a text of one's own.
function chooser({ name, own, examples, labels = examples, most = 60, field, take }) {
  const list = element("select", { "aria-label": name });
  list.append(...[own, ...labels].map((words, i) => element("option", { value: i - 1 }, shorten(words, most))));
  list.value = examples.indexOf(field.value);
  const taken = () => take(field.value.slice(0, MOST_SENT), Number(list.value));
  list.addEventListener("change", () => {
    if (list.value < 0) field.focus();
    else field.value = examples[list.value];
    taken();
  });
  field.addEventListener("input", () => {
    list.value = -1;
    taken();
  });
  return list;
}

// What the kernel says of the input.
function messageLine(model) {
  const node = element("p", { class: "message", role: "status" });
  const show = () => {
    node.textContent = model.get("message");
  };
  model.on("change:message", show);
  show();
  return node;
}

// --- texts; as in texts.py

const grouped = (number) => number.toLocaleString("en");

// A long text by its beginning, so that a line stays a line; by code points, as in Python.
function shorten(text, most) {
  const letters = [...text];
  return letters.length <= most ? text : letters.slice(0, most - 1).join("").trimEnd() + "…";
}

// One decimal below 10%. What is there is never a rounded 0%, what is missing no rounded 100%.
function percent(share) {
  if (share > 0 && share < 0.0005) return "<0.1%";
  if (share > 0.995) return share > 0.99995 ? "100%" : ">99%";
  return `${(100 * share).toFixed(share > 0 && share < 0.0995 ? 1 : 0)}%`;
}

// Without decimals, where they would say too much.
function wholePercent(share) {
  const value = Math.round(100 * share);
  return value === 0 && share > 0 ? "<1%" : `${value}%`;
}

// --- keys and pointer

// JupyterLab would take the arrow keys away. `escape` returns whether there was something to leave.
function keepKeys(el, escape = () => false) {
  el.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape" && escape()) event.preventDefault();
  });
}

// Where a key leads, of `{ key: target }`; undefined for all others, and with Ctrl, Alt or Meta.
function keyTarget(event, targets) {
  if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in targets)) return undefined;
  event.preventDefault();
  return targets[event.key];
}

// Tells of each pointer event whether the pointer moved: the keyboard may scroll other things below
// one that rests, and that is no pointing.
function pointerMoves() {
  let rests = "";
  return (event) => {
    const still = rests === `${event.clientX} ${event.clientY}`;
    rests = `${event.clientX} ${event.clientY}`;
    return !still;
  };
}

// --- the kernel

// Asks an AnsweringView (view.py) with `settings`, and calls `draw` at each answer. Only the newest
// settings go out, and only when the question before is answered: dragging a slider never queues
// up. `busy` hears whether an answer is due.
function asking(model, draw, busy = () => {}) {
  const settings = { ...model.get("settings") };
  let waiting = null;
  let pending = false;
  function ask() {
    pending = false;
    settings.number = Math.max(settings.number, model.get("shown").answer) + 1;
    model.set("settings", { ...settings });
    model.save_changes();
    waiting = setTimeout(next, PATIENCE);
    busy(true);
  }
  function next() {
    clearTimeout(waiting);
    waiting = null;
    if (pending) ask();
    else busy(false);
  }
  function change(changes) {
    Object.assign(settings, changes);
    if (waiting === null) ask();
    else pending = true;
  }
  model.on("change:settings", () => {
    if (!pending) Object.assign(settings, model.get("settings")); // set by a cell, or another view
  });
  model.on("change:shown", () => {
    draw();
    if (model.get("shown").answer >= settings.number) next();
  });
  busy(false);
  // Whether what is shown answers the settings as they are now.
  const answered = () => !pending && model.get("shown").answer >= settings.number;
  return { settings, change, answered };
}
