package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/stat"
)

// Bill is what a product saved or cost over a period, and where each number comes from.
type Bill struct {
	Product  string    `json:"product"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"` // not included
	Unit     string    `json:"unit"`
	Total    Line      `json:"total"`
	Packages []Line    `json:"packages"`
	Months   []Line    `json:"months"`
	Target   *Number   `json:"target,omitempty"` // target_per_year of the canvas, for the days of this period
	How      How       `json:"how"`
}

// Line is one line of the bill. Saving compares the same rows only: those with truth and with an answer of the naive rule.
type Line struct {
	Label        string  `json:"label"` // "total", digest of a package, "2015-03"
	Predictions  int64   `json:"predictions"`
	Rows         int64   `json:"rows"`     // with truth
	Compared     int64   `json:"compared"` // with truth and baseline
	Cost         *Number `json:"cost,omitempty"`
	BaselineCost *Number `json:"baseline_cost,omitempty"`
	Saving       *Number `json:"saving,omitempty"`
	SavingLow    *Number `json:"saving_low,omitempty"` // interval of 95 %; total only
	SavingHigh   *Number `json:"saving_high,omitempty"`
	WAPE         *Number `json:"wape,omitempty"`
}

// How says where the numbers of a bill come from; with the same tables the SQL gives the same numbers.
type How struct {
	SQL              string           `json:"sql"`
	Value            ValueModel       `json:"value"` // expression, constants, digest
	CutOff           time.Time        `json:"cut_off"`
	Truth            ref.Digest       `json:"truth"`       // of the versions of truth that were joined
	Predictions      ref.Digest       `json:"predictions"` // of the answers
	Sources          map[string]int64 `json:"sources"`     // versions of truth by source: "dataset:sales@sha256:…"
	BaselineGiven    int64            `json:"baseline_given"`
	BaselineSeasonal int64            `json:"baseline_seasonal"` // same weekday a week before
	BaselineMissing  int64            `json:"baseline_missing"`  // not in the saving
	Interval         string           `json:"interval"`
}

const (
	bootstrapBlock  = 7 // days
	bootstrapRounds = 1000
	bootstrapSeed   = 20150302
	intervalLevel   = 0.95
)

// Bill computes the money of [from, to), by event time, from all truth received until now. fault.Precondition when the canvas
// names no value.
func (r *Room) Bill(ctx context.Context, p *spec.Product, from, to time.Time) (*Bill, error) {
	s, err := settingsOf(p)
	if err != nil {
		return nil, err
	}
	if s.value == nil {
		return nil, fault.New(fault.Precondition, "the canvas of %s names no value, so there is nothing to count in money", p.Name).
			WithHint("write canvas.value: unit, too_few and too_many")
	}
	now := r.clock().UTC()
	b := &Bill{Product: p.Name, From: from.UTC(), To: to.UTC(), Unit: s.value.Unit, Total: Line{Label: "total"}}
	predictions, err := r.answers(ctx, p.Name, from, to)
	if err != nil {
		return nil, err
	}
	q, err := r.question(ctx, s, predictions, now)
	if err != nil {
		return nil, err
	}
	if err := b.fill(ctx, r.analytics, q); err != nil {
		return nil, fault.Wrap(err, "the bill of %s", p.Name)
	}
	if t := p.Canvas.Value.TargetPerYear; t > 0 {
		b.Target = number(t * to.Sub(from).Hours() / 24 / 365.25)
	}
	b.How.CutOff = now
	return b, nil
}

const byDaySQL = `SELECT day, fsum(saving) AS saving FROM scored WHERE saving IS NOT NULL GROUP BY day ORDER BY day`

func billSQL(label, group string) string {
	return "SELECT " + label + " AS label, " + sumsSQL + " FROM scored" + group
}

func (b *Bill) fill(ctx context.Context, an Analytics, q question) error {
	total := billSQL("'total'", "")
	b.How = how(q, q.sql(total))
	if len(q.predictions) == 0 {
		b.Packages, b.Months = []Line{}, []Line{}
		return nil
	}
	for _, part := range []struct {
		sql  string
		into func([]record)
	}{
		{total, func(rows []record) { b.Total = line(rows[0]); b.How.baselines(rows[0]) }},
		{billSQL("package", " GROUP BY package ORDER BY min(event_ms), package"), func(rows []record) { b.Packages = lines(rows) }},
		{billSQL("month", " GROUP BY month ORDER BY month"), func(rows []record) { b.Months = lines(rows) }},
		{byDaySQL, func(rows []record) { b.interval(rows) }},
	} {
		rows, err := q.ask(ctx, an, part.sql)
		if err != nil {
			return err
		}
		part.into(rows)
	}
	return nil
}

func line(r record) Line {
	l := Line{Label: r.text("label"), Predictions: r.int("predictions"), Rows: r.int("rows"), Compared: r.int("compared"), Cost: r.number("cost"), WAPE: r.number("wape")}
	if l.Compared > 0 {
		l.BaselineCost, l.Saving = r.number("baseline_cost"), r.number("saving")
	}
	return l
}

func lines(rows []record) []Line {
	out := make([]Line, len(rows))
	for i, r := range rows {
		out[i] = line(r)
	}
	return out
}

// interval resamples whole weeks of days: the days of a series depend on each other.
func (b *Bill) interval(rows []record) {
	series := make([]float64, len(rows))
	for i, r := range rows {
		series[i] = r.float("saving")
	}
	b.How.Interval = fmt.Sprintf("%.0f %% by circular block bootstrap over %d days, blocks of %d, %d rounds, seed %d",
		100*intervalLevel, len(series), bootstrapBlock, bootstrapRounds, bootstrapSeed)
	if len(series) < 2*bootstrapBlock {
		b.How.Interval = fmt.Sprintf("none: %d days are too few to resample weeks", len(series))
		return
	}
	in := stat.BlockBootstrapMean(series, bootstrapBlock, bootstrapRounds, intervalLevel, bootstrapSeed)
	n := float64(len(series))
	b.Total.SavingLow, b.Total.SavingHigh = number(in.Low*n), number(in.High*n)
}

func how(q question, sql string) How {
	h := How{SQL: sql, Value: *q.value, Sources: map[string]int64{}}
	truth, answers := ref.NewHasher(), ref.NewHasher()
	for _, v := range q.truths {
		fmt.Fprintf(truth, "%q %v %v %d\n", v.event, v.value, v.baseline, v.knownMS)
		h.Sources[v.source]++
	}
	for _, p := range q.predictions {
		line, _ := json.Marshal([]any{p.ID, eventKey(p.Entity, p.EventTime), p.Value, p.Package})
		answers.Write(append(line, '\n')) //nolint:errcheck // a hash never fails
	}
	h.Truth, h.Predictions = truth.Digest(), answers.Digest()
	return h
}

func (h *How) baselines(total record) {
	h.BaselineGiven = total.int("baseline_given")
	h.BaselineSeasonal = total.int("compared") - h.BaselineGiven
	h.BaselineMissing = total.int("rows") - total.int("compared")
}

// SourceNames lists the sources in order.
func (h How) SourceNames() []string {
	out := make([]string, 0, len(h.Sources))
	for s := range h.Sources {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}
