import { useState } from "react";
import type { Page } from "../../api/client";
import { Panel, State, Table } from "../../components/parts";
import { nameOf } from "./derive";

const WORDS: Record<string, string> = { A: "answers", R: "does", C: "is asked", I: "is told" };

/** Who does what: A answers, R does, C is asked, I is told; and the holes. */
export function Team({ page }: { page: Page }) {
  const [all, setAll] = useState(false);
  const shown = all
    ? page.responsibilities
    : page.responsibilities.filter((r) => /watch|retrain|roll back|go-live|incident/.test(r.activity));
  return (
    <Panel
      title="Team and responsibility"
      id="team"
      end={
        <button type="button" className="plain small" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? "operation only" : "all activities"}
        </button>
      }
    >
      {page.gaps.length > 0 && (
        <ul className="stack" style={{ gap: 6, marginBottom: 10 }}>
          {page.gaps.map((g) => (
            <li key={g.kind + g.subject + (g.member ?? "")} className="small">
              <State tone="warn">{g.kind}</State> {g.text}. <span className="dim">{g.hint}</span>
            </li>
          ))}
        </ul>
      )}
      {page.members.length === 0 ? (
        <p className="dim">
          Nobody is named yet. Write the section team of paraplu.yaml: without people no alert has a receiver.
        </p>
      ) : (
        <Table
          caption="responsibilities"
          head={["activity", ...page.members.map((m) => `${m.title || m.name}, ${m.role}`), "backup"]}
        >
          {shown.map((r) => (
            <tr key={r.activity}>
              <td>{r.activity}</td>
              {page.members.map((m) => (
                <td key={m.name}>
                  <Letters letters={r.letters[m.name] ?? ""} />
                </td>
              ))}
              <td className="dim">{r.backup ? nameOf(page, r.backup) : "–"}</td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

function Letters({ letters }: { letters: string }) {
  const words = letters
    .split("")
    .map((l) => WORDS[l] ?? l)
    .join(", ");
  if (!words) return <span className="dim">–</span>;
  return letters.includes("A") ? <b>{words}</b> : <span className={letters.includes("R") ? "" : "dim"}>{words}</span>;
}
