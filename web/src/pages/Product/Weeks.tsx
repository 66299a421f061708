import { lazy, Suspense, useState } from "react";
import type { Page } from "../../api/client";
import { SimulatedNote, State, Table } from "../../components/parts";
import { day, money, number, percent } from "../../lib/format";
import { errorOf, metricName, simulation, verdict } from "./derive";

const Chart = lazy(() => import("./Chart"));

/** Error and money of every window, as a chart or as a table with the same numbers. */
export function Weeks({ page }: { page: Page }) {
  const [table, setTable] = useState(false);
  const unit = page.value?.unit ?? page.windows.find((w) => w.unit)?.unit ?? "";
  return (
    <section className="panel weeks" aria-labelledby="weeks">
      <div className="row apart">
        <h2 id="weeks">
          {metricName(page)} and saving per window of {page.watch.window}
        </h2>
        <div className="row">
          <SimulatedNote text={simulation(page)} />
          {page.windows.length > 0 && (
            <button type="button" className="plain small" aria-pressed={table} onClick={() => setTable(!table)}>
              {table ? "as a chart" : "as a table"}
            </button>
          )}
        </div>
      </div>
      {page.windows.length === 0 ? (
        <div className="chart" style={{ display: "grid", placeItems: "center" }}>
          <p className="dim">The first window appears when answers and their truth are there.</p>
        </div>
      ) : table ? (
        <div className="chart" style={{ overflow: "auto", flexBasis: 0 }}>
          <Windows page={page} unit={unit} />
        </div>
      ) : (
        <>
          <div className="chart">
            <Suspense fallback={<div className="skeleton" style={{ height: "100%" }} />}>
              <Chart page={page} unit={unit} />
            </Suspense>
          </div>
          <Legend page={page} unit={unit} />
        </>
      )}
    </section>
  );
}

function Legend({ page, unit }: { page: Page; unit: string }) {
  const bar = (color: string) => <i className="bar" style={{ background: `var(${color})` }} />;
  return (
    <p className="legend">
      <span>
        <i style={{ color: "var(--accent)" }} />
        {metricName(page)}
      </span>
      <span>
        <i style={{ color: "var(--bad)", borderTopStyle: "dashed" }} />
        limit
      </span>
      <span>
        {bar("--good")}saved, {bar("--bad")}lost against {page.canvas.baseline || "the naive rule"}
        {unit && ` in ${unit}`}
      </span>
      <span>
        <i style={{ color: "var(--dim)", borderTopStyle: "dotted" }} />
        new package
      </span>
      <span>{bar("--bad-soft")}incident</span>
    </p>
  );
}

function Windows({ page, unit }: { page: Page; unit: string }) {
  return (
    <Table
      caption="windows"
      head={[
        "from",
        { num: metricName(page) },
        { num: "limit" },
        { num: "rows" },
        { num: "truth" },
        { num: "cost" },
        { num: "naive rule" },
        { num: "saving" },
        "state",
      ]}
    >
      {[...page.windows].reverse().map((w) => {
        const v = verdict(w);
        return (
          <tr key={w.start}>
            <td className="nowrap">{day(w.start)}</td>
            <td className="num">{number(errorOf(w), 3)}</td>
            <td className="num">{number(v?.limit.value, 3)}</td>
            <td className="num">{number(w.rows)}</td>
            <td className="num">{percent(w.coverage)}</td>
            <td className="num">{number(w.cost)}</td>
            <td className="num">{number(w.baseline_cost)}</td>
            <td className="num">{money(w.saving, unit)}</td>
            <td className="nowrap">
              {v?.beyond ? (
                <State tone="bad">beyond</State>
              ) : w.state === "open" ? (
                <State tone="plain">open</State>
              ) : (
                <State tone="good">{v?.judged ? "inside" : "final"}</State>
              )}
            </td>
          </tr>
        );
      })}
    </Table>
  );
}
