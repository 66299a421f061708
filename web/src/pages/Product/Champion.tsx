import type { Page } from "../../api/client";
import { Command, Digest, State, When } from "../../components/parts";
import { bytes, list, number, percent } from "../../lib/format";
import { nameOf, openIncidents } from "./derive";
import { RollbackButton } from "./RollbackButton";

/** What answers now, what it was made of, and whether its inputs still look like the training data. */
export function Champion({ page }: { page: Page }) {
  const c = page.champion;
  const pack = page.packages.find((p) => p.digest === c?.package);
  return (
    <section className="panel stack" aria-labelledby="champion">
      <div className="row apart">
        <h2 id="champion">What answers now</h2>
        {c && <State tone="good">{c.environment}</State>}
      </div>
      {!c && (
        <p className="dim">
          Nothing yet. A package is placed when its gates are green and the people that the policy asks for approved it.
        </p>
      )}
      {c && (
        <>
          <h3>
            {c.model} {c.version > 0 && `v${c.version}`} <Digest of={c.package} />
          </h3>
          <p className="small">
            Placed by {nameOf(page, c.actor)}, <When at={c.from} exact /> ({c.cause})
            {c.reason && <span className="dim">: “{c.reason}”</span>}
          </p>
          {pack && (
            <p className="small dim">
              {pack.signed ? "Signed" : "Not signed"} · {bytes(pack.bytes)} · {number(pack.parity)} parity rows · built
              by {nameOf(page, pack.author)}
              {pack.datasets.length > 0 && ` from ${list(pack.datasets)}`}
            </p>
          )}
        </>
      )}
      <Drift page={page} />
      <History page={page} />
      {c && openIncidents(page).length === 0 && (
        <div className="actions">
          <Command text="paraplu retrain" />
          <div>
            <RollbackButton page={page} />
          </div>
        </div>
      )}
    </section>
  );
}

function Drift({ page }: { page: Page }) {
  if (page.drift.length === 0) return null;
  return (
    <div className="stack" style={{ gap: 4 }}>
      <h3>
        Inputs <span className="dim small">a diagnosis; it never calls anybody</span>
      </h3>
      <ul>
        {page.drift.map((d) => (
          <li key={d.column + d.method} className="row small">
            <code>{d.column}</code>
            <span className="dim">{d.method.replace(/^paraplu\./, "").split(/[:/(]/)[0]}</span>{" "}
            <b>{number(d.value, 2)}</b>
            <span className="dim">
              limit {number(d.limit, 2)}, {percent(d.outside)} outside the training range
            </span>
            {d.beyond ? <State tone="warn">moved</State> : <State tone="good">as in training</State>}
          </li>
        ))}
      </ul>
    </div>
  );
}

function History({ page }: { page: Page }) {
  const before = page.deployments.filter((d) => d.id !== page.champion?.id).slice(0, 4);
  if (before.length === 0) return null;
  return (
    <div className="stack" style={{ gap: 4 }}>
      <h3>Before</h3>
      <ul className="stack" style={{ gap: 3 }}>
        {before.map((d) => (
          <li key={d.id} className="small row">
            <b>{d.version > 0 ? `v${d.version}` : d.model}</b> <Digest of={d.package} />
            <span className="dim">
              <When at={d.from} /> … <When at={d.to} />, {d.cause} by {nameOf(page, d.actor)}
            </span>
            {d.rolled_back && <State tone="warn">rolled back</State>}
          </li>
        ))}
      </ul>
    </div>
  );
}
