// Charts of the dashboard: each draws the columns marked data-drawn of the table that it stands above.
// The table has the same numbers, so without this file nothing is missing.
"use strict";

// Colours that differ in lightness too, for those who cannot tell the hues apart.
const TONES = {
  good: "#2f8f5b", bad: "#b9433b", wait: "#e0a63b", unknown: "#7d63b8", old: "#9aa7b5",
  none: "#c9d3de", note: "#3d7fb8",
};
const drawn = [];

function numbersOf(table) {
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...table.tBodies[0].rows];
  return {
    names: rows.map((row) => row.cells[0].textContent),
    series: heads.flatMap((head, at) => ("drawn" in head.dataset
      ? [{ name: head.textContent, color: TONES[head.dataset.drawn], data: rows.map((row) => Number(row.cells[at].textContent)) }]
      : [])),
  };
}

function optionOf(table) {
  const { names, series } = numbersOf(table);
  const style = getComputedStyle(document.body);
  return {
    animation: false,
    backgroundColor: style.getPropertyValue("--paper").trim() || "#ffffff",
    textStyle: { color: style.color, fontFamily: style.fontFamily },
    tooltip: { trigger: "axis", renderMode: "richText" },
    legend: series.length > 1 ? { textStyle: { color: style.color }, type: "scroll", top: 0 } : undefined,
    grid: { left: 8, right: 24, top: series.length > 1 ? 36 : 12, bottom: 8, containLabel: true },
    xAxis: { type: "value", axisLabel: { color: style.color } },
    yAxis: {
      type: "category", data: names, inverse: true,
      axisLabel: { color: style.color, width: 130, overflow: "truncate" },
    },
    series: series.map((each) => ({ ...each, type: "bar", stack: "all", barMaxWidth: 22 })),
  };
}

function draw(box) {
  const table = document.getElementById(box.dataset.chart);
  box.hidden = false;
  // The table beside it says the same in words.
  box.setAttribute("aria-hidden", "true");
  const chart = echarts.init(box);
  chart.setOption(optionOf(table));
  drawn.push({ chart, table });
  const link = document.querySelector(`[data-png="${box.dataset.chart}"]`);
  if (!link) return;
  link.hidden = false;
  link.addEventListener("click", () => { link.href = chart.getDataURL({ type: "png", pixelRatio: 2 }); });
}

if (window.echarts) {
  for (const box of document.querySelectorAll("[data-chart]")) draw(box);
  addEventListener("resize", () => { for (const each of drawn) each.chart.resize(); });
  new MutationObserver(() => {
    for (const each of drawn) each.chart.setOption(optionOf(each.table));
  }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-bs-theme"] });
}
