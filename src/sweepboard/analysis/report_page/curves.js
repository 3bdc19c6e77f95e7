"use strict";
// Curves: a chart for each chosen metric, a colour for each row, its seeds as mean and band or apart.
const curveView = { tags: new Set(), x: "step", smooth: 0, logY: false, logX: false, apart: false };
let charts = [];

function smoothedCurve(values, weight) {
  if (!weight) return values;
  let average = 0, total = 0;
  return values.map((value) => {
    if (value == null) return null;
    average = weight * average + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return average / total;
  });
}

function pointsOf(run, tag) {
  const [steps, values] = run.curves[tag];
  const perStep = curveView.x === "epoch" && run.step ? run.epochs / run.step : 1;
  const keep = (value) => (value == null || (curveView.logY && value <= 0) ? null : value);
  const xs = steps.map((step) => step * perStep), ys = smoothedCurve(values, curveView.smooth).map(keep);
  const from = curveView.logX ? xs.findIndex((x) => x > 0) : 0;
  return from < 0 ? [[], []] : [xs.slice(from), ys.slice(from)];
}

// Mean and deviation at the steps that all curves have, so that every mean is over the same runs.
function bandOf(curves) {
  const values = curves.map(([xs, ys]) => new Map(xs.map((x, at) => [x, ys[at]])));
  const xs = curves[0][0].filter((x) => values.every((each) => each.has(x)));
  const at = xs.map((x) => values.map((each) => each.get(x)));
  const mean = at.map((each) => (each.includes(null) ? null : each.reduce((a, b) => a + b) / each.length));
  const std = at.map((each, place) => (mean[place] == null ? null : Math.sqrt(each.reduce((sum, value) => sum + (value - mean[place]) ** 2, 0) / (each.length - 1))));
  return { xs, mean, low: mean.map((m, k) => lowEnd(m, std[k])), high: mean.map((m, k) => (m == null ? null : m + std[k])) };
}
const lowEnd = (mean, std) => (mean == null || (curveView.logY && mean - std <= 0) ? null : mean - std);

function seriesOf(tag) {
  const tables = [], series = [], bands = [];
  for (const [row, at] of drawnRows().reverse()) { // the best on top
    const runs = (curveView.apart ? row.runs : row.repeats).map((each) => DATA.runs[each]).filter((run) => run.curves[tag]);
    const curves = runs.map((run) => pointsOf(run, tag));
    const band = curves.length > 1 && !curveView.apart ? bandOf(curves) : null;
    if (band && band.xs.length) {
      tables.push([band.xs, band.high, band.low, band.mean]);
      series.push(edge(), edge(), line(at, `${row.label} (mean of ${curves.length})`));
      bands.push({ series: [series.length - 2, series.length - 1], // counted from 1, after x
        fill: translucent(COLORS[at]) });
    } else {
      curves.forEach((curve, place) => { tables.push(curve); series.push(line(at, runs.length > 1 ? runs[place].name : row.label)); });
    }
  }
  return { tables, series, bands };
}
const edge = () => ({ label: "", width: 0, points: { show: false }, edge: true });
const line = (at, label) => ({ label, stroke: COLORS[at], width: COLORS[at] === PALE ? 1 : 1.8, points: { size: 5 } });
const translucent = (color) => (color.startsWith("#") ? `${color}2e` : color.replace("rgb(", "rgba(").replace(")", ",0.18)"));

// The nearest point of a series that has none at this step, so that every curve answers the pointer.
function nearestIndex(u, series, at) {
  const values = u.data[series];
  for (let away = 0; away < values.length; away++) {
    if (values[at - away] != null) return at - away;
    if (values[at + away] != null) return at + away;
  }
  return at;
}

function chartTip(u, format) {
  const at = u.cursor.focused;
  if (at == null || u.series[at].edge) return null;
  const index = u.cursor.idxs[at];
  return index == null ? null : `${u.series[at].label}\n${format.x} ${exact(u.data[0][index])}: ${exact(u.data[at][index])}`;
}

function options(width, series, bands, format) {
  const axis = { stroke: "#556", grid: { stroke: "#eceef3", width: 1 }, ticks: { stroke: "#ccd" } };
  const hover = (u) => (u.root.onmousemove = (event) => { const text = chartTip(u, format); text ? showTip(event, text) : hideTip(); });
  return {
    width, height: 270, series: [{ label: format.x }, ...series], bands, legend: { show: false }, focus: { alpha: 0.25 },
    scales: { x: { time: false, distr: format.logX ? 3 : 1 }, y: { distr: format.logY ? 3 : 1 } },
    axes: [{ ...axis, label: format.x, labelSize: 18, labelGap: -2, size: 34, labelFont: "12px system-ui", values: format.ticks, splits: format.splits }, { ...axis, size: 62, values: (u, splits) => splits.map((value) => (value == null ? "" : exact(value))) }],
    cursor: { focus: { prox: 24 }, drag: { x: true, y: true, uni: 20 }, dataIdx: nearestIndex, points: { show: true } },
    hooks: { setSeries: [(u, at) => { u.cursor.focused = at; }], ready: [(u) => { hover(u); u.root.onmouseleave = hideTip; }], draw: format.draw ? [format.draw] : [] },
  };
}

function chart(place, title, data, opts) {
  const plot = el("div", { class: "plot" });
  const card = el("div", { class: "chart" }, el("h3", {}, title), plot);
  place.append(card);
  const made = new uPlot(opts(plot.clientWidth || 440), data, plot);
  new ResizeObserver(() => made.setSize({ width: plot.clientWidth, height: 270 })).observe(plot);
  return made;
}

function drawCurves() {
  const place = document.querySelector("#curves .charts");
  charts.forEach((each) => each.destroy());
  charts = [];
  place.replaceChildren();
  for (const tag of curveView.tags) {
    const { tables, series, bands } = seriesOf(tag);
    if (!tables.some(([xs]) => xs.length)) continue;
    const format = { x: curveView.x, logX: curveView.logX, logY: curveView.logY };
    charts.push(chart(place, nameOf[tag], uPlot.join(tables), (width) => options(width, series, bands, format)));
  }
  if (!charts.length) place.append(el("p", { class: "note" }, "Nothing is left to draw."));
}

function setUpCurves() {
  const several = DATA.tags.map(({ tag }) => tag).filter((tag) => DATA.runs.some((run) => run.curves[tag]?.[0].length > 1));
  if (!several.length) return document.getElementById("curves").remove();
  const training = several.filter((tag) => /^train/.test(tag) && modeOf[tag] === "min");
  [...DATA.shown.filter((tag) => several.includes(tag)).slice(0, 2), ...training.slice(0, 1)].forEach((tag) => curveView.tags.add(tag));
  if (!curveView.tags.size) curveView.tags.add(several[0]);
  const box = (text, key) => el("label", {}, el("input", { type: "checkbox", onchange: () => { curveView[key] = !curveView[key]; drawCurves(); } }), text);
  const smooth = el("input", { type: "range", min: 0, max: 0.99, step: 0.01, value: 0, oninput: () => { curveView.smooth = Number(smooth.value); drawCurves(); } });
  const axis = select([["step", "steps"], ["epoch", "epochs"]], "step", (value) => { curveView.x = value; drawCurves(); });
  const epochs = DATA.runs.every((run) => run.step && run.epochs) ? el("label", {}, "over", axis) : null;
  const repeated = DATA.rows.some((row) => row.runs.length > 1) ? box("seeds apart", "apart") : null;
  document.querySelector("#curves .controls").append(...[epochs, el("label", {}, "smooth", smooth), box("log y", "logY"), box("log x", "logX"), repeated].filter(Boolean),
    el("span", { class: "note" }, `drag to zoom, double-click for all${DATA.thinned > 1 ? `; of long curves every ${DATA.thinned}th point` : ""}`),
    metricChooser({ all: several, on: curveView.tags }, drawCurves));
  parts.push(drawCurves);
}
