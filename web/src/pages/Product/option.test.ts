import { describe, expect, it } from "vitest";
import { umbrella } from "../../fixtures/umbrella";
import { incidents, option, placements } from "./option";

const colours = {
  ink: "#111",
  dim: "#555",
  line: "#eee",
  panel: "#fff",
  accent: "#00f",
  good: "#0a0",
  bad: "#a00",
  soft: "#fee",
};

describe("the chart", () => {
  it("marks where another package took over", () => {
    expect(placements(umbrella, colours).map((p) => [p.xAxis, p.label.formatter])).toEqual([
      [15, "v2 retrain"],
      [0, "v1 release"],
    ]);
    expect(placements({ ...umbrella, windows: [] }, colours)).toEqual([]);
  });

  it("shades an incident from its first bad window until it was resolved, or until now", () => {
    const last = umbrella.windows.length - 1;
    expect(incidents(umbrella)).toEqual([[{ name: "umbrella-1", xAxis: 12 }, { xAxis: last }]]);
    const over = umbrella.incidents.map((i) => ({ ...i, resolved_at: umbrella.windows[18]?.start ?? "" }));
    expect(incidents({ ...umbrella, incidents: over })).toEqual([[{ name: "umbrella-1", xAxis: 12 }, { xAxis: 18 }]]);
  });

  it("draws a gap where a number is missing, never a zero", () => {
    const [first] = umbrella.windows;
    if (!first) throw new Error("the fixture has windows");
    const { saving: _s, wape: _w, metric_value: _m, verdicts: _v, ...bare } = first;
    const drawn = option({ ...umbrella, windows: [bare] }, "EUR", colours) as { series: { data: unknown[] }[] };
    expect(drawn.series.map((s) => s.data[0])).toMatchObject([{ value: "-" }, "-", { value: "-" }]);
  });
});
