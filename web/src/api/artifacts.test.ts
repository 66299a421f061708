import { describe, expect, it } from "vitest";
import { download } from "./artifacts";

describe("where a file of a run is", () => {
  it.each([
    ["mlflow-artifacts:/4/ab/artifacts", "a.txt", "/api/2.0/mlflow-artifacts/artifacts/4/ab/artifacts/a.txt"],
    [
      "mlflow-artifacts://host:5000/4/ab/artifacts",
      "d/é #.txt",
      "/api/2.0/mlflow-artifacts/artifacts/4/ab/artifacts/d/%C3%A9%20%23.txt",
    ],
    ["s3://bucket/4/ab/artifacts", "a.txt", undefined],
  ])("%s and %s", (uri, path, want) => expect(download(uri, path)).toBe(want));
});
