package quality

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations gives the schema of this room.
func Migrations() db.Source { return db.Source{Room: "quality", FS: migrations} }

// rulesVersion changes when a rule of this package changes its meaning; reports of older versions are made again.
const rulesVersion = "rules 2"

// trainEnv is the environment of a delivery of which nothing is said.
const trainEnv = "train"

// The kinds of reports.
const (
	kindContract = "contract"
	kindLeakage  = "leakage"
)

// Room checks deliveries and keeps the reports.
type Room struct {
	db     *db.DB
	engine Engine
	clock  func() time.Time
}

// New gives the room over a migrated database and an engine.
func New(d *db.DB, engine Engine, clock func() time.Time) *Room {
	return &Room{db: d, engine: engine, clock: clock}
}

// Scratch makes a folder for copies of files. done removes it; when the process is killed, the next one does.
func (r *Room) Scratch() (dir string, done func(), err error) { return r.engine.Scratch() }

// References gives the objects that reports need: none, they are rows.
func References(*db.Tx) ([]ref.Digest, error) { return nil, nil }

// CheckInput says what to check against what.
type CheckInput struct {
	Product  string
	Dataset  string
	Path     string // file
	Contract *Contract
	Object   string    // of the contract; "" = named like the dataset, or the only one
	Owner    string    // who is told; "" = the owner in the contract
	Actor    string    // who asks
	AsOf     time.Time // for freshness; zero = now, and service levels of latency are not judged
	Via      string    // source of the fact: cli, api, job …
	PartOf   string    // report of the delivery of which this is the good part; it is no delivery before
	Env      string    // train, serve …: rules with env are run only there; "" = train
}

// Check runs a contract over a file and stores the report. The error is about the run (file absent, cancelled); what the
// contract refuses is in the report.
func (r *Room) Check(ctx context.Context, in CheckInput) (*Report, error) {
	o, err := in.check()
	if err != nil {
		return nil, err
	}
	now := db.Time(db.Millis(r.clock()))
	report := &Report{
		Kind: kindContract, Product: in.Product, Dataset: in.Dataset, Path: in.Path, ContractDigest: in.Contract.Digest, Contract: in.Contract.title(),
		Engine: r.engine.Version() + ", " + rulesVersion, Owner: first(in.Owner, in.Contract.Owner), Actor: in.Actor, CreatedAt: now,
		Draft: in.Contract.Draft(),
	}
	before, err := os.Stat(in.Path)
	if err != nil {
		return nil, notFound(fault.Wrap(err, "opening %s", in.Path), in.Path)
	}
	if report.DataDigest, err = Digest(ctx, in.Path); err != nil {
		return nil, notFound(err, in.Path)
	}
	in.Env = first(in.Env, trainEnv)
	report.ID = report.identity(dayOf(in, o, now), in.Env)
	if old, found, err := r.stored(ctx, report.ID); err != nil || found && old.Status != Broken {
		return old, err
	}
	src, err := r.open(ctx, in.Path, report.DataDigest, in.Contract, o.Properties)
	var u *unreadableError
	switch {
	case errors.As(err, &u):
		report.unreadable(u)
	case err != nil:
		return nil, err
	default:
		defer src.close()
		if err := r.walk(ctx, in, o, src, report, now); err != nil {
			return nil, err
		}
		if err := unchanged(in.Path, before); err != nil { // the digest is of what was there before
			return nil, err
		}
	}
	report.settle()
	return report, r.store(ctx, report, in.Via)
}

func (in *CheckInput) check() (*Object, error) {
	switch {
	case in.Contract == nil:
		return nil, fault.New(fault.Invalid, "dataset %s has no contract", in.Dataset).WithHint("name one under data.%s.contract in paraplu.yaml; docs/spec/contracts.md shows one to start from", in.Dataset)
	case in.Actor == "":
		return nil, fault.New(fault.Invalid, "checking %s: it is not said who does it", in.Dataset)
	case len(in.Contract.Objects) == 0:
		return nil, fault.New(fault.Invalid, "the contract %s has no schema to check", in.Contract.ID).At(in.Contract.File, 1, 1)
	}
	o, ok := in.Contract.Object(first(in.Object, in.Dataset))
	if !ok {
		var names []string
		for _, o := range in.Contract.Objects {
			names = append(names, o.Name)
		}
		return nil, fault.New(fault.NotFound, "the contract %s has no object %q; it has %s", in.Contract.ID, first(in.Object, in.Dataset), few(names, 10))
	}
	return o, nil
}

func notFound(err error, path string) error {
	if f := fault.Wrap(err, "checking"); !fault.Is(err, fault.Internal) {
		return f
	}
	return fault.New(fault.NotFound, "%s cannot be read: %w", path, err)
}

// dayOf gives the day on which a report depends when the contract asks for fresh data, "" otherwise.
func dayOf(in CheckInput, o *Object, now time.Time) string {
	if !in.AsOf.IsZero() {
		return in.AsOf.UTC().Format(time.RFC3339)
	}
	fresh := func(rules []Rule) bool {
		for _, q := range rules {
			if q.Custom.Check == "freshness" {
				return true
			}
		}
		return false
	}
	found := fresh(o.Rules)
	for i := range o.Properties {
		found = found || fresh(o.Properties[i].Rules)
	}
	if !found {
		return ""
	}
	return now.Format(time.DateOnly)
}

// identity gives the ID of a report from everything that its outcome depends on.
func (r *Report) identity(more ...string) string {
	text := fmt.Sprintf("%q", append([]string{r.Kind, r.Product, r.Dataset, string(r.DataDigest), string(r.ContractDigest), r.Engine, r.Owner}, more...))
	return ref.Sum([]byte(text)).Hex()[:26]
}

// unreadable makes a report of a file that is no table.
func (r *Report) unreadable(u *unreadableError) {
	r.Checks = []Check{{
		ID: "readable", Rule: "readable", Dimension: "conformity", Severity: Error, Status: Fail, Owner: r.Owner, Bad: 1, Total: 1,
		Expected: "a table", Message: fmt.Sprintf("the file cannot be read as a table; line %s: %s", count(u.Line), u.Why), Samples: []Sample{{Line: u.Line, Value: u.Why}},
		Hint: "ask for the delivery again",
	}}
}

func (r *Room) walk(ctx context.Context, in CheckInput, o *Object, src *source, report *Report, now time.Time) error {
	c := compile(o, src, report.Owner, in.Env)
	x := &run{src: src, object: o.Name, keys: c.keyFields(), asOf: now}
	if !in.AsOf.IsZero() {
		x.asOf = in.AsOf.UTC()
		c.latencies(in.Contract)
	}
	var err error
	if x.previous, err = r.previous(ctx, report, in.PartOf); err != nil {
		return err
	}
	x.rules, x.gone = c.rules, c.gone
	if err := x.all(ctx); err != nil {
		return err
	}
	c.renames(ctx, x)
	if !report.Draft {
		if report.Quarantined, err = x.setAside(ctx); err != nil {
			return err
		}
	}
	report.Rows, report.Columns = src.rows, c.header()
	report.Measures = map[string]float64{"rows": float64(src.rows)}
	for _, rule := range c.rules {
		report.Checks = append(report.Checks, rule.Check)
		maps.Copy(report.Measures, rule.measures)
	}
	return nil
}

// latencies adds the service levels of the contract as warnings.
func (c *compiler) latencies(contract *Contract) {
	for _, l := range contract.Latencies {
		p := c.propertyOf(c.column(l.Column))
		if l.Object != c.object.Name || p == nil {
			continue
		}
		c.add(freshnessRule(c.src.field(p.Column), l.Hours), p, "latency", &Rule{Severity: Warning, Dimension: "timeliness", Place: l.Place})
	}
}

func facts(report *Report, via string) []event.Fact {
	f := event.Fact{
		Time: report.CreatedAt, Actor: report.Actor, Source: via, Product: report.Product, Verb: event.ContractChecked, Kind: "report", Object: report.Dataset,
		Digest: string(report.DataDigest), Key: fmt.Sprintf("contract.checked:%s:%s", report.ID, report.Status),
		Inputs: []string{"file:" + string(report.DataDigest)}, Outputs: []string{"report:" + report.ID},
	}
	if report.Kind == kindLeakage {
		f.Verb, f.Key = event.LeakageChecked, fmt.Sprintf("leakage.checked:%s:%s", report.ID, report.Status)
	}
	ok, failed, warned, broken, skipped := report.tally()
	data := map[string]any{"report": report.ID, "status": report.Status, "rows": report.Rows, "contract": report.Contract, "owner": report.Owner,
		"ok": ok, "failed": failed, "warned": warned, "error": broken, "skipped": skipped}
	if err := report.Err(); err != nil {
		data["problem"] = err.Error()
	}
	f.Data = data
	out := []event.Fact{f}
	if report.Kind == kindContract && report.Blocked() {
		refused := f
		refused.Verb, refused.Kind, refused.Key = event.DeliveryRefused, "dataset", fmt.Sprintf("delivery.refused:%s:%s", report.ID, report.Status)
		refused.Reason = fmt.Sprint(data["problem"])
		out = append(out, refused)
	}
	return out
}
