package registry_test

import (
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
)

// TestImportKeepsNumbers: versions come under their numbers, twice the same is once, and the next one is made after the
// highest.
func TestImportKeepsNumbers(t *testing.T) {
	run(t, func(h *house) {
		old := time.UnixMilli(1_000).UTC()
		m := registry.Model{Name: "umbrella", Description: "old", CreatedAt: old, UpdatedAt: old.Add(time.Hour), Tags: map[string]string{"a": "b"}}
		v := registry.Version{Model: "umbrella", Number: 4, Stage: registry.StageProduction, Source: "mlflow-artifacts:/1/x", Location: "mlflow-artifacts:/1/x",
			CreatedAt: old, UpdatedAt: old.Add(time.Minute), Tags: map[string]string{"c": "d"}}
		for i := range 2 {
			made, err := h.ImportModel(h.ctx, m)
			h.ok(err)
			again, err := h.ImportVersion(h.ctx, v, i == 1)
			h.ok(err)
			if made != (i == 0) || again != (i == 0) {
				h.t.Errorf("round %d: made %v, version made %v", i, made, again)
			}
		}
		other := v
		other.Source = "mlflow-artifacts:/2/x"
		_, err := h.ImportVersion(h.ctx, other, false)
		h.refused(err, fault.Exists, "version 4 of model umbrella")
		got, err := h.GetVersion(h.ctx, "umbrella", 4)
		h.ok(err)
		if got.Stage != registry.StageProduction || !got.CreatedAt.Equal(v.CreatedAt) || !got.UpdatedAt.Equal(v.UpdatedAt) || got.Tags["c"] != "d" {
			h.t.Errorf("%+v", got)
		}
		v.Number = 2 // a lower one later
		_, err = h.ImportVersion(h.ctx, v, false)
		h.ok(err)
		if next := h.version("umbrella", "s3://x"); next.Number != 5 {
			h.t.Errorf("the next version is %d", next.Number)
		}
		if n := len(h.facts(event.ModelVersioned)); n != 3 {
			h.t.Errorf("%d facts", n)
		}
		h.ok(h.DeleteVersion(h.ctx, "umbrella", 2))
		_, err = h.ImportVersion(h.ctx, v, true)
		h.refused(err, fault.Exists, "deleted")
		_, err = h.ImportModel(h.ctx, registry.Model{Name: "umbrella", Tags: map[string]string{"mlflow.prompt.is_prompt": "true"}})
		h.refused(err, fault.Exists, "prompt")
	})
}
