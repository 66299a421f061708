package demo

import (
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
)

// sale is the truth of a day and when it was known.
type sale struct {
	day   time.Time
	value float64
}

func (s *story) sales() (map[string]sale, error) {
	rows, err := readCSV(filepath.Join(s.Dir, "deliveries", "whole-2015", "sales.csv"))
	if err != nil {
		return nil, err
	}
	out := map[string]sale{}
	for i, r := range rows {
		day, derr := time.Parse(time.DateOnly, r["day"])
		v, verr := strconv.ParseFloat(r["sold"], 64)
		if derr != nil || verr != nil {
			return nil, fault.New(fault.Invalid, "row %d of the sales is not a day and a number: %q", i+2, r)
		}
		out[r["day"]] = sale{day, v}
	}
	return out, nil
}

// replay walks through 2015 and stops after the Tuesday on which until says so. What is in the log already is not asked again.
func (s *story) replay(until func(*monitor.Incident) bool) (*monitor.Incident, error) {
	start := time.Now()
	questions, err := s.questions()
	if err != nil {
		return nil, err
	}
	sales, err := s.sales()
	if err != nil {
		return nil, err
	}
	asked, err := s.askedDays()
	if err != nil {
		return nil, err
	}
	evaluated, err := s.evaluatedUntil()
	if err != nil {
		return nil, err
	}
	answers, kept := 0, 0
	for i, q := range questions {
		if asked[q.day] {
			kept++
		} else {
			if _, err := s.infer(q); err != nil {
				return nil, fault.Wrap(err, "order for %s", q.day)
			}
			answers++
		}
		s.n.progress(i+1, len(questions), q.day)
		evening, err := time.Parse(time.RFC3339, q.decidedAt)
		if err != nil {
			return nil, err
		}
		if i == len(questions)-1 { // the sales of the last week are reported in January
			evening = evening.AddDate(0, 0, 6)
		} else if evening.Weekday() != time.Tuesday {
			continue
		}
		if !evening.After(evaluated) { // judged by an earlier run
			in, err := s.incident()
			if err != nil {
				return nil, err
			}
			if until(in) && in != nil && !in.OpenedAt.After(evening) {
				s.replayed(start, answers, kept, q.day)
				return in, nil
			}
			continue
		}
		in, err := s.tuesday(evening, questions, sales)
		if err != nil {
			return nil, err
		}
		if until(in) {
			s.replayed(start, answers, kept, q.day)
			return in, nil
		}
	}
	s.replayed(start, answers, kept, replayUntil)
	return s.incident()
}

func (s *story) replayed(start time.Time, answers, kept int, day string) {
	text := fmt.Sprintf("%d orders until %s", answers, day)
	if kept > 0 {
		text += fmt.Sprintf(" (%d more were in the log already)", kept)
	}
	s.n.did(start, "%s", text)
}

// tuesday reports the sales of all days whose week has ended, and judges.
func (s *story) tuesday(evening time.Time, questions []question, sales map[string]sale) (*monitor.Incident, error) {
	var truths []monitor.Truth
	known := evening.Truncate(24 * time.Hour) // sales of yesterday and before
	from := known.AddDate(0, 0, -7)
	for _, q := range questions {
		sold, ok := sales[q.day]
		if !ok || !sold.day.Before(known) || sold.day.Before(from) {
			continue
		}
		naive := q.naive
		truths = append(truths, monitor.Truth{EventTime: sold.day, Value: sold.value, Baseline: &naive, KnownAt: sold.day.AddDate(0, 0, 1),
			ReceivedAt: evening.Add(-time.Hour), Source: "simulated sales, reported " + evening.Format(time.DateOnly)})
	}
	if len(truths) > 0 {
		if _, _, err := s.a.Monitor.RecordTruth(s.ctx, s.p.Name, truths); err != nil {
			return nil, err
		}
	}
	if err := s.a.Serving.Flush(s.ctx); err != nil {
		return nil, err
	}
	if _, err := s.a.Monitor.Evaluate(s.ctx, s.p, evening); err != nil {
		return nil, err
	}
	return s.incident()
}

// incident gives the newest incident, nil when there is none.
func (s *story) incident() (*monitor.Incident, error) {
	list, err := s.a.Monitor.Incidents(s.ctx, s.p.Name)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil // the first one: the story's
}

func (s *story) askedDays() (map[string]bool, error) {
	if err := s.a.Serving.Flush(s.ctx); err != nil {
		return nil, err
	}
	list, err := s.a.Serving.Predictions(s.ctx, s.p.Name, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, p := range list {
		out[p.EventTime.Format(time.DateOnly)] = true
	}
	return out, nil
}

// evaluatedUntil is the moment up to which an earlier run has judged.
func (s *story) evaluatedUntil() (time.Time, error) {
	windows, err := s.a.Monitor.Windows(s.ctx, s.p.Name)
	var last time.Time
	for _, w := range windows {
		if w.AsOf.After(last) {
			last = w.AsOf
		}
	}
	return last, err
}
