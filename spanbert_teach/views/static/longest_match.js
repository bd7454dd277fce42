// The longest-match view: the kernel sends all look-ups of a word at once, this file steps through
// them, so a step waits for no kernel.

const LETTERS_DRAWN = 200;

// A long text by its beginning and end; by code points, as in Python.
function bothEnds(text) {
  const letters = [...text];
  if (letters.length <= 40) return text;
  return letters.slice(0, 24).join("") + "…" + letters.slice(-12).join("");
}

// What stands in a cell: a mark that combines gets a circle to stand on, what is invisible its number.
function visible(letter) {
  if (/\p{M}/u.test(letter)) return "◌" + letter;
  if (!/[\p{C}\p{Z}]/u.test(letter)) return letter;
  return "U+" + letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

function render({ model, el }) {
  let shown = model.get("shown");
  let step = 1; // look-ups made so far; the first is shown at once
  let cells = [];
  let chips = [];
  let logged = null; // the first look-up in the list that is drawn

  const examples = model.get("examples");
  const typed = textField("your own word", { class: "typed" });
  typed.value = model.get("settings").text;
  const choice = chooser({
    name: "example word", own: "(your own word)", examples, labels: examples.map(bothEnds), field: typed,
    take: (text) => kernel.change({ text }),
  });

  const go = (to) => {
    const wanted = Math.min(Math.max(1, to), shown.lookups.length);
    if (wanted === step) return;
    step = wanted;
    draw();
  };
  const { input, value: position } = slider("look-up", {}, (number) => go(number));
  const button = (name, to) => {
    const node = element("button", { type: "button" }, name);
    node.addEventListener("click", () => go(to()));
    return node;
  };
  const back = [button("first", () => 1), button("back", () => step - 1)];
  const next = [button("next", () => step + 1), button("to the end", () => shown.lookups.length)];

  const strip = element("div", {
    class: "strip", tabindex: 0, role: "group",
    "aria-label": "the word; arrow keys go through the look-ups",
  });
  strip.addEventListener("keydown", (event) => {
    const to = keyTarget(event, { ArrowLeft: step - 1, ArrowRight: step + 1, Home: 1, End: Infinity });
    if (to !== undefined) go(to);
  });
  const question = element("p", { class: "question" });
  const log = element("ol", { class: "log", tabindex: 0, "aria-label": "look-ups of this piece" });
  const logTitle = element("h4");
  const pieces = element("div", { class: "pieces" });
  const piecesTitle = element("h4", {}, "Pieces so far, with their ids");
  const result = element("p", { class: "result" });
  const spoken = element("p", { class: "spoken", "aria-live": "polite" });
  const message = messageLine(model);
  const problem = element("p", { class: "problem", role: "alert" });

  const textOf = ([start, end, , text]) =>
    text || (start ? "##" : "") + shown.letters.slice(start, end).join("");
  const verdict = (found) =>
    element("span", { class: found ? "verdict yes" : "verdict no" }, found ? "✓ yes" : "✗ no");
  const looked = (text) => element("span", { class: "text" }, text);

  // Which piece the look-up `step` is for: its number, and which look-ups are its own.
  function current() {
    const last = shown.pieces.findIndex((piece) => piece.first < step && step <= piece.last);
    if (last >= 0) return { number: last, ...shown.pieces[last] };
    const done = shown.pieces.length ? shown.pieces[shown.pieces.length - 1].last : 0;
    return { number: shown.pieces.length, token: null, first: done, last: shown.lookups.length };
  }

  // What follows from a look-up, in words.
  function consequence(piece) {
    const [start, end, found] = shown.lookups[step - 1];
    const after = shown.lookups[step];
    const ended = step === shown.lookups.length;
    if (piece.token !== null && step === piece.last) {
      const rest = shown.letters.slice(piece.end).join("");
      const taken = found && end === piece.end ? "the piece is taken" : `taken: ${bothEnds(piece.token)}`;
      return rest ? `${taken}; the rest, “${bothEnds(rest)}”, goes on` : `${taken}; nothing is left`;
    }
    if (ended) return shown.problem ? "here the search stopped" : "the search ends";
    if (start < 0) return "(no part of what is left of the word)";
    if (after[0] === start && after[1] === end - 1) return "one letter shorter";
    if (after[0] === start && after[1] === end + 1) return "one letter longer";
    return "the search goes on";
  }

  function draw() {
    const total = shown.lookups.length;
    const ended = step >= total;
    input.value = step;
    position.textContent = total ? `look-up ${grouped(step)} of ${grouped(total)}` : "no look-ups";
    // Not `disabled`: that would take the focus away from someone who presses Enter there.
    for (const node of back) node.setAttribute("aria-disabled", step <= 1);
    for (const node of next) node.setAttribute("aria-disabled", ended);

    const piece = current();
    const lookup = total ? shown.lookups[step - 1] : [-1, -1, false, ""];
    const [start, end] = lookup;
    const known = shown.pieces.filter((p) => p.last <= step || (ended && !shown.problem));
    const owner = [];
    known.forEach((p, k) => {
      for (let i = p.start; i < p.end; i++) owner[i] = k;
    });
    cells.forEach((cell, i) => {
      const marked = i >= start && i < end;
      cell.classList.toggle("taken", owner[i] !== undefined);
      cell.classList.toggle("begin", owner[i] !== undefined && owner[i] !== owner[i - 1]);
      cell.classList.toggle("looked", marked);
      cell.classList.toggle("from", marked && i === start);
      cell.classList.toggle("to", marked && i === end - 1);
    });
    const dropped = ended && shown.unknown !== null;
    chips.forEach((chip, k) => {
      const unknown = k === shown.pieces.length;
      chip.classList.toggle("absent", unknown ? !dropped : k >= known.length);
      chip.classList.toggle("dropped", dropped && !unknown);
    });
    result.classList.toggle("absent", !ended);
    const newest = chips.findLast((chip) => !chip.classList.contains("absent"));
    pieces.scrollTop = newest ? newest.offsetTop + newest.offsetHeight - pieces.clientHeight : 0;

    if (!total) {
      question.replaceChildren(shown.word ? "No look-up to step through." : "");
      log.replaceChildren();
      logTitle.textContent = "Look-ups";
      logged = null;
      spoken.textContent = shown.result;
      return;
    }
    const text = textOf(lookup);
    const then = consequence(piece);
    question.replaceChildren(
      "Is ", looked(bothEnds(text)), " in the vocabulary? ", verdict(lookup[2]),
      element("span", { class: "then" }, `→ ${then}`),
    );
    spoken.textContent =
      `Look-up ${step} of ${total}: is ${text} in the vocabulary? ${lookup[2] ? "Yes" : "No"}, ${then}.` +
      (ended ? ` ${shown.result}` : "");
    logTitle.textContent = `Look-ups for piece ${piece.number + 1}`;
    // A piece may take hundreds of look-ups: only what is new is drawn.
    if (logged !== piece.first) log.replaceChildren();
    logged = piece.first;
    while (log.children.length > step - piece.first) log.lastChild.remove();
    const fresh = [];
    for (let i = piece.first + log.children.length; i < step; i++) {
      const found = shown.lookups[i][2];
      const text = looked(bothEnds(textOf(shown.lookups[i])));
      fresh.push(element("li", {}, `${grouped(i + 1)}. ${found ? "✓" : "✗"} `, text));
    }
    log.append(...fresh);
    log.scrollTop = log.scrollHeight;
  }

  function begin() {
    shown = model.get("shown");
    step = Math.min(1, shown.lookups.length);
    logged = null;
    input.max = Math.max(1, shown.lookups.length);
    input.disabled = shown.lookups.length < 2;
    cells = shown.letters
      .slice(0, LETTERS_DRAWN)
      .map((letter) => element("span", { class: "letter" }, visible(letter)));
    // As wide as its last text, so that the slider beside it keeps its width.
    position.style.minWidth = `${13 + 2 * grouped(shown.lookups.length).length}ch`;
    const left = shown.letters.length - cells.length;
    strip.replaceChildren(...cells, left > 0 ? ` … and ${grouped(left)} more letters` : "");
    const chip = (token, id) =>
      element("span", { class: "chip" }, element("b", {}, bothEnds(token)), ` ${id < 0 ? "no id" : id}`);
    chips = shown.pieces.map((piece) => chip(piece.token, piece.id));
    if (shown.unknown !== null) chips.push(chip("[UNK]", shown.unknown));
    // All chips and the result are there from the start, unseen: nothing jumps when they come.
    pieces.replaceChildren(...chips);
    result.textContent = shown.result;
    problem.textContent = shown.problem && `✗ ${shown.problem}`;
    draw();
  }

  const kernel = asking(model, begin);
  keepKeys(el);
  el.classList.add("longest-match");
  el.append(
    element("div", { class: "controls" }, choice, typed),
    message,
    problem,
    strip,
    element("div", { class: "controls" }, ...back, ...next, input, position),
    question,
    element(
      "div",
      { class: "columns" },
      element("div", { class: "column" }, logTitle, log),
      element("div", { class: "column" }, piecesTitle, pieces, result),
    ),
    spoken,
  );
  begin();
}

export default { render };
