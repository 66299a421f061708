package registry_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
)

// house is a registry on a real database with a clock that the test moves.
type house struct {
	*registry.Room
	t    *testing.T
	ctx  context.Context
	d    *db.DB
	mu   sync.Mutex
	now  time.Time
	keys string
	pkgs map[ref.Digest]registry.Package
}

func pkg(s string) ref.Digest { return ref.Sum([]byte(s)) }

func newHouse(t *testing.T, d *db.DB) *house {
	h := &house{t: t, ctx: context.Background(), d: d, now: time.Date(2015, 1, 1, 18, 0, 0, 0, time.UTC), keys: t.TempDir() + "/keys",
		pkgs: map[ref.Digest]registry.Package{pkg("a"): {Author: "daisy", SelfTested: true}, pkg("b"): {Author: "daisy", SelfTested: true}}}
	h.Room = registry.New(d, func(_ context.Context, digest ref.Digest) (registry.Package, error) {
		p, ok := h.pkgs[digest]
		if !ok {
			return p, fault.New(fault.NotFound, "package %s does not exist", digest.Short())
		}
		return p, nil
	}, h.keys, func() time.Time {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.now = h.now.Add(time.Second)
		return h.now
	})
	return h
}

func run(t *testing.T, fn func(h *house)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) { fn(newHouse(t, d)) }, event.Migrations(), registry.Migrations())
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) refused(err error, kind fault.Kind, words ...string) {
	h.t.Helper()
	if !fault.Is(err, kind) {
		h.t.Fatalf("error %v is of kind %v, want %v", err, fault.KindOf(err), kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error()+" → "+fault.HintOf(err), w) {
			h.t.Errorf("%q (hint %q) does not say %q", err, fault.HintOf(err), w)
		}
	}
}

func (h *house) facts(verbs ...string) (out []event.Fact) {
	h.t.Helper()
	h.ok(h.d.View(h.ctx, func(tx *db.Tx) (err error) {
		out, err = event.List(tx, event.Filter{Verbs: verbs})
		return err
	}))
	return out
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	h.ok(h.d.Update(h.ctx, func(tx *db.Tx) error { _, err := tx.Exec(sql, args...); return err }))
}

func (h *house) model(name string) {
	h.t.Helper()
	_, err := h.CreateModel(h.ctx, registry.ModelInput{Name: name, Product: "umbrella", Actor: "daisy"})
	h.ok(err)
}

func (h *house) version(model, source string) registry.Version {
	h.t.Helper()
	v, err := h.CreateVersion(h.ctx, registry.VersionInput{Model: model, Source: source, RunID: "r1", Actor: "daisy"})
	h.ok(err)
	return v
}

const src = "mlflow-artifacts:/1/r1/artifacts/model"

func TestErrorTextsOfTheContract(t *testing.T) {
	run(t, func(h *house) {
		h.model("umbrella")
		h.version("umbrella", src)
		ctx := h.ctx
		two := func(_ any, err error) error { return err }
		create := func(name string) error {
			return two(h.CreateModel(ctx, registry.ModelInput{Name: name, Actor: "daisy"}))
		}
		for _, c := range []struct {
			err  error
			kind fault.Kind
			text string
		}{
			{two(h.GetModel(ctx, "x")), fault.NotFound, "Registered Model with name=x not found"},
			{two(h.GetVersion(ctx, "umbrella", 7)), fault.NotFound, "Model Version (name=umbrella, version=7) not found"},
			{two(h.GetByAlias(ctx, "umbrella", "a")), fault.Invalid, "Registered model alias a not found."},
			{create("umbrella"), fault.Exists, "Registered Model (name=umbrella) already exists."},
			{create(" "), fault.Invalid, "Missing value for required parameter 'name'."},
			{create("a/b"), fault.Invalid, "Invalid model name 'a/b'. Names cannot contain '/' or ':'."},
			{create(".."), fault.Invalid, `Invalid value ".." for parameter 'name' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to '..'`},
			{two(h.CreateModel(ctx, registry.ModelInput{Name: "umbrella", Tags: map[string]string{"mlflow.prompt.is_prompt": "true"}})), fault.Exists,
				"Tried to create a prompt with name 'umbrella', but the name is already taken by a registered model. MLflow does not allow creating a model and a prompt with the same name."},
			{two(h.RenameModel(ctx, "umbrella", "")), fault.Invalid, "Missing value for required parameter 'new_name'."},
			{h.SetAlias(ctx, "umbrella", "Latest", 1, "daisy"), fault.Invalid, "'latest' alias name (case insensitive) is reserved."},
			{h.SetAlias(ctx, "umbrella", "V12", 1, "daisy"), fault.Invalid, "Version alias name 'V12' is reserved."},
			{h.SetAlias(ctx, "umbrella", "a b", 1, "daisy"), fault.Invalid, "Invalid alias name: 'a b'. Names may only contain alphanumerics, underscores (_), and dashes (-)."},
			{h.SetAlias(ctx, "umbrella", "", 1, "daisy"), fault.Invalid, "Registered model alias name cannot be empty."},
			{h.SetAlias(ctx, "umbrella", "x", 2, "daisy"), fault.NotFound, "Model Version (name=umbrella, version=2) not found"},
			{h.SetAlias(ctx, "umbrella", strings.Repeat("a", 256), 1, "daisy"), fault.Invalid, "'Registered model alias name' exceeds the maximum length of 255 characters"},
			{h.SetModelTag(ctx, "umbrella", "", "v"), fault.Invalid, "Missing value for required parameter 'key'. See the API docs for more information about request parameters."},
			{h.SetModelTag(ctx, "umbrella", "a*b", "v"), fault.Invalid, `Invalid value "a*b" for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).`},
			{h.SetModelTag(ctx, "umbrella", "a//b", "v"), fault.Invalid, `Invalid value "a//b" for parameter 'key' supplied: Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name would resolve to 'a/b'`},
			{h.SetVersionTag(ctx, "umbrella", 1, "k", strings.Repeat("é", 100_001)), fault.Invalid, "'value' exceeds the maximum length of 100000 characters"},
			{two(h.TransitionStage(ctx, "umbrella", 1, "prod", false)), fault.Invalid, "Invalid Model Version stage: prod. Value must be one of None, Staging, Production, Archived."},
			{two(h.TransitionStage(ctx, "umbrella", 1, "archived", true)), fault.Invalid, "Model version transition cannot archive existing model versions because 'Archived' is not an Active stage. Valid stages are ['Staging', 'Production']"},
		} {
			if c.err == nil || c.err.Error() != c.text || !fault.Is(c.err, c.kind) {
				t.Errorf("got %v %q\nwant %v %q", fault.KindOf(c.err), c.err, c.kind, c.text)
			}
		}
		h.ok(h.SetVersionTag(ctx, "umbrella", 1, "mlflow.a-b/c: d", strings.Repeat("é", 100_000)))
		for _, bad := range []string{"", "/etc/passwd", "file:///etc", "FILE:/x", "C:\\x", "s3://b/../x", "s3://b/%252e%252e/x", "s3://b/\x00", "model"} {
			if _, err := h.CreateVersion(ctx, registry.VersionInput{Model: "umbrella", Source: bad}); !fault.Is(err, fault.Invalid) {
				t.Errorf("source %q: %v", bad, err)
			}
		}
	})
}

func TestVersionsAreNeverReusedAndDeletionHides(t *testing.T) {
	run(t, func(h *house) {
		ctx := h.ctx
		h.model("umbrella")
		h.version("umbrella", src)
		h.version("umbrella", src)
		h.ok(h.SetAlias(ctx, "umbrella", "best", 2, "daisy"))
		h.ok(h.SetAlias(ctx, "umbrella", "best", 2, "daisy")) // no second fact
		if v, err := h.Find(ctx, "models:/umbrella@best"); err != nil || v.Number != 2 || !slices.Equal(v.Aliases, []string{"best"}) {
			t.Errorf("by alias: %+v, %v", v, err)
		}
		h.ok(h.DeleteVersion(ctx, "umbrella", 2))
		h.refused(h.DeleteVersion(ctx, "umbrella", 2), fault.NotFound)
		if v := h.version("umbrella", src); v.Number != 3 {
			t.Errorf("version after a deletion is %d", v.Number)
		}
		m, err := h.GetModel(ctx, "umbrella")
		h.ok(err)
		if len(m.Aliases) != 0 || len(m.Latest) != 1 || m.Latest[0].Number != 3 || !m.UpdatedAt.After(m.CreatedAt) {
			t.Errorf("model = %+v", m)
		}
		if n := len(h.facts(event.ModelVersioned)); n != 3 {
			t.Errorf("%d facts of versions", n)
		}
		f := h.facts(event.AliasSet)
		if len(f) != 1 || f[0].Outputs[0] != "alias:umbrella@best" || f[0].Inputs[0] != "model:umbrella@v2" || f[0].Product != "umbrella" {
			t.Errorf("facts of aliases: %+v", f)
		}
		var source, run string
		h.ok(h.d.View(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT source, run_id FROM registry_version WHERE number = 2`).Scan(&source, &run)
		}))
		if source != "REDACTED-SOURCE-PATH" || run != "REDACTED-RUN-ID" {
			t.Errorf("deleted version still says %q %q", source, run)
		}
	})
}

func TestStagesAndSourcesOfModels(t *testing.T) {
	run(t, func(h *house) {
		ctx := h.ctx
		h.model("umbrella")
		for range 3 {
			h.version("umbrella", src)
		}
		for n, s := range map[int]string{1: "production", 2: "Staging"} {
			_, err := h.TransitionStage(ctx, "umbrella", n, s, false)
			h.ok(err)
		}
		v, err := h.TransitionStage(ctx, "umbrella", 3, "PRODUCTION", true)
		h.ok(err)
		if v.Stage != "Production" {
			t.Errorf("stage %q", v.Stage)
		}
		latest, err := h.LatestVersions(ctx, "umbrella", nil)
		h.ok(err)
		var got []string
		for _, v := range latest {
			got = append(got, fmt.Sprint(v.Stage, v.Number))
		}
		if want := []string{"Staging2", "Production3", "Archived1"}; !slices.Equal(got, want) {
			t.Errorf("latest = %v, want %v", got, want)
		}
		if v, err := h.GetByAlias(ctx, "umbrella", "LATEST"); err != nil || v.Number != 3 {
			t.Errorf("latest is version %d, %v", v.Number, err)
		}
		h.ResolveLogged = func(_ context.Context, id string) (string, string, error) {
			return "mlflow-artifacts:/at/" + id, "run-of-" + id, nil
		}
		for source, want := range map[string]string{
			"models:/umbrella/3": src + " r1", "models:/umbrella/Production": src + " r1", "models:/umbrella/Staging": src + " r1",
			"models:/m-1": "mlflow-artifacts:/at/m-1 run-of-m-1",
		} {
			in := registry.VersionInput{Model: "umbrella", Source: source}
			if id, ok := strings.CutPrefix(source, "models:/m-"); ok {
				in.LoggedModel = "m-" + id
			}
			v, err := h.CreateVersion(ctx, in)
			h.ok(err)
			if got := v.Location + " " + v.RunID; got != want || !strings.HasPrefix(v.Source, "models:/") {
				t.Errorf("%s → %q, want %q", source, got, want)
			}
		}
		_, err = h.CreateVersion(ctx, registry.VersionInput{Model: "umbrella", Source: "models:/nothing/1"})
		h.refused(err, fault.NotFound, "Registered Model with name=nothing not found")
	})
}

func TestRenameKeepsEverything(t *testing.T) {
	run(t, func(h *house) {
		ctx := h.ctx
		h.model("umbrella")
		h.model("other")
		h.version("umbrella", src)
		h.ok(h.SetModelTag(ctx, "umbrella", "team", "rain"))
		h.ok(h.SetVersionTag(ctx, "umbrella", 1, "k", "v"))
		h.ok(h.SetAlias(ctx, "umbrella", "best", 1, "daisy"))
		_, err := h.RenameModel(ctx, "umbrella", "other")
		h.refused(err, fault.Exists, "Registered Model (name=other) already exists.")
		m, err := h.RenameModel(ctx, "umbrella", "parasol")
		h.ok(err)
		if m.Tags["team"] != "rain" || m.Aliases["best"] != 1 || m.Latest[0].Model != "parasol" || m.Latest[0].Tags["k"] != "v" {
			t.Errorf("renamed: %+v", m)
		}
		m, err = h.UpdateModel(ctx, "parasol", "for the sun")
		h.ok(err)
		v, err := h.UpdateVersion(ctx, "parasol", 1, "first")
		h.ok(err)
		if m.Description != "for the sun" || v.Description != "first" {
			t.Errorf("descriptions %q %q", m.Description, v.Description)
		}
		h.ok(h.DeleteVersionTag(ctx, "parasol", 1, "k"))
		h.ok(h.DeleteModelTag(ctx, "parasol", "team"))
		h.ok(h.DeleteModelTag(ctx, "parasol", "team"))
		h.ok(h.DeleteAlias(ctx, "parasol", "best"))
		h.ok(h.DeleteModel(ctx, "parasol"))
		h.refused(h.DeleteModel(ctx, "parasol"), fault.NotFound)
		h.model("parasol")
		if v := h.version("parasol", src); v.Number != 1 || len(h.facts(event.ModelVersioned)) != 2 {
			t.Errorf("a new model of the old name starts at %d with its own facts", v.Number)
		}
	})
}
