// The masking lab: the kernel sends numbers, this file draws them. A text comes once, with all its
// pieces; after a slider's move only what is masked, and the counts.

const SMALLEST = 0.62; // em: a random piece is not written smaller
const HINT =
  "Point at a masked piece, or come with the Tab key and use the arrow keys: its boundaries are shown.";

const PRESETS = [
  ["official", "official code"], ["paper", "paper’s text"], ["article", "blog article"],
];
const SCHEMES = [
  ["span", "geometric spans"], ["subword", "single pieces"], ["word", "whole words"],
  ["entity", "named entities"], ["noun_phrase", "noun phrases"],
];
const MISTAKES = [
  ["none", "none"], ["clip", "clip instead of renormalise"], ["piece", "80/10/10 per piece"],
  ["no_whole_words", "no whole words"], ["mask_only", "only ever [MASK]"],
  ["unlimited", "unlimited length"],
];
const SBO = "the span boundary objective (SBO, lesson 05)";
const KINDS = { m: "mask", r: "random", k: "keep" };
const SIGNS = { good: "✓", bad: "✗", other: "≠", none: "" };

// --- the strip of pieces -------------------------------------------------------------------------

function makeStrip(explain) {
  const layer = drawing("svg", { class: "arrows", "aria-hidden": "true" });
  const flow = element("div", { class: "flow" });
  const node = element("div", {
    class: "strip", role: "group",
    "aria-label": "the text in pieces; arrow keys go through the masked ones",
  }, flow, layer);
  let pieces = { number: null, tokens: [] };
  let shown = null;
  let cells = []; // one for each piece: its element, its two texts, and what they show now
  let ends = []; // the elements of [CLS] and [SEP]
  let masked = []; // places of the masked pieces, in order
  let spanOf = new Map(); // place of a masked piece -> its span
  let kindOf = new Map();
  let randomOf = new Map();
  let hovered = null;
  let active = null; // the masked piece that the Tab key comes to
  let marked = [];

  function makePiece(token, i) {
    const read = element("span", { class: "read" }, token);
    const under = element("span", { class: "under" }, pieces.under[i]);
    // An invisible copy keeps the width of the piece itself: no word moves when it is masked.
    const own = element("span", { class: "own", "aria-hidden": "true" }, token);
    const start = pieces.starts[i] === 1;
    const box = element("span", { class: `piece${start ? " start" : ""}`, "data-place": i }, own, read, under);
    return { box, read, under, start, state: "" };
  }

  function rebuild() {
    cells = pieces.tokens.map(makePiece);
    const special = (token) => element("span", { class: "piece special" }, element("span", { class: "read" }, token));
    ends = cells.length ? [special("[CLS]"), special("[SEP]")] : [];
    const words = [];
    for (const cell of cells) {
      if (cell.start || !words.length) words.push(element("span", { class: "word" }));
      words[words.length - 1].append(cell.box);
    }
    flow.replaceChildren(...(ends.length ? [ends[0], ...words, ends[1]] : []));
    node.scrollTop = 0;
  }

  function draw(newPieces, newShown) {
    if (newPieces.number !== pieces.number) {
      pieces = newPieces;
      active = hovered = null;
      rebuild();
    }
    shown = newShown;
    masked = [];
    spanOf = new Map();
    kindOf = new Map();
    const edges = new Set();
    const single = shown.scheme === "subword";
    for (const [start, end, predicted] of shown.spans ?? []) {
      for (let i = start; i < end; i++) {
        kindOf.set(i, shown.kinds[masked.length]);
        masked.push(i);
        spanOf.set(i, { start, end, predicted });
      }
      if (!single) edges.add(start - 1).add(end);
    }
    randomOf = new Map(shown.random ?? []);
    cells.forEach((cell, i) => {
      const kind = kindOf.get(i);
      const span = spanOf.get(i);
      const token = pieces.tokens[i];
      const read = kind === "m" ? "[MASK]" : (randomOf.get(i) ?? token);
      const first = span && i === span.start;
      const last = span && i === span.end - 1;
      const classes =
        (kind ? ` on ${KINDS[kind]}` : "") + (first ? " first" : "") + (last ? " last" : "") +
        (!kind && edges.has(i) ? " edge" : "");
      const state = `${classes}|${read}`;
      if (state === cell.state) return;
      cell.state = state;
      cell.box.className = `piece${cell.start ? " start" : ""}${classes}`;
      cell.read.textContent = read;
      cell.read.style.fontSize = "";
      cell.read.classList.remove("tight");
      cell.under.textContent = !kind ? pieces.under[i] : kind === "k" ? "kept" : token;
      if (kind === "r") cell.box.title = read;
      else cell.box.removeAttribute("title");
      if (kind) {
        const was = kind === "k" ? "kept as it is" : `in place of ${token}`;
        cell.box.setAttribute("tabindex", -1);
        cell.box.setAttribute("role", "group");
        cell.box.setAttribute("aria-roledescription", "masked piece");
        cell.box.setAttribute("aria-label", `${read}, ${was}`);
      } else {
        for (const name of ["tabindex", "role", "aria-roledescription", "aria-label"]) {
          cell.box.removeAttribute(name);
        }
      }
    });
    ends[0]?.classList.toggle("edge", edges.has(-1) && shown.max_sbo === null);
    ends[1]?.classList.toggle("edge", edges.has(cells.length) && shown.max_sbo === null);
    hovered = null;
    aim(masked.includes(active) ? active : (masked[0] ?? null));
    point();
    fit();
  }

  // A random piece may be longer than the one it stands for: it is written smaller until it fits,
  // but not too small; its whole name shows when it is pointed at.
  function fit() {
    const random = cells.filter((_, i) => kindOf.get(i) === "r");
    for (const { read } of random) read.style.fontSize = "";
    const rooms = random.map(({ read }) => read.clientWidth / read.scrollWidth);
    random.forEach(({ read }, i) => {
      if (rooms[i] < 1) read.style.fontSize = `${Math.max(SMALLEST, 0.98 * rooms[i])}em`;
      read.classList.toggle("tight", rooms[i] < 1);
    });
    shade();
  }
  const shade = () =>
    node.classList.toggle("more", node.scrollTop + node.clientHeight < node.scrollHeight - 2);
  node.addEventListener("scroll", shade, { passive: true });

  // One stop of the Tab key for the whole strip, at the active piece.
  function aim(place) {
    cells[active]?.box.hasAttribute("tabindex") && cells[active].box.setAttribute("tabindex", -1);
    active = place;
    if (active !== null) cells[active].box.setAttribute("tabindex", 0);
  }

  const boxOf = (i) => (i < 0 ? ends[0] : i >= cells.length ? ends[1] : cells[i].box);
  const nameOf = (i) => (i < 0 ? "[CLS]" : i >= cells.length ? "[SEP]" : pieces.tokens[i]);

  // The sentence on a masked piece, and the boundaries that predict it.
  function tell(i) {
    const { start, end, predicted } = spanOf.get(i);
    const kind = kindOf.get(i);
    const read = kind === "m" ? "read as [MASK]" : kind === "k" ? "kept" : `read as ${randomOf.get(i)}`;
    const piece = `“${pieces.tokens[i]}” (${read})`;
    if (shown.scheme === "subword") {
      return { text: `${piece}: this scheme has no spans, so there are no boundaries.`, edges: [], arrows: false };
    }
    const position = i - start + 1;
    const where = `${piece}, position ${position} of its span of ${end - start}`;
    const inside = [start - 1, end].filter((e) => (e >= 0 && e < cells.length) || predicted > 0);
    if (position <= predicted) {
      const sides = `“${nameOf(start - 1)}” (left) and “${nameOf(end)}” (right)`;
      return { text: `${where}: ${SBO} would predict it from ${sides}.`, edges: inside, arrows: true };
    }
    const why = predicted > 0
      ? `beyond the first ${shown.max_sbo} pieces of its span, so ${SBO} leaves it out.`
      : `the span touches the edge of the block: no boundary on that side, so ${SBO} leaves it out.`;
    return { text: `${where}: ${why}`, edges: inside, arrows: false };
  }

  function point() {
    const focused = node.contains(document.activeElement)
      ? Number(document.activeElement.dataset.place) : null;
    const place = [hovered, focused].find((i) => i !== null && spanOf.has(i)) ?? null;
    for (const box of marked) box.classList.remove("boundary", "pointed");
    marked = [];
    // Without arrows it has no size: one of another text could make this one scroll.
    layer.replaceChildren();
    layer.setAttribute("width", 0);
    layer.setAttribute("height", 0);
    if (place === null) return explain("");
    const { text, edges, arrows } = tell(place);
    explain(text);
    const mark = (box, name) => {
      box.classList.add(name);
      marked.push(box);
    };
    mark(boxOf(place), "pointed");
    for (const edge of edges) mark(boxOf(edge), "boundary");
    if (!arrows) return;
    layer.setAttribute("width", flow.clientWidth - 1);
    layer.setAttribute("height", flow.clientHeight - 1);
    edges.forEach((edge, side) => layer.append(...arrow(boxOf(edge), boxOf(place), side)));
  }

  // From above a boundary to above the piece that it predicts: an arc, or, where the text was
  // wrapped between them, out at one margin and in at the other, as one reads.
  function arrow(from, to, side) {
    const origin = flow.getBoundingClientRect();
    const [a, b] = [from, to].map((box) => box.getBoundingClientRect());
    const x1 = a.left + a.width / 2 - origin.left;
    const y1 = a.top - origin.top;
    const x2 = b.left + b.width / 2 + (side ? 4 : -4) - origin.left;
    const y2 = b.top - origin.top - 1;
    const high = Math.min(15, 8 + Math.abs(x2 - x1) / 10);
    const [out, into] = side ? [0, flow.clientWidth] : [flow.clientWidth, 0];
    const [turn, end] = side ? [-6, 6] : [6, -6];
    const line = Math.abs(y1 - y2) < 5
      ? `M${x1},${y1} C${x1},${y1 - high} ${x2},${y2 - high - 4} ${x2},${y2 - 5}`
      : `M${x1},${y1} q0,-6 ${turn},-6 H${out} M${into},${y2 - 9} H${x2 + end} q${-end},0 ${-end},4`;
    const head = `M${x2 - 3.5},${y2 - 6} h7 L${x2},${y2} Z`;
    return [drawing("path", { class: "line", d: line }), drawing("path", { class: "head", d: head })];
  }

  const moved = pointerMoves();
  node.addEventListener("pointermove", moved);
  node.addEventListener("pointerover", (event) => {
    if (!moved(event)) return;
    const box = event.target.closest(".piece.on");
    const found = box ? Number(box.dataset.place) : null;
    if (found === hovered) return;
    hovered = found;
    point();
  });
  node.addEventListener("pointerleave", () => {
    hovered = null;
    point();
  });
  node.addEventListener("focusin", (event) => {
    const place = Number(event.target.dataset.place);
    if (spanOf.has(place)) aim(place);
    point();
  });
  node.addEventListener("focusout", () => setTimeout(point));
  node.addEventListener("keydown", (event) => {
    if (active === null) return;
    const at = masked.indexOf(active);
    const { start, end } = spanOf.get(active);
    const place = keyTarget(event, {
      ArrowRight: masked[at + 1], ArrowLeft: masked[at - 1], Home: masked[0], End: masked.at(-1),
      ArrowDown: masked.find((i) => i >= end), ArrowUp: masked[masked.indexOf(start) - 1],
    });
    if (place === undefined) return;
    hovered = null;
    cells[place].box.focus();
  });
  new ResizeObserver(() => {
    point();
    fit();
  }).observe(flow);
  return { node, draw };
}

// --- the histogram -------------------------------------------------------------------------------

function makeHistogram() {
  const [width, height, left, top, bottom] = [480, 210, 36, 8, 30];
  const plot = drawing("g");
  const node = drawing("svg", { class: "histogram", viewBox: `0 0 ${width} ${height}`, role: "img" }, plot);
  const y = (share, most) => height - bottom - (share / most) * (height - top - bottom);
  let bins = 0;
  let parts = null;

  function rebuild(labels) {
    bins = labels.length;
    const step = (width - left - 4) / bins;
    const x = (i) => left + (i + 0.5) * step;
    const floor = height - bottom;
    parts = {
      x, step,
      grid: [0, 0.5, 1].map(() => [drawing("line", { class: "grid", x1: left, x2: width }),
        drawing("text", { class: "tick", x: left - 5, "text-anchor": "end" })]),
      bars: labels.map((_, i) => drawing("rect", { class: "bar", x: x(i) - 0.36 * step, width: 0.72 * step })),
      rule: labels.map((_, i) => drawing("line", { class: "rule", x1: x(i) - 0.44 * step, x2: x(i) + 0.44 * step })),
      law: drawing("polyline", { class: "law" }),
      dots: labels.map((_, i) => drawing("circle", { class: "dot", cx: x(i), r: 3.6 })),
    };
    const names = labels.map((name, i) =>
      drawing("text", { class: "tick", x: x(i), y: floor + 13, "text-anchor": "middle" }, name));
    const axis = drawing("text", { class: "tick", x: (left + width) / 2, y: height - 3, "text-anchor": "middle" },
      "length of a masked span, in words");
    plot.replaceChildren(...parts.grid.flat(), ...parts.bars, ...parts.rule, parts.law, ...parts.dots, ...names, axis);
  }

  function draw(shown) {
    if (shown.bins.length !== bins) rebuild(shown.bins);
    const highest = Math.max(...shown.realised, ...shown.rule, ...shown.law, 0.01);
    const most = [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1].find((m) => m >= highest) ?? 1;
    parts.grid.forEach(([line, text], k) => {
      const at = y((k / 2) * most, most);
      line.setAttribute("y1", at);
      line.setAttribute("y2", at);
      text.setAttribute("y", at + 4);
      text.textContent = `${Math.round(50 * k * most)}%`;
    });
    const floor = height - bottom;
    shown.bins.forEach((_, i) => {
      const bar = y(shown.realised[i], most);
      parts.bars[i].setAttribute("y", bar);
      parts.bars[i].setAttribute("height", floor - bar);
      parts.bars[i].dataset.share = shown.realised[i];
      const tick = y(shown.rule[i], most);
      parts.rule[i].setAttribute("y1", tick);
      parts.rule[i].setAttribute("y2", tick);
      parts.dots[i].setAttribute("cy", y(shown.law[i], most));
      parts.dots[i].setAttribute("display", shown.law[i] > 0 ? "inline" : "none");
    });
    const line = shown.law.map((share, i) => (share > 0 ? `${parts.x(i)},${y(share, most)}` : ""));
    parts.law.setAttribute("points", line.join(" ").trim());
    node.setAttribute("aria-label",
      `Histogram of the lengths of ${shown.masks} masks: ${shown.mean.toFixed(2)} words on average; the law of the drawn lengths has ${shown.law_mean.toFixed(2)}. The table below has all numbers.`);
  }
  return { node, draw };
}

// --- the lab -------------------------------------------------------------------------------------

function render({ model, el }) {
  const kernel = asking(model, () => {
    draw();
    control();
  });
  const { settings } = kernel;

  const label = (words, ...nodes) => element("label", {}, element("span", {}, words), ...nodes);
  const select = (options, aria, onchange) => {
    const node = element("select", { "aria-label": aria });
    node.append(...options.map(([value, words]) => element("option", { value }, words)));
    node.addEventListener("change", () => onchange(node.value));
    return node;
  };

  const paragraphs = model.get("paragraphs");
  const typed = element("textarea", { "aria-label": "your own text", rows: 2, spellcheck: "false" });
  typed.value = paragraphs[settings.paragraph] ?? settings.text;
  const choice = chooser({
    name: "paragraph", own: "(your own text)", examples: paragraphs, labels: model.get("labels"), most: Infinity,
    field: typed,
    take: (text, paragraph) => kernel.change(paragraph < 0 ? { paragraph, text } : { paragraph }),
  });

  const usual = { scheme: "span", p: 0.2, longest: 10, budget: 15, mistake: "none" };
  const preset = select(PRESETS, "preset", (value) => {
    kernel.change({ ...usual, preset: value });
    control();
  });
  const scheme = select(SCHEMES, "scheme", (value) => {
    // The article's formula is a rule of its own, which no other scheme goes with.
    kernel.change({ scheme: value, ...(settings.preset === "article" ? { preset: "official" } : {}) });
    control();
  });
  const mistake = select(MISTAKES, "common mistake", (value) => kernel.change({ mistake: value }));

  const setting = (key, words, min, max, step, format) => {
    const one = slider(words, { min, max, step, "data-name": key }, (value) => {
      kernel.change({ [key]: value });
      show();
    });
    const show = () => {
      const said = format(settings[key]);
      one.value.textContent = said;
      one.input.setAttribute("aria-valuetext", said);
    };
    return { key, show, ...one };
  };
  const words = (n) => `${n} word${n === 1 ? "" : "s"}`;
  const sliders = [
    setting("p", "p of the law", 0.05, 1, 0.05, (p) => p.toFixed(2)),
    setting("longest", "longest span", 1, 20, 1, words),
    setting("budget", "budget", 1, 50, 1, (share) => {
      const pieces = model.get("pieces").tokens.length;
      const whole = Math.ceil((share * pieces) / 100);
      return `${share}%${pieces ? ` = ${whole} piece${whole === 1 ? "" : "s"}` : ""}`;
    }),
  ];

  const seed = element("input", { type: "number", min: 0, max: 2147483647, step: 1, class: "seed", "aria-label": "seed" });
  seed.addEventListener("input", () => {
    const number = Number(seed.value);
    if (seed.value !== "" && Number.isInteger(number) && number >= 0) kernel.change({ seed: number });
  });
  const button = (words, act) => {
    const node = element("button", { type: "button" }, words);
    node.addEventListener("click", act);
    return node;
  };
  const again = button("redraw", () => {
    kernel.change({ seed: (settings.seed + 1) % 2147483648 });
    seed.value = settings.seed;
  });
  const many = button("redraw × 1000", () => kernel.change({ more: settings.more + 1 }));

  const message = messageLine(model);
  const spoken = element("p", { class: "explain", "aria-live": "polite" });
  const strip = makeStrip((sentence) => {
    spoken.textContent = sentence || HINT;
    spoken.classList.toggle("hint", !sentence);
  });
  const histogram = makeHistogram();
  const sample = (kind, words) => element("span", { class: "sample" },
    element("span", { class: `piece on first last ${kind}` }, element("span", { class: "read" }, words)));
  const legend = element("p", { class: "legend" },
    element("b", {}, "The model reads"), " ",
    sample("mask", "[MASK]"), " ", sample("random", "a random piece"), " ",
    sample("keep", "the piece itself, kept"), " ",
    element("span", { class: "sample" }, element("span", { class: "piece edge" }, element("span", { class: "read" }, "boundary of a span"))),
    element("span", {}, " Small, below: what stood there."));

  const key = (shape, words) =>
    element("span", { class: "key" }, drawing("svg", { viewBox: "0 0 22 12", "aria-hidden": "true" }, ...shape), words);
  const ruleName = element("span");
  const keys = element("p", { class: "keys" },
    key([drawing("rect", { class: "bar", x: 5, y: 1, width: 12, height: 10 })], "bars: these masks"),
    key([drawing("line", { class: "rule", x1: 2, x2: 20, y1: 6, y2: 6 })],
      element("span", {}, element("span", { class: "in-light" }, "black"), element("span", { class: "in-dark" }, "white"),
        ": ", ruleName, " on this text, after merging and cutting")),
    key([drawing("polyline", { class: "law", points: "0,3 22,9" }), drawing("circle", { class: "dot", cx: 11, cy: 6, r: 3.6 })],
      "orange: lengths as they are drawn (the law)"));

  const sign = element("span", { class: "sign", "aria-hidden": "true" });
  const sentence = element("span", { class: "sentence" });
  const note = element("span", { class: "note" });
  const verdict = element("div", { class: "verdict", role: "status" }, sign, element("div", {}, sentence, note));

  const facts = {};
  const factNames = [
    ["masks", "redraws"], ["used", "masked pieces"], ["mean", "mean length"], ["cut", "cut words"],
    ["shares", "read as"], ["mixed", "mixed spans"],
  ];
  const table = element("dl", { class: "facts" });
  for (const [id, words] of factNames) {
    facts[id] = element("dd", { "data-fact": id });
    table.append(element("dt", {}, words), facts[id]);
  }
  const numbers = element("tbody");
  const more = element("details", {}, element("summary", {}, "The histogram as a table"),
    element("table", {}, element("thead", {}, element("tr", {},
      ...["words", "these masks", "the rule on this text", "the law"].map((h) => element("th", { scope: "col" }, h)))), numbers));
  more.addEventListener("toggle", () => tabulate());

  function tabulate() {
    const shown = model.get("shown");
    if (!more.open || !shown.bins) return;
    numbers.replaceChildren(...shown.bins.map((bin, i) => element("tr", {},
      element("th", { scope: "row" }, bin),
      ...[shown.realised, shown.rule, shown.law].map((column) => element("td", {}, `${(100 * column[i]).toFixed(1)}%`)))));
  }

  // The controls show what is set; what does not matter under this rule is switched off.
  function control() {
    preset.value = settings.preset;
    scheme.value = settings.scheme;
    mistake.value = settings.mistake;
    const uses = model.get("shown").uses ?? {};
    for (const one of sliders) {
      one.input.value = settings[one.key];
      one.input.disabled = uses[one.key] === false;
      one.show();
    }
    mistake.disabled = uses.mistake === false;
  }

  function draw() {
    const shown = model.get("shown");
    strip.draw(model.get("pieces"), shown);
    const drawn = shown.bins !== undefined;
    below.classList.toggle("absent", !drawn);
    const { state, sentence: said } = shown.verdict;
    verdict.className = `verdict ${state}`;
    sign.textContent = SIGNS[state];
    sentence.textContent = said;
    note.textContent = shown.note ?? "";
    if (!drawn) return;
    histogram.draw(shown);
    ruleName.textContent = shown.preset === "paper" ? "the paper’s rule" : "the official rule";
    const used = shown.least === shown.most ? `${shown.most}` : `${shown.least} to ${shown.most}`;
    const [masks, random, kept] = shown.shares.map((share) => `${Math.round(100 * share)}%`);
    const counts = {
      masks: grouped(shown.masks),
      used: `${used} of ${shown.pieces} (budget ${shown.budget})`,
      mean: `${shown.mean.toFixed(2)} words (law ${shown.law_mean.toFixed(2)})`,
      cut: `in ${percent(shown.cut)} of the masks`,
      shares: `[MASK] ${masks} · random ${random} · kept ${kept}`,
      mixed: percent(shown.mixed),
    };
    for (const [id, value] of Object.entries(counts)) {
      if (facts[id].textContent !== value) facts[id].textContent = value;
    }
    tabulate();
  }

  const below = element("div", { class: "below" },
    element("div", { class: "figure" }, histogram.node, keys), element("div", { class: "side" }, table, more));

  keepKeys(el);
  el.classList.add("masking-lab");
  el.append(
    element("div", { class: "controls text" }, choice, typed),
    element("div", { class: "controls" }, label("preset", preset), label("scheme", scheme), label("common mistake", mistake)),
    element("div", { class: "controls sliders" }, ...sliders.map((one) => one.row)),
    element("div", { class: "controls" }, label("seed", seed), again, many),
    message, legend, strip.node, spoken, verdict, below,
  );
  seed.value = settings.seed;
  draw();
  control();
}

export default { render };
