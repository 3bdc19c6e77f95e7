"use strict";
function setUpHeader() {
  document.querySelector("h1").textContent = DATA.title;
  const counts = new Map();
  DATA.runs.forEach(({ status }) => counts.set(status, (counts.get(status) ?? 0) + 1));
  const states = [...counts].map(([status, count]) => `${count} ${status}`).join(", ");
  const best = bestRow(DATA.rows.map((row, at) => [row, at])), tag = DATA.shown[0];
  const told = best == null ? "" : `; best: ${DATA.rows[best].label}, ${tag} ${Number(valueOf(DATA.rows[best], tag).toPrecision(4))}`;
  const left = DATA.left_out ? `; ${DATA.left_out} more are left out` : "";
  document.getElementById("summary").textContent = `${DATA.runs.length} runs: ${states}${left}${told}`;
  document.getElementById("made").textContent = `Made ${new Date(DATA.made * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC by sweepboard ${DATA.version}: ${DATA.command}. Charts by uPlot:`;
  for (const section of document.querySelectorAll("main section")) document.querySelector("nav").append(el("a", { href: `#${section.id}` }, section.querySelector("h2").textContent));
}

function setUpImportances() {
  const entries = Object.entries(DATA.importances);
  if (!entries.length) return document.getElementById("importances").remove();
  for (const [objective, shares] of entries) {
    const bars = Object.entries(shares).map(([key, share]) => el("div", { class: "bar" }, el("span", {}, key), el("i", { style: `width:${100 * share}%` }), el("span", {}, `${Math.round(100 * share)} %`)));
    document.querySelector("#importances .bars").append(el("p", { class: "note" }, `how much of the differences in ${objective} each setting explains among the better trials (PED-ANOVA)`), ...bars);
  }
}

setUpTable();
setUpCurves();
setUpSwept();
setUpParallel();
setUpImportances();
setUpRuns();
setUpHeader();
parts.forEach((draw) => draw());
