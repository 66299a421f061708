import type { EChartsCoreOption } from "echarts/core";
import { figure } from "../lib/format";

/** Points of one run; a null is NaN and leaves a gap. */
export interface Curve {
  name: string;
  steps: number[];
  values: (number | null)[];
}

/** The colours of curves, readable on light and dark; the dash changes when they begin anew. */
export const palette = ["#3b74e8", "#d9822b", "#2ba37b", "#c44bb0", "#8a8f2c", "#d0504f", "#5a9bd4", "#9367d6"];

const dashes = ["solid", "dashed", "dotted"] as const;

/** How the curve of a place is drawn. */
export function stroke(i: number): { color: string; type: (typeof dashes)[number] } {
  const color = palette[i % palette.length] ?? "#888";
  return { color, type: dashes[Math.floor(i / palette.length) % dashes.length] ?? "solid" };
}

/** The chart as data. get gives a colour of the page by its name. */
export function curves(lines: Curve[], get: (name: string) => string): EChartsCoreOption {
  const axis = {
    axisLabel: { color: get("dim"), hideOverlap: true },
    splitLine: { lineStyle: { color: get("line") } },
  };
  return {
    animation: false,
    tooltip: {
      trigger: "axis",
      confine: true,
      backgroundColor: get("panel"),
      borderColor: get("line"),
      textStyle: { color: get("ink"), fontSize: 12 },
      valueFormatter: (x: unknown) => figure(typeof x === "number" ? x : undefined),
    },
    grid: { left: 8, right: 16, top: 12, bottom: 8, containLabel: true },
    dataZoom: [{ type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl" }],
    xAxis: { ...axis, type: "value", scale: true, splitLine: { show: false }, minInterval: 1 },
    yAxis: { ...axis, type: "value", scale: true, splitNumber: 4 },
    series: lines.map((l, i) => ({
      type: "line",
      name: l.name,
      data: l.steps.map((s, k) => [s, l.values[k] ?? "-"]),
      showSymbol: l.steps.length === 1,
      symbolSize: 7,
      lineStyle: { ...stroke(i), width: 1.8 },
      itemStyle: { color: stroke(i).color },
    })),
  };
}
