/** The facts of Paraplu in words, each with a mark of its own so that a timeline can be read at a glance. */

export type Tone = "plain" | "good" | "warn" | "bad";

interface Verb {
  words: string;
  tone: Tone;
  /** true: a person decided it, or must know; false: a machine did its work. */
  weighty: boolean;
}

const verbs: Record<string, Verb> = {
  "product.synced": { words: "changed paraplu.yaml", tone: "plain", weighty: true },
  "canvas.signed": { words: "signed the canvas", tone: "good", weighty: true },
  "dataset.published": { words: "published", tone: "plain", weighty: true },
  "delivery.refused": { words: "delivered data that was refused:", tone: "warn", weighty: true },
  "contract.checked": { words: "checked the contract of", tone: "plain", weighty: false },
  "leakage.checked": { words: "checked for leakage in", tone: "plain", weighty: false },
  "run.finished": { words: "finished run", tone: "plain", weighty: false },
  "execution.finished": { words: "ran the pipeline,", tone: "plain", weighty: false },
  "package.built": { words: "built package", tone: "plain", weighty: true },
  "package.verified": { words: "verified package", tone: "good", weighty: false },
  "gates.evaluated": { words: "computed the gates of", tone: "plain", weighty: true },
  "approval.given": { words: "approved", tone: "good", weighty: true },
  "approval.rejected": { words: "rejected", tone: "bad", weighty: true },
  "model.versioned": { words: "registered", tone: "plain", weighty: false },
  "alias.set": { words: "set alias", tone: "plain", weighty: false },
  "deployment.placed": { words: "placed", tone: "good", weighty: true },
  "deployment.rolledback": { words: "rolled back", tone: "warn", weighty: true },
  "truth.received": { words: "received truth for", tone: "plain", weighty: false },
  "window.evaluated": { words: "evaluated window", tone: "plain", weighty: false },
  "alert.fired": { words: "fired alert", tone: "bad", weighty: true },
  "incident.opened": { words: "opened incident", tone: "bad", weighty: true },
  "incident.acknowledged": { words: "took incident", tone: "warn", weighty: true },
  "incident.mitigated": { words: "mitigated incident", tone: "warn", weighty: true },
  "incident.resolved": { words: "resolved incident", tone: "good", weighty: true },
  "retrain.decided": { words: "retrained", tone: "plain", weighty: true },
  "run.purged": { words: "deleted for good run", tone: "warn", weighty: false },
  "logged-model.purged": { words: "deleted for good logged model", tone: "warn", weighty: false },
  "experiment.purged": { words: "deleted for good experiment", tone: "warn", weighty: true },
};

/** An unknown verb is shown as it is written: "thing.happened" → "thing happened". */
export function verb(name: string): Verb {
  return verbs[name] ?? { words: name.replace(".", " "), tone: "plain", weighty: true };
}
