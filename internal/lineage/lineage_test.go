package lineage_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/lineage"
	"github.com/paraplu/paraplu/internal/ref"
)

var ctx = context.Background()

func sum(s string) string { return string(ref.Sum([]byte(s))) }

func tell(t testing.TB, d *db.DB, facts ...event.Fact) {
	t.Helper()
	for i := range facts {
		facts[i].Time = time.Date(2015, 1, 1, 18, i, 0, 0, time.UTC)
		facts[i].Product = "umbrella"
		if facts[i].Actor == "" {
			facts[i].Actor = "daisy"
		}
	}
	if err := d.Update(ctx, func(tx *db.Tx) error { return event.Append(tx, facts...) }); err != nil {
		t.Fatal(err)
	}
}

// story is the life of one package in the words of the rooms.
func story(t testing.TB, d *db.DB) {
	file, data, pkg := sum("weather.csv"), "dataset:weather@"+sum("manifest"), "package:"+sum("package")
	tell(t, d,
		event.Fact{Verb: event.ContractChecked, Object: "rep1", Inputs: []string{"file:" + file}, Outputs: []string{"report:rep1"}},
		event.Fact{Verb: event.DatasetPublished, Object: "weather@v1", Inputs: []string{"report:rep1"}, Outputs: []string{data}},
		event.Fact{Verb: event.ExecutionFinished, Object: "exec1", Inputs: []string{"file:data/weather.csv@" + file, "file:train.py@" + sum("code")},
			Outputs: []string{"file:build/model.onnx@" + sum("model"), "file:build/features.csv@" + sum("features")}},
		event.Fact{Verb: event.RunFinished, Object: "run1", Inputs: []string{data}, Outputs: []string{"run:run1"}, Data: map[string]any{"name": "clever-fox-1"}},
		event.Fact{Verb: event.PackageBuilt, Object: "umbrella", Inputs: []string{data, "run:run1", "execution:exec1"}, Outputs: []string{pkg}, Digest: sum("package")},
		event.Fact{Actor: "eddy", Verb: event.GatesEvaluated, Object: "rel1", Inputs: []string{pkg}, Outputs: []string{"release:rel1"}, Data: map[string]any{"environment": "production"}},
		event.Fact{Actor: "bo", Verb: event.ApprovalGiven, Object: "rel1", Inputs: []string{"release:rel1"}, Outputs: []string{"approval:app1"}},
		event.Fact{Actor: "eddy", Verb: event.DeploymentPlaced, Object: "01kdeploy1", Inputs: []string{pkg, "release:rel1"}, Outputs: []string{"deployment:01kdeploy1"}, Data: map[string]any{"environment": "production"}},
		event.Fact{Actor: "system", Verb: event.AlertFired, Object: "a", Inputs: []string{pkg}, Outputs: []string{"incident:umbrella-1"}},
		event.Fact{Actor: "eddy", Verb: event.DeploymentRolledBack, Object: "01kdeploy2", Inputs: []string{pkg, "release:rel1", "deployment:01kdeploy1"}, Outputs: []string{"deployment:01kdeploy2"}, Data: map[string]any{"environment": "production"}},
	)
}

func TestTreesGolden(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		story(t, d)
		room := lineage.New(d)
		var b strings.Builder
		show := func(title string, g *lineage.Graph, err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "# %s\n%s\n", title, g.Tree())
		}
		g, err := room.Upstream(ctx, "deployment:01kdeploy2", 0)
		show("where does the deployment come from", g, err)
		g, err = room.Downstream(ctx, "file:elsewhere.csv@"+sum("weather.csv"), 0)
		show("what was made from weather.csv", g, err)
		g, err = room.Upstream(ctx, "package:"+ref.Digest(sum("package")).Short(), 1)
		show("the package, one step", g, err)
		g, err = room.Downstream(ctx, "weather@v1", 2)
		show("two steps from weather@v1", g, err)
		const file = "testdata/trees.golden"
		if os.Getenv("UPDATE_GOLDEN") != "" {
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("trees changed:\n%s", b.String())
		}
	}, event.Migrations())
}

func TestNewFactsAreSeenAndOthersAreApart(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		room := lineage.New(d)
		if g, err := room.Graph(ctx, "umbrella"); err != nil || len(g.Nodes) != 0 {
			t.Fatalf("%+v, %v", g, err)
		}
		story(t, d)
		g, err := room.Graph(ctx, "umbrella")
		if err != nil {
			t.Fatal(err)
		}
		nodes, edges := len(g.Nodes), len(g.Edges)
		if nodes != 14 || edges != 18 {
			t.Errorf("%d nodes, %d edges", nodes, edges)
		}
		if err := d.Update(ctx, func(tx *db.Tx) error {
			return event.Append(tx, event.Fact{Actor: "zoe", Product: "parasol", Verb: event.RunFinished, Object: "r", Inputs: []string{"dataset:weather@" + sum("manifest")}, Outputs: []string{"run:r"}})
		}); err != nil {
			t.Fatal(err)
		}
		if g, err = room.Graph(ctx, "parasol"); err != nil || len(g.Nodes) != 2 || len(g.Edges) != 1 {
			t.Errorf("parasol: %+v, %v", g, err)
		}
		if g, err = room.Graph(ctx, "umbrella"); err != nil || len(g.Nodes) != nodes || len(g.Edges) != edges {
			t.Errorf("umbrella grew by a fact of another product: %v", err)
		}
		if g, err = room.Downstream(ctx, "weather@v1", 1); err != nil || len(g.Nodes) != 4 {
			t.Errorf("what breaks crosses products: %+v, %v", g, err)
		}
	}, event.Migrations())
}

func TestReferences(t *testing.T) {
	d := dbtest.SQLite(t, event.Migrations())
	story(t, d)
	room := lineage.New(d)
	for _, c := range []struct {
		ref  string
		kind fault.Kind
		word string
	}{
		{"package:nothing", fault.NotFound, "no fact names"},
		{"deployment:01kdep", fault.Invalid, "deployment:01kdeploy1, deployment:01kdeploy2"},
		{"x", fault.NotFound, "no fact names"},
	} {
		if _, err := room.Upstream(ctx, c.ref, 0); !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: %v", c.ref, err)
		}
	}
	for _, depth := range []int{-1, lineage.MaxDepth + 1} {
		if _, err := room.Upstream(ctx, "run:run1", depth); !fault.Is(err, fault.Invalid) {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
	for _, r := range []string{"package:" + sum("package"), "package umbrella " + ref.Digest(sum("package")).Short(), "run clever-fox-1", "run:run1", "dataset:weather@v1"} {
		if _, err := room.Upstream(ctx, r, 0); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
}

// Any set of facts, cycles too: walks end, upstream and downstream are mirror images, and depth only ever adds.
func TestWalksEndAndMirror(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := dbtest.SQLite(t, event.Migrations())
		defer d.Close()
		names := rapid.SampledFrom([]string{"run:a", "run:b", "run:c", "run:d", "run:e"})
		var facts []event.Fact
		for range rapid.IntRange(1, 8).Draw(rt, "facts") {
			facts = append(facts, event.Fact{Verb: event.RunFinished, Object: "x", Inputs: rapid.SliceOfN(names, 1, 3).Draw(rt, "in"), Outputs: rapid.SliceOfN(names, 1, 3).Draw(rt, "out")})
		}
		tell(t, d, facts...)
		room := lineage.New(d)
		reach := func(g *lineage.Graph, err error) map[string]bool {
			if err != nil {
				rt.Fatal(err)
			}
			if lines := strings.Count(g.Tree(), "\n"); lines < len(g.Nodes) {
				rt.Fatalf("a tree of %d lines for %d nodes", lines, len(g.Nodes))
			}
			out := map[string]bool{}
			for _, n := range g.Nodes {
				out[n.Ref] = true
			}
			for _, e := range g.Edges {
				if !out[e.From] || !out[e.To] {
					rt.Fatalf("edge %+v leads out of the graph", e)
				}
			}
			return out
		}
		all, err := room.Graph(ctx, "umbrella")
		if err != nil {
			rt.Fatal(err)
		}
		for _, n := range all.Nodes {
			up := reach(room.Upstream(ctx, n.Ref, 0))
			for source := range up {
				if !reach(room.Downstream(ctx, source, 0))[n.Ref] {
					rt.Fatalf("%s is upstream of %s, which is not downstream of it", source, n.Ref)
				}
			}
			for source := range reach(room.Upstream(ctx, n.Ref, 1)) {
				if !up[source] {
					rt.Fatalf("one step reaches %s, all steps do not", source)
				}
			}
		}
	})
}
