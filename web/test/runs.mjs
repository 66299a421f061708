// The pages of experiments and runs, on runs that are logged here over the MLflow API. They change the workspace.
import { strict as assert } from "node:assert";

export function runSteps({ step, base, open, complaints }) {
  const post = async (path, body) => {
    const answer = await fetch(`${base}/api/2.0/mlflow/${path}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    return answer.json();
  };
  const runs = [];
  let experiment;

  async function logged() {
    if (experiment) return;
    const name = `curves <b>&amp; ${Date.now()}`;
    experiment = { name, id: (await post("experiments/create", { name })).experiment_id };
    for (const [i, kind] of ["slow", "fast", "wrong"].entries()) {
      const run_name = `${kind} ${"=".repeat(i)}`;
      const made = await post("runs/create", {
        experiment_id: experiment.id,
        run_name,
        start_time: 1_700_000_000_000 + i,
      });
      const id = made.run.info.run_id;
      const metrics = Array.from({ length: 40 }, (_, s) => ({
        key: "val/loss",
        step: s,
        timestamp: s,
        value: kind === "wrong" && s > 30 ? "NaN" : 1 / (1 + s * (i + 1)),
      }));
      await post("runs/log-batch", { run_id: id, metrics, params: [{ key: "kind", value: kind }] });
      await post("runs/update", {
        run_id: id,
        status: kind === "wrong" ? "FAILED" : "FINISHED",
        end_time: 1_700_000_009_000,
      });
      runs.push({ id, name: run_name });
    }
  }

  const names = async (tab) =>
    (await tab.getByRole("region", { name: "runs" }).locator("tbody th a").allTextContents()).map((s) => s.trim());

  step("an experiment leads to its runs; a head sorts, a filter filters, and the address keeps both", async () => {
    await logged();
    const tab = await open("/experiments");
    await tab.getByRole("link", { name: experiment.name }).click();
    await tab.getByRole("heading", { level: 1, name: experiment.name }).waitFor();
    await tab.getByRole("region", { name: "runs" }).waitFor();
    assert.deepEqual(
      await names(tab),
      ["wrong ==", "fast =", "slow"].map((s) => s.trim()),
    );
    await tab.getByRole("button", { name: "val/loss" }).click();
    await tab.locator('th[aria-sort="descending"]').waitFor();
    await tab.getByRole("row").nth(1).getByRole("link", { name: "slow" }).waitFor();
    await tab
      .getByRole("searchbox", { name: "filter" })
      .fill("params.kind != 'wrong' AND min(metrics.`val/loss`) < 0.03");
    await tab.keyboard.press("Enter");
    await tab.getByText("2 runs", { exact: true }).waitFor();
    await tab.reload();
    await tab.getByText("2 runs", { exact: true }).waitFor();
    assert.deepEqual(await names(tab), ["slow", "fast ="]);
    await tab.getByRole("searchbox", { name: "filter" }).fill("metrics. < ");
    await tab.keyboard.press("Enter");
    const alert = tab.getByRole("alert");
    await alert.waitFor();
    assert.match(await alert.textContent(), /filter:1:/);
    complaints.splice(0, complaints.length, ...complaints.filter((c) => !c.includes("400"))); // that one was wanted
    await tab.context().close();
  });

  step("runs are compared: what differs, and their curves", async () => {
    await logged();
    const tab = await open(`/runs?experiment=${experiment.id}`);
    for (const r of runs.slice(0, 2)) await tab.getByRole("checkbox", { name: r.name.trim() }).check();
    await tab.getByRole("link", { name: "Compare 2 runs" }).click();
    const rows = tab.getByRole("table").getByRole("row");
    await rows.filter({ hasText: "kind" }).nth(1).waitFor();
    assert.match(await rows.filter({ hasText: "param" }).first().textContent(), /kind.*slow.*fast|kind.*fast.*slow/);
    await tab.getByRole("img", { name: "val/loss over steps" }).locator("canvas").waitFor();
    await tab.context().close();
  });

  step("the link that MLflow's client prints opens the run, with its curve and NaN", async () => {
    await logged();
    const wrong = runs[2];
    const tab = await open(`/#/experiments/${experiment.id}/runs/${wrong.id}`);
    await tab.getByRole("heading", { level: 1, name: wrong.name }).waitFor();
    assert.equal(new URL(tab.url()).pathname, `/runs/${wrong.id}`);
    await tab.locator(".pill", { hasText: "failed" }).waitFor();
    await tab.getByRole("img", { name: "val/loss over steps" }).locator("canvas").waitFor();
    await tab.getByText("9 NaN").waitFor();
    await tab.getByRole("region", { name: "metrics" }).getByRole("cell", { name: "NaN", exact: true }).waitFor();
    await tab.context().close();
  });

  step("360 pixels: the pages of runs do not scroll sideways", async () => {
    await logged();
    for (const path of ["/experiments", `/runs?experiment=${experiment.id}`, `/runs/${runs[0].id}`]) {
      const tab = await open(path, { viewport: { width: 360, height: 740 } });
      await tab.getByRole("heading", { level: 1 }).waitFor();
      await tab.waitForLoadState("networkidle");
      const width = await tab.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 360, `${path} is ${width} pixels wide`);
      await tab.context().close();
    }
  });
}
