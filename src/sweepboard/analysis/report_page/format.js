"use strict";
// Everything of the report is in DATA; text from it becomes a text node, never HTML.
const DATA = JSON.parse(document.getElementById("data").textContent);
const PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#882255", "#44AA99", "#999933", "#332288"];
const PALE = "#b9bcc6";
const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [214, 200, 40]];

function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "style") made.style.cssText = value;
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const exact = (value) => (value == null ? "" : isNumber(value) ? String(Number(value.toPrecision(6))) : String(value));

// A formatter that gives all numbers of a column the same number of decimals.
function columnFormat(values, spreads = []) {
  const known = values.filter(isNumber);
  const deviations = spreads.filter((value) => value > 0);
  const top = Math.max(...known.map(Math.abs), 0);
  if (known.every(Number.isInteger) && !deviations.length && top < 1e9) return (value) => (isNumber(value) ? String(value) : "");
  if (top >= 1e6 || (top > 0 && top < 1e-4)) return (value) => (isNumber(value) ? value.toExponential(3) : "");
  // Two digits of the smallest deviation, or three of the smallest value.
  const least = deviations.length ? Math.min(...deviations) : Math.min(...known.map(Math.abs).filter(Boolean)) / 10;
  const decimals = Math.min(6, Math.max(0, 1 - Math.floor(Math.log10(Number.isFinite(least) ? least : 1))));
  return (value) => (isNumber(value) ? value.toFixed(decimals) : "");
}

function duration(seconds) {
  if (!isNumber(seconds)) return "";
  const two = (value) => String(value).padStart(2, "0");
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${two(whole % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

function graded(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1), low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return `rgb(${VIRIDIS[low].map((value, at) => Math.round(value + (VIRIDIS[low + 1][at] - value) * (place - low))).join(",")})`;
}

const isNumericKey = (at) => DATA.rows.every((row) => isNumber(row.hparams[at]));
const modeOf = Object.fromEntries(DATA.tags.map(({ tag, mode }) => [tag, mode]));
const nameOf = Object.fromEntries(DATA.tags.map(({ tag, name }) => [tag, name]));
const partOf = (tag) => (modeOf[tag] === "unknown" ? "last" : "best");

// The value by which a row is judged: the mean of its best, or of its last where no direction is known.
function valueOf(row, tag) {
  const found = row.metrics[tag] && row.metrics[tag][partOf(tag)];
  return found ? found[0] : null;
}

function runValue(run, tag) {
  const best = run.best[tag] && run.best[tag][0];
  const curve = run.curves[tag];
  return best ?? (curve && curve[1].length ? curve[1][curve[1].length - 1] : null);
}

// One swept number: from dark to light by rank. Otherwise the best rows have a colour each, the rest is pale.
const COLORS = (() => {
  if (DATA.keys.length === 1 && isNumericKey(0)) {
    const order = [...new Set(DATA.rows.map((row) => row.hparams[0]))].sort((a, b) => a - b);
    return DATA.rows.map((row) => graded((0.9 * order.indexOf(row.hparams[0])) / Math.max(1, order.length - 1)));
  }
  return DATA.rows.map((_, at) => PALETTE[at] ?? PALE);
})();

const spot = (at) => el("span", { class: "spot", style: `background:${COLORS[at]}` });
const statusBadge = (text) => el("span", { class: `status ${/^[a-z]+$/.test(text) ? text : ""}` }, text);

function select(choices, chosen, onchange) {
  const made = el("select", { onchange: () => onchange(made.value) }, ...choices.map(([value, text]) => el("option", { value }, text)));
  if (chosen != null) made.value = chosen;
  return made;
}

const tip = document.getElementById("tip");
function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const left = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 8)}px`;
}
const hideTip = () => { tip.hidden = true; };

// What the reader has chosen; every part of the page draws itself again when it changes.
const state = { filter: "", off: new Set(), brushes: new Map() };
const parts = [];
let waiting = false;
function changed() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; parts.forEach((draw) => draw()); });
}
