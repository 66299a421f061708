import { useProducts } from "./api/queries";
import { Failure } from "./components/Failure";
import { Shell } from "./components/Shell";
import { Waiting } from "./components/Waiting";
import { Empty } from "./pages/Empty";
import { Product } from "./pages/Product";

/** The address /products/NAME opens a product; any other one opens the product of the workspace. */
function wanted(): string | undefined {
  const [, name] = /^\/products\/([^/]+)\/?$/.exec(window.location.pathname) ?? [];
  return name && decodeURIComponent(name);
}

export function App() {
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
