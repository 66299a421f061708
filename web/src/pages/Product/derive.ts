import type { Deployment, Fact, Incident, Page, Window } from "../../api/client";
import { verb } from "../../lib/verbs";
import { day, list, number } from "../../lib/format";

/** Level of the status light; every level is also said in words. */
export type Level = "good" | "warn" | "bad" | "idle";

export interface Health {
  level: Level;
  word: string;
  sentence: string;
}

export const openIncidents = (page: Pick<Page, "incidents">): Incident[] =>
  page.incidents.filter((i) => i.state !== "resolved");

/** Answers "is it healthy?": people first (incidents), then what answers, then the newest judged window. */
export function health(page: Pick<Page, "incidents" | "champion" | "windows" | "watch" | "members">): Health {
  const [incident] = openIncidents(page);
  if (incident) return ofIncident(page, incident);
  if (!page.champion) return { level: "idle", word: "Not in production", sentence: "No package answers yet." };
  const judged = page.windows.filter((w) => verdict(w)?.judged);
  const last = judged.at(-1);
  const v = last && verdict(last);
  if (!last || !v) {
    return { level: "idle", word: "Too early to say", sentence: "No window has enough truth to be judged yet." };
  }
  const figures = `${metricName(page)} ${number(v.value, 3)}, limit ${number(v.limit.value, 3)}, week of ${day(last.start)}`;
  if (v.beyond)
    return { level: "warn", word: "Needs a look", sentence: `The newest window is beyond its limit: ${figures}.` };
  return { level: "good", word: "Healthy", sentence: `${figures}.` };
}

function ofIncident(page: Pick<Page, "members">, i: Incident): Health {
  const who = nameOf(page, i.acknowledged_by ?? i.owner);
  switch (i.state) {
    case "mitigated":
      return {
        level: "warn",
        word: "Recovering",
        sentence: `Another package answers since ${day(i.mitigated_at)}; the next windows decide.`,
      };
    case "acknowledged":
      return { level: "bad", word: "In trouble", sentence: `${who} has taken incident ${i.id}.` };
    default:
      return {
        level: "bad",
        word: "In trouble",
        sentence: who ? `Incident ${i.id} waits for ${who}.` : `Incident ${i.id} has nobody to call.`,
      };
  }
}

/** The verdict of the performance rule about a window. */
export function verdict(w: Window) {
  return w.verdicts?.find((v) => v.rule === "performance");
}

export function metricName(page: Pick<Page, "watch">): string {
  return (page.watch.metric || "wape").toUpperCase();
}

/** The error of a window by the rule's own metric, WAPE when none is watched. */
export const errorOf = (w: Window): number | undefined => w.metric_value ?? w.wape;

/** "simulated forecasts and sales on real weather", "" when nothing is simulated. */
export function simulation(page: Pick<Page, "datasets">): string {
  const made = page.datasets.filter((d) => d.simulated).map((d) => d.name);
  if (made.length === 0) return "";
  const real = page.datasets.filter((d) => !d.simulated).map((d) => d.name);
  return `simulated ${list(made)}${real.length ? ` on real ${list(real)}` : ""}`;
}

export interface Accountability {
  label: string;
  activity: string;
  owner: string;
  backup: string;
}

const questions: [label: string, activity: string][] = [
  ["Model", "watch model issues"],
  ["Service", "watch pipeline and service issues"],
  ["Value", "watch value"],
  ["Data", "data quality, features"],
];

/** Who is called, for the four things that can go wrong. */
export function accountable(page: Pick<Page, "responsibilities">): Accountability[] {
  return questions.map(([label, activity]) => {
    const r = page.responsibilities.find((x) => x.activity === activity);
    return { label, activity, owner: r?.accountable ?? "", backup: r?.backup ?? "" };
  });
}

/** Name for people of a member. */
export function nameOf(page: Pick<Page, "members">, member: string): string {
  return page.members.find((m) => m.name === member)?.title || member;
}

/** Who answers for an activity, as a first choice in a dialog. */
export function memberFor(page: Pick<Page, "responsibilities" | "members">, activity: string): string {
  return page.responsibilities.find((r) => r.activity === activity)?.accountable || (page.members[0]?.name ?? "");
}

/** The package that a rollback would probably bring back: the newest other one that was not rolled back itself. */
export function rollbackTarget(page: Pick<Page, "champion" | "deployments">): Deployment | undefined {
  const away = new Set(page.deployments.filter((d) => d.rolled_back).map((d) => d.package));
  if (!page.champion) return undefined;
  return page.deployments.find((d) => d.package !== page.champion?.package && !away.has(d.package));
}

/** "v3 5abc9fd2e6a1": how people call a package. */
export function packageName(p: { version: number; package: string }): string {
  const digits = p.package.replace(/^sha256:/, "").slice(0, 12);
  return p.version > 0 ? `v${p.version} ${digits}` : digits;
}

/** What a fact is about, as people call it: the package of a deployment or release, names as they are, ids shortened. */
export function objectName(page: Pick<Page, "deployments" | "releases" | "packages">, object: string): string {
  const about = page.deployments.find((d) => d.id === object) ?? page.releases.find((r) => r.id === object);
  const digest = about?.package ?? (object.startsWith("sha256:") ? object : "");
  if (digest) {
    const version = page.packages.find((p) => p.digest === digest)?.version ?? 0;
    return packageName({ version, package: digest });
  }
  return /^[0-9a-z]{26}$/.test(object) ? `${object.slice(0, 10)}…` : object;
}

/** Index of the window that an instant falls into, -1 when there is none. */
export function windowAt(windows: Window[], at: string): number {
  const t = Date.parse(at);
  return windows.findIndex((w) => Date.parse(w.start) <= t && t < Date.parse(w.end));
}

/** Facts of the same actor and verb in a row, as one entry. */
export interface Entry {
  first: Fact;
  facts: Fact[];
}

/** Newest first, as given; people = only what people decided or must know. */
export function timeline(facts: Fact[], people: boolean): Entry[] {
  const out: Entry[] = [];
  for (const f of facts) {
    if (people && !verb(f.verb).weighty) continue;
    const last = out.at(-1);
    if (last && last.first.verb === f.verb && last.first.actor === f.actor && !f.reason && !last.first.reason) {
      last.facts.push(f);
    } else {
      out.push({ first: f, facts: [f] });
    }
  }
  return out;
}
