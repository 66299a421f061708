import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { client, ok, type Schemas } from "./client";

export type Experiment = Schemas["Experiment"];
export type RunRow = Schemas["RunRow"];
export type RunsTable = Schemas["RunsTable"];
export type RunDetail = Schemas["RunDetail"];
export type Chart = Schemas["Chart"];
export type Comparison = Schemas["Comparison"];
export type Compared = Schemas["Compared"];
export type SavedView = Schemas["SavedView"];

/** What a table of runs shows. Empty lists mean: all experiments, the latest start first, all columns. */
export interface Query {
  experiments: string[];
  filter: string;
  order: string[];
  columns: string[];
}

const SECOND = 1000;
const ROWS = 100;

export function useExperiments() {
  return useQuery({
    queryKey: ["experiments"],
    queryFn: async ({ signal }) => ok(await client.GET("/api/v1/experiments", { signal })),
    refetchInterval: 10 * SECOND,
  });
}

/** Pages of a table of runs. While a run goes on, what is shown is read again often. */
export function useRuns(query: Query) {
  return useInfiniteQuery({
    queryKey: ["runs", query],
    initialPageParam: "",
    queryFn: async ({ signal, pageParam }) => {
      const body = { ...query, view: "active" as const, limit: ROWS, page: pageParam, no_total: pageParam !== "" };
      return ok(await client.POST("/api/v1/runs/query", { body, signal }));
    },
    getNextPageParam: (last) => last.next || undefined,
    placeholderData: keepPreviousData,
    refetchInterval: (q) => {
      const going = q.state.data?.pages.some((p) => p.rows.some((r) => r.status === "RUNNING"));
      return (going ? 3 : 30) * SECOND;
    },
  });
}

export function useColumns(experiments: string[], enabled: boolean) {
  return useQuery({
    queryKey: ["columns", experiments],
    queryFn: async ({ signal }) =>
      ok(await client.GET("/api/v1/runs/columns", { params: { query: { experiment: experiments } }, signal })),
    enabled,
    staleTime: 30 * SECOND,
  });
}

export function useRun(id: string) {
  return useQuery({
    queryKey: ["run", id],
    queryFn: async ({ signal }) => ok(await client.GET("/api/v1/runs/{id}", { params: { path: { id } }, signal })),
    refetchInterval: (q) => (q.state.data?.status === "RUNNING" ? 3 : 30) * SECOND,
  });
}

/** The curves of one metric of several runs; going tells that points may still come. */
export function useCurves(runs: string[], key: string, going: boolean) {
  return useQuery({
    queryKey: ["curves", runs, key],
    queryFn: async ({ signal }) =>
      Promise.all(
        runs.map(async (id) => {
          const params = { path: { id, key }, query: { max: 1000 } };
          return ok(await client.GET("/api/v1/runs/{id}/metrics/{key}", { params, signal }));
        }),
      ),
    refetchInterval: going ? 3 * SECOND : false,
  });
}

export function useComparison(runs: string[]) {
  return useQuery({
    queryKey: ["compare", runs],
    queryFn: async ({ signal }) =>
      ok(await client.GET("/api/v1/runs/compare", { params: { query: { run: runs } }, signal })),
  });
}

export function useViews() {
  return useQuery({
    queryKey: ["views"],
    queryFn: async ({ signal }) => ok(await client.GET("/api/v1/views", { signal })),
  });
}

export function useSaveView() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ name, query }: { name: string; query: Query }) => {
      const { filter, order, columns } = query;
      return ok(await client.POST("/api/v1/views", { body: { name, filter, order, columns } }));
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: ["views"] }),
  });
}

export function useDeleteView() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async (id: string) => ok(await client.DELETE("/api/v1/views/{id}", { params: { path: { id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["views"] }),
  });
}
