"use strict";
// A metric against each setting that differs: a dot for each run, a line through the means of one swept number.
const sweptView = { tag: DATA.shown[0] };
let sweptCharts = [];

function sweptPoints(tag, at, place) {
  return drawnRows().flatMap(([row, index]) => row.runs.map((each) => DATA.runs[each])
    .map((run) => ({ x: place(row.hparams[at]), y: runValue(run, tag), color: COLORS[index], text: `${row.label}\n${run.name}` })))
    .filter(({ x, y }) => x != null && isNumber(y)).sort((a, b) => a.x - b.x);
}

function meansOf(points) {
  const found = new Map();
  for (const { x, y } of points) found.set(x, [...(found.get(x) ?? []), y]);
  return [...found].map(([x, ys]) => [x, ys.reduce((a, b) => a + b) / ys.length]);
}

function drawDots(u, points, joined) {
  const ctx = u.ctx, spotAt = (x, y) => [u.valToPos(x, "x", true), u.valToPos(y, "y", true)];
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left - 8, u.bbox.top - 8, u.bbox.width + 16, u.bbox.height + 16);
  ctx.clip();
  ctx.strokeStyle = "#888";
  ctx.beginPath();
  if (joined) meansOf(points).forEach(([x, y]) => ctx.lineTo(...spotAt(x, y)));
  ctx.stroke();
  for (const { x, y, color } of points) {
    ctx.fillStyle = color;
    ctx.beginPath();
    ctx.arc(...spotAt(x, y), 4.5 * devicePixelRatio, 0, 7);
    ctx.fill();
  }
  ctx.restore();
}

function nearestDot(u, points, event) {
  const box = u.over.getBoundingClientRect(), [left, top] = [event.clientX - box.left, event.clientY - box.top];
  const away = ({ x, y }) => Math.hypot(u.valToPos(x, "x") - left, u.valToPos(y, "y") - top);
  const found = points.reduce((best, each) => (best == null || away(each) < away(best) ? each : best), null);
  return found && away(found) < 20 ? found : null;
}

function sweptChart(tag, { key, name }, at) {
  const values = [...new Set(drawnRows().map(([row]) => row.hparams[at]).filter((value) => value != null))];
  const numeric = values.length > 0 && values.every(isNumber), log = numeric && Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= 20;
  const names = values.map(String), place = numeric ? (value) => value : (value) => (value == null ? null : names.indexOf(String(value)));
  const points = sweptPoints(tag, at, place);
  if (!points.length) return null;
  const format = { x: name, logX: log, draw: (u) => drawDots(u, points, numeric && DATA.keys.length === 1) };
  format.ticks = numeric ? (u, splits) => splits.map((value) => (value == null ? "" : exact(value))) : (u, splits) => splits.map((value) => names[value] ?? "");
  if (!numeric) format.splits = () => names.map((_, each) => each);
  const made = chart(document.querySelector("#swept .charts"), `${partOf(tag)} ${nameOf[tag]} by ${key}`, [points.map(({ x }) => x), points.map(({ y }) => y)], (width) => {
    const opts = options(width, [{ paths: () => null, points: { show: false } }], [], format);
    opts.cursor = { drag: { x: numeric, y: true, uni: 20 }, points: { show: false } };
    opts.hooks.ready = [(u) => { u.root.onmouseleave = hideTip; u.root.onmousemove = (event) => { const dot = nearestDot(u, points, event); dot ? showTip(event, `${dot.text}\n${tag} ${exact(dot.y)}`) : hideTip(); }; }];
    if (!numeric) opts.scales.x.range = () => [-0.5, names.length - 0.5];
    else if (!log) opts.scales.x.range = (u, low, high) => padded(low, high);
    return opts;
  });
  return made;
}
const padded = (low, high) => (high > low ? [low - 0.06 * (high - low), high + 0.06 * (high - low)] : [low - 0.5, high + 0.5]);

function drawSwept() {
  sweptCharts.forEach((each) => each?.destroy());
  document.querySelector("#swept .charts").replaceChildren();
  sweptCharts = DATA.keys.slice(0, 12).map((key, at) => sweptChart(sweptView.tag, key, at));
}

function setUpSwept() {
  if (!DATA.keys.length || !DATA.metrics.length) return document.getElementById("swept").remove();
  const chosen = select(DATA.metrics.map((tag) => [tag, tag]), sweptView.tag, (value) => { sweptView.tag = value; drawSwept(); });
  document.querySelector("#swept .controls").append(el("label", {}, "metric", chosen), el("span", { class: "note" }, "a dot for each run; drag to zoom, double-click for all"));
  parts.push(drawSwept);
}
