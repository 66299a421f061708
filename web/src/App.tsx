import { useProducts } from "./api/queries";
import { Failure } from "./components/Failure";
import { Shell } from "./components/Shell";
import { Waiting } from "./components/Waiting";
import { Compare } from "./pages/Compare";
import { Empty } from "./pages/Empty";
import { Experiments } from "./pages/Experiments";
import { Product } from "./pages/Product";
import { Run } from "./pages/Run";
import { Runs } from "./pages/Runs";

/** The address says the page; /products/NAME opens a product; any other one opens the product of the workspace. */
function wanted(): string | undefined {
  const [, name] = /^\/products\/([^/]+)\/?$/.exec(window.location.pathname) ?? [];
  return name && decodeURIComponent(name);
}

/** The page that a link of MLflow's client means: it prints /#/experiments/1/runs/ID at the end of a run. */
export function fromMlflow(hash: string): string | undefined {
  const [, experiment, run] = /^#\/experiments\/(\d+)(?:\/runs\/([0-9a-f]+))?/.exec(hash) ?? [];
  if (run) return `/runs/${run}`;
  return experiment && `/runs?experiment=${experiment}`;
}

export function App() {
  const meant = fromMlflow(window.location.hash);
  if (meant) {
    window.location.replace(meant);
    return null;
  }
  const path = window.location.pathname.replace(/\/+$/, "");
  const [, run] = /^\/runs\/([^/]+)$/.exec(path) ?? [];
  if (run) return <Run id={decodeURIComponent(run)} />;
  switch (path) {
    case "/experiments":
      return <Experiments />;
    case "/runs":
      return <Runs />;
    case "/compare":
      return <Compare />;
  }
  return <Home />;
}

function Home() {
  const products = useProducts();
  if (products.isPending) {
    return (
      <Shell>
        <Waiting />
      </Shell>
    );
  }
  if (products.isError) {
    return (
      <Shell>
        <Failure error={products.error} again={() => void products.refetch()} />
      </Shell>
    );
  }
  const name = wanted() ?? products.data.find((p) => p.here)?.name;
  return name ? <Product key={name} name={name} /> : <Empty others={products.data} />;
}
