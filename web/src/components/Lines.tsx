import { useComputedColorScheme } from "@mantine/core";
import { LineChart } from "echarts/charts";
import { DataZoomInsideComponent, GridComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";
import { curves, type Curve } from "./curves";

echarts.use([CanvasRenderer, DataZoomInsideComponent, GridComponent, LineChart, TooltipComponent]);

/** Draws curves over steps; in a chunk of its own, because the library is large. */
export default function Lines({ lines, label }: { lines: Curve[]; label: string }) {
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
    const css = getComputedStyle(document.documentElement);
    const get = (name: string) => css.getPropertyValue(`--${name}`).trim();
    chart.current?.setOption(curves(lines, get), { notMerge: true });
  }, [lines, scheme]);
  return <div ref={box} role="img" aria-label={label} className="lines" />;
}
