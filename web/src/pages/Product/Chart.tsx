import { useComputedColorScheme } from "@mantine/core";
import { BarChart, LineChart } from "echarts/charts";
import {
  AriaComponent,
  AxisPointerComponent,
  GridComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
} from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";
import type { Page } from "../../api/client";
import { metricName } from "./derive";
import { option, type Colours } from "./option";

echarts.use([
  AriaComponent,
  AxisPointerComponent,
  BarChart,
  CanvasRenderer,
  GridComponent,
  LineChart,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
]);

function colours(): Colours {
  const css = getComputedStyle(document.documentElement);
  const get = (name: string) => css.getPropertyValue(`--${name}`).trim();
  return {
    ink: get("ink"),
    dim: get("dim"),
    line: get("line"),
    panel: get("panel"),
    accent: get("accent"),
    good: get("good"),
    bad: get("bad"),
    soft: get("bad-soft"),
  };
}

/** Draws the windows; in a chunk of its own, because the library is large. */
export default function Chart({ page, unit }: { page: Page; unit: string }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<echarts.ECharts>(null);
  const scheme = useComputedColorScheme("light");
  useEffect(() => {
    const node = box.current;
    if (!node) return;
    const made = echarts.init(node, undefined, { renderer: "canvas" });
    chart.current = made;
    const watch = new ResizeObserver(() => made.resize());
    watch.observe(node);
    return () => {
      watch.disconnect();
      made.dispose();
    };
  }, []);
  useEffect(() => {
    chart.current?.setOption(option(page, unit, colours()), { notMerge: true });
  }, [page, unit, scheme]);
  return (
    <div
      ref={box}
      role="img"
      aria-label={`${metricName(page)} with its limit and the saving of ${page.windows.length} windows; the button "as a table" shows the numbers`}
      style={{ position: "absolute", inset: 0 }}
    />
  );
}
