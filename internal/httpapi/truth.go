package httpapi

import (
	"context"
	"time"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
)

type truthInput struct {
	Product string `path:"product" maxLength:"100" doc:"Name"`
	Body    api.Truths
}

func (s *server) truth(ctx context.Context, in *truthInput) (api.TruthAnswer, error) {
	var out api.TruthAnswer
	p, err := s.here(ctx, in.Product)
	if err != nil {
		return out, err
	}
	truths := make([]monitor.Truth, len(in.Body.Rows))
	for i, row := range in.Body.Rows {
		if truths[i], err = truthOf(row); err != nil {
			return out, fault.Wrap(err, "body.rows[%d]", i)
		}
	}
	if out.Accepted, out.Duplicates, err = s.Steps.Monitor.RecordTruth(ctx, p.Name, truths); err != nil {
		return out, err
	}
	out.Received, err = s.Steps.Monitor.Received(ctx, p.Name)
	return out, err
}

func truthOf(row api.Truth) (monitor.Truth, error) {
	out := monitor.Truth{Entity: row.Entity, Value: row.Value, Baseline: row.Baseline, Source: "api"}
	switch {
	case (row.Day == "") == (row.EventTime == nil):
		return out, fault.New(fault.Invalid, "a row names its event by either day or event_time").WithHint(`{"day": "2015-03-02", "value": 41}`)
	case row.EventTime != nil:
		out.EventTime = *row.EventTime
	default:
		d, err := time.Parse(time.DateOnly, row.Day)
		if err != nil {
			return out, fault.New(fault.Invalid, "%q is not a day", row.Day).WithHint("write YYYY-MM-DD, such as 2015-03-02")
		}
		out.EventTime = d
	}
	if row.KnownAt != nil {
		out.KnownAt = *row.KnownAt
	}
	return out, nil
}
