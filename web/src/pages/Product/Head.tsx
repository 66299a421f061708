import type { Page } from "../../api/client";
import { Digest, State, When } from "../../components/parts";
import { nameOf } from "./derive";

export function Head({ page }: { page: Page }) {
  const c = page.champion;
  return (
    <div className="head">
      <div className="stack" style={{ gap: 3 }}>
        <div className="row">
          <h1>{page.title}</h1>
          <State tone="accent">{page.stage ? `stage: ${page.stage}` : "all stages passed"}</State>
        </div>
        <p className="dim">{page.description}</p>
      </div>
      <div className="champion small">
        {c ? (
          <>
            <div>
              <b>
                {c.model} {c.version > 0 && `v${c.version}`}
              </b>{" "}
              <Digest of={c.package} /> in {c.environment}
            </div>
            <div className="dim">
              since <When at={c.from} exact /> UTC, placed by {nameOf(page, c.actor)} ({c.cause})
            </div>
          </>
        ) : (
          <span className="dim">nothing in {page.environment || "production"} yet</span>
        )}
      </div>
    </div>
  );
}
