import { useState } from "react";
import { useColumns } from "../../api/runs";
import { Pop } from "../../components/Pop";
import { number } from "../../lib/format";

const MANY = 200;

/** Chooses what the table shows. Nothing chosen means: everything that its rows have. */
export function Columns({
  experiments,
  chosen,
  set,
}: {
  experiments: string[];
  chosen: string[];
  set: (names: string[]) => void;
}) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const columns = useColumns(experiments, open);
  const found = (columns.data ?? []).filter((c) => c.name.toLowerCase().includes(text.toLowerCase()));
  return (
    <Pop name={chosen.length > 0 ? `Columns: ${chosen.length}` : "Columns"} opened={setOpen}>
      <div className="row">
        <input
          type="search"
          aria-label="find a column"
          placeholder="find a column"
          value={text}
          onChange={(e) => setText(e.target.value)}
        />
        <button type="button" className="plain small" disabled={chosen.length === 0} onClick={() => set([])}>
          Show all
        </button>
      </div>
      {columns.isPending && <p className="dim">reading…</p>}
      <ul className="choices">
        {found.slice(0, MANY).map((c) => (
          <li key={c.name}>
            <label>
              <input
                type="checkbox"
                checked={chosen.includes(c.name)}
                onChange={() => set(chosen.includes(c.name) ? chosen.filter((n) => n !== c.name) : [...chosen, c.name])}
              />
              <span className="break">{c.name}</span>
              <span className="dim small">{number(c.runs)}</span>
            </label>
          </li>
        ))}
      </ul>
      {found.length > MANY && <p className="dim small">and {number(found.length - MANY)} more</p>}
    </Pop>
  );
}
