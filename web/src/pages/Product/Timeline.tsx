import { useMemo, useState } from "react";
import type { Page } from "../../api/client";
import { Panel, When } from "../../components/parts";
import { count } from "../../lib/format";
import { verb } from "../../lib/verbs";
import { nameOf, objectName, timeline, type Entry } from "./derive";

/** What happened: who, what, when, why. */
export function Timeline({ page }: { page: Page }) {
  const [people, setPeople] = useState(true);
  const entries = useMemo(() => timeline(page.facts, people), [page.facts, people]);
  return (
    <Panel
      title="What happened"
      id="timeline"
      end={
        <button type="button" className="plain small" aria-pressed={!people} onClick={() => setPeople(!people)}>
          {people ? "with all machine work" : "without machine work"}
        </button>
      }
    >
      {entries.length === 0 ? (
        <p className="dim">Nothing yet.</p>
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, also by keyboard
        <ol className="timeline" tabIndex={0} aria-label="facts, the newest first">
          {entries.map((e) => (
            <Line key={e.first.seq} page={page} e={e} />
          ))}
        </ol>
      )}
    </Panel>
  );
}

function Line({ page, e }: { page: Page; e: Entry }) {
  const f = e.first;
  const v = verb(f.verb);
  return (
    <li>
      <span className="dim small">
        <When at={f.at} exact />
      </span>
      <span className={`dot ${v.tone === "plain" ? "dim" : v.tone}`} aria-hidden="true" />
      <div className="break">
        <b>{nameOf(page, f.actor)}</b> {v.words} {objectName(page, f.object)}
        {e.facts.length > 1 && <span className="dim"> and {count(e.facts.length - 1, "other")} before</span>}
        {f.reason && <div className="dim small">“{f.reason}”</div>}
      </div>
    </li>
  );
}
