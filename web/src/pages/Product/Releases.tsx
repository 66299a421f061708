import { useState } from "react";
import type { Gate, Page, Release } from "../../api/client";
import { Command, Digest, Panel, State, Table, When, type Tone } from "../../components/parts";
import { count } from "../../lib/format";
import { nameOf } from "./derive";

const SHOWN = 2;
const states: Record<string, Tone> = {
  draft: "bad",
  "in review": "warn",
  approved: "accent",
  deployed: "good",
  rejected: "bad",
  revoked: "bad",
  expired: "warn",
};
const gates: Record<string, Tone> = { pass: "good", warn: "warn", fail: "bad" };

/** Requests to go live: the evidence, and who signed it. */
export function Releases({ page }: { page: Page }) {
  const [all, setAll] = useState(false);
  const shown = all ? page.releases : page.releases.slice(0, SHOWN);
  const more = page.releases.length - SHOWN;
  return (
    <Panel
      title="Releases: gates and signatures"
      id="releases"
      end={
        more > 0 && (
          <button type="button" className="plain small" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? "only the newest" : count(more, "earlier release")}
          </button>
        )
      }
    >
      {shown.length === 0 && (
        <p className="dim">No release was asked for yet. When a package is built: paraplu release</p>
      )}
      <div className="stack" style={{ gap: 18 }}>
        {shown.map((r) => (
          <OneRelease key={r.id} page={page} r={r} />
        ))}
      </div>
    </Panel>
  );
}

function OneRelease({ page, r }: { page: Page; r: Release }) {
  const pack = page.packages.find((p) => p.digest === r.package);
  return (
    <article className="stack" style={{ gap: 4 }}>
      <div className="row">
        <h3>{pack && pack.version > 0 ? `v${pack.version}` : (pack?.name ?? "package")}</h3>
        <Digest of={r.package} />
        <State tone={states[r.state] ?? "plain"}>{r.live ? `${r.state}, live` : r.state}</State>
        <span className="dim small">
          to {r.environment}, asked by {nameOf(page, r.author)} <When at={r.at} exact />
        </span>
      </div>
      {r.emergency && (
        <p className="warn small">Emergency: it did not wait for evidence and people, because “{r.emergency}”</p>
      )}
      {r.gates.length > 0 && <Gates list={r.gates} />}
      <Signatures page={page} r={r} />
    </article>
  );
}

function Gates({ list }: { list: Gate[] }) {
  return (
    <Table caption="gates" head={["gate", "state", "observed", "required"]}>
      {list.map((g) => (
        <tr key={g.name}>
          <td className="nowrap">{g.name}</td>
          <td>
            <State tone={gates[g.status] ?? "plain"}>{g.status}</State>
          </td>
          <td className="break" style={{ minWidth: 180 }}>
            {g.observed}
            {g.detail && <div className="dim small">{g.detail}</div>}
          </td>
          <td className="dim" style={{ minWidth: 160 }}>
            {g.required}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Signatures({ page, r }: { page: Page; r: Release }) {
  const role = r.role ? `, one of them ${r.role}` : "";
  return (
    <>
      {r.approvals.map((a) => (
        <p key={a.member + a.at} className="small">
          <span className="good" aria-hidden="true">
            ✓
          </span>{" "}
          <b>{nameOf(page, a.member)}</b> ({a.role}) approved <When at={a.at} exact />
          {a.reason && <span className="dim">: “{a.reason}”</span>}
        </p>
      ))}
      {r.approvals.length === 0 && (
        <p className="small dim">
          {r.people === 0
            ? "The policy asks for nobody's approval."
            : `Nobody has approved it; the policy asks for ${count(r.people, "person", "people")}${role}, never the author.`}
        </p>
      )}
      {r.reason && <p className="small bad">“{r.reason}”</p>}
      {r.state === "in review" && <Command text={`paraplu approve ${r.id} --as NAME`} />}
    </>
  );
}
