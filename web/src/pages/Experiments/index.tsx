import { useExperiments, type Experiment } from "../../api/runs";
import { Failure } from "../../components/Failure";
import { Command, Panel, Table } from "../../components/parts";
import { Shell } from "../../components/Shell";
import { Waiting } from "../../components/Waiting";
import { instant, minute, number } from "../../lib/format";

/** What was tried, and where is it? */
export function Experiments() {
  const list = useExperiments();
  return (
    <Shell>
      <title>Experiments · Paraplu</title>
      {list.isPending && <Waiting />}
      {list.error && <Failure error={list.error} again={() => void list.refetch()} />}
      {list.data && <Loaded list={list.data} />}
    </Shell>
  );
}

function Loaded({ list }: { list: Experiment[] }) {
  const runs = list.reduce((n, e) => n + e.runs, 0);
  return (
    <>
      <div className="head">
        <div>
          <h1>Experiments</h1>
          <p className="dim">
            {runs > 0
              ? "Each groups the runs of one question."
              : "Nothing was logged yet. Point the MLflow client of a notebook or job here:"}
          </p>
        </div>
      </div>
      {runs === 0 && <Command text={`export MLFLOW_TRACKING_URI=${window.location.origin}`} />}
      <Panel id="experiments" title="By latest run">
        <Table caption="experiments" head={["experiment", { num: "runs" }, "latest run (UTC)", "id"]}>
          {[...list]
            .sort((a, b) => (b.last_ms ?? 0) - (a.last_ms ?? 0))
            .map((e) => (
              <tr key={e.id}>
                <td className="break">
                  <a href={`/runs?experiment=${e.id}`}>{e.name}</a>
                  {e.tags["mlflow.note.content"] && <div className="dim small">{e.tags["mlflow.note.content"]}</div>}
                </td>
                <td className="num">{number(e.runs)}</td>
                <td className="nowrap">{e.last_ms ? minute(instant(e.last_ms)) : "–"}</td>
                <td className="dim">{e.id}</td>
              </tr>
            ))}
        </Table>
      </Panel>
    </>
  );
}
