import { lazy, Suspense, useMemo } from "react";
import type { Chart } from "../api/runs";

const Lines = lazy(() => import("./Lines"));

/** One metric of one or more runs, over steps. */
export function Curves({ charts, names, label }: { charts: Chart[]; names: string[]; label: string }) {
  const lines = useMemo(
    () => charts.map((c, i) => ({ name: names[i] ?? c.run, steps: c.steps, values: c.values })),
    [charts, names],
  );
  return (
    <Suspense fallback={<div className="skeleton lines" />}>
      <Lines lines={lines} label={label} />
    </Suspense>
  );
}
