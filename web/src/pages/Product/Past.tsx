import type { Page } from "../../api/client";
import { Panel, State, Table, When, type Tone } from "../../components/parts";
import { duration, money } from "../../lib/format";
import { nameOf } from "./derive";

/** Incidents that are over, and the latest walks of the pipeline. */
export function Past({ page }: { page: Page }) {
  return (
    <>
      <Incidents page={page} />
      <Executions page={page} />
    </>
  );
}

function Incidents({ page }: { page: Page }) {
  const over = page.incidents.filter((i) => i.state === "resolved");
  if (over.length === 0) return null;
  return (
    <Panel title="Incidents that are over" id="past">
      <ul className="stack">
        {over.slice(0, 5).map((i) => (
          <li key={i.id}>
            <b>{i.id}</b> {i.title}
            <div className="small dim">
              <When at={i.opened_at} /> … <When at={i.resolved_at} />, {nameOf(page, i.owner) || "nobody"} answered for
              it
              {i.lost !== undefined && i.unit && `, ${money(i.lost, i.unit)} lost`}
              {i.reason && `: “${i.reason}”`}
            </div>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const tones: Record<string, Tone> = {
  succeeded: "good",
  failed: "bad",
  running: "accent",
  canceled: "warn",
  abandoned: "warn",
};

function Executions({ page }: { page: Page }) {
  if (page.executions.length === 0) return null;
  return (
    <Panel title="Latest walks of the pipeline" id="executions">
      <Table caption="executions" head={["when", "state", "took", "steps"]}>
        {page.executions.slice(0, 5).map((e) => (
          <tr key={e.id}>
            <td className="nowrap">
              <When at={e.started} exact />
              <div className="dim small">{nameOf(page, e.actor)}</div>
            </td>
            <td>
              <State tone={tones[e.state] ?? "plain"}>{e.state}</State>
            </td>
            <td className="nowrap">{duration(e.started, e.finished)}</td>
            <td className="small" style={{ minWidth: 200 }}>
              {e.steps.map((s) => (
                <div key={s.name} className="break">
                  <b>{s.name}</b>{" "}
                  <span className="dim">
                    {s.result}: {s.why}
                  </span>
                </div>
              ))}
              {e.error && <div className="bad break">{e.error}</div>}
            </td>
          </tr>
        ))}
      </Table>
    </Panel>
  );
}
