// The curve of a pretraining run: the kernel sends numbers and words, also while a cell runs, and
// this file draws them.

const HEIGHT = 340;
const PAD = { left: 44, right: 14, top: 22, bottom: 40 };
const LINES = { mlm: "MLM", sbo: "SBO" };
const MARKS = {
  "mlm spans": "MLM on held-out spans",
  "mlm tokens": "MLM on held-out single pieces",
  "sbo spans": "SBO on held-out spans",
};
const HINT = "Point at the curve, or go there with the Tab key and the arrow keys, to read its numbers.";

// At the end of a run the kernel shows the view anew; who was in it with the keyboard stays there.
let focused = "";

const isNumber = (value) => typeof value === "number";
const digits = (value) => (isNumber(value) ? value.toFixed(2) : value);

// A mark of held-out text: a disc, a square and a triangle, so that no one needs the colours.
function mark(name, x, y) {
  const kind = { class: `mark ${name}` };
  if (name === "mlm spans") return drawing("circle", { ...kind, cx: x, cy: y, r: 4.5 });
  if (name === "mlm tokens") return drawing("rect", { ...kind, x: x - 4, y: y - 4, width: 8, height: 8 });
  return drawing("path", { ...kind, d: `M${x} ${y - 5.5}l5 9.5h-10z` });
}

// Round numbers from 0 to the end, or powers of ten with their halves where there is room.
function ticks(end, log, room) {
  if (!log) {
    const rough = Math.max(1, end / room);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
    return Array.from({ length: Math.floor(end / step) + 1 }, (_, n) => n * step);
  }
  const leading = Math.log10(end) * 3 <= room ? [1, 2, 5] : [1];
  const found = [];
  for (let power = 1; power <= end; power *= 10) found.push(...leading.map((n) => n * power));
  return found.filter((n) => n <= end);
}

function render({ model, el }) {
  let shown = model.get("shown");
  let width = 760;
  let waiting = false;
  let at = null; // the point that is looked at; null: the last one
  let steps = []; // their places on the screen
  const log = () => model.get("log_x");

  const title = element("span", { class: "title" });
  const place = element("span", { class: "place" });
  const speed = element("span", { class: "speed" });
  const box = element("input", { type: "checkbox" });
  box.addEventListener("change", () => model.set("log_x", box.checked)); // the kernel may be busy
  const warning = element("p", { class: "warning", role: "status" });
  const keys = element("ul", { class: "keys" });
  const svg = drawing("svg", { "aria-hidden": "true", height: HEIGHT });
  const chart = element("div", { class: "chart", tabindex: 0, role: "slider", "aria-label": "the losses, step by step" }, svg);
  const readout = element("p", { class: "readout" });

  const right = () => width - PAD.right;
  const bottom = HEIGHT - PAD.bottom;
  const x = (step) => PAD.left + (right() - PAD.left) * (log() ? Math.log(Math.max(1, step)) / Math.log(shown.end) : step / shown.end);
  const y = (loss) => bottom - ((bottom - PAD.top) * (loss - shown.low)) / (shown.high - shown.low);
  const text = (left, top, said, attributes = {}) => drawing("text", { x: left, y: top, "text-anchor": "middle", ...attributes }, said);
  const beyond = (value) => !isNumber(value) || value > shown.high;

  function axes() {
    const parts = [];
    const places = shown.grid < 1 ? 1 : 0;
    for (let n = 0; n <= Math.round((shown.high - shown.low) / shown.grid); n++) {
      const loss = shown.low + n * shown.grid;
      parts.push(drawing("path", { class: "grid", d: `M${PAD.left} ${y(loss)}H${right()}` }));
      parts.push(text(PAD.left - 6, y(loss) + 4, loss.toFixed(places), { "text-anchor": "end" }));
    }
    for (const tick of ticks(shown.end, log(), (right() - PAD.left) / 75)) {
      parts.push(drawing("path", { class: "axis", d: `M${x(tick)} ${bottom}v4` }));
      parts.push(text(x(tick), bottom + 17, grouped(tick)));
    }
    parts.push(drawing("path", { class: "axis", d: `M${PAD.left} ${PAD.top}V${bottom}H${right()}` }));
    parts.push(text((PAD.left + right()) / 2, HEIGHT - 5, log() ? "step (logarithmic)" : "step"));
    parts.push(text(2, 12, "loss in nats", { "text-anchor": "start" }));
    shown.stages.slice(1).forEach(([step, length]) => {
      parts.push(drawing("path", { class: "stage", d: `M${x(step)} ${PAD.top}V${bottom}` }));
      const room = right() - x(step) > 150;
      parts.push(text(x(step) + (room ? 5 : -5), bottom - 7, `blocks of ${length} pieces${room ? "" : " →"}`, { class: "halo", "text-anchor": room ? "start" : "end" }));
    });
    return parts;
  }

  function nothingKnown() {
    const loss = Math.log(shown.vocabulary);
    return [
      drawing("path", { class: "unknown", d: `M${PAD.left} ${y(loss)}H${right()}` }),
      text(right(), y(loss) - 7, `knows nothing: ln ${grouped(shown.vocabulary)} = ${loss.toFixed(2)} nats`, { class: "halo", "text-anchor": "end" }),
    ];
  }

  function line(name) {
    let path = "";
    let pen = "M";
    let count = 0;
    shown.series[name].forEach((value, i) => {
      if (value === null) return;
      if (beyond(value)) return void (pen = "M");
      count += 1;
      path += `${pen}${steps[i].toFixed(1)} ${y(value).toFixed(1)}${pen === "M" ? "h0" : ""}`;
      pen = "L";
    });
    // One point is not yet a line: a dash stands for it.
    if (count === 1) path += "m-5 0h10";
    return drawing("path", { class: `line ${name}`, d: path });
  }

  const cross = (name, i) => drawing("path", { class: `beyond ${name}`, d: `M${steps[i] - 4} ${PAD.top - 4}l8 8m0 -8l-8 8` });

  function draw() {
    waiting = false;
    title.textContent = shown.title;
    place.textContent = shown.place;
    speed.textContent = shown.speed;
    if (warning.textContent !== (shown.warning && `✗ ${shown.warning}`)) warning.textContent = shown.warning && `✗ ${shown.warning}`;
    box.checked = log();
    steps = shown.steps.map(x);
    const names = Object.keys(shown.series);
    const marks = names.filter((name) => name in MARKS);
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    svg.replaceChildren(
      ...axes(),
      ...names.filter((name) => name in LINES).map(line),
      ...marks.flatMap((name) => shown.series[name].flatMap((value, i) => (value === null || beyond(value) ? [] : [mark(name, steps[i], y(value))]))),
      ...names.flatMap((name) => shown.series[name].flatMap((value, i) => (value !== null && beyond(value) ? [cross(name, i)] : []))),
      ...nothingKnown(),
    );
    const legend = [...names, "beyond"].filter((name) => name !== "beyond" || svg.querySelector(".beyond"));
    if (keys.dataset.names !== `${legend}`) {
      keys.dataset.names = `${legend}`;
      keys.replaceChildren(...legend.map((name) => {
        const sample = name in LINES ? drawing("path", { class: `line ${name}`, d: "M2 7H30" }) : name in MARKS ? mark(name, 16, 7) : drawing("path", { class: "cursor", d: "M12 3l8 8m0 -8l-8 8" });
        const said = LINES[name] ? `${LINES[name]}, training text` : MARKS[name] ?? "beyond the picture";
        return element("li", {}, drawing("svg", { width: 32, height: 14, "aria-hidden": "true" }, sample), said);
      }));
    }
    look();
  }

  // What the numbers are at one step; the last one, until another is pointed at.
  function numbers(i) {
    const said = (name) => shown.series[name]?.[i] ?? null;
    const training = Object.keys(LINES).filter((name) => said(name) !== null).map((name) => `${LINES[name]} ${digits(said(name))}${isNumber(said(name)) ? " nats" : ""}`);
    const held = Object.keys(MARKS).filter((name) => said(name) !== null).map((name) => {
      const share = shown.accuracy[name]?.[i];
      return `${MARKS[name]} ${digits(said(name))}${isNumber(share) ? ` (${(100 * share).toFixed(1)}% right)` : ""}`;
    });
    return `Step ${grouped(shown.steps[i])}: ${[...training, ...held].join("; ")}.`;
  }
  function look() {
    for (const node of svg.querySelectorAll(".cursor")) node.remove();
    const count = steps.length;
    if (at !== null && at >= count) at = null;
    const i = at ?? count - 1;
    const said = count ? numbers(i) : "Nothing to draw yet: the text is read first, and the first numbers come after step 1.";
    readout.textContent = count ? `${said} ${at === null ? HINT : ""}` : said;
    chart.setAttribute("aria-valuemin", count ? shown.steps[0] : 0);
    chart.setAttribute("aria-valuemax", count ? shown.steps[count - 1] : 0);
    chart.setAttribute("aria-valuenow", count ? shown.steps[i] : 0);
    chart.setAttribute("aria-valuetext", said);
    if (at !== null) svg.append(drawing("path", { class: "cursor", d: `M${steps[i]} ${PAD.top}V${bottom}` }));
  }

  chart.addEventListener("pointermove", (event) => {
    const left = event.clientX - svg.getBoundingClientRect().left;
    let best = null;
    steps.forEach((place, i) => {
      if (best === null || Math.abs(place - left) < Math.abs(steps[best] - left)) best = i;
    });
    at = best;
    look();
  });
  const follow = () => {
    at = null;
    look();
  };
  chart.addEventListener("pointerleave", follow);
  chart.addEventListener("blur", follow);
  chart.addEventListener("keydown", (event) => {
    if (!steps.length) return;
    const last = steps.length - 1;
    const now = at ?? last;
    if (event.key === "Escape") follow();
    const to = keyTarget(event, {
      ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, PageDown: now - 10, PageUp: now + 10, Home: 0, End: last,
    });
    if (to === undefined) return;
    at = Math.min(Math.max(0, to), last);
    look();
  });
  keepKeys(el);

  // However fast the numbers come: at most one drawing for each frame of the screen.
  function soon() {
    if (!waiting) requestAnimationFrame(draw);
    waiting = true;
  }
  const arrived = () => {
    shown = model.get("shown");
    soon();
  };
  model.on("change:shown", arrived);
  model.on("change:log_x", soon);
  const observer = new ResizeObserver(() => {
    const now = Math.round(el.clientWidth);
    if (now < 50 || now === width) return; // hidden, or nothing new
    width = now;
    soon();
  });
  observer.observe(el);

  el.addEventListener("focusin", (event) => {
    focused = event.target === chart ? ".chart" : "input";
  });
  el.addEventListener("focusout", () => setTimeout(() => {
    if (el.isConnected && !el.contains(document.activeElement)) focused = "";
  }));
  if (focused) setTimeout(() => el.querySelector(focused).focus({ preventScroll: true }), 50);

  el.classList.add("training-curve");
  el.append(
    element("div", { class: "head" }, title, place, speed, element("label", {}, box, "logarithmic steps")),
    warning, chart, keys, readout,
  );
  draw();
  return () => {
    observer.disconnect();
    model.off("change:shown", arrived);
    model.off("change:log_x", soon);
  };
}

export default { render };
