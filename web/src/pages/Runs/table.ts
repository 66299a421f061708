import type { Query, RunRow, RunsTable } from "../../api/runs";
import { setList } from "../../lib/address";
import { figure } from "../../lib/format";

/** So many columns are drawn when nobody chose any. */
export const SHOWN = 24;

/** One column: its name as the API calls it, and how a row shows it. */
export interface Column {
  name: string;
  label: string;
  numeric: boolean;
  text: (row: RunRow) => string;
}

/** The query that an address asks for. */
export function queryOf(p: URLSearchParams): Query {
  return {
    experiments: p.getAll("experiment"),
    filter: p.get("filter") ?? "",
    order: p.getAll("order"),
    columns: p.getAll("column"),
  };
}

/** Puts a query into an address. */
export function putQuery(p: URLSearchParams, q: Query) {
  setList(p, "experiment", q.experiments);
  setList(p, "filter", q.filter ? [q.filter] : []);
  setList(p, "order", q.order);
  setList(p, "column", q.columns);
}

/** The columns of the first page; the pages after it may have others when nobody chose, and then show only these. */
export function columnsOf(t: RunsTable): Column[] {
  const metrics = t.metrics.map((name, i) => ({
    name,
    label: label(name),
    numeric: true,
    text: (r: RunRow) => (r.nan?.includes(i) ? "NaN" : r.metrics[i] == null ? "" : figure(r.metrics[i])),
  }));
  const params = t.params.map((name, i) => ({
    name,
    label: label(name),
    numeric: false,
    text: (r: RunRow) => r.params[i] ?? "",
  }));
  const tags = t.tags.map((name, i) => ({
    name,
    label: label(name),
    numeric: false,
    text: (r: RunRow) => r.tags[i] ?? "",
  }));
  return [
    ...metrics,
    ...params,
    ...tags.filter((c) => !c.name.startsWith("tags.mlflow.") && !c.name.startsWith('tags."mlflow.')),
  ];
}

/** metrics.loss → loss; min(metrics.loss) → min loss. */
export function label(name: string): string {
  const [, fn, key] = /^(\w+)\((?:metrics)\.(.*)\)$/.exec(name) ?? [];
  if (fn && key) return `${fn} ${unquoted(key)}`;
  return unquoted(name.replace(/^(metrics|params|tags)\./, ""));
}

function unquoted(key: string): string {
  return /^["`].*["`]$/.test(key) ? key.slice(1, -1) : key;
}

/** Rows of further pages, brought into the columns of the first: without chosen columns each page has its own. */
export function aligned(pages: RunsTable[]): RunRow[] {
  const [first, ...rest] = pages;
  if (!first) return [];
  const places = (from: string[], to: string[]) => to.map((name) => from.indexOf(name));
  return [
    ...first.rows,
    ...rest.flatMap((page) => {
      const m = places(page.metrics, first.metrics);
      const p = places(page.params, first.params);
      const t = places(page.tags, first.tags);
      return page.rows.map((r) => ({
        ...r,
        metrics: m.map((i) => r.metrics[i] ?? null),
        nan: m.flatMap((i, to) => (r.nan?.includes(i) ? [to] : [])),
        params: p.map((i) => r.params[i] ?? null),
        tags: t.map((i) => r.tags[i] ?? null),
      }));
    }),
  ];
}

/** The order after a click on a column: up, down, none. */
export function turned(order: string[], name: string): string[] {
  if (order[0] === `${name} DESC`) return [name];
  if (order[0] === name) return [];
  return [`${name} DESC`];
}

/** How a column is sorted, as aria-sort says it. */
export function sorted(order: string[], name: string): "ascending" | "descending" | "none" {
  if (order[0] === name) return "ascending";
  return order[0] === `${name} DESC` ? "descending" : "none";
}
