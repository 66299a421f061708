import { ApiError } from "../api/client";
import { Command } from "./parts";

/** What went wrong, where, and what to do next. */
export function Failure({ error, again }: { error: Error; again?: () => void }) {
  const problem = error instanceof ApiError ? error.problem : undefined;
  const wrongs = problem?.errors ?? [];
  return (
    <div className="panel stack" role="alert">
      <h2 className="bad">{problem ? problem.title : "The server cannot be reached"}</h2>
      <p className="break">
        {problem
          ? wrongs.length > 1
            ? "Several things are wrong:"
            : problem.detail
          : "It is tried again by itself. Is paraplu up still running?"}
      </p>
      {wrongs.length > 1 && (
        <ul className="stack">
          {wrongs.map((w, i) => (
            <li key={i} className="break">
              {w.where && <code>{w.where}</code>} {w.message}
              {w.hint && <span className="dim"> — {w.hint}</span>}
            </li>
          ))}
        </ul>
      )}
      {problem?.hint &&
        wrongs.length < 2 &&
        (problem.hint.startsWith("paraplu ") ? <Command text={problem.hint} /> : <p className="dim">{problem.hint}</p>)}
      {again && (
        <div>
          <button type="button" className="plain" onClick={again}>
            Try again
          </button>
        </div>
      )}
    </div>
  );
}
