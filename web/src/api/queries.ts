import { QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { ApiError, fetchFacts, fetchPage, fetchProducts } from "./client";

const SECOND = 1000;

export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: SECOND,
        // what the server refuses stays refused; what did not reach it is tried again
        retry: (times, error) => !(error instanceof ApiError) && times < 3,
      },
    },
  });
}

export function useProducts() {
  return useQuery({
    queryKey: ["products"],
    queryFn: ({ signal }) => fetchProducts(signal),
    // an empty workspace shows its first product as soon as it is there
    refetchInterval: (q) => (q.state.data?.length ? 60 * SECOND : 2 * SECOND),
  });
}

export function usePage(product: string) {
  return useQuery({
    queryKey: ["product", product],
    queryFn: ({ signal }) => fetchPage(product, signal),
    // a file that is being corrected is read again soon
    refetchInterval: (q) => (q.state.status === "error" ? 3 : 60) * SECOND,
  });
}

/**
 * Keeps a page fresh: asks every two seconds for facts newer than seq, which is cheap, and reads the page again when there
 * are some. The answer tells whether the server can be reached.
 */
export function useLive(product: string, seq: number): boolean {
  const client = useQueryClient();
  const news = useQuery({
    queryKey: ["facts", product, seq],
    queryFn: ({ signal }) => fetchFacts(product, seq, signal),
    refetchInterval: 2 * SECOND,
    gcTime: 0,
  });
  const fresh = news.data?.length ?? 0;
  useEffect(() => {
    if (fresh > 0) void client.invalidateQueries({ queryKey: ["product", product] });
  }, [client, fresh, product]);
  return !news.isError;
}
