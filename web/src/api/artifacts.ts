import { useQuery } from "@tanstack/react-query";
import { ApiError } from "./client";

/** A file or folder of a run, as the MLflow API lists it. */
export interface Artifact {
  path: string;
  is_dir: boolean;
  file_size?: number;
}

/** What lies in a folder of a run's artifacts; "" is the whole. Runs keep their artifacts elsewhere as well: then nothing is listed. */
export function useArtifacts(run: string, path: string) {
  return useQuery({
    queryKey: ["artifacts", run, path],
    queryFn: async ({ signal }): Promise<Artifact[]> => {
      const query = new URLSearchParams({ run_id: run, ...(path && { path }) });
      const answer = await fetch(`/api/2.0/mlflow/artifacts/list?${query.toString()}`, { signal });
      const body = (await answer.json()) as { files?: Artifact[]; message?: string };
      if (!answer.ok) {
        throw new ApiError({
          status: answer.status,
          title: answer.statusText,
          kind: "invalid",
          detail: body.message ?? "the artifacts cannot be listed",
        });
      }
      return body.files ?? [];
    },
  });
}

/** Where a browser gets a file, undefined when it is not kept by this server. */
export function download(artifactURI: string, path: string): string | undefined {
  const [, root] =
    /^mlflow-artifacts:\/+(?:[^/]*\/)?(.*)$/.exec(
      artifactURI.replace(/^mlflow-artifacts:\/(?!\/)/, "mlflow-artifacts://host/"),
    ) ?? [];
  if (root === undefined) return undefined;
  const whole = `${root}/${path}`;
  return `/api/2.0/mlflow-artifacts/artifacts/${whole.split("/").map(encodeURIComponent).join("/")}`;
}
