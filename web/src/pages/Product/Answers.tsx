import type { Page, Value } from "../../api/client";
import { Command, SimulatedNote } from "../../components/parts";
import { count, day, money, number, percent } from "../../lib/format";
import { accountable, health, nameOf, simulation } from "./derive";

/** The four questions that everybody has, above the fold. */
export function Answers({ page }: { page: Page }) {
  return (
    <div className="answers">
      <Healthy page={page} />
      <Earns page={page} />
      <Who page={page} />
      <NextStep page={page} />
    </div>
  );
}

function Healthy({ page }: { page: Page }) {
  const h = health(page);
  const last = page.windows.filter((w) => w.state === "final").at(-1);
  return (
    <section className={`panel answer ${h.level}`} aria-labelledby="healthy">
      <h2 id="healthy">Is it healthy?</h2>
      <p className={`big ${h.level === "idle" ? "dim" : h.level}`} role="status">
        <span className="dot" aria-hidden="true" />
        {h.word}
      </p>
      <p>{h.sentence}</p>
      <p className="foot dim small">
        {last
          ? `${percent(last.coverage)} of the answers of the week of ${day(last.start)} have their truth`
          : "No window is complete yet"}
      </p>
    </section>
  );
}

function Earns({ page }: { page: Page }) {
  const v = page.value;
  return (
    <section className="panel answer" aria-labelledby="earns">
      <h2 id="earns">What does it earn?</h2>
      {v?.total.saving === undefined ? (
        <p className="dim">
          {v
            ? "No day has both truth and an answer of the naive rule yet."
            : "Nothing is counted yet: money needs a value in the canvas, answers and their truth."}
        </p>
      ) : (
        <Saving v={v} saving={v.total.saving} baseline={page.canvas.baseline} note={simulation(page)} />
      )}
    </section>
  );
}

function Saving({ v, saving, baseline, note }: { v: Value; saving: number; baseline: string; note: string }) {
  const share = v.target && v.yearly_rate !== undefined ? v.yearly_rate / v.target : undefined;
  const range =
    v.total.saving_low === undefined
      ? ""
      : ` (95 %: ${number(v.total.saving_low)} … ${money(v.total.saving_high, v.unit)})`;
  return (
    <>
      <p className={`big ${saving < 0 ? "bad" : ""}`} data-testid="saving" data-value={saving}>
        {money(saving, v.unit)}
      </p>
      <p>
        {saving < 0 ? "lost" : "saved"} against {baseline || "the naive rule"} in {count(Math.round(v.days), "day")}
        {range}
      </p>
      {share !== undefined && (
        <div className="stack" style={{ gap: 3 }}>
          <div className="meter" aria-hidden="true">
            <i style={{ width: `${100 * Math.min(1, Math.max(0, share))}%` }} />
          </div>
          <p className="small dim">
            {money(v.yearly_rate, v.unit)} a year at this rate: {percent(share)} of the target of{" "}
            {money(v.target, v.unit)}
          </p>
        </div>
      )}
      <p className="foot">
        <SimulatedNote text={note} />
      </p>
    </>
  );
}

function Who({ page }: { page: Page }) {
  return (
    <section className="panel answer" aria-labelledby="who">
      <h2 id="who">Who answers for it?</h2>
      <dl className="who">
        {accountable(page).map((a) => (
          <div key={a.label} style={{ display: "contents" }}>
            <dt title={a.activity}>{a.label}</dt>
            <dd>
              {a.owner ? <b>{nameOf(page, a.owner)}</b> : <b className="bad">nobody</b>}
              {a.backup && <span className="dim small">, then {nameOf(page, a.backup)}</span>}
            </dd>
          </div>
        ))}
      </dl>
      <p className="foot small">
        <a href="#team">{page.gaps.length ? count(page.gaps.length, "gap") + " in the team" : "No gap in the team"}</a>
      </p>
    </section>
  );
}

function NextStep({ page }: { page: Page }) {
  const n = page.next;
  if (!n) return null;
  return (
    <section className="panel answer" aria-labelledby="next">
      <h2 id="next">What is the next step?</h2>
      <p className="dim small">Evidence that {n.stage} still needs:</p>
      <p>
        <b>{n.text}</b>
      </p>
      <p className="dim small">because {n.why}</p>
      <div className="foot stack" style={{ gap: 5 }}>
        <p className="small">
          {n.who ? nameOf(page, n.who) : "nobody"} <span className="dim">runs</span>
        </p>
        {n.command && <Command text={n.command} />}
      </div>
    </section>
  );
}
