package webhook_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/webhook"
)

// Each change is told once, signed, with the data of MLflow; what changes nothing is not told.
func TestEveryChangeOfTheRegistryIsTold(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		rc := receive(t)
		w := private(t, d, rc)
		h := w.listen(rc.URL, "s3cret", webhook.Events()...)
		ctx := context.Background()
		reg := w.reg
		w.model("rain", map[string]string{"a": "1"})
		_, err := reg.CreateVersion(ctx, registry.VersionInput{Model: "rain", Source: "mlflow-artifacts:/1/x/artifacts/m", RunID: "r1", Tags: map[string]string{"t": "1"}})
		must(t, err)
		must(t, reg.SetVersionTag(ctx, "rain", 1, "t", "1")) // as it is
		must(t, reg.SetVersionTag(ctx, "rain", 1, "t", "2"))
		must(t, reg.DeleteVersionTag(ctx, "rain", 1, "t"))
		must(t, reg.DeleteVersionTag(ctx, "rain", 1, "t")) // is gone
		must(t, reg.SetAlias(ctx, "rain", "best", 1, "daisy"))
		must(t, reg.SetAlias(ctx, "rain", "best", 1, "daisy")) // as it is
		must(t, reg.DeleteAlias(ctx, "rain", "best"))
		must(t, reg.DeleteAlias(ctx, "rain", "best"))      // is gone
		must(t, reg.SetModelTag(ctx, "rain", "b", "2"))    // MLflow has no event for it
		must(t, reg.DeleteModelTag(ctx, "rain", "absent")) // nor for this
		prompt := map[string]string{"mlflow.prompt.is_prompt": "true", "_mlflow_prompt_type": "text", "k": "v"}
		w.model("ask", prompt)
		prompt["mlflow.prompt.text"] = "Hello {{name}}!"
		_, err = reg.CreateVersion(ctx, registry.VersionInput{Model: "ask", Source: "dummy-source", Description: "first", Tags: prompt})
		must(t, err)
		must(t, reg.SetModelTag(ctx, "ask", "k", "w"))
		must(t, reg.DeleteModelTag(ctx, "ask", "k"))
		must(t, reg.SetVersionTag(ctx, "ask", 1, "k", "w"))
		must(t, reg.DeleteVersionTag(ctx, "ask", 1, "k"))
		must(t, reg.SetAlias(ctx, "ask", "live", 1, "daisy"))
		must(t, reg.DeleteAlias(ctx, "ask", "live"))
		want := []string{
			`model_version.created {"name":"rain","version":"1","source":"mlflow-artifacts:/1/x/artifacts/m","run_id":"r1","tags":{"t":"1"},"description":null}`,
			`model_version_alias.created {"name":"rain","alias":"best","version":"1"}`,
			`model_version_alias.deleted {"name":"rain","alias":"best"}`,
			`model_version_tag.deleted {"name":"rain","version":"1","key":"t"}`,
			`model_version_tag.set {"name":"rain","version":"1","key":"t","value":"2"}`,
			`prompt.created {"name":"ask","tags":{"k":"v"},"description":""}`,
			`prompt_alias.created {"name":"ask","alias":"live","version":"1"}`,
			`prompt_alias.deleted {"name":"ask","alias":"live"}`,
			`prompt_tag.deleted {"name":"ask","key":"k"}`,
			`prompt_tag.set {"name":"ask","key":"k","value":"w"}`,
			`prompt_version.created {"name":"ask","version":"1","template":"Hello {{name}}!","tags":{"k":"v"},"description":"first"}`,
			`prompt_version_tag.deleted {"name":"ask","version":"1","key":"k"}`,
			`prompt_version_tag.set {"name":"ask","version":"1","key":"k","value":"w"}`,
			`registered_model.created {"name":"rain","tags":{"a":"1"},"description":""}`,
		}
		w.start()
		var got []string
		ids := map[string]bool{}
		for range want {
			r := rc.next(t)
			verify(t, r, "s3cret")
			var m struct {
				Entity, Action, Timestamp string
				Data                      json.RawMessage
			}
			must(t, json.Unmarshal([]byte(r.body), &m))
			if _, err := time.Parse("2006-01-02T15:04:05.000000-07:00", m.Timestamp); err != nil || r.header.Get("Content-Type") != "application/json" {
				t.Errorf("timestamp %q, type %q", m.Timestamp, r.header.Get("Content-Type"))
			}
			got = append(got, m.Entity+"."+m.Action+" "+string(m.Data))
			ids[r.header.Get("X-Mlflow-Delivery-Id")] = true
		}
		w.stop()
		slices.Sort(got)
		if !slices.Equal(got, want) || len(ids) != len(want) || len(rc.got) != 0 {
			t.Errorf("%d ids, %d more; got\n%s\nwant\n%s", len(ids), len(rc.got), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		list, err := w.hooks.Deliveries(ctx, h.ID, 100)
		must(t, err)
		for _, d := range list {
			if d.State != webhook.Delivered || d.Attempts != 1 || d.HTTPStatus != 200 || d.DoneAt.IsZero() || !ids[d.ID] {
				t.Errorf("%+v", d)
			}
		}
	}, sources...)
}

// A change that is undone, or that nobody listens to, leaves no delivery and no job.
func TestWhatDidNotHappenIsNotTold(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		rc := receive(t)
		w := private(t, d, rc)
		h := w.listen(rc.URL, "", "registered_model.created")
		off := w.listen(rc.URL, "", "registered_model.created", "model_version.created")
		disabled := webhook.Disabled
		_, err := w.hooks.Update(context.Background(), off.ID, webhook.Change{Status: &disabled})
		must(t, err)
		w.model("rain", nil)
		if _, err := w.reg.CreateModel(context.Background(), registry.ModelInput{Name: "rain"}); !fault.Is(err, fault.Exists) {
			t.Fatal(err)
		}
		boom := fault.New(fault.Internal, "boom")
		if err := d.Update(context.Background(), func(tx *db.Tx) error {
			if err := w.hooks.Notify(tx, "registered_model.created", "x"); err != nil {
				return err
			}
			return boom
		}); err == nil {
			t.Fatal("no error")
		}
		_, err = w.reg.CreateVersion(context.Background(), registry.VersionInput{Model: "rain", Source: "mlflow-artifacts:/1/x"})
		must(t, err)
		if d := w.one(h); d.State != webhook.Waiting {
			t.Errorf("%+v", d)
		}
		if list, _ := w.hooks.Deliveries(context.Background(), off.ID, 10); len(list) != 0 {
			t.Errorf("a disabled webhook was told: %+v", list)
		}
		w.start()
		rc.next(t)
		w.stop()
		if len(rc.got) != 0 {
			t.Error("more was sent")
		}
	}, sources...)
}

func TestAttempts(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		elsewhere := receive(t)
		for _, tc := range []struct {
			name     string
			answers  []func(http.ResponseWriter)
			requests int
			state    webhook.State
			status   int
			has      string
		}{
			{"503, then taken", []func(http.ResponseWriter){status(503), status(200)}, 2, webhook.Delivered, 200, ""},
			{"429, then taken", []func(http.ResponseWriter){status(429, "Retry-After", "nonsense"), status(204)}, 2, webhook.Delivered, 204, ""},
			{"always 500", []func(http.ResponseWriter){status(500)}, webhook.Attempts, webhook.Failed, 500, "answered 500"},
			{"400 is final", []func(http.ResponseWriter){status(400)}, 1, webhook.Failed, 400, "answered 400"},
			{"410 is final", []func(http.ResponseWriter){status(410)}, 1, webhook.Failed, 410, "answered 410"},
			{"a redirect is final", []func(http.ResponseWriter){status(307, "Location", elsewhere.URL)}, 1, webhook.Failed, 307, "redirect"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				rc := receive(t, tc.answers...)
				w := private(t, d, rc)
				h := w.listen(rc.URL, "key", "registered_model.created")
				w.model(tc.name, nil)
				w.start()
				ids := map[string]bool{}
				for range tc.requests {
					r := rc.next(t)
					verify(t, r, "key")
					ids[r.header.Get("X-Mlflow-Delivery-Id")] = true
				}
				w.stop()
				got := w.one(h)
				if got.State != tc.state || got.HTTPStatus != tc.status || got.Attempts != tc.requests || !strings.Contains(got.Error, tc.has) || !ids[got.ID] || len(ids) != 1 {
					t.Errorf("%+v, ids %v", got, ids)
				}
				must(t, w.hooks.Delete(context.Background(), h.ID))
			})
		}
		if len(elsewhere.got) != 0 {
			t.Error("a redirect was followed")
		}
	}, sources...)
}

// A receiver says itself when it wants to be asked again; the backoff would never come.
func TestRetryAfter(t *testing.T) {
	date := func(w http.ResponseWriter) {
		status(503, "Retry-After", time.Now().Add(2*time.Second).UTC().Format(http.TimeFormat))(w)
	}
	rc := receive(t, status(429, "Retry-After", "1"), date, status(200))
	w := build(t, dbtest.SQLite(t, sources...), filepath.Join(t.TempDir(), "keys"),
		webhook.Config{AllowPrivate: true, Roots: rc.roots(), Backoff: func(int) time.Duration { return 24 * time.Hour }})
	h := w.listen(rc.URL, "", "registered_model.created")
	w.model("rain", nil)
	w.start()
	for range 3 {
		rc.next(t)
	}
	w.stop()
	if d := w.one(h); d.State != webhook.Delivered || d.Attempts != 3 {
		t.Errorf("%+v", d)
	}
}

func TestDeliveriesOfDeletedWebhooksAreDropped(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		rc := receive(t)
		w := private(t, d, rc)
		gone, stays := w.listen(rc.URL, "x", "registered_model.created"), w.listen(rc.URL, "", "registered_model.created")
		w.model("rain", nil)
		must(t, w.hooks.Delete(context.Background(), gone.ID))
		if _, err := w.hooks.Get(context.Background(), gone.ID); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		w.start()
		r := rc.next(t)
		if r.header.Get("X-Mlflow-Signature") != "" {
			t.Error("signed without a secret")
		}
		w.settle()
		w.stop()
		if a, b := w.one(gone).State, w.one(stays).State; a != webhook.Dropped || b != webhook.Delivered {
			t.Errorf("deleted: %s, other: %s", a, b)
		}
	}, sources...)
}

func TestSecretsAreEncrypted(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		rc := receive(t)
		w := private(t, d, rc)
		ctx := context.Background()
		h := w.listen(rc.URL, "very secret words", "registered_model.created")
		info, err := os.Stat(filepath.Join(w.keys, "secrets.key"))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("mode of the key %v", info.Mode())
		}
		must(t, d.View(ctx, func(tx *db.Tx) error {
			var sealed []byte
			if err := tx.QueryRow(`SELECT secret FROM webhook WHERE id = ?`, h.ID).Scan(&sealed); err != nil {
				return err
			}
			if len(sealed) == 0 || strings.Contains(string(sealed), "secret") {
				t.Errorf("stored: %q", sealed)
			}
			return nil
		}))
		result, err := w.hooks.Test(ctx, h.ID, "prompt.created")
		if err != nil || !result.Success || result.Status != 200 {
			t.Fatalf("%+v, %v", result, err)
		}
		r := rc.next(t)
		verify(t, r, "very secret words")
		if !strings.Contains(r.body, `"entity":"prompt"`) || !strings.Contains(r.body, "example_prompt") {
			t.Error(r.body)
		}
		other := build(t, d, filepath.Join(t.TempDir(), "keys"), webhook.Config{AllowPrivate: true, Roots: rc.roots()})
		other.listen(rc.URL, "makes another key", "registered_model.created")
		if result, err := other.hooks.Test(ctx, h.ID, ""); err != nil || result.Success || !strings.Contains(result.Error, "another key") {
			t.Errorf("with another key: %+v, %v", result, err)
		}
		word := "new"
		_, err = w.hooks.Update(ctx, h.ID, webhook.Change{Secret: &word})
		must(t, err)
		_, err = w.hooks.Test(ctx, h.ID, "")
		must(t, err)
		verify(t, rc.next(t), "new")
	}, sources...)
}

// What a receiver answers is read to a bound.
func TestAnswersAreBounded(t *testing.T) {
	rc := receive(t, func(w http.ResponseWriter) { io.WriteString(w, strings.Repeat("x", 1<<20)) }) //nolint:errcheck // cut off
	w := private(t, dbtest.SQLite(t, sources...), rc)
	h := w.listen(rc.URL, "", "prompt.created")
	result, err := w.hooks.Test(context.Background(), h.ID, "")
	if err != nil || !result.Success || len(result.Body) != 64<<10 {
		t.Errorf("%d bytes, %v", len(result.Body), err)
	}
}
