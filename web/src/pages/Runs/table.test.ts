import { describe, expect, it } from "vitest";
import type { RunRow, RunsTable } from "../../api/runs";
import { aligned, columnsOf, label, putQuery, queryOf, sorted, turned } from "./table";

const row = (id: string, more: Partial<RunRow>): RunRow => ({
  id,
  name: id,
  experiment: "e",
  experiment_id: "1",
  user: "daisy",
  status: "FINISHED",
  stage: "active",
  start_ms: 0,
  metrics: [],
  params: [],
  tags: [],
  ...more,
});

const table = (more: Partial<RunsTable>): RunsTable => ({
  metrics: [],
  params: [],
  tags: [],
  more: 0,
  rows: [],
  total: 0,
  next: "",
  ...more,
});

describe("a table of runs", () => {
  it("shows NaN, and nothing where there is nothing", () => {
    const t = table({ metrics: ["metrics.a", "metrics.b", "metrics.c"], tags: ["tags.own", "tags.mlflow.user"] });
    const columns = columnsOf(t);
    const r = row("x", { metrics: [0.5, null, null], nan: [1], tags: ["mine", "daisy"] });
    expect(columns.map((c) => c.text(r))).toEqual(["0.5", "NaN", "", "mine"]);
  });

  it("brings the rows of later pages into the columns of the first", () => {
    const first = table({ metrics: ["metrics.a", "metrics.b"], params: ["params.p"], rows: [row("1", {})] });
    const later = table({
      metrics: ["metrics.b", "metrics.z"],
      params: ["params.q", "params.p"],
      rows: [row("2", { metrics: [7, 9], nan: [], params: ["no", "yes"] }), row("3", { metrics: [null, 1], nan: [0] })],
    });
    const rows = aligned([first, later]);
    expect(rows.map((r) => r.id)).toEqual(["1", "2", "3"]);
    expect(rows[1]?.metrics).toEqual([null, 7]);
    expect(rows[1]?.params).toEqual(["yes"]);
    expect(rows[2]?.nan).toEqual([1]);
  });

  it("turns the order of a column: down, up, none", () => {
    expect(turned([], "metrics.a")).toEqual(["metrics.a DESC"]);
    expect(turned(["metrics.a DESC"], "metrics.a")).toEqual(["metrics.a"]);
    expect(turned(["metrics.a"], "metrics.a")).toEqual([]);
    expect(turned(["metrics.a"], "metrics.b")).toEqual(["metrics.b DESC"]);
    expect(sorted(["metrics.a DESC"], "metrics.a")).toBe("descending");
    expect(sorted([], "metrics.a")).toBe("none");
  });

  it("stands in the address and comes back from it", () => {
    const q = {
      experiments: ["1", "2"],
      filter: "metrics.a > 1 AND params.p = '&x'",
      order: ["metrics.a DESC"],
      columns: ["params.p"],
    };
    const p = new URLSearchParams("experiment=9&other=1");
    putQuery(p, q);
    expect(queryOf(new URLSearchParams(p.toString()))).toEqual(q);
    expect(p.get("other")).toBe("1");
  });

  it("calls columns by what was logged", () => {
    expect(label("metrics.loss")).toBe("loss");
    expect(label("min(metrics.val/loss)")).toBe("min val/loss");
    expect(label('params."a b"')).toBe("a b");
  });
});
