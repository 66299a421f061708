import { useState } from "react";
import { download, useArtifacts, type Artifact } from "../../api/artifacts";
import type { RunDetail } from "../../api/runs";
import { bytes } from "../../lib/format";

/** The files that a run left, a folder at a time. */
export function Artifacts({ run, path = "" }: { run: RunDetail; path?: string }) {
  const list = useArtifacts(run.id, path);
  if (list.error) return <p className="bad">{list.error.message}</p>;
  if (!list.data) return <p className="dim">reading…</p>;
  if (list.data.length === 0) return <p className="dim">{path ? "empty" : "No file was logged."}</p>;
  return (
    <ul className="files">
      {list.data.map((a) => (
        <li key={a.path}>{a.is_dir ? <Folder run={run} of={a} /> : <File run={run} of={a} />}</li>
      ))}
    </ul>
  );
}

const base = (path: string) => path.slice(path.lastIndexOf("/") + 1);

function File({ run, of }: { run: RunDetail; of: Artifact }) {
  const href = download(run.artifact_uri, of.path);
  return (
    <span className="row apart">
      {href ? (
        <a className="break" href={href} download>
          {base(of.path)}
        </a>
      ) : (
        <span className="break">{base(of.path)}</span>
      )}
      <span className="dim small">{of.file_size === undefined ? "" : bytes(of.file_size)}</span>
    </span>
  );
}

function Folder({ run, of }: { run: RunDetail; of: Artifact }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span aria-hidden="true">{open ? "▾ " : "▸ "}</span>
        {base(of.path)}/
      </button>
      {open && <Artifacts run={run} path={of.path} />}
    </>
  );
}
