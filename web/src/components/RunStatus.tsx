import type { RunRow } from "../api/runs";
import { State, type Tone } from "./parts";

const tones: Record<RunRow["status"], Tone> = {
  RUNNING: "accent",
  SCHEDULED: "plain",
  FINISHED: "good",
  FAILED: "bad",
  KILLED: "warn",
};

/** How a run stands; short leaves out the word that is usual. */
export function RunStatus({ status, short }: { status: RunRow["status"]; short?: boolean }) {
  if (short && status === "FINISHED") return <span className="hidden">finished </span>;
  return (
    <>
      <State tone={tones[status]}>{status.toLowerCase()}</State>{" "}
    </>
  );
}
