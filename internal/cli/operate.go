package cli

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
	"github.com/paraplu/paraplu/internal/pipeline"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
)

func (s *session) truthCommand() *cobra.Command {
	var cols truthColumns
	c := &cobra.Command{Use: "truth FILE.csv", GroupID: "operate", Args: cobra.ExactArgs(1),
		Short: "Record outcomes that are known now; late, double and corrected ones are fine",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				truths, err := readTruth(args[0], cols)
				if err != nil {
					return err
				}
				accepted, duplicates, err := a.Monitor.RecordTruth(c.Context(), p.Name, truths)
				if err != nil {
					return err
				}
				s.show(map[string]int{"accepted": accepted, "duplicates": duplicates}, func() { s.printf("%d outcomes recorded, %d were known already\n", accepted, duplicates) })
				return nil
			})
		}}
	c.Flags().StringVar(&cols.day, "day", "day", "column of the day (YYYY-MM-DD)")
	c.Flags().StringVar(&cols.value, "value", "truth", "column of the outcome")
	c.Flags().StringVar(&cols.known, "known-at", "", "column of the moment when it became known; default: known_at if there is one, else now")
	return c
}

// truthColumns are the names of the columns of a file of outcomes.
type truthColumns struct{ day, value, known string }

func readTruth(path string, cols truthColumns) ([]monitor.Truth, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, fault.New(fault.NotFound, "the file %s does not exist", path)
	} else if err != nil {
		return nil, fault.Wrap(err, "reading outcomes")
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "no header: %w", err).At(path, 1, 0)
	}
	di, vi, ki := slices.Index(head, cols.day), slices.Index(head, cols.value), slices.Index(head, cmp.Or(cols.known, "known_at"))
	switch {
	case di < 0 || vi < 0:
		return nil, fault.New(fault.Invalid, "the columns %s and %s are needed; the file has %s", cols.day, cols.value, strings.Join(head, ", ")).At(path, 1, 0).WithHint("name them: --day COLUMN --value COLUMN")
	case cols.known != "" && ki < 0:
		return nil, fault.New(fault.Invalid, "there is no column %s; the file has %s", cols.known, strings.Join(head, ", ")).At(path, 1, 0)
	}
	var out []monitor.Truth
	for line := 2; ; line++ {
		row, err := r.Read()
		if err == io.EOF {
			return out, nil
		} else if err != nil {
			return nil, fault.New(fault.Invalid, "%w", err).At(path, line, 0)
		}
		d, derr := time.Parse(time.DateOnly, row[di])
		v, verr := strconv.ParseFloat(row[vi], 64)
		if derr != nil || verr != nil {
			return nil, fault.New(fault.Invalid, "%q, %q are not a day and a number", row[di], row[vi]).At(path, line, 0)
		}
		t := monitor.Truth{EventTime: d, Value: v, Source: "file:" + filepath.Base(path)}
		if ki >= 0 && row[ki] != "" {
			if t.KnownAt, err = time.Parse(time.RFC3339, row[ki]); err != nil {
				return nil, fault.New(fault.Invalid, "%q in column %s is not a moment such as 2026-03-02T00:00:00Z", row[ki], head[ki]).At(path, line, 0)
			}
		}
		out = append(out, t)
	}
}

func (s *session) monitorCommand() *cobra.Command {
	var asOf string
	c := &cobra.Command{Use: "monitor", GroupID: "operate", Args: cobra.NoArgs, Short: "Judge the windows with the truth that is there; fires alerts",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				at := time.Now()
				if asOf != "" {
					var err error
					if at, err = time.Parse(time.DateOnly, asOf); err != nil {
						return fault.New(fault.Invalid, "--as-of %q is not YYYY-MM-DD", asOf)
					}
				}
				e, err := a.Monitor.Evaluate(c.Context(), p, at)
				if err != nil {
					return err
				}
				windows, err := a.Monitor.Windows(c.Context(), p.Name)
				if err != nil {
					return err
				}
				incidents, err := a.Monitor.Incidents(c.Context(), p.Name)
				if err != nil {
					return err
				}
				s.show(map[string]any{"evaluation": e, "windows": windows}, func() { s.printWindows(p, e, windows, incidents) })
				return nil
			})
		}}
	c.Flags().StringVar(&asOf, "as-of", "", "judge as it was known on this day; default now")
	return c
}

func (s *session) printWindows(p *spec.Product, e *monitor.Evaluation, windows []monitor.Window, incidents []monitor.Incident) {
	var rows [][]string
	for _, w := range windows {
		rows = append(rows, []string{w.Start.Format(time.DateOnly), w.State, fmt.Sprint(w.Rows), number(w.WAPE, "%.3f"), number(w.Cost, "%.0f"),
			number(w.Saving, "%+.0f")})
	}
	s.table([]string{"window", "state", "rows", "wape", "cost " + p.Canvas.Value.Unit, "saved " + p.Canvas.Value.Unit}, rows, "no predictions yet")
	for _, d := range e.Drift {
		s.printf("input drift of %s (diagnostic): %s\n", d.Column, d.Why)
	}
	for _, in := range incidents { // also those that a running `paraplu up` opened a moment before
		if in.State == monitor.IncidentResolved {
			continue
		}
		s.printf("incident %s for %s: %s\n", in.ID, in.Owner, in.Title)
	}
}

func number(n *monitor.Number, format string) string {
	if n == nil {
		return "–"
	}
	return fmt.Sprintf(format, n.Float())
}

func (s *session) incidentsCommand() *cobra.Command {
	var ack, resolve, verdict, reason string
	c := &cobra.Command{Use: "incidents", GroupID: "operate", Args: cobra.NoArgs, Short: "Incidents; --ack ID takes one, --resolve ID closes it",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				if ack != "" || resolve != "" {
					who, err := s.member(p)
					if err != nil {
						return err
					}
					var in monitor.Incident
					if ack != "" {
						in, err = a.Monitor.Acknowledge(c.Context(), ack, who)
					} else {
						in, err = a.Monitor.Resolve(c.Context(), resolve, who, verdict, reason)
					}
					if err != nil {
						return err
					}
					s.show(in, func() { s.printf("incident %s is %s\n", in.ID, in.State) })
					return nil
				}
				list, err := a.Monitor.Incidents(c.Context(), p.Name)
				if err != nil {
					return err
				}
				s.show(list, func() {
					if len(list) == 0 {
						s.printf("no incident\n")
					}
					for _, in := range list {
						s.printf("%s  %s  %s  for %s (backup %s)\n  %s\n  %s\n  %s\n  runbook %s\n", in.ID, in.State, in.Title, in.Owner, in.Backup,
							in.Message.Statistics, in.Message.Operations, in.Message.Money, in.Runbook)
						for _, act := range in.Actions {
							s.printf("  → %s   %s\n", act.Command, act.Why)
						}
					}
				})
				return nil
			})
		}}
	f := c.Flags()
	f.StringVar(&ack, "ack", "", "take this incident")
	f.StringVar(&resolve, "resolve", "", "close this incident")
	f.StringVar(&verdict, "verdict", "true", "with --resolve: true, false (a false alarm) or expected")
	f.StringVar(&reason, "reason", "", "with --resolve: what it was")
	return c
}

func (s *session) retrainCommand() *cobra.Command {
	var set []string
	var reason string
	var force bool
	c := &cobra.Command{Use: "retrain", GroupID: "operate", Args: cobra.NoArgs, Short: "Newest data → pipeline → package → gates against the champion",
		RunE: func(c *cobra.Command, _ []string) error {
			values, err := pipeline.ParseSet(set)
			if err != nil {
				return err
			}
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				r, err := a.Retrain(c.Context(), p, steps.RetrainOptions{Actor: s.actor(p), Reason: reason, Set: values, Out: s.stepOut(), Env: a.StepEnv(), Progress: s.stepLine, Force: force})
				if err != nil {
					return err
				}
				s.show(r, func() { s.printRelease(r.Release) })
				return refusal(r.Release)
			})
		}}
	c.Flags().StringArrayVar(&set, "set", nil, "override a param: train.depth=4 (repeatable)")
	c.Flags().StringVar(&reason, "reason", "", "why")
	c.Flags().BoolVar(&force, "force", false, "although the cool-down is not over")
	return c
}

func (s *session) billCommand() *cobra.Command {
	var from, to string
	c := &cobra.Command{Use: "bill", GroupID: "operate", Args: cobra.NoArgs, Short: "What the product saved against the naive rule, and where each number comes from",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				var ends [2]time.Time
				for i, text := range []string{from, to} {
					if text == "" {
						continue
					}
					var err error
					if ends[i], err = time.Parse(time.DateOnly, text); err != nil {
						return fault.New(fault.Invalid, "%q is not YYYY-MM-DD", text)
					}
				}
				if err := s.wholeBill(c, a, p, &ends); err != nil {
					return err
				}
				bill, err := a.Monitor.Bill(c.Context(), p, ends[0], ends[1])
				if err != nil {
					return err
				}
				s.show(bill, func() { s.printBill(bill) })
				return nil
			})
		}}
	c.Flags().StringVar(&from, "from", "", "first day (YYYY-MM-DD); default: the first prediction")
	c.Flags().StringVar(&to, "to", "", "day after the last; default: the last prediction")
	return c
}

func (s *session) printBill(b *monitor.Bill) {
	if b.Total.Rows == 0 {
		s.printf("no prediction with a known outcome yet\noutcomes are recorded by: paraplu truth FILE.csv\n")
		return
	}
	var rows [][]string
	for _, l := range append(append([]monitor.Line{}, b.Months...), b.Total) {
		rows = append(rows, []string{l.Label, fmt.Sprint(l.Rows), number(l.WAPE, "%.3f"), number(l.Cost, "%.0f"), number(l.BaselineCost, "%.0f"), number(l.Saving, "%+.0f")})
	}
	s.table([]string{"", "days", "wape", "cost " + b.Unit, "naive rule", "saved"}, rows, "no predictions with truth yet")
	s.printf("value model: %s\ntruth: %s\n", b.How.Value.Expression, orNone(b.How.SourceNames()))
}

// wholeBill fills the ends that were not given: from the first window to the last.
func (s *session) wholeBill(c *cobra.Command, a *app.App, p *spec.Product, ends *[2]time.Time) error {
	windows, err := a.Monitor.Windows(c.Context(), p.Name)
	if err != nil || len(windows) == 0 {
		return err
	}
	if ends[0].IsZero() {
		ends[0] = windows[0].Start
	}
	if ends[1].IsZero() {
		ends[1] = windows[len(windows)-1].End
	}
	return nil
}
