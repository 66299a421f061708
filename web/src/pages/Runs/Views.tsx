import { useState } from "react";
import { useDeleteView, useSaveView, useViews, type Query, type SavedView } from "../../api/runs";
import { Pop } from "../../components/Pop";

/** Tables that people come back to: filter, order and columns under a name. */
export function Views({ query, open }: { query: Query; open: (v: SavedView) => void }) {
  const [name, setName] = useState("");
  const views = useViews();
  const save = useSaveView();
  const forget = useDeleteView();
  const failed = save.error ?? forget.error;
  return (
    <Pop name="Views">
      <ul className="choices">
        {views.data?.length === 0 && <li className="dim">none yet</li>}
        {views.data?.map((v) => (
          <li key={v.id} className="row apart">
            <button type="button" className="link" onClick={() => open(v)}>
              {v.name}
            </button>
            <button
              type="button"
              className="plain small"
              aria-label={`forget the view ${v.name}`}
              onClick={() => forget.mutate(v.id)}
            >
              ✕
            </button>
          </li>
        ))}
      </ul>
      <form
        className="row"
        onSubmit={(e) => {
          e.preventDefault();
          if (name.trim()) save.mutate({ name: name.trim(), query }, { onSuccess: () => setName("") });
        }}
      >
        <input
          aria-label="name of the view"
          placeholder="name"
          value={name}
          onChange={(e) => setName(e.target.value)}
        />
        <button type="submit" className="plain small" disabled={save.isPending}>
          Keep this table
        </button>
      </form>
      {failed && (
        <p className="bad small" role="alert">
          {failed.message}
        </p>
      )}
    </Pop>
  );
}
