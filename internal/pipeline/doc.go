// Package pipeline runs the steps of a product: plan, cache, execute, store.
//
// A step is a command with what it reads and writes. Its fingerprint ([Inputs]) is the text of the command, the content
// of its dependencies, the values of its params, its declared environment and the lock of the Python environment. A
// step whose fingerprint equals that of an earlier success is not run: its outputs are left as they are, or restored
// from the object store when they are missing or were changed by hand. Every decision explains itself:
//
//	features  unchanged since execution 01jd…
//	train     param train.depth changed (3 → 4)
//	evaluate  waits for train, which runs
//
// [Room.Plan] decides as much as can be known before anything runs. [Room.Run] decides again for each step when its
// turn comes, so a step that runs and writes the same bytes as before does not make the steps after it run.
//
//	plan, err := room.Plan(ctx, pipeline.PlanInput{Product: p, Set: map[string]any{"train.depth": 4}})
//	done, err := room.Run(ctx, plan, pipeline.RunOptions{Actor: "daisy", Out: os.Stdout})
//
// A step runs as a child process in a process group of its own; cancelling the context ends the group. What it wrote is
// put into the object store first, then one transaction records the step and makes it reusable, so a process killed at
// any point leaves nothing that has to be repaired: the next run marks the execution as abandoned, ends what is left of
// its processes, and goes on from the steps that were recorded.
//
// Tables: pipeline_execution (one walk of the graph and who owns it), pipeline_step (the result of each of its steps),
// pipeline_cache (fingerprint → outputs), pipeline_object (folder manifest → its files). Files in .paraplu beside the
// code: pipeline.lock (one execution at a time in a workspace), hashes (digests by size, time and inode; only a cache),
// tmp (half-made files), failed/<step> (what a failed step had written).
//
// Fact: execution.finished, with Key "execution:<id>" and the files that were read and written as lineage.
package pipeline
