import { useState } from "react";
import { useExperiments, useRuns, type Query } from "../../api/runs";
import { Failure } from "../../components/Failure";
import { Shell } from "../../components/Shell";
import { Waiting } from "../../components/Waiting";
import { useAddress } from "../../lib/address";
import { count } from "../../lib/format";
import { Columns } from "./Columns";
import { Filter } from "./Filter";
import { Grid } from "./Grid";
import { aligned, columnsOf, putQuery, queryOf, SHOWN } from "./table";
import { Views } from "./Views";

/** Which run is best, and what made it so? */
export function Runs() {
  const [address, update] = useAddress();
  const query = queryOf(address);
  const set = (change: Partial<Query>) => update((p) => putQuery(p, { ...queryOf(p), ...change }));
  const runs = useRuns(query);
  const experiments = useExperiments();
  const [chosen, choose] = useState<string[]>([]);
  const [first] = runs.data?.pages ?? [];
  const columns = first ? columnsOf(first) : [];
  const shown = query.columns.length > 0 ? columns : columns.slice(0, SHOWN);
  const title =
    experiments.data
      ?.filter((e) => query.experiments.includes(e.id))
      .map((e) => e.name)
      .join(", ") ?? "";
  return (
    <Shell wide>
      <title>{`${title || "Runs"} · Paraplu`}</title>
      <div className="head">
        <div>
          <h1>{title || "All runs"}</h1>
          <p className="dim" role="status">
            {first ? count(first.total, "run") : "…"}
            {first &&
              columns.length > shown.length &&
              `, ${shown.length} of ${columns.length + first.more} columns shown`}
            {runs.isFetching && !runs.isPending && !runs.isFetchingNextPage ? " · reading" : ""}
          </p>
        </div>
        <div className="row">
          <Views query={query} open={(v) => set({ filter: v.filter, order: v.order, columns: v.columns })} />
          <Columns experiments={query.experiments} chosen={query.columns} set={(c) => set({ columns: c })} />
          <a
            className={`plain small ${chosen.length < 2 ? "off" : ""}`}
            aria-disabled={chosen.length < 2}
            href={chosen.length < 2 ? undefined : `/compare?${chosen.map((id) => `run=${id}`).join("&")}`}
          >
            Compare {chosen.length > 0 ? count(chosen.length, "run") : ""}
          </a>
        </div>
      </div>
      <Filter
        key={query.filter}
        text={query.filter}
        set={(filter) => set({ filter })}
        experiments={experiments.data ?? []}
        chosen={query.experiments}
        choose={(list) => set({ experiments: list })}
      />
      {runs.error && <Failure error={runs.error} again={() => void runs.refetch()} />}
      {runs.isPending && <Waiting />}
      {runs.data && first && (
        <Grid
          rows={aligned(runs.data.pages)}
          columns={shown}
          order={query.order}
          sort={(order) => set({ order })}
          chosen={chosen}
          choose={choose}
          manyExperiments={query.experiments.length !== 1}
        />
      )}
      {runs.hasNextPage && (
        <div>
          <button
            type="button"
            className="plain"
            disabled={runs.isFetchingNextPage}
            onClick={() => void runs.fetchNextPage()}
          >
            {runs.isFetchingNextPage ? "Reading…" : "More runs"}
          </button>
        </div>
      )}
    </Shell>
  );
}
