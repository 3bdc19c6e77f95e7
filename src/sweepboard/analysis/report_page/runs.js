"use strict";
// What is recorded of each run, and in what runs differ. Details are made when they are opened.
const recordOf = (at) => ({ ...DATA.common, ...DATA.own[at] });
const rowOf = (run) => DATA.rows.findIndex((row) => row.runs.includes(run));

function entryTable(entries) {
  return el("table", {}, el("tbody", {}, ...entries.map(([key, ...values]) => el("tr", {}, el("td", {}, key), ...values.map((value) => el("td", { class: "value" }, valueText(value)))))));
}
const valueText = (value) => (value === undefined ? "(none)" : value === null ? "null" : String(value));

function entriesOf(at, part) {
  return Object.entries(recordOf(at)).filter(([key]) => key.startsWith(`${part}.`)).map(([key, value]) => [key.slice(part.length + 1), value]);
}

function folded(title, entries) {
  return entries.length ? el("details", {}, el("summary", {}, `${title} (${entries.length})`), entryTable(entries)) : null;
}

function metricEntries(run) {
  return Object.keys(run.curves).map((tag) => {
    const values = run.curves[tag][1], best = run.best[tag];
    return [tag, `last ${exact(values[values.length - 1] ?? null) || "nan"}`, best && best[0] != null ? `best ${exact(best[0])}${best[1] == null ? "" : ` at step ${best[1]}`}` : ""];
  });
}

function stateEntries(run) {
  const ended = run.total_steps ? `${run.step} of ${run.total_steps} updates` : run.step;
  const started = run.started ? new Date(run.started * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC" : null;
  return [["state", run.status], ["why", run.why], ["damage", run.damage], ["folder", run.path], ["seed", run.seed], ["started", started],
    ["time", duration(run.seconds)], ["trained", ended]].filter(([, value]) => value != null && value !== "");
}

function runDetails(at) {
  const run = DATA.runs[at];
  const command = run.command ? el("div", {}, el("button", { onclick: () => navigator.clipboard?.writeText(run.command) }, "copy"), " ", el("code", {}, run.command)) : null;
  return el("div", { class: "inner" }, entryTable(stateEntries(run)), command, folded("metrics", metricEntries(run)), folded("configuration", entriesOf(at, "config")), folded("environment", entriesOf(at, "environment")));
}

function runEntry(at) {
  const run = DATA.runs[at];
  const made = el("details", { "data-run": at }, el("summary", {}, spot(rowOf(at)), `${run.name} `, statusBadge(run.status), run.why ? ` ${run.why}` : ""));
  made.addEventListener("toggle", () => { if (made.open && made.children.length === 1) made.append(runDetails(at)); });
  return made;
}

function drawRuns() {
  const wanted = filteredRows().flatMap(([row]) => row.runs), place = document.querySelector("#runs .list");
  if (!place.children.length) place.append(...DATA.runs.map((_, at) => runEntry(at)));
  const kept = new Set(wanted);
  [...place.children].forEach((each) => { each.hidden = !kept.has(Number(each.dataset.run)); });
}

// In what all runs differ: each key with its values and how many runs have each.
function allDifferences() {
  const keys = [...new Set(DATA.own.flatMap(Object.keys))];
  return keys.map((key) => {
    const counts = new Map();
    DATA.own.forEach((own) => { const text = valueText(own[key]); counts.set(text, (counts.get(text) ?? 0) + 1); });
    const shown = [...counts].slice(0, 8).map(([text, count]) => `${text} (${count})`).join(", ");
    return [key, counts.size > 8 ? `${shown} and ${counts.size - 8} more` : shown];
  });
}

function pairDifferences(one, other) {
  const [left, right] = [DATA.own[one], DATA.own[other]];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].filter((key) => left[key] !== right[key]).map((key) => [key, left[key], right[key]]);
}

function setUpRuns() {
  parts.push(drawRuns);
  if (DATA.runs.length < 2) return document.getElementById("differences").remove();
  const names = [["", "all runs"], ...DATA.runs.map((run, at) => [at, run.name])], pair = ["", ""];
  const draw = () => {
    const entries = pair.includes("") ? allDifferences() : pairDifferences(...pair);
    document.querySelector("#differences .scroll").replaceChildren(entries.length ? entryTable(entries) : el("p", { class: "note" }, "no difference"));
  };
  const choices = pair.map((_, side) => select(names, "", (value) => { pair[side] = value; draw(); }));
  document.querySelector("#differences .controls").append(el("label", {}, "between", choices[0]), el("label", {}, "and", choices[1]));
  draw();
}
