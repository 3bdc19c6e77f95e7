"use strict";
// Parallel coordinates: a line for each row, coloured by the metric; a drag along an axis keeps the rows within.
const parallelView = { tag: DATA.shown[0] };
const HIGH = 300, TOP = 40;

function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// An axis places a value between 0 (bottom) and 1: numbers by size, on a log scale over a wide range; else by name.
function axisOf(name, valueIn) {
  const values = DATA.rows.map(valueIn).filter((value) => value != null);
  if (!values.every(isNumber)) {
    const names = [...new Set(values.map(String))], last = Math.max(1, names.length - 1);
    return { name, valueIn, place: (value) => names.indexOf(String(value)) / last, ticks: names.slice(0, 20).map((each, at) => [at / last, each]) };
  }
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const scale = low > 0 && high / low >= 20 ? Math.log : (value) => value;
  const place = (value) => (high > low ? (scale(value) - scale(low)) / (scale(high) - scale(low)) : 0.5);
  const distinct = [...new Set(values)];
  const ticks = (distinct.length <= 7 ? distinct : [low, high]).map((value) => [place(value), exact(value)]);
  return { name, valueIn, place, ticks };
}

function parallelAxes() {
  const keys = DATA.keys.slice(0, 14).map(({ key, name }, at) => ({ id: key, ...axisOf(name, (row) => row.hparams[at]) }));
  const tag = parallelView.tag;
  return [...keys, { id: `metric ${tag}`, ...axisOf(`${partOf(tag)} ${tag}`, (row) => valueOf(row, tag)) }];
}

function parallelLine(axes, xs, row) {
  const placed = axes.map((axis, at) => [xs[at], axis.valueIn(row), axis]).filter(([, value]) => value != null);
  const points = placed.map(([x, value, axis]) => `${x},${TOP + HIGH * (1 - axis.place(value))}`);
  const value = axes[axes.length - 1].valueIn(row), share = value == null ? null : axes[axes.length - 1].place(value);
  const color = share == null ? PALE : graded(modeOf[parallelView.tag] === "min" ? 1 - share : share);
  const made = svg("polyline", { class: "run", points: points.join(" "), stroke: color });
  const text = [row.label, ...axes.map((axis) => `${axis.name}: ${exact(axis.valueIn(row))}`)].join("\n");
  made.addEventListener("mousemove", (event) => showTip(event, text));
  made.addEventListener("mouseleave", hideTip);
  return made;
}

function brush(axis, low, high) {
  const holds = (row) => { const value = axis.valueIn(row); return value != null && axis.place(value) >= low && axis.place(value) <= high; };
  holds.range = [low, high];
  state.brushes.set(axis.id, holds);
  changed();
}

function gripOf(axis, x) {
  const grip = svg("rect", { class: "grip", x: x - 14, y: TOP, width: 28, height: HIGH });
  const shareAt = (event) => { const box = grip.getBoundingClientRect(); return 1 - Math.min(1, Math.max(0, (event.clientY - box.top) / box.height)); };
  grip.addEventListener("pointerdown", (event) => { grip.setPointerCapture(event.pointerId); grip.from = shareAt(event); });
  grip.addEventListener("pointerup", (event) => {
    const to = shareAt(event), [low, high] = [Math.min(grip.from, to), Math.max(grip.from, to)];
    if (high - low > 0.02) brush(axis, low, high);
    else { state.brushes.delete(axis.id); changed(); }
  });
  return grip;
}

function axisDrawing(axis, x, last) {
  const made = svg("g", {}, svg("line", { class: "axis", x1: x, x2: x, y1: TOP, y2: TOP + HIGH }), svg("text", { x, y: TOP - 16, "text-anchor": "middle", "font-weight": 600 }, shortened(axis.name, 26)));
  for (const [share, text] of axis.ticks) made.append(svg("text", { x: x + (last ? -6 : 6), y: TOP + HIGH * (1 - share) + 4, "text-anchor": last ? "end" : "start", "paint-order": "stroke", stroke: "#fff", "stroke-width": 3 }, shortened(text, 22)));
  const range = state.brushes.get(axis.id)?.range;
  if (range) made.append(svg("rect", { class: "brush", x: x - 8, width: 16, y: TOP + HIGH * (1 - range[1]), height: HIGH * (range[1] - range[0]) }));
  return made;
}
const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function drawParallel() {
  const place = document.querySelector("#parallel .drawing");
  const axes = parallelAxes(), width = Math.max(place.clientWidth, 170 * axes.length), gap = (width - 140) / Math.max(1, axes.length - 1);
  const xs = axes.map((_, at) => 70 + gap * at);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${TOP + HIGH + 20}`, role: "img", "aria-label": "parallel coordinates" });
  axes.forEach((axis, at) => picture.append(gripOf(axis, xs[at])));
  for (const [row] of drawnRows().reverse()) picture.append(parallelLine(axes, xs, row));
  axes.forEach((axis, at) => { const drawn = axisDrawing(axis, xs[at], at === axes.length - 1); drawn.style.pointerEvents = "none"; picture.append(drawn); });
  place.replaceChildren(picture);
}

function setUpParallel() {
  if (!DATA.keys.length || !DATA.metrics.length || DATA.rows.length < 2) return document.getElementById("parallel").remove();
  const chosen = select(DATA.metrics.map((tag) => [tag, tag]), parallelView.tag, (value) => { state.brushes.delete(`metric ${parallelView.tag}`); parallelView.tag = value; changed(); });
  document.querySelector("#parallel .controls").append(el("label", {}, "metric", chosen), el("span", { class: "note" }, "drag along an axis to keep the rows within, click it to keep all again; colour is the metric, bright is better"));
  parts.push(drawParallel);
  window.addEventListener("resize", drawParallel);
}
