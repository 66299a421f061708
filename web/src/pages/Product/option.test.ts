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
  it("marks the windows in which another package began to answer, whenever it was placed", () => {
    const want = [
      [0, "v1 release"],
      [15, "v2 retrain"],
    ];
    const marks = (page: typeof umbrella) => placements(page, colours).map((p) => [p.xAxis, p.label.formatter]);
    expect(marks(umbrella)).toEqual(want);
    const replayed = umbrella.deployments.map((d) => ({ ...d, from: "2026-11-23T00:00:00Z" }));
    expect(marks({ ...umbrella, deployments: replayed })).toEqual(want);
    expect(marks({ ...umbrella, windows: [] })).toEqual([]);
  });

  it("shades the windows of an incident", () => {
    expect(incidents(umbrella)).toEqual([[{ name: "umbrella-1", xAxis: 12 }, { xAxis: 13 }]]);
    const short = umbrella.incidents.map((i) => ({ ...i, windows: i.windows.slice(0, 1) }));
    expect(incidents({ ...umbrella, incidents: short })).toEqual([[{ name: "umbrella-1", xAxis: 12 }, { xAxis: 13 }]]);
    expect(incidents({ ...umbrella, windows: umbrella.windows.slice(0, 3) })).toEqual([]);
  });

  it("draws a gap where a number is missing, never a zero", () => {
    const [first] = umbrella.windows;
    if (!first) throw new Error("the fixture has windows");
    const { saving: _s, wape: _w, metric_value: _m, verdicts: _v, ...bare } = first;
    const drawn = option({ ...umbrella, windows: [bare] }, "EUR", colours) as { series: { data: unknown[] }[] };
    expect(drawn.series.map((s) => s.data[0])).toMatchObject([{ value: "-" }, "-", { value: "-" }]);
  });
});
