import { useState } from "react";
import { useComparison, type Compared, type Comparison } from "../../api/runs";
import { stroke } from "../../components/curves";
import { Failure } from "../../components/Failure";
import { MetricCards } from "../../components/MetricCards";
import { Shell } from "../../components/Shell";
import { Waiting } from "../../components/Waiting";
import { useAddress } from "../../lib/address";
import { figure, instant, minute } from "../../lib/format";

/** In what do these runs differ, and how did they get there? */
export function Compare() {
  const [address] = useAddress();
  const ids = address.getAll("run");
  const found = useComparison(ids);
  return (
    <Shell wide>
      <title>Compare · Paraplu</title>
      {found.isPending && <Waiting />}
      {found.error && <Failure error={found.error} />}
      {found.data && <Loaded of={found.data} />}
    </Shell>
  );
}

function Loaded({ of }: { of: Comparison }) {
  const [all, setAll] = useState(false);
  const rows = of.rows.filter((r) => all || r.differs);
  const metrics = of.rows.filter((r) => r.kind === "metric" && r.numbers?.some((x) => x !== null)).map((r) => r.name);
  return (
    <>
      <div className="head">
        <div>
          <h1>{of.runs.length} runs side by side</h1>
          <p className="dim">
            {rows.length} rows{all ? "" : ", those that differ"}
          </p>
        </div>
        <button type="button" className="plain small" aria-pressed={all} onClick={() => setAll(!all)}>
          {all ? "Only what differs" : "Also what is the same"}
        </button>
      </div>
      <div className="panel grid">
        <table>
          <caption className="hidden">comparison</caption>
          <thead>
            <tr>
              <th scope="col">kind</th>
              <th scope="col">name</th>
              {of.runs.map((r, i) => (
                <th key={r.id} scope="col">
                  <i className="swatch" style={{ borderTop: `3px ${stroke(i).type} ${stroke(i).color}` }} />
                  <a href={`/runs/${r.id}`}>{r.name || r.id.slice(0, 12)}</a>
                  <div className="dim">{minute(instant(r.start_ms))}</div>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((r) => (
              <tr key={r.kind + r.name} className={r.differs ? undefined : "dim"}>
                <td className="dim">{r.kind}</td>
                <th scope="row">{r.name}</th>
                {of.runs.map((run, i) => (
                  <td key={run.id} className="break">
                    {shown(r, i)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <MetricCards runs={of.runs} metrics={metrics} />
    </>
  );
}

function shown(row: Compared, i: number): string {
  if (!row.numbers) return row.texts?.[i] ?? "";
  const x = row.numbers[i];
  return x == null ? "" : figure(x);
}
