import type { EChartsCoreOption } from "echarts/core";
import type { Page, Window } from "../../api/client";
import { day, money, number, percent, short } from "../../lib/format";
import { errorOf, metricName, verdict, windowAt } from "./derive";

export interface Colours {
  ink: string;
  dim: string;
  line: string;
  panel: string;
  accent: string;
  good: string;
  bad: string;
  /** Background of the time of an incident. */
  soft: string;
}

/** The chart as data: error and limit above, money below, one axis of time. */
export function option(page: Page, unit: string, c: Colours): EChartsCoreOption {
  const days = page.windows.map((w) => day(w.start));
  const axis = { type: "category", data: days, axisTick: { show: false }, axisLine: { lineStyle: { color: c.line } } };
  const value = {
    type: "value",
    axisLabel: { color: c.dim, formatter: (x: number) => number(x, Math.abs(x) < 2 && x !== 0 ? 1 : 0) },
    splitLine: { lineStyle: { color: c.line } },
    nameTextStyle: { color: c.dim, align: "left" },
  };
  return {
    animation: false,
    aria: { enabled: false }, // the element has a name of its own, and the table all numbers
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    tooltip: {
      trigger: "axis",
      confine: true,
      backgroundColor: c.panel,
      borderColor: c.line,
      textStyle: { color: c.ink, fontSize: 12 },
      formatter: (items: unknown) => tip(page, unit, items),
    },
    grid: [
      { left: 52, right: 14, top: 30, height: "54%" },
      { left: 52, right: 14, top: "73%", bottom: 24 },
    ],
    xAxis: [
      { ...axis, gridIndex: 0, axisLabel: { show: false } },
      {
        ...axis,
        gridIndex: 1,
        axisLabel: { color: c.dim, hideOverlap: true },
        axisLine: { onZero: false, lineStyle: { color: c.line } },
      },
    ],
    yAxis: [
      { ...value, gridIndex: 0, min: 0, splitNumber: 4 },
      { ...value, gridIndex: 1, name: unit ? `saving, ${unit}` : "saving", splitNumber: 3 },
    ],
    series: [
      errors(page, c),
      {
        type: "line",
        name: "limit",
        step: "middle",
        symbol: "none",
        data: page.windows.map((w) => verdict(w)?.limit.value ?? "-"),
        lineStyle: { color: c.bad, type: "dashed", width: 1.5 },
        itemStyle: { color: c.bad },
        z: 1,
      },
      {
        type: "bar",
        name: "saving",
        xAxisIndex: 1,
        yAxisIndex: 1,
        barMaxWidth: 18,
        data: page.windows.map((w) => ({
          value: w.saving ?? "-",
          itemStyle: { color: (w.saving ?? 0) < 0 ? c.bad : c.good, opacity: w.state === "open" ? 0.45 : 1 },
        })),
      },
    ],
  };
}

function errors(page: Page, c: Colours) {
  return {
    type: "line",
    name: metricName(page),
    symbol: "circle",
    showAllSymbol: true,
    lineStyle: { color: c.accent, width: 2 },
    itemStyle: { color: c.accent },
    z: 3,
    data: page.windows.map((w) => point(w, c)),
    markLine: {
      symbol: "none",
      silent: true,
      lineStyle: { color: c.dim, type: "dotted", width: 1.5 },
      data: placements(page, c),
    },
    markArea: {
      silent: true,
      itemStyle: { color: c.soft },
      label: { color: c.bad, fontSize: 11, position: "insideBottom" },
      data: incidents(page),
    },
  };
}

function point(w: Window, c: Colours) {
  const beyond = verdict(w)?.beyond ?? false;
  const open = w.state === "open";
  const fill = open ? c.panel : beyond ? c.bad : c.accent;
  return {
    value: errorOf(w) ?? "-",
    symbolSize: beyond ? 9 : 5,
    itemStyle: { color: fill, borderColor: beyond ? c.bad : c.accent, borderWidth: open ? 1.5 : 0 },
  };
}

/**
 * A line where another package began to answer. The windows tell, not the time of the placement: a replay of the past is
 * placed today.
 */
export function placements(page: Page, c: Pick<Colours, "dim">) {
  return page.windows.flatMap((w, i) => {
    if (!w.package || w.package === page.windows[i - 1]?.package) return [];
    // a package may have been placed several times; the first placement brought it
    const d = page.deployments.findLast((x) => x.package === w.package);
    const name = d && d.version > 0 ? `v${d.version} ${d.cause}` : short(w.package).slice(0, 6);
    // near the right edge there is no room on the right
    return [
      {
        xAxis: i,
        label: {
          formatter: name,
          color: c.dim,
          fontSize: 11,
          align: i > page.windows.length * 0.85 ? "right" : "left",
        },
      },
    ];
  });
}

/** The windows of an incident: from the first beyond the limit to the last. */
export function incidents(page: Page) {
  return page.incidents.flatMap((i) => {
    const from = windowAt(page.windows, i.windows[0] ?? i.opened_at);
    if (from < 0) return [];
    const to = windowAt(page.windows, i.windows.at(-1) ?? i.opened_at);
    // a window is a point on the axis: an area needs two
    return [[{ name: i.id, xAxis: from }, { xAxis: Math.max(to, Math.min(from + 1, page.windows.length - 1)) }]];
  });
}

function tip(page: Page, unit: string, items: unknown): string {
  const [first] = items as { dataIndex: number }[];
  const w = first && page.windows[first.dataIndex];
  if (!w) return "";
  const limit = verdict(w)?.limit.value;
  const lines = [
    `<b>${day(w.start)} … ${day(w.end)}</b>${w.state === "open" ? ", still open" : ""}`,
    `${escape(metricName(page))} <b>${number(errorOf(w), 3)}</b>${limit === undefined ? "" : `, limit ${number(limit, 3)}`}`,
    `saving <b>${escape(money(w.saving, unit))}</b>`,
    `cost ${escape(money(w.cost, unit))}, naive rule ${escape(money(w.baseline_cost, unit))}`,
    `${number(w.rows)} of ${number(w.predictions)} answers have truth (${percent(w.coverage)})`,
  ];
  return lines.join("<br>");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
