package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/tracking"
)

// historyEnd is the last evening before the product goes live: everything known then is for training and hold-out.
const historyEnd = "2014-12-31"

func (s *story) ideate() error {
	start := time.Now()
	p, err := s.a.Synced(s.ctx, bo)
	if err != nil {
		return err
	}
	s.p = p
	c, v := p.Canvas, p.Canvas.Value
	s.n.say("%s", c.Problem)
	s.n.say("The decision: %s, by %s. The outcome is known after %s. One umbrella too few costs %.2f %s, one too many %.2f %s. Today's rule: what was sold on the same weekday last week.",
		c.Decision, name(p, c.DecidedBy), c.Outcome.KnownAfter, v.TooFew, v.Unit, v.TooMany, v.Unit)
	s.n.command("paraplu status")
	if err := s.a.Team.SignCanvas(s.ctx, p.Name, bo); err != nil {
		return err
	}
	gaps, err := s.a.Team.Gaps(s.ctx, p.Name)
	if err != nil {
		return err
	}
	s.n.did(start, "the canvas is complete and signed by Bo; three people, and %s in who answers for what", plural(len(gaps), "gap", "gaps"))
	for _, g := range gaps {
		s.n.say("gap: %s", g.Text)
	}
	return nil
}

func (s *story) data() error {
	if s.live() {
		return s.dataAgain()
	}
	start := time.Now()
	s.n.command("python simulate.py --until %s --out deliveries/%s", historyEnd, historyEnd)
	dir := filepath.Join("deliveries", historyEnd)
	if err := s.python("simulate.py", "--until", historyEnd, "--out", dir); err != nil {
		return err
	}
	s.n.did(start, "deliveries as they were known on %s: real weather; simulated forecasts, each with the moment it was issued; simulated sales", historyEnd)
	if err := s.deliverAll(dir); err != nil {
		return err
	}
	for _, kind := range []string{"renamed-column", "fahrenheit", "sentinel"} {
		if err := s.refused(kind); err != nil {
			return err
		}
	}
	return nil
}

// deliverAll delivers every dataset of the product from a folder. One that holds the same data already is left alone.
func (s *story) deliverAll(dir string) error {
	for _, d := range s.p.Data {
		start := time.Now()
		path := filepath.Join(s.Dir, dir, filepath.Base(d.Path))
		s.n.command("paraplu data add %s %s --as %s", d.Name, filepath.Join(dir, filepath.Base(d.Path)), d.Owner)
		got, err := s.a.Deliver(s.ctx, s.p, d.Name, path, d.Owner)
		if err != nil {
			return err
		}
		note := ""
		if d.Simulated {
			note = ", simulated"
		}
		warned := ""
		if n := len(got.Report.Problems()); n > 0 {
			warned = fmt.Sprintf(", %s", plural(n, "warning", "warnings"))
		}
		s.n.did(start, "%s: %d rows%s, %d checks kept%s, digest %s", got.Version, got.Version.Rows, note, len(got.Report.Checks), warned, got.Version.Digest.Short())
	}
	return nil
}

// refused delivers a corrupted weather file and expects it to be refused without a trace in the data.
func (s *story) refused(kind string) error {
	start := time.Now()
	dir := filepath.Join("deliveries", "corrupt-"+kind)
	if err := s.python("simulate.py", "--until", historyEnd, "--out", dir, "--corrupt", kind); err != nil {
		return err
	}
	before, err := s.a.Datasets.Latest(s.ctx, s.p.Name, "weather")
	if err != nil {
		return err
	}
	s.n.command("paraplu data add weather %s/weather.csv --as daisy", dir)
	_, err = s.a.Deliver(s.ctx, s.p, "weather", filepath.Join(s.Dir, dir, "weather.csv"), daisy)
	if !fault.Is(err, fault.Precondition) {
		return fault.New(fault.Internal, "the corrupted delivery %s was not refused: %v", kind, err)
	}
	after, lerr := s.a.Datasets.Latest(s.ctx, s.p.Name, "weather")
	if lerr != nil {
		return lerr
	}
	if after.Digest != before.Digest {
		return fault.New(fault.Internal, "the corrupted delivery %s became %s", kind, after)
	}
	s.n.result(false, "refused (%s): %v %s", kind, err, s.n.dim("("+seconds(time.Since(start))+")"))
	return nil
}

// dataAgain tells from the records and holds the data that lies there against its contracts once more.
func (s *story) dataAgain() error {
	list, err := s.a.Datasets.List(s.ctx, s.p.Name)
	if err != nil {
		return err
	}
	for _, v := range list {
		start := time.Now()
		rep, err := s.a.Check(s.ctx, s.p, v.Dataset, "", v.Actor)
		if err != nil {
			return err
		}
		if err := rep.Err(); err != nil {
			return err
		}
		s.n.did(start, "%s, kept from the earlier run; its contract holds: %d rows, %d checks", v, rep.Rows, len(rep.Checks))
	}
	refusals, err := s.countFacts("delivery.refused")
	if err != nil {
		return err
	}
	s.n.result(true, "%d corrupted deliveries were refused; nothing of them is kept", refusals)
	return nil
}

func (s *story) explore() error {
	s.n.say("Daisy tries three ideas. Each is logged by the stock mlflow client; only the address points here.")
	s.n.command("export MLFLOW_TRACKING_URI=%s", s.a.URL())
	runs := map[string]tracking.Run{}
	for _, kind := range []string{"naive", "observed", "forecast"} {
		start := time.Now()
		run, found, err := s.explored(kind)
		if err != nil {
			return err
		}
		if !found {
			s.n.command("python explore.py --model %s", kind)
			if err := s.python("explore.py", "--model", kind); err != nil {
				return err
			}
			if run, found, err = s.explored(kind); err != nil {
				return err
			} else if !found {
				return fault.New(fault.Internal, "explore.py --model %s left no finished run in experiment umbrella", kind)
			}
		}
		runs[kind] = run
		s.n.did(start, "run %s (%s): WAPE %.3f, cost %s on the hold-out year 2014", run.Name, kind, metric(run, "wape"), eur(metric(run, "cost_eur"), s.p.Canvas.Value.Unit))
	}
	s.n.say("The rain that fell looks best. It also was not known when the order was placed:")
	for _, kind := range []string{"forecast", "observed"} {
		if err := s.leak(kind); err != nil {
			return err
		}
	}
	honest := metric(runs["forecast"], "cost_eur") - metric(runs["observed"], "cost_eur")
	s.n.say("The price of honesty: %s a year. Production would have paid it without a word.", eur(honest, s.p.Canvas.Value.Unit))
	return nil
}

// explored finds the finished run of an idea.
func (s *story) explored(kind string) (tracking.Run, bool, error) {
	exp, err := s.a.Tracking.ExperimentByName(s.ctx, "umbrella")
	if fault.Is(err, fault.NotFound) {
		return tracking.Run{}, false, nil
	} else if err != nil {
		return tracking.Run{}, false, err
	}
	page, err := s.a.Tracking.SearchRuns(s.ctx, tracking.Search{ExperimentIDs: []string{exp.ID}, Filter: "params.model = '" + kind + "' and attributes.status = 'FINISHED'", MaxResults: 1})
	if err != nil || len(page.Items) == 0 {
		return tracking.Run{}, false, err
	}
	return page.Items[0], true, nil
}

func metric(r tracking.Run, key string) float64 {
	for _, m := range r.Metrics {
		if m.Key == key {
			return m.Value
		}
	}
	return 0
}

// leak checks the feature table of an idea.
func (s *story) leak(kind string) error {
	table := filepath.Join("build", "features_"+kind+".csv")
	if _, err := os.Stat(filepath.Join(s.Dir, table)); err != nil { // an earlier run logged it; the table is made again
		if err := s.python("explore.py", "--model", kind, "--table-only"); err != nil {
			return err
		}
	}
	s.n.command("paraplu check --leakage %s", table)
	rep, err := s.a.Leakage(s.ctx, s.p, filepath.Join(s.Dir, table), daisy)
	if err != nil {
		return err
	}
	if kind == "observed" {
		if err := rep.Err(); err == nil {
			return fault.New(fault.Internal, "the leakage check did not find that observed rain is not known at decision time")
		}
		s.n.result(false, "%v", rep.Err())
		return nil
	}
	if err := rep.Err(); err != nil {
		return err
	}
	s.n.result(true, "%s: every feature was known when the decision was taken (%d rows)", kind, rep.Rows)
	return nil
}

func name(p *spec.Product, who string) string {
	if m, ok := p.Member(who); ok && m.Title != "" {
		return m.Title
	}
	return who
}

func plural(n int, one, many string) string {
	switch n {
	case 0:
		return "no " + many
	case 1:
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
