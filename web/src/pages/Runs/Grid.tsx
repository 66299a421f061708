import type { RunRow } from "../../api/runs";
import { RunStatus } from "../../components/RunStatus";
import { duration, instant, minute } from "../../lib/format";
import { sorted, turned, type Column } from "./table";

/** The table of runs: a click on a head sorts, a tick chooses for a comparison. */
export function Grid({
  rows,
  columns,
  order,
  sort,
  chosen,
  choose,
  manyExperiments,
}: {
  rows: RunRow[];
  columns: Column[];
  order: string[];
  sort: (order: string[]) => void;
  chosen: string[];
  choose: (ids: string[]) => void;
  manyExperiments: boolean;
}) {
  const head = (name: string, text: string, numeric = false) => (
    <th key={name} scope="col" className={numeric ? "num" : undefined} aria-sort={sorted(order, name)}>
      <button type="button" className="sort" title={`sort by ${name}`} onClick={() => sort(turned(order, name))}>
        {text}
        <span aria-hidden="true">{{ ascending: " ↑", descending: " ↓", none: "" }[sorted(order, name)]}</span>
      </button>
    </th>
  );
  if (rows.length === 0) return <p className="panel dim">No run matches.</p>;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="panel grid" role="region" aria-label="runs" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">
              <span className="hidden">compare</span>
            </th>
            {head("name", "run")}
            {manyExperiments && head("experiment", "experiment")}
            {head("start_time", "started (UTC)")}
            {head("duration", "took", true)}
            {columns.map((c) => head(c.name, c.label, c.numeric))}
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.id}>
              <td>
                <input
                  type="checkbox"
                  aria-label={`compare ${r.name}`}
                  checked={chosen.includes(r.id)}
                  onChange={() =>
                    choose(chosen.includes(r.id) ? chosen.filter((id) => id !== r.id) : [...chosen, r.id])
                  }
                />
              </td>
              <th scope="row">
                <RunStatus status={r.status} short />
                <a href={`/runs/${r.id}`}>{r.name || r.id.slice(0, 12)}</a>
              </th>
              {manyExperiments && <td>{r.experiment}</td>}
              <td className="nowrap dim">{minute(instant(r.start_ms))}</td>
              <td className="num dim">{r.end_ms ? duration(instant(r.start_ms), instant(r.end_ms)) : ""}</td>
              {columns.map((c) => (
                <td key={c.name} className={c.numeric ? "num" : "cut"} title={c.numeric ? undefined : c.text(r)}>
                  {c.text(r)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
