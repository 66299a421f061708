import type { Page } from "../../api/client";
import { useLive, usePage } from "../../api/queries";
import { Failure } from "../../components/Failure";
import { Shell } from "../../components/Shell";
import { Waiting } from "../../components/Waiting";
import { Answers } from "./Answers";
import { Champion } from "./Champion";
import { Data } from "./Data";
import { openIncidents } from "./derive";
import { Head } from "./Head";
import { IncidentPanel } from "./IncidentPanel";
import { Lifecycle } from "./Lifecycle";
import { Past } from "./Past";
import { Releases } from "./Releases";
import { Team } from "./Team";
import { Timeline } from "./Timeline";
import { Weeks } from "./Weeks";

/** The page of a product: is it healthy, what does it earn, who answers for it, what is the next step? */
export function Product({ name }: { name: string }) {
  const page = usePage(name);
  if (page.isPending) {
    return (
      <Shell>
        <Waiting />
      </Shell>
    );
  }
  // what was read before stays on the screen while the server cannot be reached
  if (!page.data) {
    return (
      <Shell>
        <Failure error={page.error} again={() => void page.refetch()} />
      </Shell>
    );
  }
  return <Loaded page={page.data} failed={page.error} />;
}

function Loaded({ page, failed }: { page: Page; failed: Error | null }) {
  const connected = useLive(page.name, page.seq);
  const [incident] = openIncidents(page);
  return (
    <Shell
      status={
        <span className={`row small ${connected ? "dim" : "bad"}`} role="status">
          <span className={`dot ${connected ? "good" : "bad"}`} aria-hidden="true" />
          {connected ? "live" : "no connection, trying again"}
        </span>
      }
    >
      <title>{`${page.title} · Paraplu`}</title>
      {failed && <Failure error={failed} />}
      <Head page={page} />
      <Answers page={page} />
      <div className="split">
        <Weeks page={page} />
        {incident ? <IncidentPanel page={page} incident={incident} /> : <Champion page={page} />}
      </div>
      <Lifecycle page={page} />
      {incident && (
        <div className="halves">
          <Champion page={page} />
          <Team page={page} />
        </div>
      )}
      <Releases page={page} />
      <Data page={page} />
      <div className="halves">
        <Timeline page={page} />
        <div style={{ display: "grid", gap: 14 }}>
          {!incident && <Team page={page} />}
          <Past page={page} />
        </div>
      </div>
    </Shell>
  );
}
