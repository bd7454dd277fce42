// The head view: the kernel sends the probabilities of all layers and heads once for each text, a
// byte each; layers, heads and pieces are chosen here, without it. What a learner's own function
// makes of a head comes from the kernel.

const LEAST_LINE = 0.04; // links with less are left out, but for the strongest of each piece
const MOSTLY = 30; // percent, as in attention_heads.py
const HINT = "Point at a piece on the left, or come with the Tab key and use the arrow keys.";
const ROWS_HEIGHT = 490; // px, what the pieces share
const PATTERNS = [
  ["the piece before", "before"], ["the piece after", "after"], ["itself", "itself"],
  ["the same piece elsewhere", "same"], ["[CLS]", "[CLS]"], ["[SEP]", "[SEP]"],
];

// Bytes hold 255ths: a percentage is off by 0.2 at most.
const percentOf = (weight) => wholePercent(weight / 255);

// The matrix, a pixel for each pair of pieces: the more, the less the page shines through.
function paint(canvas, weights, length, kept, colour) {
  const size = kept.length;
  canvas.width = canvas.height = Math.max(1, size);
  if (!size) return;
  const context = canvas.getContext("2d");
  const image = context.createImageData(size, size);
  let at = 0;
  for (const row of kept) {
    for (const column of kept) {
      for (const part of colour) image.data[at++] = part;
      image.data[at++] = weights[row * length + column];
    }
  }
  context.putImageData(image, 0, 0);
}

function render({ model, el }) {
  let { layer, head } = model.get("settings");
  let recorded = model.get("recorded");
  let all = new Uint8Array();
  let kept = []; // the places of the pieces that are drawn: all, or all but [CLS] and [SEP]
  let selected = null; // a piece that was clicked or reached by keys; it stays until Escape
  let hovered = null; // [row, column or null] below the pointer
  let rows = []; // for each kept piece: its place, its button, its right text, its percentage
  let lines = [];
  let painted = "";
  let colour = [0, 0, 0]; // until it is known

  // --- controls
  const typed = textField("your own text", { class: "typed" });
  typed.value = model.get("settings").text;
  const choice = chooser({
    name: "example text", own: "(your own text)", examples: model.get("examples"), field: typed,
    take: (text) => kernel.change({ text }),
  });
  const layers = slider("layer", {}, (number) => go(number, head));
  const heads = slider("head", {}, (number) => go(layer, number));
  const hide = element("input", { type: "checkbox" });
  hide.addEventListener("change", () => {
    if (hide.checked && isEnd(selected)) selected = null;
    hovered = null;
    begin();
  });

  // The browser draws at once; the kernel is told, for a function of the learner's own.
  function go(toLayer, toHead) {
    if (!recorded.layers) return;
    layer = Math.min(Math.max(1, toLayer), recorded.layers);
    head = Math.min(Math.max(1, toHead), recorded.heads);
    kernel.change({ layer, head });
    draw();
  }

  // --- all heads of the layer
  const strip = element("div", { class: "strip", role: "radiogroup", "aria-label": "all heads of this layer" });
  const stripTitle = element("h4");
  let thumbs = [];
  strip.addEventListener("keydown", (event) => {
    const to = keyTarget(event, {
      ArrowLeft: head - 1, ArrowUp: head - 1, ArrowRight: head + 1, ArrowDown: head + 1, Home: 1, End: Infinity,
    });
    if (to === undefined) return;
    go(layer, to);
    thumbs[head - 1].box.focus();
  });

  // --- the pieces twice, with the links between them
  const left = element("div", { class: "left", role: "group", "aria-label": "who looks; arrow keys go through the pieces" });
  const right = element("div", { class: "right", "aria-hidden": "true" });
  const links = drawing("svg", { class: "links", preserveAspectRatio: "none", "aria-hidden": "true" });
  const scroll = element("div", { class: "scroll" }, element("div", { class: "pair" }, left, links, right));
  const matrix = element("canvas", { role: "img" });
  const markRow = element("div", { class: "frame" });
  const markColumn = element("div", { class: "frame" });
  const square = element("div", { class: "square" }, matrix, markRow, markColumn);
  const title = element("h4", { class: "title" });
  const facts = PATTERNS.map(([words]) => {
    const bar = element("span", { class: "fill" });
    const value = element("dd", {});
    return { bar, value, nodes: [element("dt", {}, words), element("span", { class: "track" }, bar), value] };
  });
  const explain = element("p", { class: "explain", "aria-live": "polite" });
  const message = messageLine(model);
  const ownSaid = element("p", { class: "own", role: "status" });
  const body = element("tbody");
  const more = element("details", {}, element("summary", {}, "Each piece and the three at which it looks most, as a table"),
    element("table", {}, element("thead", {}, element("tr", {},
      ...["piece", "looks at", "then", "then"].map((name) => element("th", { scope: "col" }, name)))), body));
  more.addEventListener("toggle", tabulate);

  const isEnd = (place) => place === 0 || place === recorded.tokens.length - 1;
  const row = () => (hovered ? hovered[0] : selected);
  const ownFits = () => {
    const own = model.get("shown");
    return own.number === recorded.number && own.layer === layer && own.head === head ? own : null;
  };
  const weightsOf = (h) => {
    const size = recorded.tokens.length ** 2;
    return all.subarray(((layer - 1) * recorded.heads + h - 1) * size, ((layer - 1) * recorded.heads + h) * size);
  };
  const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const current = () => {
    const own = ownFits();
    return own?.weights?.byteLength ? bytes(own.weights) : weightsOf(head);
  };
  const sharesOf = (h) => {
    const own = h === head ? ownFits() : null;
    return own?.pattern.length ? own.pattern : recorded.patterns[layer - 1][h - 1];
  };
  const largest = (shares) => shares.indexOf(Math.max(...shares));

  function topThree(weights, place) {
    const from = place * recorded.tokens.length;
    return kept.filter((column) => weights[from + column])
      .sort((a, b) => weights[from + b] - weights[from + a]).slice(0, 3)
      .map((column) => [recorded.tokens[column], percentOf(weights[from + column])]);
  }

  // --- drawing
  function begin() {
    recorded = model.get("recorded");
    all = recorded.weights?.byteLength ? bytes(recorded.weights) : new Uint8Array();
    const length = recorded.tokens.length;
    layer = Math.min(Math.max(1, layer), recorded.layers || 1);
    head = Math.min(Math.max(1, head), recorded.heads || 1);
    kept = [...recorded.tokens.keys()].filter((i) => !hide.checked || !isEnd(i));
    if (selected >= length) selected = null;
    for (const [one, most] of [[layers, recorded.layers], [heads, recorded.heads]]) {
      one.input.max = Math.max(1, most);
      one.input.disabled = most < 2;
    }
    const tall = Math.min(22, Math.max(15, Math.floor(ROWS_HEIGHT / Math.max(1, kept.length))));
    scroll.style.setProperty("--row", `${tall}px`);
    scroll.style.setProperty("--count", kept.length);
    links.setAttribute("viewBox", `0 0 100 ${Math.max(1, kept.length)}`);
    rows = kept.map((place) => {
      const token = recorded.tokens[place];
      const box = element("button", { type: "button", class: "piece", tabindex: -1, "data-place": place, title: token }, token);
      const rate = element("span", { class: "rate" });
      const seen = element("div", { class: "seen", "data-place": place }, element("span", { class: "token", title: token }, token), rate);
      return { place, box, rate, seen, said: "" };
    });
    left.replaceChildren(...rows.map((one) => one.box));
    right.replaceChildren(...rows.map((one) => one.seen));
    if (recorded.heads && thumbs.length !== recorded.heads) {
      thumbs = Array.from({ length: recorded.heads }, (_, i) => {
        const picture = element("canvas", { "aria-hidden": "true" });
        const name = element("span", { class: "name" });
        const box = element("button", { type: "button", class: "thumb", role: "radio" }, picture, element("b", {}, i + 1), name);
        box.addEventListener("click", () => go(layer, i + 1));
        return { box, picture, name };
      });
      strip.replaceChildren(...thumbs.map((thumb) => thumb.box));
    }
    main.classList.toggle("absent", !length); // keeps its place
    main.classList.toggle("gone", !thumbs.length);
    painted = "";
    draw();
  }

  // Blue on a light page, a lighter blue on a dark one.
  function recolour() {
    const numbers = getComputedStyle(el).getPropertyValue("--edge").match(/\d+/g);
    if (numbers?.length === 3) colour = numbers.map(Number);
    painted = "";
    if (rows.length) drawStrip();
  }
  const themes = new MutationObserver(recolour);
  themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });

  // The strip changes with layer, text and the learner's own numbers; not with a piece.
  function drawStrip() {
    const own = ownFits();
    const now = [layer, head, recorded.number, hide.checked, own?.said ?? ""].join();
    if (now === painted) return;
    painted = now;
    stripTitle.textContent = `All heads of layer ${layer}`;
    thumbs.forEach((thumb, i) => {
      const h = i + 1;
      const shares = sharesOf(h);
      const most = largest(shares);
      const mostly = shares[most] >= MOSTLY;
      paint(thumb.picture, h === head ? current() : weightsOf(h), recorded.tokens.length, kept, colour);
      thumb.name.textContent = mostly ? `${PATTERNS[most][1]} ${shares[most]}%` : "spread";
      thumb.box.setAttribute("aria-checked", h === head);
      thumb.box.setAttribute("tabindex", h === head ? 0 : -1);
      thumb.box.setAttribute("aria-label",
        `head ${h}, ${mostly ? `mostly ${PATTERNS[most][0]}, ${shares[most]}%` : "spread"}`);
    });
    paint(matrix, current(), recorded.tokens.length, kept, colour);
    matrix.setAttribute("aria-label", `Matrix of head ${head} of layer ${layer}; the table below has the largest numbers.`);
    const shares = sharesOf(head);
    facts.forEach((fact, i) => {
      fact.bar.style.width = `${Math.min(100, shares[i])}%`;
      fact.value.textContent = `${shares[i]}%`;
    });
    title.textContent = `Layer ${layer}, head ${head}`;
    tabulate();
  }

  function drawLinks() {
    const weights = current();
    const length = recorded.tokens.length;
    const focus = row();
    let used = 0;
    kept.forEach((from, i) => {
      if (focus !== null && focus !== from) return;
      const begins = from * length;
      let strongest = 0;
      for (const to of kept) strongest = Math.max(strongest, weights[begins + to]);
      kept.forEach((to, j) => {
        const weight = weights[begins + to];
        if (!weight || (weight < 255 * (focus === null ? LEAST_LINE : 0.005) && weight < strongest)) return;
        const line = (lines[used] ??= links.appendChild(drawing("path")));
        used += 1;
        line.setAttribute("d", `M0,${i + 0.5} C40,${i + 0.5} 60,${j + 0.5} 100,${j + 0.5}`);
        line.setAttribute("stroke-width", (0.6 + (6.4 * weight) / 255).toFixed(2));
        line.setAttribute("stroke-opacity", (0.12 + (0.88 * weight) / 255).toFixed(3));
        line.dataset.link = `${from} ${to} ${weight}`;
      });
    });
    while (lines.length > used) lines.pop().remove();

    rows.forEach((one) => {
      const weight = focus === null ? 0 : weights[focus * length + one.place];
      const said = weight < 255 * 0.005 ? "" : percentOf(weight); // what rounds to 0% is left out
      if (said !== one.said) one.rate.textContent = one.said = said;
      one.seen.style.setProperty("--share", focus === null ? 0 : weight / 255);
      one.seen.classList.toggle("looked", weight >= 255 * 0.05);
      one.box.classList.toggle("looks", focus === one.place);
      one.box.setAttribute("aria-pressed", selected === one.place);
      one.seen.classList.toggle("pointed", hovered?.[1] === one.place);
    });
    const part = (place) => (100 * kept.indexOf(place)) / kept.length;
    for (const [mark, place, side, size] of [
      [markRow, focus, "top", "height"], [markColumn, hovered?.[1] ?? null, "left", "width"],
    ]) {
      mark.classList.toggle("absent", place === null);
      if (place === null) continue;
      mark.style[side] = `${part(place)}%`;
      mark.style[size] = `${100 / kept.length}%`;
    }
  }

  function tell() {
    const focus = row();
    if (focus === null) {
      const shares = sharesOf(head);
      const most = largest(shares);
      const share = `${shares[most]}%`;
      const said = shares[most] >= MOSTLY
        ? `Head ${head} of layer ${layer} looks mostly at ${PATTERNS[most][0]}: ${share} on average.`
        : `Head ${head} of layer ${layer} spreads its attention; the largest share on average is ${share}, for ${PATTERNS[most][0]}.`;
      return [said, element("span", { class: "hint" }, ` ${HINT}`)];
    }
    const weights = current();
    const from = `Head ${head} of layer ${layer}: “${recorded.tokens[focus]}” looks at`;
    if (hovered && hovered[1] !== null) {
      const weight = weights[focus * recorded.tokens.length + hovered[1]];
      return [`${from} “${recorded.tokens[hovered[1]]}” ${percentOf(weight)}.`];
    }
    const top = topThree(weights, focus).map(([token, share]) => `“${token}” ${share}`);
    return [`${from} ${top.join(", ") || "none of these"}.`];
  }

  function draw() {
    for (const [one, value, most] of [[layers, layer, recorded.layers], [heads, head, recorded.heads]]) {
      one.input.value = value;
      const said = `${value} of ${most}`;
      one.value.textContent = most ? said : "–";
      one.input.setAttribute("aria-valuetext", said);
    }
    showOwn();
    if (!recorded.tokens.length) {
      explain.textContent = "";
      return;
    }
    drawStrip();
    drawLinks();
    explain.replaceChildren(...tell());
    aim();
  }

  function showOwn() {
    const name = model.get("own_name");
    const own = ownFits();
    ownSaid.classList.toggle("absent", !name || !recorded.tokens.length);
    if (own?.said) ownSaid.textContent = `${own.good ? "✓" : "✗"} ${own.said}`;
    else if (name) ownSaid.textContent = `Asking your own ${name} …`;
    ownSaid.classList.toggle("bad", own ? !own.good : false);
  }

  // One stop of the Tab key for all pieces: the selected one, or the first.
  function aim() {
    const at = selected !== null ? selected : Number(left.contains(document.activeElement)
      ? document.activeElement.dataset.place : kept[0]);
    for (const one of rows) one.box.tabIndex = one.place === at ? 0 : -1;
  }

  function tabulate() {
    if (!more.open || !recorded.tokens.length) return;
    const weights = current();
    body.replaceChildren(...kept.map((place) => element("tr", {},
      element("th", { scope: "row" }, recorded.tokens[place]),
      ...topThree(weights, place).map(([token, share]) => element("td", {}, `${token} ${share}`)))));
  }

  function focusOn(place) {
    hovered = null;
    selected = place;
    drawLinks();
    explain.replaceChildren(...tell());
    aim();
  }

  // --- pointer and keys
  let was = null; // what was selected before a click: a second click on a piece lets it go
  left.addEventListener("pointerdown", () => {
    was = selected;
  });
  left.addEventListener("focusin", (event) => focusOn(Number(event.target.dataset.place)));
  left.addEventListener("click", (event) => {
    const box = event.target.closest(".piece");
    if (!box) return;
    const place = Number(box.dataset.place);
    const again = event.detail === 0 ? selected === place : was === place;
    focusOn(again ? null : place);
  });
  left.addEventListener("keydown", (event) => {
    if (!rows.length) return;
    const at = rows.findIndex((one) => one.box === document.activeElement);
    const to = keyTarget(event, {
      ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: rows.length - 1,
    });
    if (to === undefined) return;
    const target = rows[Math.min(Math.max(0, to), rows.length - 1)];
    if (target.box === document.activeElement) focusOn(target.place);
    else target.box.focus();
  });
  const moved = pointerMoves();
  function hover(to) {
    if (`${hovered}` === `${to}`) return;
    hovered = to;
    drawLinks();
    explain.replaceChildren(...tell());
  }
  left.addEventListener("pointermove", (event) => {
    if (!moved(event)) return;
    const box = event.target.closest(".piece");
    hover(box ? [Number(box.dataset.place), null] : null);
  });
  square.addEventListener("pointermove", (event) => {
    if (!moved(event) || !kept.length) return;
    const { left: x, top: y, width, height } = matrix.getBoundingClientRect();
    const cell = (at, size) => kept[Math.min(kept.length - 1, Math.max(0, Math.floor((at / size) * kept.length)))];
    hover([cell(event.clientY - y, height), cell(event.clientX - x, width)]);
  });
  for (const node of [left, square]) node.addEventListener("pointerleave", () => hover(null));
  keepKeys(el, () => {
    if (row() === null) return false;
    focusOn(null);
    return true;
  });

  // A new text is drawn anew; of the same, there is news only where a function of one's own answers.
  const kernel = asking(model, () => {
    if (model.get("recorded").number !== recorded.number) begin();
    else if (model.get("own_name")) draw();
  });

  const links_ = element("div", { class: "looking" },
    element("div", { class: "titles", "aria-hidden": "true" }, element("b", {}, "who looks"), element("b", {}, "at whom")), scroll);
  const side = element("div", { class: "side" },
    element("div", {}, title, element("p", { class: "remark" }, "On average, its pieces look at"),
      element("dl", { class: "facts" }, ...facts.flatMap((fact) => fact.nodes))),
    element("div", {}, square, element("p", { class: "remark" }, "Rows: who looks. Columns: at whom. The stronger the colour, the more.")));
  const main = element("div", { class: "main" },
    element("div", { class: "controls sliders" }, layers.row, heads.row,
      element("label", { class: "ends" }, hide, element("span", {}, "hide [CLS] and [SEP] (not renormalised: a row then sums to less than 100%)"))),
    ownSaid, stripTitle, strip, explain, element("div", { class: "columns" }, links_, side), more);
  el.classList.add("attention-heads");
  el.append(element("div", { class: "controls" }, choice, typed), message, main);
  begin();
  requestAnimationFrame(recolour); // only a part of the page has the colours of its theme
  return () => themes.disconnect();
}

export default { render };
