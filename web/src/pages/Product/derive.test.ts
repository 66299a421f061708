import { describe, expect, it } from "vitest";
import { umbrella } from "../../fixtures/umbrella";
import {
  accountable,
  health,
  memberFor,
  nameOf,
  objectName,
  openIncidents,
  packageName,
  rollbackTarget,
  simulation,
  timeline,
  windowAt,
} from "./derive";

const [incident] = umbrella.incidents;
if (!incident) throw new Error("the fixture has an incident");
const calm = { ...umbrella, incidents: [] };

describe("health", () => {
  it("is the incident first, with who is called", () => {
    expect(health(umbrella)).toMatchObject({
      level: "bad",
      word: "In trouble",
      sentence: "Incident umbrella-1 waits for Daisy.",
    });
    const taken = { ...incident, state: "acknowledged", acknowledged_by: "eddy" };
    expect(health({ ...umbrella, incidents: [taken] }).sentence).toContain("Eddy has taken");
    const mitigated = { ...incident, state: "mitigated", mitigated_at: "2015-04-20T00:00:00Z" };
    expect(health({ ...umbrella, incidents: [mitigated] })).toMatchObject({ level: "warn", word: "Recovering" });
    expect(health({ ...umbrella, incidents: [{ ...incident, owner: "" }] }).sentence).toContain("nobody to call");
  });

  it("does not count what is resolved", () => {
    const resolved = { ...umbrella, incidents: [{ ...incident, state: "resolved" }] };
    expect(openIncidents(resolved)).toEqual([]);
    expect(health(resolved)).toMatchObject({ level: "good", word: "Healthy" });
  });

  it("is judged by the newest window that may be judged, not by an open one", () => {
    const last = calm.windows.filter((w) => w.verdicts?.[0]?.judged).at(-1);
    expect(health(calm).sentence).toContain(last?.start.slice(0, 10) ?? "none");
    const beyond = calm.windows.slice(0, 14);
    expect(health({ ...calm, windows: beyond })).toMatchObject({ level: "warn", word: "Needs a look" });
  });

  it("says when there is nothing to judge", () => {
    expect(health({ ...calm, windows: [] }).word).toBe("Too early to say");
    expect(health({ incidents: [], windows: [], watch: calm.watch, members: [] }).word).toBe("Not in production");
  });
});

describe("simulation", () => {
  it("names what is simulated and what is real", () => {
    expect(simulation(umbrella)).toBe("simulated forecasts and sales on real weather");
    expect(simulation({ datasets: umbrella.datasets.filter((d) => !d.simulated) })).toBe("");
    expect(simulation({ datasets: umbrella.datasets.filter((d) => d.simulated) })).toBe(
      "simulated forecasts and sales",
    );
  });
});

describe("people", () => {
  it("answer for what can go wrong", () => {
    expect(accountable(umbrella).map((a) => a.owner)).toEqual(["daisy", "eddy", "bo", "daisy"]);
    expect(accountable({ responsibilities: [] })[0]?.owner).toBe("");
    expect(nameOf(umbrella, "bo")).toBe("Bo");
    expect(nameOf(umbrella, "system")).toBe("system");
    expect(memberFor(umbrella, "roll back")).toBe("eddy");
    expect(memberFor(umbrella, "dance")).toBe("daisy");
  });
});

describe("rollback", () => {
  it("goes to the newest other package that was not rolled back", () => {
    expect(rollbackTarget(umbrella)?.version).toBe(1);
    const away = umbrella.deployments.map((d) => (d.version === 1 ? { ...d, rolled_back: true } : d));
    expect(rollbackTarget({ ...umbrella, deployments: away })).toBeUndefined();
    expect(rollbackTarget({ deployments: umbrella.deployments })).toBeUndefined();
  });
  it("calls packages by version and digest", () => {
    expect(packageName({ version: 2, package: "sha256:0123456789abcdef" })).toBe("v2 0123456789ab");
    expect(packageName({ version: 0, package: "sha256:0123456789abcdef" })).toBe("0123456789ab");
  });
});

describe("objects of facts", () => {
  it("are called by the package, not by an id", () => {
    expect(objectName(umbrella, "d1")).toBe("v1 a1b2a1b2a1b2");
    expect(objectName(umbrella, "01r2")).toBe("v2 c3d4c3d4c3d4");
    expect(objectName(umbrella, `sha256:${"e".repeat(64)}`)).toBe("eeeeeeeeeeee");
    expect(objectName(umbrella, "06h0dkac35f1qz2t0e0m8j2ajm")).toBe("06h0dkac35…");
    expect(objectName(umbrella, "umbrella/2015-07-27")).toBe("umbrella/2015-07-27");
  });
});

describe("windows", () => {
  it("hold the instants from their start until before their end", () => {
    const [first, second] = umbrella.windows;
    expect(windowAt(umbrella.windows, first?.start ?? "")).toBe(0);
    expect(windowAt(umbrella.windows, second?.start ?? "")).toBe(1);
    expect(windowAt(umbrella.windows, "2011-01-01T00:00:00Z")).toBe(-1);
  });
});

describe("timeline", () => {
  it("folds what a machine repeats, and never what has a reason", () => {
    const all = timeline(umbrella.facts, false);
    expect(all[0]?.facts).toHaveLength(2);
    expect(all).toHaveLength(6);
    const spoken = umbrella.facts.map((f) => ({ ...f, verb: "approval.given", actor: "bo", reason: "yes" }));
    expect(timeline(spoken, false)).toHaveLength(spoken.length);
  });
  it("can show people's part alone", () => {
    expect(timeline(umbrella.facts, true).map((e) => e.first.verb)).not.toContain("window.evaluated");
  });
});
