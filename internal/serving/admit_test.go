package serving

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/ref"
)

// The old package answers until the new one is accepted; no request is lost and none sees a half state.
func TestHotSwapLosesNoRequest(t *testing.T) {
	run(t, func(t *testing.T, f *fixture) {
		ctx := context.Background()
		one, two := f.build(t, exported("umbrella")), f.build(t, exported("umbrella2"))
		f.place(t, placement("umbrella", "1", one))
		if err := f.Reconcile(ctx); err != nil {
			t.Fatal(err)
		}
		want := map[string]float32{}
		answer := func() (string, float32, error) {
			resp, err := f.Infer(ctx, rain(8))
			if err != nil {
				return "", 0, err
			}
			return resp.VersionLabel(), resp.Outputs[0].Data.F32[0], nil
		}
		v, y, err := answer()
		if err != nil {
			t.Fatal(err)
		}
		want[v] = y
		f.place(t, placement("umbrella", "2", two))
		if err := f.Reconcile(ctx); err != nil {
			t.Fatal(err)
		}
		if v, y, err = answer(); err != nil || v != "2" {
			t.Fatal(v, err)
		}
		want[v] = y
		stop := make(chan struct{})
		var asked atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					v, y, err := answer()
					if err != nil || y != want[v] {
						t.Errorf("version %q answered %v, want %v (%v)", v, y, want[v], err)
						return
					}
					asked.Add(1)
				}
			})
		}
		for i := range 20 {
			p := placement("umbrella", "1", one)
			if i%2 == 1 {
				p = placement("umbrella", "2", two)
			}
			before := asked.Load()
			f.place(t, p)
			if err := f.Reconcile(ctx); err != nil {
				t.Fatal(err)
			}
			for asked.Load() < before+50 && !t.Failed() {
				runtime.Gosched()
			}
		}
		close(stop)
		wg.Wait()
		if err := f.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if s := f.Status().Log; s.Written+s.Dropped != asked.Load()+2 { // no writer runs in this test: a fast machine fills the queue
			t.Errorf("%+v, asked %d", s, asked.Load()+2)
		}
	})
}

// A package that does not stand its tests is never asked; the old one stays and the reason is told.
func TestHostilePackageNeverAnswers(t *testing.T) {
	f := sqlite(t)
	ctx := context.Background()
	good := f.serve(t, "umbrella")
	bad := f.build(t, exported("umbrella2"))
	pack, err := f.packs.Get(ctx, bad)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range pack.Files {
		path := filepath.Join(f.objects, "sha256", file.Digest.Hex()[:2], file.Digest.Hex())
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		broken := append([]byte(nil), body...)
		broken[len(broken)/2] ^= 0x20
		if err := os.WriteFile(path, broken, 0o644); err != nil {
			t.Fatal(err)
		}
		f.place(t, placement("umbrella", "2", bad))
		if err := f.Reconcile(ctx); !fault.Is(err, fault.Precondition) {
			t.Errorf("%s damaged: %v", file.Path, err)
		}
		resp, err := f.Infer(ctx, rain(3))
		if err != nil || resp.Package != good {
			t.Fatalf("%s damaged: %+v %v", file.Path, resp, err)
		}
		m, err := f.Model("umbrella", "")
		if err != nil || m.State != "failed" || !strings.Contains(m.Reason, "damaged") || m.Wanted.Package != bad || m.Live.Package != good {
			t.Fatalf("%+v %v", m, err)
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Reconcile(ctx); err != nil {
		t.Fatalf("repaired: %v", err)
	}
	if resp, err := f.Infer(ctx, rain(3)); err != nil || resp.Package != bad {
		t.Fatal(err)
	}
	f.place(t, placement("umbrella", "2", bad), placement("other", "1", ref.Sum([]byte("no such package"))))
	if err := f.Reconcile(ctx); err == nil {
		t.Error("an unknown package was accepted")
	}
	req := rain(3)
	req.Model = "other"
	if _, err := f.Infer(ctx, req); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a name without a package: %v", err)
	}
	f.place(t)
	if err := f.Reconcile(ctx); err != nil || len(f.Models()) != 0 {
		t.Errorf("%v %v", err, f.Models())
	}
}

// A model that answers differently from its parity rows is refused on the engine that is to serve it.
func TestWrongEngineIsRefused(t *testing.T) {
	f := sqlite(t)
	f.engine = wrongEngine{}
	f.place(t, placement("umbrella", "1", f.build(t, exported("umbrella"))))
	err := f.Reconcile(context.Background())
	if !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "parity.jsonl line") {
		t.Fatalf("%v", err)
	}
	if _, err := f.Infer(context.Background(), rain(1)); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}

// wrongEngine is a defective engine: its answers are one off in every 17th row.
type wrongEngine struct{}

func (wrongEngine) Name() string { return "wrong" }
func (wrongEngine) Load(ctx context.Context, p *modelpack.Loaded) (Model, error) {
	m, err := GoEngine{}.Load(ctx, p)
	return wrongModel{m}, err
}

type wrongModel struct{ Model }

func (m wrongModel) Run(ctx context.Context, in *modelpack.Frame) (*modelpack.Frame, error) {
	out, err := m.Model.Run(ctx, in)
	if err == nil && in.Rows > 17 {
		out.Cols[0].F32[17]++
	}
	return out, err
}
