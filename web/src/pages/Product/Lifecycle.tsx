import { useState } from "react";
import type { Page, Stage } from "../../api/client";
import { Panel, State, Table, type Tone } from "../../components/parts";
import { nameOf } from "./derive";

const tones: Record<string, Tone> = { passed: "good", due: "warn", missing: "plain" };
const tone = (status: string): Tone => tones[status] ?? "plain";

/** The stages with who answers for them; one at a time shows its evidence. */
export function Lifecycle({ page }: { page: Page }) {
  const [name, setName] = useState("");
  const open = page.stages.find((s) => s.name === name);
  return (
    <Panel title="The lifecycle: a stage is passed by evidence" id="lifecycle">
      <ul className="stages">
        {page.stages.map((s) => (
          <li key={s.name}>
            <button
              type="button"
              className="stage"
              aria-expanded={s === open}
              onClick={() => setName(s === open ? "" : s.name)}
            >
              <span className="row apart">
                <b>{s.name}</b>
                <State tone={tone(s.status)}>
                  {s.name === "retire" && s.status === "missing" ? "later" : s.status}
                </State>
              </span>
              <span className="small dim">
                {s.checks.filter((c) => c.status === "passed").length} of {s.checks.length} ·{" "}
                {s.accountable ? nameOf(page, s.accountable) : "nobody"}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {open && <Evidence page={page} stage={open} />}
    </Panel>
  );
}

function Evidence({ page, stage }: { page: Page; stage: Stage }) {
  return (
    <div className="evidence">
      <Table caption={`evidence of ${stage.name}`} head={["state", "evidence", "what is there", "who", "what helps"]}>
        {stage.checks.map((c) => (
          <tr key={c.text}>
            <td className="nowrap">
              <State tone={tone(c.status)}>{c.status}</State>
            </td>
            <td>{c.text}</td>
            <td className="dim break">{c.detail}</td>
            <td>{c.who ? nameOf(page, c.who) : "nobody"}</td>
            <td>{c.command && <code>{c.command}</code>}</td>
          </tr>
        ))}
      </Table>
    </div>
  );
}
