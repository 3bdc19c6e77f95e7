"use strict";
// The table: sorted by a click on a header, filtered by words and conditions such as `lr<0.1 status=finished`.
const COLUMNS = [
  ...DATA.keys.map(({ key, name }, at) => ({ name, title: key, value: (row) => row.hparams[at] })),
  ...(DATA.rows.some((row) => row.runs.length > 1) ? [{ name: "runs", value: (row) => row.runs.length }] : []),
  ...DATA.metrics.flatMap((tag) => metricColumns(tag)),
  { name: "time", value: (row) => row.seconds && row.seconds[0], format: duration },
  { name: "status", value: (row) => row.status, cell: (row) => statusBadge(row.status) },
  { name: "run", value: (row) => row.name },
];
const shownMetrics = new Set(DATA.shown);
let sorted = { name: null, down: false };

function metricColumns(tag) {
  const once = DATA.runs.every((run) => !run.curves[tag] || run.curves[tag][0].length <= 1);
  const kinds = modeOf[tag] === "unknown" || once ? [["last", ""]] : [["best", "best "], ["last", "last "]];
  return kinds.map(([part, word]) => ({
    name: `${word}${nameOf[tag]}`, title: tag, tag, part, numeric: true, first: part === kinds[0][0], up: modeOf[tag] === "min",
    value: (row) => row.metrics[tag]?.[part]?.[0] ?? null,
    spread: (row) => row.metrics[tag]?.[part] ?? null,
  }));
}

// `a<0.1` compares a column, by its name or the end of it; other words must be somewhere in the row.
function condition(word) {
  const found = /^([^<>=!]+)(<=|>=|!=|==?|<|>)(.+)$/.exec(word);
  const column = found && COLUMNS.find(({ name, title }) => [name, title].some((each) => each === found[1] || each?.endsWith(`/${found[1]}`) || each?.endsWith(`.${found[1]}`)));
  if (!column) return (row) => textOf(row).includes(word.toLowerCase());
  const asked = found[3], number = Number(asked);
  return (row) => {
    const value = column.value(row);
    if (value == null) return false;
    const [left, right] = isNumber(value) && !Number.isNaN(number) ? [value, number] : [String(value).toLowerCase(), asked.toLowerCase()];
    return { "<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right, "!=": left !== right }[found[2]] ?? left === right;
  };
}

const textOf = (row) => `${row.label} ${row.name} ${row.status} ${row.runs.map((at) => DATA.runs[at].name).join(" ")}`.toLowerCase();

// Rows that pass the filter and the brushes; those that are switched off in the table are still among them.
function filteredRows() {
  const holds = state.filter.split(/\s+/).filter(Boolean).map(condition);
  return DATA.rows.map((row, at) => [row, at]).filter(([row]) => holds.every((each) => each(row)) && [...state.brushes.values()].every((each) => each(row)));
}
const drawnRows = () => filteredRows().filter(([, at]) => !state.off.has(at));

function sortedRows() {
  const rows = filteredRows(), column = COLUMNS.find(({ name }) => name === sorted.name);
  if (!column) return rows;
  const sign = sorted.down ? -1 : 1;
  return rows.sort(([one], [other]) => {
    const [a, b] = [column.value(one), column.value(other)];
    if (a == null || b == null) return (a == null) - (b == null);
    return sign * (isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
  });
}

function sortBy(column) {
  const first = Boolean(column.numeric && !column.up);
  sorted = { name: column.name, down: sorted.name === column.name ? !sorted.down : first };
  drawTable();
}

function bestRow(rows) {
  const tag = DATA.shown[0], sign = modeOf[tag] === "min" ? 1 : -1;
  const known = rows.filter(([row]) => tag && isNumber(valueOf(row, tag)));
  if (known.length < 2 || modeOf[tag] === "unknown") return null;
  return known.reduce((one, other) => (sign * (valueOf(other[0], tag) - valueOf(one[0], tag)) < 0 ? other : one))[1];
}

function cellOf(column, row, format) {
  if (column.cell) return el("td", {}, column.cell(row));
  if (!column.numeric) {
    const value = column.value(row);
    return el("td", { class: isNumber(value) ? "number" : "" }, column.format ? column.format(value) : exact(value));
  }
  const found = column.spread(row);
  if (!found) return el("td", {});
  const [mean, std, n] = found;
  const text = format(mean) + (std == null ? "" : ` ± ${format(std)}${n === 2 ? " (n = 2)" : ""}`);
  return el("td", { class: "number", title: `${mean}${std == null ? "" : ` ± ${std}, n = ${n}`}` }, text);
}

function drawTable() {
  const rows = sortedRows(), best = bestRow(rows);
  const columns = COLUMNS.filter((column) => !column.tag || (shownMetrics.has(column.tag) && (column.first || state.last)));
  const formats = columns.map((column) => (column.numeric ? columnFormat(DATA.rows.map(column.value), DATA.rows.map((row) => column.spread(row)?.[1])) : null));
  const heads = columns.map((column) => el("th", { class: DATA.rows.some((row) => isNumber(column.value(row))) && !column.format ? "number" : "", title: column.title, "aria-sort": sorted.name === column.name ? (sorted.down ? "descending" : "ascending") : "none" },
    el("button", { onclick: () => sortBy(column) }, `${column.name}${sorted.name === column.name ? (sorted.down ? " ▾" : " ▴") : ""}`)));
  const lines = rows.map(([row, at]) => el("tr", { class: `${at === best ? "best" : ""} ${state.off.has(at) ? "off" : ""}` },
    el("td", {}, el("input", { type: "checkbox", checked: !state.off.has(at), "aria-label": `draw ${row.label}`, onchange: () => { state.off.has(at) ? state.off.delete(at) : state.off.add(at); changed(); } }), spot(at)),
    ...columns.map((column, place) => cellOf(column, row, formats[place]))));
  document.querySelector("#table .scroll").replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, el("th", {}), ...heads)), el("tbody", {}, ...lines)));
  document.getElementById("count").textContent = `${rows.length} of ${DATA.rows.length} rows`;
}

function metricChooser(chosen, onchange) {
  return el("details", {}, el("summary", {}, "metrics"), ...chosen.all.map((tag) => el("label", { style: "margin-right:14px" },
    el("input", { type: "checkbox", checked: chosen.on.has(tag), onchange: () => { chosen.on.has(tag) ? chosen.on.delete(tag) : chosen.on.add(tag); onchange(); } }), tag)));
}

function setUpTable() {
  const search = el("input", { type: "search", placeholder: "filter: words, lr<0.1, status=finished", "aria-label": "filter", oninput: () => { state.filter = search.value; changed(); } });
  const clear = el("button", { onclick: () => { search.value = ""; state.filter = ""; state.off.clear(); state.brushes.clear(); changed(); } }, "show all");
  const last = el("label", {}, el("input", { type: "checkbox", onchange: () => { state.last = !state.last; drawTable(); } }), "last values too");
  document.querySelector("#table .controls").append(search, clear, el("span", { class: "note", id: "count" }), last, metricChooser({ all: DATA.metrics, on: shownMetrics }, drawTable));
  parts.push(drawTable);
}
