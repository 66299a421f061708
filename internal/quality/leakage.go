package quality

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// LeakageInput asks whether any feature was known later than the decision that uses it.
type LeakageInput struct {
	Product   string
	Path      string            // table of features, one row a decision
	DecidedAt string            // column: the moment of the decision
	KnownAt   map[string]string // feature → column that says when its value was known; the name of DecidedAt itself means "by definition then"
	Features  []string          // what the model uses; nil = the keys of KnownAt
	Sources   map[string]string // feature → where it comes from, for people; optional
	Owner     string
	Actor     string
	Subject   string // what is checked: a package, a step; for people
	Via       string
}

// latest is how a moment is read: with its offset, and without one as UTC.
const momentSQL = "TRY_CAST(%s AS TIMESTAMPTZ)"

const leakageWhy = "a model that is trained on what was not known yet looks better than it can ever be in use"

// Leakage compares, row by row, when each feature was known with when the decision was made. A feature without a declared
// moment, an empty moment and a later moment are failures. The report is stored with the fact leakage.checked.
func (r *Room) Leakage(ctx context.Context, in LeakageInput) (*Report, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	declared, err := json.Marshal([]any{in.DecidedAt, in.KnownAt, in.Features, in.Sources}) // maps are sorted by key
	if err != nil {
		return nil, fault.Wrap(err, "checking leakage")
	}
	report := &Report{
		Kind: kindLeakage, Product: in.Product, Dataset: first(in.Subject, "features"), Path: in.Path, ContractDigest: ref.Sum(declared), Contract: "known before the decision",
		Engine: r.engine.Version() + ", " + rulesVersion, Owner: in.Owner, Actor: in.Actor, CreatedAt: db.Time(db.Millis(r.clock())),
	}
	if report.DataDigest, err = Digest(ctx, in.Path); err != nil {
		return nil, notFound(err, in.Path)
	}
	report.ID = report.identity()
	if old, found, err := r.stored(ctx, report.ID); err != nil || found && old.Status != Broken {
		return old, err
	}
	src, err := r.open(ctx, in.Path, report.DataDigest, nil, nil)
	var u *unreadableError
	switch {
	case errors.As(err, &u):
		report.unreadable(u)
	case err != nil:
		return nil, err
	default:
		defer src.close()
		if err := leakage(ctx, in, src, report); err != nil {
			return nil, err
		}
	}
	report.settle()
	return report, r.store(ctx, report, in.Via)
}

func (in *LeakageInput) check() error {
	switch {
	case in.DecidedAt == "":
		return fault.New(fault.Invalid, "it is not said which column holds the moment of the decision").WithHint("set model.decided_at in paraplu.yaml")
	case in.Actor == "":
		return fault.New(fault.Invalid, "checking leakage: it is not said who does it")
	}
	if in.Features == nil {
		in.Features = sorted(keys(in.KnownAt))
	}
	if len(in.Features) == 0 {
		return fault.New(fault.Invalid, "there are no features to check").WithHint("set model.known_at in paraplu.yaml")
	}
	return nil
}

func leakage(ctx context.Context, in LeakageInput, src *source, report *Report) error {
	c := &compiler{object: &Object{Name: "features"}, src: src, owner: in.Owner}
	c.shape()
	decided := src.field(in.DecidedAt)
	if r := c.add(&rule{}, nil, "decided_at", nil); decided == nil {
		r.Column = in.DecidedAt
		r.fail("the column with the moment of the decision is missing%s", nearColumn(in.DecidedAt, src))
	} else {
		r.Column, r.field, r.noun = decided.name, decided, "rows"
		r.bad, r.what, r.Expected = moment(decided)+" IS NULL", "without a readable moment of the decision", "a timestamp in every row"
	}
	for _, name := range in.Features {
		c.add(c.knownRule(in, name, decided), nil, "known_at", nil).Column = name
	}
	for _, r := range c.rules {
		if r.Rule == "known_at" {
			r.ID, r.Dimension = c.unique(r.Column+".known_at"), "timeliness"
		}
	}
	x := &run{src: src, object: prefix + "features", rules: c.rules}
	if decided != nil {
		x.keys = []*field{decided}
	}
	if err := x.all(ctx); err != nil {
		return err
	}
	report.Rows, report.Columns = src.rows, c.header()
	for _, r := range c.rules {
		report.Checks = append(report.Checks, r.Check)
	}
	return nil
}

func moment(f *field) string { return fmt.Sprintf(momentSQL, f.raw) }

// knownRule is the check of one feature.
func (c *compiler) knownRule(in LeakageInput, name string, decided *field) *rule {
	r := &rule{Check: Check{Expected: "known at or before " + in.DecidedAt}, noun: "rows"}
	from := ""
	if s := in.Sources[name]; s != "" {
		from = " (from " + s + ")"
	}
	column, declared := in.KnownAt[name]
	known := c.src.field(column)
	stop := func(hint, format string, args ...any) *rule {
		r.judge = func(r *rule, _ []any) {
			r.Total = c.src.rows
			r.fail(format, args...)
			r.Hint = hint
		}
		return r
	}
	switch {
	case c.src.field(name) == nil:
		return stop("add the column to the features, or take it off the list", "the feature%s is not a column of the table%s", from, nearColumn(name, c.src))
	case !declared || column == "":
		return stop("declare it under model.known_at: the column that says when the value became known", "the feature%s does not say when it was known, so nobody can tell whether it comes from the future", from)
	case decided == nil:
		return stop("", "it cannot be compared, because %s is missing", in.DecidedAt)
	case column == in.DecidedAt || column == "decided_at" && known == nil:
		r.Expected = "known by definition when the decision is made"
		r.judge = func(r *rule, _ []any) { r.Status, r.Total, r.Observed = OK, c.src.rows, "declared" }
		return r
	case known == nil:
		return stop("", "the column %s, which should say when the feature%s was known, is missing%s", column, from, nearColumn(column, c.src))
	}
	k, d := moment(known), moment(decided)
	late := "(epoch(" + k + ") - epoch(" + d + ")) / 3600"
	r.bad = d + " IS NOT NULL AND (" + k + " IS NULL OR " + k + " > " + d + ")"
	r.cell = "coalesce(CAST(" + known.raw + " AS VARCHAR), '(empty)')"
	r.label, r.field = column, known
	r.needs = []string{"max(" + late + ")", "count_if(" + k + " > " + d + ")", "count_if(" + k + " IS NULL)"}
	r.judge = func(r *rule, v []any) { judgeKnown(r, v, column, from, in) }
	return r
}

func judgeKnown(r *rule, v []any, column, from string, in LeakageInput) {
	r.Observed = fmt.Sprintf("%s of %s late", count(r.Bad), count(r.Total))
	if r.Bad == 0 {
		return
	}
	var parts []string
	late, empty := toInt(v[1]), toInt(v[2])
	if late > 0 {
		worst, _ := toFloat(v[0])
		parts = append(parts, fmt.Sprintf("in %s of %s the feature%s was known after the decision, at worst %s later", count(late), plural(r.Total, "row"), from, lateness(worst)))
	}
	if empty > 0 {
		parts = append(parts, fmt.Sprintf("in %s of %s %s does not say when the feature%s was known", count(empty), plural(r.Total, "row"), column, from))
	}
	r.fail("%s; %s", strings.Join(parts, ", and "), leakageWhy)
	r.Hint = fmt.Sprintf("use only rows with %s <= %s: join the newest value that was known at the decision (as of), and ask %s when in doubt", column, in.DecidedAt, first(in.Owner, "the owner of the data"))
}

// lateness prints hours: "6 hours", "3 days".
func lateness(hours float64) string {
	switch {
	case hours < 1:
		return plural(int64(hours*60+0.5), "minute")
	case hours < 48:
		return num(float64(int64(hours*10+0.5))/10) + " hours"
	}
	return num(float64(int64(hours/24*10+0.5))/10) + " days"
}
