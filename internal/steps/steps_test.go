package steps_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/steps"
)

func TestDeliver(t *testing.T) {
	each(t, func(h *house) {
		first, err := h.deliver("deliveries/sales.csv")
		if err != nil || !first.Created || first.Version.Number != 1 || first.Version.Rows != 30 || first.Report == nil {
			h.t.Fatalf("%+v, %v", first, err)
		}
		if got, err := os.ReadFile(filepath.Join(h.dir, "data/sales.csv")); err != nil || string(got) != sales(30, 0) {
			h.t.Errorf("the version is not laid out at its path: %q, %v", got, err)
		}
		again, err := h.deliver("deliveries/sales.csv")
		if err != nil || again.Created || again.Version.Number != 1 {
			h.t.Errorf("the same data again: %+v, %v", again, err)
		}
		if n := len(h.facts(event.DatasetPublished)); n != 1 {
			h.t.Errorf("%d facts of one publication", n)
		}
		h.clean()
	})
}

func TestARefusedDeliveryLeavesNothing(t *testing.T) {
	each(t, func(h *house) {
		if _, err := h.deliver("deliveries/sales.csv"); err != nil {
			h.t.Fatal(err)
		}
		before := h.objects()
		for name, bad := range map[string]struct{ text, words string }{
			"too many":       {strings.Replace(sales(30, 0), "2015-01-03,", "2015-01-03,9", 1), "sold"},
			"renamed column": {strings.Replace(sales(30, 0), "day,sold", "date,sold", 1), "day"},
			"too few rows":   {sales(3, 0), "row"},
			"twice a day":    {sales(30, 0) + "2015-01-03,4\n", "day"},
		} {
			h.write("deliveries/bad.csv", bad.text)
			d, err := h.deliver("deliveries/bad.csv")
			h.wantFault(err, fault.Precondition, "bo", bad.words)
			if d == nil || d.Report == nil || !d.Report.Blocked() {
				h.t.Errorf("%s: no report says why: %+v", name, d)
			}
		}
		if list, err := h.s.Datasets.Versions(ctx, "shop", "sales"); err != nil || len(list) != 1 {
			h.t.Errorf("%d versions, %v", len(list), err)
		}
		if after := h.objects(); len(after) != len(before) {
			h.t.Errorf("%d objects, before the refusals %d", len(after), len(before))
		}
		if got, err := os.ReadFile(filepath.Join(h.dir, "data/sales.csv")); err != nil || string(got) != sales(30, 0) {
			h.t.Errorf("the data that lies there changed: %v", err)
		}
		if n := len(h.facts(event.DeliveryRefused)); n != 4 {
			h.t.Errorf("%d refusals are recorded, want 4", n)
		}
		h.clean()
	})
}

func TestDeliverErrors(t *testing.T) {
	each(t, func(h *house) {
		p := h.product()
		_, err := h.s.Deliver(ctx, p, "sale", "x.csv", "bo")
		h.wantFault(err, fault.NotFound, "sale", "sales")
		if fault.HintOf(err) != "did you mean sales?" {
			h.t.Errorf("hint %q", fault.HintOf(err))
		}
		_, err = h.deliver("deliveries/none.csv")
		h.wantFault(err, fault.NotFound, "none.csv")
		_, err = h.s.Check(ctx, p, "notes", "", "bo")
		h.wantFault(err, fault.Precondition, "paraplu.yaml:", "notes has no contract")
		h.write("contracts/sales.odcs.yaml", "schema: [\n")
		_, err = h.deliver("deliveries/sales.csv")
		h.wantFault(err, fault.Invalid, "sales.odcs.yaml")
	})
}

func TestAFolderWithoutContract(t *testing.T) {
	each(t, func(h *house) {
		h.write("in/notes/a.txt", "a")
		h.write("in/notes/deep/b.txt", "b")
		d, err := h.s.Deliver(ctx, h.product(), "notes", filepath.Join(h.dir, "in/notes"), "bo")
		if err != nil || d.Report != nil || !d.Version.Folder || len(d.Version.Files) != 2 {
			h.t.Fatalf("%+v, %v", d, err)
		}
		if got, err := os.ReadFile(filepath.Join(h.dir, "data/notes/deep/b.txt")); err != nil || string(got) != "b" {
			h.t.Errorf("%q, %v", got, err)
		}
		h.clean()
	})
}

func TestLeakage(t *testing.T) {
	each(t, func(h *house) {
		h.packaged("umbrella")
		rep, err := h.s.Leakage(ctx, h.product(), "", "daisy")
		if err != nil || rep.Blocked() || rep.Rows != 60 {
			h.t.Fatalf("%+v, %v", rep, err)
		}
		h.write("late.csv", features(60, "2015-01-09"))
		rep, err = h.s.Leakage(ctx, h.product(), filepath.Join(h.dir, "late.csv"), "daisy")
		if err != nil {
			h.t.Fatal(err)
		}
		h.wantFault(rep.Err(), fault.Precondition, "rain_forecast_mm", "daisy")
		_, err = h.s.Leakage(ctx, h.product(), filepath.Join(h.dir, "none.csv"), "daisy")
		h.wantFault(err, fault.NotFound, "none.csv")
		// a feature that the model needs and nobody can date is no evidence
		rep, err = h.s.Leakage(ctx, h.product(), "", "daisy", "rain_forecast_mm", "price")
		if err == nil && !rep.Blocked() {
			h.t.Errorf("a feature without a date of its knowledge passed: %+v", rep.Checks)
		}
	})
}

func TestPackageIsTheSameTwice(t *testing.T) {
	each(t, func(h *house) {
		_, err := h.s.Package(ctx, h.product(), "daisy")
		h.wantFault(err, fault.Precondition, "build/export")
		first := h.packaged("umbrella")
		h.run(map[string]any{"train.model": "umbrella"}) // from the cache
		h.ahead += 48 * time.Hour
		again, err := h.s.Package(ctx, h.product(), "eddy")
		if err != nil || again.Created || again.Package.Digest != first || again.Version.Number != 1 {
			h.t.Errorf("packaged again: %+v, %v; want %s", again, err, first)
		}
		if n := len(h.facts(event.PackageBuilt)); n != 1 {
			h.t.Errorf("%d facts of one package", n)
		}
		l := again.Package.Manifest.Lineage
		if l.Execution == "" || len(l.Datasets) != 1 || l.Datasets[0].Name != "sales" || l.Datasets[0].Version != "v1" || l.Params["train"] == "" && l.Params["train.model"] == "" {
			h.t.Errorf("lineage %+v", l)
		}
		if len(again.Package.Manifest.Tests) == 0 {
			h.t.Error("the metrics did not travel with the package")
		}
		h.clean()
	})
}

func TestPackageRefusesWhatNoExecutionMade(t *testing.T) {
	each(t, func(h *house) {
		h.packaged("umbrella")
		parity := filepath.Join(h.dir, "build/export/parity.jsonl")
		text, err := os.ReadFile(parity)
		if err != nil {
			h.t.Fatal(err)
		}
		lines := strings.SplitAfter(string(text), "\n")
		h.write("build/export/parity.jsonl", strings.Join(lines[:len(lines)-2], "")) // still valid, but nobody's
		_, err = h.s.Package(ctx, h.product(), "daisy")
		h.wantFault(err, fault.Precondition, "build/export")
		if fault.HintOf(err) != "paraplu run" {
			h.t.Errorf("hint %q", fault.HintOf(err))
		}
		if n := len(h.facts(event.PackageBuilt)); n != 1 {
			h.t.Errorf("%d packages", n)
		}
	})
}

// gate gives one gate of a package as it is now.
func (h *house) gate(name string) registry.GateResult {
	h.t.Helper()
	all, err := h.s.Gates(ctx, h.product(), h.latest(), "daisy")
	if err != nil {
		h.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(g registry.GateResult) bool { return g.Name == name })
	if i < 0 {
		h.t.Fatalf("no gate %s in %+v", name, all)
	}
	return all[i]
}

func TestEveryGatePassesAndFails(t *testing.T) {
	for name, spoil := range map[string]func(h *house) string{ // gives words of the failure
		"contract": func(h *house) string {
			p := h.product() // a version that came in before there was a contract
			for i := range p.Data {
				p.Data[i].Contract = ""
			}
			h.write("deliveries/unchecked.csv", sales(31, 0))
			if _, err := h.s.Deliver(ctx, p, "sales", filepath.Join(h.dir, "deliveries/unchecked.csv"), "bo"); err != nil {
				h.t.Fatal(err)
			}
			return "sales@v2 was never checked"
		},
		"leakage": func(h *house) string {
			h.write("build/features.csv", features(60, "2015-01-09"))
			return "rain_forecast_mm"
		},
		"parity": func(h *house) string {
			p, err := h.s.Packs.Get(ctx, h.latest())
			if err != nil {
				h.t.Fatal(err)
			}
			for _, f := range p.Files {
				if f.Path == "parity.jsonl" {
					h.flip(string(f.Digest))
				}
			}
			return "parity.jsonl"
		},
		"beats-baseline": func(h *house) string {
			h.write("build/holdout.csv", holdout(28, math.NaN()))
			return "more than the rule always-twelve"
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(h *house) {
				h.packaged("umbrella")
				if g := h.gate(name); g.Status != registry.Pass || g.Observed == "" || g.Required == "" {
					h.t.Errorf("before: %+v", g)
				}
				want := spoil(h)
				if name == "parity" {
					// a damaged package cannot be scored either; ask for this gate alone
					h.write("paraplu.yaml", strings.Replace(yaml, "[contract, leakage, parity, beats-baseline, beats-champion]", "[parity]", 1))
				}
				g := h.gate(name)
				if g.Status != registry.Fail || !strings.Contains(g.Detail, want) {
					h.t.Errorf("after: %+v; want a failure that says %q", g, want)
				}
			})
		})
	}
}

func TestGateChampion(t *testing.T) {
	each(t, func(h *house) {
		boosted := h.packaged("umbrella")
		if g := h.gate("beats-champion"); g.Status != registry.Pass || g.Observed != "there is no other champion" {
			h.t.Errorf("without a champion: %+v", g)
		}
		h.released(boosted)
		linear := h.packaged("umbrella2")
		if linear == boosted {
			h.t.Fatal("the two models gave one package")
		}
		if g := h.gate("beats-champion"); g.Status != registry.Pass || !strings.Contains(g.Required, boosted.Short()) {
			h.t.Errorf("the better model: %+v", g)
		}
		h.released(linear)
		g, err := h.s.Gates(ctx, h.product(), boosted, "daisy")
		if err != nil || g[4].Status != registry.Fail || !strings.Contains(g[4].Detail, linear.Short()) {
			h.t.Errorf("the worse model: %+v, %v", g, err)
		}
		rel, err := h.s.Request(ctx, h.product(), boosted, "daisy")
		if err != nil || rel.State != registry.Draft || len(rel.Failed()) == 0 {
			h.t.Errorf("red gates: %+v, %v", rel, err)
		}
	})
}

func TestReleaseNeedsEvidenceAndAnotherPerson(t *testing.T) {
	each(t, func(h *house) {
		pkg, p := h.packaged("umbrella"), h.product()
		_, err := h.s.Place(ctx, p, pkg, "eddy", steps.PlaceOptions{Cause: "release"})
		h.wantFault(err, fault.Precondition)
		rel, err := h.s.Request(ctx, p, pkg, "daisy")
		if err != nil || rel.State != registry.InReview {
			h.t.Fatalf("%+v, %v", rel, err)
		}
		again, err := h.s.Request(ctx, p, pkg, "daisy")
		if err != nil || again.ID != rel.ID {
			h.t.Errorf("the same request again is another release: %s, %s, %v", again.ID, rel.ID, err)
		}
		_, err = h.s.Approve(ctx, p, rel.ID, "nobody", "")
		h.wantFault(err, fault.Denied, "nobody")
		_, err = h.s.Approve(ctx, p, rel.ID, "daisy", "my own")
		h.wantFault(err, fault.Denied)
		_, err = h.s.Place(ctx, p, pkg, "eddy", steps.PlaceOptions{Cause: "release"})
		h.wantFault(err, fault.Precondition)
		d := h.released(pkg)
		same, err := h.s.Place(ctx, p, pkg, "eddy", steps.PlaceOptions{Cause: "release"})
		if err != nil || same.ID != d.ID {
			h.t.Errorf("placed again: %+v, %v", same, err)
		}
		if n := len(h.facts(event.DeploymentPlaced)); n != 1 {
			h.t.Errorf("%d facts of one placement", n)
		}
		h.clean()
	})
}

func TestPlaceAndRollback(t *testing.T) {
	each(t, func(h *house) {
		if c, err := h.s.Champion(ctx, h.product()); c != nil || err != nil {
			h.t.Errorf("a champion before the first: %+v, %v", c, err)
		}
		_, err := h.s.Rollback(ctx, h.product(), "eddy", "?")
		h.wantFault(err, fault.Precondition)
		first := h.packaged("umbrella")
		h.released(first)
		second := h.packaged("umbrella2")
		h.released(second)
		back, err := h.s.Rollback(ctx, h.product(), "eddy", "orders make no sense")
		if err != nil || back.Package != first || back.Cause != "rollback" {
			h.t.Fatalf("%+v, %v", back, err)
		}
		again, err := h.s.Rollback(ctx, h.product(), "eddy", "orders make no sense")
		if err != nil || again.ID != back.ID {
			h.t.Errorf("a repeated rollback went elsewhere: %+v, %v", again, err)
		}
		if c, err := h.s.Champion(ctx, h.product()); err != nil || c.Package != first {
			h.t.Errorf("champion %+v, %v", c, err)
		}
		h.clean()
	})
}

func TestPlacingAgainAfterTheHoldoutChanged(t *testing.T) {
	each(t, func(h *house) {
		pkg := h.packaged("umbrella")
		d := h.released(pkg)
		h.write("source/holdout.csv", holdout(35, 12))
		h.run(map[string]any{"train.model": "umbrella"})
		again, err := h.s.Place(ctx, h.product(), pkg, "eddy", steps.PlaceOptions{Cause: "release"})
		if err != nil || again.ID != d.ID {
			h.t.Errorf("the package that answers already was refused: %v", err)
		}
	})
}

func TestPlaceRefusesBeforeItPlaces(t *testing.T) {
	each(t, func(h *house) {
		pkg, p := h.packaged("umbrella"), h.product()
		rel, err := h.s.Request(ctx, p, pkg, "daisy")
		if err != nil {
			h.t.Fatal(err)
		}
		if _, err := h.s.Approve(ctx, p, rel.ID, "bo", ""); err != nil {
			h.t.Fatal(err)
		}
		h.write("build/holdout.csv", strings.Replace(holdout(28, 12), "temp_c", "celsius", 1))
		_, err = h.s.Place(ctx, p, pkg, "eddy", steps.PlaceOptions{Cause: "release"})
		h.wantFault(err, fault.Precondition, "temp_c")
		if c, err := h.s.Champion(ctx, p); c != nil || err != nil {
			h.t.Errorf("Place failed and placed all the same: %+v, %v", c, err)
		}
	})
}

func TestAnEmergencyWaitsForNothing(t *testing.T) {
	each(t, func(h *house) {
		pkg, p := h.packaged("umbrella"), h.product()
		if err := os.Remove(filepath.Join(h.dir, "build/holdout.csv")); err != nil {
			h.t.Fatal(err)
		}
		_, err := h.s.Place(ctx, p, pkg, "eddy", steps.PlaceOptions{Cause: "release", Force: true})
		h.wantFault(err, fault.Invalid, "reason")
		d, err := h.s.Place(ctx, p, pkg, "eddy", steps.PlaceOptions{Cause: "release", Force: true, Reason: "the shop burns"})
		if err != nil || d.Cause != "emergency" {
			h.t.Fatalf("%+v, %v", d, err)
		}
	})
}

func TestRetrainAndItsCoolDown(t *testing.T) {
	each(t, func(h *house) {
		h.released(h.packaged("umbrella"))
		o := steps.RetrainOptions{Actor: "daisy", Reason: "the world changed"}
		r, err := h.s.Retrain(ctx, h.product(), o)
		if err != nil || r.Release.State != registry.InReview || r.Packaged.Version.Number != 2 {
			h.t.Fatalf("%+v, %v", r, err)
		}
		_, err = h.s.Retrain(ctx, h.product(), o)
		h.wantFault(err, fault.Precondition, "cool-down", "7d")
		o.Force = true
		forced, err := h.s.Retrain(ctx, h.product(), o)
		if err != nil || forced.Packaged.Package.Digest != r.Packaged.Package.Digest || forced.Release.ID != r.Release.ID {
			h.t.Errorf("nothing changed, and yet another candidate: %+v, %v", forced, err)
		}
		o.Force = false
		h.ahead += 8 * 24 * time.Hour
		if _, err = h.s.Retrain(ctx, h.product(), o); err != nil {
			h.t.Errorf("after the cool-down: %v", err)
		}
		h.write("paraplu.yaml", yaml[:strings.Index(yaml, "retrain:")])
		_, err = h.s.Retrain(ctx, h.product(), o)
		h.wantFault(err, fault.Precondition, "no section retrain")
		h.clean()
	})
}

func TestRetrainSaysWhichStepFailed(t *testing.T) {
	each(t, func(h *house) {
		h.released(h.packaged("umbrella"))
		h.write("paraplu.yaml", strings.Replace(yaml, "cp source/holdout.csv", "false && cp source/holdout.csv", 1))
		_, err := h.s.Retrain(ctx, h.product(), steps.RetrainOptions{Actor: "daisy", Reason: "x"})
		h.wantFault(err, fault.StepFailed, "evaluate")
		if n := len(h.facts(event.RetrainDecided)); n != 0 {
			h.t.Errorf("%d retrainings are recorded although none was decided", n)
		}
	})
}

func TestInspectFindsDamage(t *testing.T) {
	each(t, func(h *house) {
		pkg := h.packaged("umbrella")
		h.clean()
		orphan, err := h.s.Blob.PutBytes(ctx, []byte("nobody wants me"))
		if err != nil {
			h.t.Fatal(err)
		}
		h.wantFinding(false, orphan.Short()+" is not referred to")
		if swept, err := h.s.Sweep(ctx, 0, true); err != nil || swept.Orphans != 1 || swept.Removed != 0 {
			h.t.Errorf("a dry run: %+v, %v", swept, err)
		}
		if swept, err := h.s.Sweep(ctx, time.Hour, false); err != nil || swept.Removed != 0 {
			h.t.Errorf("an object of this minute was swept with an hour of grace: %+v, %v", swept, err)
		}
		if swept, err := h.s.Sweep(ctx, 0, false); err != nil || swept.Removed != 1 || swept.Freed != 15 {
			h.t.Errorf("%+v, %v", swept, err)
		}
		h.clean()

		h.flip(string(pkg))
		if findings := h.inspect(false); len(findings) > 0 {
			h.t.Errorf("bytes are read only when asked: %q", findings)
		}
		h.wantFinding(true, string(pkg)+" is damaged")
		h.flip(string(pkg)) // back

		if err := os.Remove(h.object(string(pkg))); err != nil {
			h.t.Fatal(err)
		}
		h.wantFinding(false, string(pkg)+" is referred to and missing")
	})
}

func (h *house) wantFinding(deep bool, words string) {
	h.t.Helper()
	if findings := h.inspect(deep); len(findings) != 1 || !strings.Contains(findings[0], words) {
		h.t.Errorf("findings %q, want one with %q", findings, words)
	}
}

func (h *house) object(digest string) string {
	hex := strings.TrimPrefix(digest, "sha256:")
	return filepath.Join(h.dir, ".paraplu/objects/sha256", hex[:2], hex)
}

// flip changes one bit in the middle of an object.
func (h *house) flip(digest string) {
	h.t.Helper()
	text, err := os.ReadFile(h.object(digest))
	if err != nil {
		h.t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(h.object(digest), text, 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func TestHoldoutNamesTheCell(t *testing.T) {
	good := "day,prediction,truth,baseline\n2015-01-01,1,2,3\n"
	for name, c := range map[string]struct {
		text, words string
	}{
		"no file":   {"", "does not exist"},
		"no column": {strings.Replace(good, "truth", "was", 1), `:1: the hold-out table has no column "truth"`},
		"no number": {good + "2015-01-02,1,two,3\n", `:3:1: column truth: "two" is not a finite number`},
		"infinite":  {good + "2015-01-02,1,Inf,3\n", `"Inf" is not a finite number`},
		"no rows":   {"day,prediction,truth,baseline\n", "has no rows"},
		"ragged":    {good + "2015-01-02,1\n", "wrong number of fields"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "holdout.csv")
			if c.text != "" {
				if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			_, err := steps.ReadHoldout(path)
			if err == nil || !strings.Contains(err.Error(), c.words) || fault.Is(err, fault.Internal) {
				t.Errorf("error %v (%s), want %q", err, fault.KindOf(err), c.words)
			}
		})
	}
}

func TestAWrongValueExpressionIsNamed(t *testing.T) {
	h := newHouse(t, dbtest.SQLite(t, sources()...))
	h.packaged("umbrella")
	h.write("paraplu.yaml", strings.Replace(yaml, "greatest(truth-prediction,0)", "greatest(turnover,0)", 1))
	_, err := h.s.Gates(ctx, h.product(), h.latest(), "daisy")
	h.wantFault(err, fault.Invalid, "gate beats-baseline", "paraplu.yaml:5:", "value expression", "turnover")
}

// latest is the newest package.
func (h *house) latest() ref.Digest {
	h.t.Helper()
	list, err := h.s.Packs.List(ctx, "shop")
	if err != nil || len(list) == 0 {
		h.t.Fatalf("no package: %v", err)
	}
	newest := list[0]
	for _, p := range list {
		if p.BuiltAt.After(newest.BuiltAt) {
			newest = p
		}
	}
	return newest.Digest
}
