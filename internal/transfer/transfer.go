package transfer

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
)

// Source is an MLflow to read from. Its methods may be called at once.
type Source interface {
	// Experiments gives all experiments, also deleted ones.
	Experiments(ctx context.Context) ([]tracking.Experiment, error)
	// Runs gives all runs of an experiment, also deleted ones, with the latest point of each metric.
	Runs(ctx context.Context, experiment string, use func(tracking.Run) error) error
	// Points gives all points of a run, in parts; a part is the caller's.
	Points(ctx context.Context, run tracking.Run, use func([]tracking.Metric) error) error
	// LoggedModels gives the logged models of an experiment, with all their metrics.
	LoggedModels(ctx context.Context, experiment string, use func(tracking.LoggedModel) error) error
	// Registered gives the registered models, with their versions by number.
	Registered(ctx context.Context, use func(registry.Model, []registry.Version) error) error
	// Files lists the files below the artifacts of a run or logged model.
	Files(ctx context.Context, of Root, use func(File) error) error
	// Open reads one of the files.
	Open(ctx context.Context, of Root, path string) (io.ReadCloser, error)
}

// Root is the folder of artifacts of a run or a logged model.
type Root struct {
	Model bool // else a run
	ID    string
	URI   string
}

func (r Root) String() string {
	if r.Model {
		return "logged model " + r.ID
	}
	return "run " + r.ID
}

// File is a file below a Root.
type File struct {
	Path string // relative, with slashes
	Size int64  // bytes, -1 when the source does not say
}

// Options of a transfer.
type Options struct {
	Peer     string         // direction and address, the key of what is noted
	Actor    string         // who does it, for facts
	Prefix   string         // before the names of experiments and registered models
	DryRun   bool           // only count
	All      bool           // look at every point and file again, also of what did not change
	NoFiles  bool           // leave artifacts out
	AtOnce   int            // files at once; default 4
	Progress func(Progress) // called often, from one place at a time; may be nil
}

// Progress is how far a transfer is.
type Progress struct {
	Doing       string // what it is at
	Done, Total int    // runs and logged models
	Points      int64
	Files       int64
	Bytes       int64
}

// Tally counts things of one kind.
type Tally struct {
	New     int `json:"new"`
	Changed int `json:"changed"`
	Same    int `json:"same"` // brought over earlier, and not changed since
	Failed  int `json:"failed"`
}

// Report is what came over.
type Report struct {
	Peer        string    `json:"peer"`
	DryRun      bool      `json:"dry_run"`
	Experiments Tally     `json:"experiments"`
	Runs        Tally     `json:"runs"`
	Models      Tally     `json:"logged_models"`
	Registered  Tally     `json:"registered_models"`
	Versions    Tally     `json:"versions"`
	Aliases     int       `json:"aliases"` // that were set
	Files       Tally     `json:"files"`
	Points      int64     `json:"points"` // that were read
	Bytes       int64     `json:"bytes"`  // of the files that were read; with DryRun, that would be
	Problems    []Problem `json:"problems"`
	Notes       []Problem `json:"notes"` // nothing is lost, and yet one should know
}

// Problem is what could not be brought over, and why. Things with one reason are one problem.
type Problem struct {
	Why   string   `json:"why"`
	Hint  string   `json:"hint,omitempty"`
	Count int      `json:"count"`
	What  []string `json:"what"` // the first few
	kind  fault.Kind
}

// Err is nil when all that was asked for came over.
func (r *Report) Err() error {
	if len(r.Problems) == 0 {
		return nil
	}
	n := 0
	for _, p := range r.Problems {
		n += p.Count
	}
	return fault.New(r.Problems[0].kind, "%d of what was asked for did not come over; the report says why", n).
		WithHint("mend the reasons and run the same command again: it brings only what is missing")
}

// Transfer works between the rooms of one workspace and others.
type Transfer struct {
	tracking *tracking.Room
	registry *registry.Room
}

// New gives a Transfer over open rooms.
func New(t *tracking.Room, r *registry.Room) *Transfer { return &Transfer{tracking: t, registry: r} }

// ledger gathers a report from several workers.
type ledger struct {
	mu       sync.Mutex
	report   Report
	progress Progress
	tell     func(Progress)
}

func newLedger(o Options) *ledger {
	return &ledger{report: Report{Peer: o.Peer, DryRun: o.DryRun, Problems: []Problem{}, Notes: []Problem{}}, tell: o.Progress}
}

// count changes the report and tells how far it is.
func (l *ledger) count(change func(*Report, *Progress)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.report, &l.progress)
	l.progress.Points, l.progress.Bytes = l.report.Points, l.report.Bytes
	l.progress.Files = int64(l.report.Files.New + l.report.Files.Changed)
	if l.tell != nil {
		l.tell(l.progress)
	}
}

// fatal tells the errors that end a transfer from those that only concern one thing.
func fatal(err error) bool {
	switch fault.KindOf(err) {
	case fault.Canceled, fault.Exhausted, fault.Unavailable, fault.Unauthenticated, fault.Internal:
		return true
	}
	return false
}

// problem notes why something did not come over. An error that ends the transfer is given back.
func (l *ledger) problem(what string, err error) error {
	if err == nil {
		return nil
	}
	if fatal(err) {
		return fault.Wrap(err, "%s", what)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	add(&l.report.Problems, what, err)
	return nil
}

func (l *ledger) note(what, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	add(&l.report.Notes, what, fault.New(fault.NotFound, "%s", why))
}

func add(list *[]Problem, what string, err error) {
	why := strings.TrimSpace(err.Error())
	for i := range *list {
		if p := &(*list)[i]; p.Why == why {
			p.Count++
			if len(p.What) < 5 {
				p.What = append(p.What, what)
			}
			return
		}
	}
	*list = append(*list, Problem{Why: why, Hint: fault.HintOf(err), Count: 1, What: []string{what}, kind: fault.KindOf(err)})
}
