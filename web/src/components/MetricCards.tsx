import { useState } from "react";
import { useCurves, type RunRow } from "../api/runs";
import { count, figure, number } from "../lib/format";
import { Curves } from "./Curves";
import { Panel } from "./parts";

/** Curves that are drawn at first. */
const DRAWN = 6;

export type Drawn = Pick<RunRow, "id" | "name" | "status">;

/** The curves of metrics, those of all runs together. A metric with one point is no curve and gets no card. */
export function MetricCards({ runs, metrics }: { runs: Drawn[]; metrics: string[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? metrics : metrics.slice(0, DRAWN);
  return (
    <>
      <div className="cards">
        {shown.map((m) => (
          <Card key={m} runs={runs} metric={m} />
        ))}
      </div>
      {metrics.length > DRAWN && (
        <div>
          <button type="button" className="plain" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? "Fewer metrics" : `Curves of ${count(metrics.length - DRAWN, "more metric")}`}
          </button>
        </div>
      )}
    </>
  );
}

function Card({ runs, metric }: { runs: Drawn[]; metric: string }) {
  const going = runs.some((r) => r.status === "RUNNING");
  const found = useCurves(
    runs.map((r) => r.id),
    metric,
    going,
  );
  if (found.data?.every((c) => c.summary.points < 2)) return null;
  const [only] = found.data?.length === 1 ? found.data : [];
  const s = only?.summary;
  return (
    <Panel
      id={`metric-${metric}`}
      title={metric}
      end={
        s && (
          <span className="dim small">
            {count(s.points, "point")}, {figure(s.min)} … {figure(s.max)}
            {s.nans > 0 && `, ${number(s.nans)} NaN`}
          </span>
        )
      }
    >
      {found.error && <p className="bad">{found.error.message}</p>}
      {found.isPending && <div className="skeleton lines" />}
      {found.data && (
        <Curves
          label={`${metric} over steps`}
          charts={found.data}
          names={runs.map((r) => r.name || r.id.slice(0, 12))}
        />
      )}
    </Panel>
  );
}
