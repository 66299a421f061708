import { useCallback, useState } from "react";

/** The part of the address behind "?", as the state of a page: it can be reloaded, kept and sent to others. */
export function useAddress(): [URLSearchParams, (change: (p: URLSearchParams) => void) => void] {
  const [search, set] = useState(() => window.location.search);
  const update = useCallback((change: (p: URLSearchParams) => void) => {
    const p = new URLSearchParams(window.location.search);
    change(p);
    const text = p.size > 0 ? `?${p.toString()}` : "";
    window.history.replaceState(null, "", window.location.pathname + text);
    set(text);
  }, []);
  return [new URLSearchParams(search), update];
}

/** Puts a list under a name; an empty one is left out. */
export function setList(p: URLSearchParams, name: string, values: string[]) {
  p.delete(name);
  for (const v of values) p.append(name, v);
}
