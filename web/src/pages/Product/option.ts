import type { EChartsCoreOption } from "echarts/core";
import type { Page, Window } from "../../api/client";
import { day, money, number, percent } from "../../lib/format";
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
    axisLabel: { color: c.dim },
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
      { left: 52, right: 14, top: 30, height: "48%" },
      { left: 52, right: 14, top: "70%", bottom: 24 },
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
      label: { color: c.bad, fontSize: 11, position: "insideTop" },
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

/** A line where another package took over. Of several in one window the newest names it. */
export function placements(page: Page, c: Pick<Colours, "dim">) {
  const seen = new Map<number, (typeof page.deployments)[number]>();
  for (const d of page.deployments) {
    const i = windowAt(page.windows, d.from);
    if (i >= 0 && !seen.has(i)) seen.set(i, d);
  }
  return [...seen].map(([i, d]) => {
    const name = `${d.version ? `v${d.version}` : d.package.slice(7, 11)} ${d.cause}`;
    // near the right edge there is no room on the right
    return {
      xAxis: i,
      label: { formatter: name, color: c.dim, fontSize: 11, align: i > page.windows.length * 0.85 ? "right" : "left" },
    };
  });
}

/** From the first window beyond the limit until the incident was resolved, or until now. */
export function incidents(page: Page) {
  return page.incidents.flatMap((i) => {
    const from = windowAt(page.windows, i.windows[0] ?? i.opened_at);
    const end = i.resolved_at ? windowAt(page.windows, i.resolved_at) : -1;
    const to = end >= 0 ? end : page.windows.length - 1;
    return from < 0 ? [] : [[{ name: i.id, xAxis: from }, { xAxis: to }]];
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
