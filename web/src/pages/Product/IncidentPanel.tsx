import { Button } from "@mantine/core";
import { useState } from "react";
import { acknowledge, resolve, type Incident, type Page, type Verdict } from "../../api/client";
import { Command, State, When } from "../../components/parts";
import { PersonDialog } from "../../components/PersonDialog";
import { money } from "../../lib/format";
import { verb } from "../../lib/verbs";
import { memberFor, nameOf } from "./derive";
import { RollbackButton } from "./RollbackButton";

/** An incident: the same thing said three ways, who handles it, and what they can do now. */
export function IncidentPanel({ page, incident: i }: { page: Page; incident: Incident }) {
  const retrain = i.actions.find((a) => a.name === "retrain");
  return (
    <section className="panel incident" aria-labelledby="incident">
      <div className="row apart">
        <h2 id="incident" className="bad">
          Incident {i.id}
        </h2>
        <State tone={i.state === "mitigated" ? "warn" : "bad"}>{i.state}</State>
      </div>
      <h3>{i.title}</h3>
      <p className="small" data-testid="incident-owner">
        {i.owner ? <b>{nameOf(page, i.owner)}</b> : <b className="bad">nobody</b>} answers for it
        {i.backup && <span className="dim">, then {nameOf(page, i.backup)}</span>}
        <span className="dim">
          {" "}
          · opened <When at={i.opened_at} exact />
          {i.acknowledged_by && ` · taken by ${nameOf(page, i.acknowledged_by)}`}
        </span>
      </p>
      <div className="actions">
        {i.runbook && (
          <p className="small">
            Runbook <code>{i.runbook}</code>
            {i.lost !== undefined && i.unit && <span className="dim"> · {money(i.lost, i.unit)} lost so far</span>}
          </p>
        )}
        <Command text={retrain?.command ?? "paraplu retrain"} />
        <div className="row">
          <RollbackButton page={page} />
          <Hands page={page} incident={i} />
        </div>
      </div>
      <dl>
        <Said by="In statistics" text={i.message.statistics} />
        <Said by="In operations" text={i.message.operations} />
        <Said by="In money" text={i.message.money} />
      </dl>
      {i.changes.length > 0 && (
        <p className="small dim">
          What changed before:{" "}
          {i.changes.slice(0, 2).map((c, n) => (
            <span key={`${c.time}${c.object}`}>
              {n > 0 && "; "}
              {nameOf(page, c.actor)} {verb(c.verb).words} {c.object} <When at={c.time} />
            </span>
          ))}
          {i.changes.length > 2 && ` and ${i.changes.length - 2} more`}
        </p>
      )}
    </section>
  );
}

function Said({ by, text }: { by: string; text: string }) {
  return (
    <div>
      <dt>{by}</dt>
      <dd>{text}</dd>
    </div>
  );
}

const verdicts: [Verdict, string][] = [
  ["true", "true alarm"],
  ["false", "false alarm"],
  ["expected", "change was meant"],
];

/** Takes or closes an incident. */
function Hands({ page, incident }: { page: Page; incident: Incident }) {
  const [asked, setAsked] = useState<"" | "take" | "close">("");
  const [judged, setJudged] = useState<Verdict>("true");
  const close = () => setAsked("");
  const member = incident.owner || memberFor(page, "first response to an incident");
  return (
    <>
      {incident.state === "open" && (
        <Button variant="default" onClick={() => setAsked("take")}>
          Take it…
        </Button>
      )}
      <Button variant="default" onClick={() => setAsked("close")}>
        Close…
      </Button>
      <PersonDialog
        page={page}
        title={`Take ${incident.id}`}
        confirm="Take it"
        member={member}
        opened={asked === "take"}
        close={close}
        act={(who) => acknowledge(incident.id, who)}
      >
        Everybody sees that you look after it.
      </PersonDialog>
      <PersonDialog
        page={page}
        title={`Close ${incident.id}`}
        confirm="Close the incident"
        reason="What was it, and what was done?"
        member={member}
        opened={asked === "close"}
        close={close}
        act={(who, why) => resolve(incident.id, who, judged, why)}
      >
        <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
          <legend className="small dim">It was a</legend>
          <div className="row">
            {verdicts.map(([value, label]) => (
              <label key={value} className="row" style={{ gap: 4 }}>
                <input type="radio" name="verdict" checked={judged === value} onChange={() => setJudged(value)} />
                {label}
              </label>
            ))}
          </div>
        </fieldset>
      </PersonDialog>
    </>
  );
}
