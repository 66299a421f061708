import { useRun, type RunDetail } from "../../api/runs";
import { Failure } from "../../components/Failure";
import { MetricCards } from "../../components/MetricCards";
import { Panel, Table } from "../../components/parts";
import { RunStatus } from "../../components/RunStatus";
import { Shell } from "../../components/Shell";
import { Waiting } from "../../components/Waiting";
import { duration, figure, instant, minute, number } from "../../lib/format";
import { Artifacts } from "./Artifacts";

/** What did this run do, with what, and what came out? */
export function Run({ id }: { id: string }) {
  const run = useRun(id);
  return (
    <Shell>
      {run.isPending && <Waiting />}
      {run.error && <Failure error={run.error} again={() => void run.refetch()} />}
      {run.data && <Loaded run={run.data} />}
    </Shell>
  );
}

function Loaded({ run }: { run: RunDetail }) {
  const own = Object.entries(run.tags).filter(([key]) => !key.startsWith("mlflow."));
  const note = run.tags["mlflow.note.content"];
  return (
    <>
      <title>{`${run.name} · Paraplu`}</title>
      <div className="head">
        <div>
          <p className="small">
            <a href={`/runs?experiment=${run.experiment_id}`}>{run.experiment}</a>
          </p>
          <h1>{run.name || run.id}</h1>
          <p className="row dim">
            <RunStatus status={run.status} />
            <span>
              started {minute(instant(run.start_ms))} UTC{run.user && ` by ${run.user}`}
              {run.end_ms ? `, took ${duration(instant(run.start_ms), instant(run.end_ms))}` : ""}
            </span>
            <code>{run.id}</code>
          </p>
          {note && <p>{note}</p>}
        </div>
      </div>
      <div className="halves">
        <Panel id="metrics" title="Metrics">
          <Latest run={run} />
        </Panel>
        <Panel id="params" title="Params">
          <Pairs caption="params" list={Object.entries(run.params)} none="No param was logged." />
        </Panel>
      </div>
      <MetricCards runs={[run]} metrics={run.metrics.map((m) => m.key)} />
      <div className="halves">
        <Panel id="artifacts" title="Artifacts">
          <Artifacts run={run} />
        </Panel>
        <div className="stack">
          <Panel id="tags" title="Tags">
            <Pairs caption="tags" list={own} none="No tag of its own." />
          </Panel>
          <Panel id="made" title="Made with, and made">
            <Pairs caption="origin" list={origin(run)} none="Neither code, data nor model was noted." />
          </Panel>
        </div>
      </div>
    </>
  );
}

function Latest({ run }: { run: RunDetail }) {
  if (run.metrics.length === 0) return <p className="dim">No metric was logged.</p>;
  return (
    <Table caption="metrics" head={["name", { num: "latest" }, { num: "step" }]}>
      {run.metrics.map((m) => (
        <tr key={m.key}>
          <td className="break">{m.key}</td>
          <td className="num">{m.value === null ? "NaN" : figure(m.value)}</td>
          <td className="num dim">{number(m.step)}</td>
        </tr>
      ))}
    </Table>
  );
}

/** Code, data and models of a run, as far as its client noted them. */
function origin(run: RunDetail): [string, string][] {
  const tag = (key: string, name: string): [string, string][] => (run.tags[key] ? [[name, run.tags[key]]] : []);
  return [
    ...tag("mlflow.source.name", "code"),
    ...tag("mlflow.source.git.commit", "commit"),
    ...tag("mlflow.parentRunId", "part of run"),
    ...run.datasets.map((d): [string, string] => [`data${d.context && `, ${d.context}`}`, `${d.name} (${d.digest})`]),
    ...run.models_in.map((m): [string, string] => ["used model", m]),
    ...run.models_out.map((m): [string, string] => ["made model", m]),
  ];
}

function Pairs({ caption, list, none }: { caption: string; list: [string, string][]; none: string }) {
  if (list.length === 0) return <p className="dim">{none}</p>;
  return (
    <Table caption={caption} head={["name", "value"]}>
      {list.map(([key, value]) => (
        <tr key={key + value}>
          <td>{key}</td>
          <td className="break">{value}</td>
        </tr>
      ))}
    </Table>
  );
}
