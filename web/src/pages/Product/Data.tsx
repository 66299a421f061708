import type { Dataset, Page } from "../../api/client";
import { Digest, Panel, State, Table, When, type Tone } from "../../components/parts";
import { bytes, count, number } from "../../lib/format";
import { nameOf } from "./derive";

const tones: Record<string, Tone> = { pass: "good", warn: "warn", fail: "bad", error: "bad" };

/** Every dataset with its version, owner and contract, and what was refused. */
export function Data({ page }: { page: Page }) {
  return (
    <Panel title="Data and contracts" id="data">
      {page.datasets.length === 0 ? (
        <p className="dim">
          No data is declared yet. Name it in the section data of paraplu.yaml, then: paraplu data add NAME PATH
        </p>
      ) : (
        <Table
          caption="datasets"
          head={[
            "dataset",
            "version",
            { num: "rows" },
            { num: "size" },
            "owner",
            "contract",
            "kind",
            "refused deliveries",
          ]}
        >
          {page.datasets.map((d) => (
            <tr key={d.name}>
              <td style={{ minWidth: 180 }}>
                <b>{d.name}</b>
                <div className="dim small">{d.description}</div>
              </td>
              <td className="nowrap">
                {d.version > 0 ? (
                  <>
                    v{d.version} <Digest of={d.digest} />
                    <div className="dim small">
                      <When at={d.at} /> by {nameOf(page, d.actor)}
                    </div>
                  </>
                ) : (
                  <span className="dim">none yet</span>
                )}
              </td>
              <td className="num">{d.rows < 0 ? "–" : number(d.rows)}</td>
              <td className="num">{d.version > 0 ? bytes(d.bytes) : "–"}</td>
              <td>{d.owner ? nameOf(page, d.owner) : <span className="bad">nobody</span>}</td>
              <td>
                <Contract d={d} />
              </td>
              <td>
                {d.simulated ? <State tone="warn">simulated</State> : <State tone="good">observed</State>}
                <div className="dim small">
                  {d.source}
                  {d.licence && `, ${d.licence}`}
                </div>
              </td>
              <td>
                <RefusedList page={page} d={d} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

function Contract({ d }: { d: Dataset }) {
  if (!d.contract) return <span className="dim">no contract</span>;
  return (
    <>
      {d.report ? (
        <State tone={tones[d.report] ?? "plain"}>
          {d.report === "pass" ? `kept, ${count(d.checks, "rule")}` : d.report}
        </State>
      ) : (
        <State tone="plain">not checked</State>
      )}
      <div className="dim small">
        <code>{d.contract}</code>
      </div>
    </>
  );
}

function RefusedList({ page, d }: { page: Page; d: Dataset }) {
  const [last] = d.refused;
  if (!last) return <span className="dim">none</span>;
  return (
    <div className="small" style={{ maxWidth: 360, minWidth: 200 }}>
      <State tone="bad">{count(d.refused.length, "delivery", "deliveries")}</State> <When at={last.at} />,{" "}
      {nameOf(page, last.actor)}
      <div className="dim break">{last.reason}</div>
    </div>
  );
}
