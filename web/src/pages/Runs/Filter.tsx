import { useState } from "react";
import type { Experiment } from "../../api/runs";

/** The filter language of the API, and which experiment is looked at. */
export function Filter({
  text,
  set,
  experiments,
  chosen,
  choose,
}: {
  text: string;
  set: (text: string) => void;
  experiments: Experiment[];
  chosen: string[];
  choose: (ids: string[]) => void;
}) {
  const [draft, setDraft] = useState(text);
  return (
    <form
      className="row filter"
      role="search"
      onSubmit={(e) => {
        e.preventDefault();
        set(draft.trim());
      }}
    >
      <label>
        <span className="hidden">experiment</span>
        <select value={chosen[0] ?? ""} onChange={(e) => choose(e.target.value ? [e.target.value] : [])}>
          <option value="">all experiments</option>
          {experiments.map((e) => (
            <option key={e.id} value={e.id}>
              {e.name}
            </option>
          ))}
        </select>
      </label>
      <label className="grow">
        <span className="hidden">filter</span>
        <input
          type="search"
          spellCheck={false}
          autoComplete="off"
          placeholder="min(metrics.loss) < 0.2 AND (params.depth = '6' OR tags.note IS NULL)"
          value={draft}
          onChange={(e) => {
            setDraft(e.target.value);
            if (e.target.value === "") set("");
          }}
        />
      </label>
      <button type="submit" className="plain">
        Filter
      </button>
    </form>
  );
}
