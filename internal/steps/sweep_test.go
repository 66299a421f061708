package steps_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/steps"
	"github.com/paraplu/paraplu/internal/tracking"
)

// walker does things that people do, in any order. What a rule refuses is part of the walk; a defect is not.
type walker struct {
	*house
	random *rand.Rand
	did    []string
}

var deeds = map[string]func(w *walker) error{
	"deliver": func(w *walker) error {
		w.write("deliveries/sales.csv", sales(30, w.random.IntN(4)))
		_, err := w.deliver("deliveries/sales.csv")
		return err
	},
	"deliver bad": func(w *walker) error {
		w.write("deliveries/bad.csv", sales(2, w.random.IntN(4)))
		_, err := w.deliver("deliveries/bad.csv")
		return err
	},
	"run": func(w *walker) error {
		model := []string{"umbrella", "umbrella2"}[w.random.IntN(2)]
		plan, err := w.s.Pipeline.Plan(ctx, pipeline.PlanInput{Product: w.product(), Set: map[string]any{"train.model": model}, Force: w.random.IntN(4) == 0})
		if err != nil {
			return err
		}
		_, err = w.s.Pipeline.Run(ctx, plan, pipeline.RunOptions{Actor: "daisy"})
		return err
	},
	"package": func(w *walker) error {
		_, err := w.s.Package(ctx, w.product(), "daisy")
		return err
	},
	"release": func(w *walker) error {
		pkg, p := w.anyPackage(), w.product()
		rel, err := w.s.Request(ctx, p, pkg, "daisy")
		if err != nil {
			return err
		}
		if _, err := w.s.Approve(ctx, p, rel.ID, "bo", "go"); err != nil {
			return err
		}
		_, err = w.s.Place(ctx, p, pkg, "eddy", steps.PlaceOptions{Cause: "release"})
		return err
	},
	"force": func(w *walker) error {
		_, err := w.s.Place(ctx, w.product(), w.anyPackage(), "eddy", steps.PlaceOptions{Force: true, Reason: "now"})
		return err
	},
	"roll back": func(w *walker) error {
		_, err := w.s.Rollback(ctx, w.product(), "eddy", fmt.Sprint("reason ", w.random.Int()))
		return err
	},
	"log an artifact": func(w *walker) error {
		run, err := w.s.Tracking.CreateRun(ctx, tracking.NewRun{UserID: "daisy"})
		if err != nil {
			return err
		}
		name := path.Join(run.ExperimentID, run.ID, "artifacts", "note.txt")
		if _, err := w.s.Tracking.PutArtifact(ctx, name, strings.NewReader(fmt.Sprint(w.random.Int()))); err != nil || w.random.IntN(2) == 0 {
			return err
		}
		return w.s.Tracking.DeleteArtifact(ctx, name)
	},
	"crash": func(w *walker) error { // an object whose transaction never came
		_, err := w.s.Blob.PutBytes(ctx, fmt.Append(nil, w.random.Int()))
		return err
	},
	"delete what lies there": func(w *walker) error {
		_, err := w.s.Datasets.Latest(ctx, "shop", "sales")
		if err != nil {
			return err
		}
		w.write("data/sales.csv", sales(30, 99)) // the next run sees it, the next delivery replaces it
		return nil
	},
	"wait": func(w *walker) error { w.ahead += time.Duration(w.random.IntN(200)) * time.Hour; return nil },
}

func (w *walker) anyPackage() ref.Digest {
	list, err := w.s.Packs.List(ctx, "shop")
	if err != nil {
		w.t.Fatal(err)
	}
	if len(list) == 0 {
		return ref.Sum(nil)
	}
	return list[w.random.IntN(len(list))].Digest
}

func (w *walker) walk(length int) {
	var names []string
	for name := range deeds {
		names = append(names, name)
	}
	slices.Sort(names)
	for range length {
		name := names[w.random.IntN(len(names))]
		w.did = append(w.did, name)
		if err := deeds[name](w); fault.Is(err, fault.Internal) {
			w.t.Fatalf("%q: a rule may refuse, this is a defect: %v", w.did, err)
		}
		for _, finding := range w.inspect(false) {
			if !strings.Contains(finding, "is not referred to") {
				w.t.Fatalf("%q: %s", w.did, finding)
			}
		}
		if w.random.IntN(5) == 0 {
			w.did = append(w.did, "sweep")
			if _, err := w.s.Sweep(ctx, w.ahead, false); err != nil { // the clock of the rooms is ahead of that of the files
				w.t.Fatal(err)
			}
		}
	}
}

// TestSweepNeverTakesWhatIsNeeded walks at random through the deeds and sweeps now and then: all that any room refers to
// is always there, with its right bytes, and after a sweep without grace nothing else is.
func TestSweepNeverTakesWhatIsNeeded(t *testing.T) {
	each(t, func(h *house) {
		seed := uint64(time.Now().UnixNano())
		w := &walker{house: h, random: rand.New(rand.NewPCG(seed, 0))}
		length := 120
		if testing.Short() {
			length = 30
		}
		defer func() { t.Logf("seed %d, %d deeds", seed, len(w.did)) }()
		w.walk(length)
		if _, err := h.s.Sweep(ctx, 0, false); err != nil {
			h.t.Fatal(err)
		}
		h.clean()
		if placed := len(h.facts(event.DeploymentPlaced)); !testing.Short() && placed == 0 {
			h.t.Error("the walk placed nothing: it proves nothing")
		}
		checkout(h)
	})
}

// checkout: every version of the data and every file of every package can still be had.
func checkout(h *house) {
	h.t.Helper()
	versions, err := h.s.Datasets.Versions(ctx, "shop", "sales")
	if err != nil {
		h.t.Fatal(err)
	}
	for i, v := range versions {
		if err := h.s.Datasets.Checkout(ctx, v, filepath.Join(h.dir, "out", fmt.Sprint(i))); err != nil {
			h.t.Errorf("%s: %v", v, err)
		}
	}
	packs, err := h.s.Packs.List(ctx, "shop")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range packs {
		if v, err := h.s.Packs.Verify(ctx, p.Digest); err != nil || !v.OK {
			h.t.Errorf("package %s: %+v, %v", p.Digest, v, err)
		}
	}
}

// TestSweepTakesHalfWrittenKeys: a process that is killed while it makes a key leaves half of it; the next sweep removes
// that, and no whole key.
func TestSweepTakesHalfWrittenKeys(t *testing.T) {
	each(t, func(h *house) {
		h.packaged("umbrella")
		half := []string{".paraplu/keys/packages/.half-1", ".paraplu/keys/members/.half-2"}
		for _, name := range append(half, ".paraplu/keys/members/daisy.pem") {
			h.write(name, "-----BEGIN PRIV")
		}
		if _, err := h.s.Sweep(ctx, time.Hour, false); err != nil {
			h.t.Fatal(err)
		}
		for _, name := range half {
			if _, err := os.Stat(filepath.Join(h.dir, name)); err != nil {
				h.t.Errorf("what another process may be writing was swept: %v", err)
			}
		}
		if _, err := h.s.Sweep(ctx, 0, false); err != nil {
			h.t.Fatal(err)
		}
		h.nothingLeftOver()
		for _, name := range []string{"packages/signing.pem", "packages/signing.pub.pem", "members/daisy.pem"} {
			if _, err := os.Stat(filepath.Join(h.dir, ".paraplu/keys", name)); err != nil {
				h.t.Errorf("a whole key was swept: %v", err)
			}
		}
	})
}
