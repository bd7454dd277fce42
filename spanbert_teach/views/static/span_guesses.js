// The span guesses view: the kernel runs the models and sends probabilities; this file draws them.
// A column is the place of a piece in the text, [CLS] being 0; a span is [start, end), as in
// span_guesses.py.

const SOON = 150; // ms: an answer that comes earlier needs no sign that it is on its way
const HINT =
  "Click the first piece of a span, then its last. With the keys: Tab to the pieces, arrow keys to move, Enter at the first and at the last; or Shift and an arrow key to stretch the span.";
const HEADS = {
  mlm: { name: "MLM", reads: () => "each piece from its own hidden state" },
  sbo: { name: "SBO", reads: (left, right) => `from “${left}”, “${right}” and the position` },
};

function render({ model, el }) {
  let shown = model.get("shown");
  let late = null;
  let drawn = ""; // the text that the strip was built for
  let chips = []; // by column; [CLS] and [SEP] are no buttons
  let span = [0, 0];
  let focused = 1;
  let anchor = null; // the first piece, while the last is to be clicked
  let stretch = null; // where Shift and an arrow key began
  let drag = null;
  let dragged = false;
  let limited = false;
  const on = new Set(model.get("settings").models); // which models are shown
  const names = model.get("names");
  const most = model.get("most");

  function busy(yes) {
    el.setAttribute("aria-busy", yes);
    if (yes) late ??= setTimeout(() => el.classList.add("late"), SOON);
    else {
      clearTimeout(late);
      late = null;
      el.classList.remove("late");
    }
  }

  // --- controls
  const typed = textField("sentence", { class: "typed" });
  typed.value = model.get("settings").text;
  typed.addEventListener("input", () => {
    anchor = stretch = null;
    kernel.change({ text: typed.value.slice(0, MOST_SENT) });
  });
  const reset = element("button", { type: "button", class: "reset" }, "reset");
  reset.title = "back to the first sentence and its span";
  reset.addEventListener("click", () => {
    const { text, start, end } = model.get("first");
    typed.value = text;
    anchor = stretch = null;
    kernel.change({ text, start, end });
  });
  const computing = element("span", { class: "computing", "aria-hidden": "true" }, "computing …");

  const choices = names.map((name, i) => {
    const button = element("button", { type: "button", class: "choice" }, element("span", { class: "tick", "aria-hidden": "true" }), name);
    button.addEventListener("click", () => {
      if (!on.has(i)) on.add(i);
      else if (on.size > 1) on.delete(i);
      else return;
      draw();
      kernel.change({ models: [...on].sort() });
    });
    return button;
  });
  const choice = element("div", { class: "choices", role: "group", "aria-label": "models to show" }, ...choices);
  const message = messageLine(model);
  const hint = element("p", { class: "hint", "aria-live": "polite" });
  const strip = element("div", { class: "strip", role: "group", "aria-label": "the pieces of the sentence; the hidden ones are pressed" });
  const verdict = element("p", { class: "verdict", "aria-live": "polite" });
  const results = element("div", { class: "results" });

  // --- the strip
  function build() {
    const last = shown.tokens.length - 1;
    chips = shown.tokens.map((token, column) => {
      const edge = column === 0 || column === last;
      const own = element("span", { class: "own" }, token);
      const mask = element("span", { class: "mask", "aria-hidden": "true" }, "[MASK]");
      const under = element("span", { class: "under", "aria-hidden": "true" });
      const box = edge
        ? element("span", { class: "piece edge", "data-column": column }, own, under)
        : element("button", { type: "button", class: "piece", "data-column": column, tabindex: -1 }, own, mask, under);
      box.classList.toggle("inner", token.startsWith("##"));
      return { box, own, under, edge, marked: null };
    });
    strip.replaceChildren(...chips.map((chip) => chip.box));
  }

  // What a piece is now: hidden, a boundary, or no boundary because it is [CLS] or [SEP].
  function roleOf(column) {
    if (column >= span[0] && column < span[1]) return "hidden";
    const side = column === span[0] - 1 ? "left" : column === span[1] ? "right" : "";
    return side && chips[column].edge ? `no ${side}` : side;
  }
  const UNDER = { left: "left ▸", right: "◂ right", "no left": "✗ left", "no right": "✗ right" };
  const SAID = { hidden: ", hidden", left: ", left boundary", right: ", right boundary" };

  function mark() {
    chips.forEach((chip, column) => {
      const role = roleOf(column);
      chip.box.classList.toggle("anchor", column === anchor);
      if (chip.marked === role) return;
      chip.marked = role;
      const hidden = role === "hidden";
      chip.box.classList.toggle("hidden", hidden);
      chip.box.classList.toggle("boundary", role === "left" || role === "right");
      const token = shown.tokens[column];
      chip.under.textContent = hidden ? token : UNDER[role] ?? shown.under[column];
      if (chip.edge) return;
      chip.box.setAttribute("aria-pressed", hidden);
      chip.box.setAttribute("aria-label", `${token}${SAID[role] ?? ""}`);
    });
    const from = anchor === null ? null : shown.tokens[anchor];
    hint.textContent = [
      limited ? `At most ${most} pieces can be hidden at once.` : "",
      from === null ? HINT : `“${shorten(from, 16)}” is the first. Now click the last piece of the span, or the same again for a span of one (Esc: leave it at that).`,
    ].join(" ").trim();
  }

  function focusOn(column, really = true) {
    const last = chips.length - 2;
    if (chips[focused]?.edge === false) chips[focused].box.tabIndex = -1;
    focused = Math.min(Math.max(1, column), Math.max(1, last));
    if (chips[focused]?.edge !== false) return;
    chips[focused].box.tabIndex = 0;
    if (really) chips[focused].box.focus();
  }

  // From one piece to another, whichever comes first; cut at the far end.
  function choose(from, to) {
    limited = Math.abs(to - from) + 1 > most;
    if (limited) to = from + (to > from ? most - 1 : 1 - most);
    const chosen = [Math.min(from, to), Math.max(from, to) + 1];
    const same = chosen[0] === span[0] && chosen[1] === span[1];
    span = chosen;
    mark();
    if (!same) kernel.change({ start: span[0], end: span[1] });
  }

  strip.addEventListener("click", (event) => {
    const box = event.target.closest("button.piece");
    if (!box || dragged) return;
    const column = Number(box.dataset.column);
    focusOn(column);
    stretch = null;
    if (event.shiftKey || anchor !== null) {
      const from = anchor ?? span[0];
      anchor = null;
      choose(from, column);
    } else {
      anchor = column;
      choose(column, column);
    }
  });
  strip.addEventListener("keydown", (event) => {
    if (!chips.length) return;
    const to = keyTarget(event, {
      ArrowLeft: focused - 1, ArrowRight: focused + 1, ArrowUp: above(-1), ArrowDown: above(1),
      Home: 1, End: chips.length - 2,
    });
    if (to === undefined) return;
    const from = stretch ?? anchor ?? focused;
    focusOn(to);
    if (event.shiftKey) {
      stretch = from;
      anchor = null;
      choose(from, focused);
    } else {
      stretch = null;
    }
  });

  // The piece in the row above or below that is nearest to the focused one.
  function above(step) {
    const box = chips[focused]?.box;
    if (!box) return focused;
    const middle = (node) => node.offsetLeft + node.offsetWidth / 2;
    let found = focused;
    let row = null;
    for (let i = focused + step; i >= 1 && i <= chips.length - 2; i += step) {
      const other = chips[i].box;
      if (other.offsetTop === box.offsetTop) continue;
      row ??= other.offsetTop;
      if (other.offsetTop !== row) break;
      if (found === focused || Math.abs(middle(other) - middle(box)) < Math.abs(middle(chips[found].box) - middle(box))) found = i;
    }
    return found;
  }

  // Drawing over the pieces with the pointer is a third way.
  strip.addEventListener("pointerdown", (event) => {
    const box = event.target.closest("button.piece");
    drag = box && event.button === 0 && !event.shiftKey ? Number(box.dataset.column) : null;
    dragged = false;
  });
  strip.addEventListener("pointerover", (event) => {
    if (drag === null) return;
    if (!(event.buttons & 1)) {
      drag = null;
      return;
    }
    const box = event.target.closest("button.piece");
    if (!box || (!dragged && Number(box.dataset.column) === drag)) return;
    dragged = true;
    anchor = stretch = null;
    focusOn(Number(box.dataset.column), false);
    choose(drag, Number(box.dataset.column));
  });
  strip.addEventListener("pointerup", () => {
    drag = null;
    setTimeout(() => { dragged = false; }); // after the click that may follow
  });

  // --- the guesses
  function cell(place) {
    const list = element("ol", {}, ...place.guesses.map(([piece, share, right]) => {
      const bar = element("span", { class: "bar", "aria-hidden": "true" });
      bar.style.width = `${100 * share}%`;
      const name = element("span", { class: "name", title: piece }, right ? "✓ " : "", piece);
      const node = element("li", { class: "guess" }, bar, name, element("span", { class: "share" }, percent(share)));
      node.classList.toggle("right", right);
      if (right) node.setAttribute("aria-label", `${piece}, right, ${percent(share)}`);
      return node;
    }));
    const node = element("td", {}, list, element("p", { class: "true" }, `true: rank ${grouped(place.rank)}, ${percent(place.share)}`));
    node.classList.toggle("hit", place.guesses[0][2]);
    return node;
  }

  // The columns are equally wide in all tables; what is left of a row is one empty cell.
  const rest = () => element("td", { class: "rest", "aria-hidden": "true" });

  function row(head, found, one) {
    const { name, reads } = HEADS[head];
    const count = shown.end - shown.start;
    const title = element("th", { scope: "row" }, element("b", { class: "head" }, name));
    const node = element("tr", { class: head }, title);
    if (!found) {
      const why = `${one.failed ? "✗ " : ""}${one.why_not}`;
      node.append(element("td", { colspan: count + 1, class: "why" }, element("p", {}, why)));
      node.classList.toggle("bad", one.failed);
      node.classList.toggle("never", one.why_not.includes("no SBO head"));
      return node;
    }
    const [left, right] = [shown.tokens[shown.start - 1], shown.tokens[shown.end]].map((token) => shorten(token, 12));
    title.append(
      element("span", { class: "reads" }, reads(left, right)),
      element("span", { class: "score" }, `first guess right: ${found.right} of ${count}`),
      element("span", { class: "loss" }, `loss ${found.loss.toFixed(2)} nats`),
    );
    node.append(...found.places.map(cell), rest());
    return node;
  }

  function section(one) {
    const title = element("h4", {}, one.name, element("span", { class: "more" }));
    const node = element("section", { class: "one", "aria-label": one.name }, title);
    if (one.problem) {
      node.append(element("p", { class: "problem" }, `✗ ${one.problem}`));
      return node;
    }
    const true_ = shown.tokens.slice(shown.start, shown.end).map((token, i) =>
      element("th", { scope: "col" }, element("b", { title: token }, token), element("small", {}, `position ${i + 1}`)));
    const table = element("table", {},
      element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "corner" }, "hidden piece"), ...true_, rest())),
      element("tbody", {}, row("mlm", one.mlm, one), row("sbo", one.sbo, one)));
    node.append(element("div", { class: "wide", tabindex: 0, role: "region", "aria-label": `guesses of ${one.name}` }, table));
    return node;
  }

  // A table that is wider than its place says so: not every system shows a scroll bar.
  function fit() {
    for (const node of results.querySelectorAll(".wide")) {
      const over = node.scrollWidth > node.clientWidth + 1;
      const count = shown.end - shown.start;
      node.parentNode.querySelector(".more").textContent = over ? ` → scroll sideways for all ${count} pieces` : "";
    }
  }

  function draw() {
    choices.forEach((button, i) => {
      button.setAttribute("aria-pressed", on.has(i));
      button.firstChild.textContent = on.has(i) ? "✓ " : "";
    });
    const chosen = shown.models.filter((one) => on.has(names.indexOf(one.name)));
    // How far a table was moved sideways outlasts the next answer.
    const moved = [...results.querySelectorAll(".wide")].map((node) => node.scrollLeft);
    results.replaceChildren(...chosen.map(section));
    results.querySelectorAll(".wide").forEach((node, i) => { node.scrollLeft = moved[i] ?? 0; });
    fit();
    const count = shown.end - shown.start;
    verdict.textContent = chosen.filter((one) => !one.problem).map((one) => {
      const sbo = one.sbo ? ` and for ${one.sbo.right} by SBO` : "";
      return `${one.name}: of ${count} hidden ${count === 1 ? "piece" : "pieces"}, the first guess is right for ${one.mlm.right} by MLM${sbo}.`;
    }).join(" ");
  }

  function begin() {
    shown = model.get("shown");
    const nothing = shown.tokens.length === 0;
    el.classList.toggle("nothing", nothing);
    const now = JSON.stringify([shown.tokens, shown.under]);
    if (now !== drawn) {
      const inside = strip.contains(document.activeElement);
      build();
      drawn = now;
      anchor = stretch = null;
      focusOn(shown.start, inside);
    }
    // While another state is on its way, the strip shows that one.
    if (kernel.answered() && !nothing) {
      if (span[0] !== shown.start || span[1] !== shown.end) limited = false;
      span = [shown.start, shown.end];
      Object.assign(kernel.settings, { start: shown.start, end: shown.end });
    }
    mark();
    draw();
  }

  keepKeys(el, () => {
    if (anchor === null) return false;
    anchor = null;
    mark();
    return true;
  });

  const kernel = asking(model, begin, busy);
  el.classList.add("span-guesses");
  el.append(
    element("div", { class: "controls" }, typed, reset), message, strip, hint,
    element("div", { class: "controls" }, element("span", { "aria-hidden": "true" }, "models:"), choice, computing),
    verdict, results,
  );
  begin();
  const observer = new ResizeObserver(fit);
  observer.observe(results);
  return () => observer.disconnect();
}

export default { render };
