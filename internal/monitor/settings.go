package monitor

import (
	"context"
	"encoding/json"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// settings is what the product's file says about monitoring, checked.
type settings struct {
	product  *spec.Product
	calendar calendar
	maxDelay time.Duration
	minRows  int64
	metric   string // of the performance rule; wape without one
	value    *ValueModel
	digest   string // of everything that numbers and verdicts depend on
}

func settingsOf(p *spec.Product) (settings, error) {
	c, err := calendarOf(p)
	if err != nil {
		return settings{}, err
	}
	v, err := valueModel(p)
	if err != nil {
		return settings{}, err
	}
	s := settings{product: p, calendar: c, maxDelay: c.maxDelay(p), minRows: int64(max(1, p.Monitor.MinRows)), metric: "wape", value: v}
	if rule := p.Monitor.Performance; rule != nil {
		s.metric = rule.Metric
	}
	if _, known := metrics[s.metric]; !known {
		at := p.Place("monitor.performance.metric")
		return settings{}, fault.New(fault.Unsupported, "the metric %q is not known", s.metric).At(p.File, at.Line, at.Col).
			WithHint("use wape, mae, rmse or bias")
	}
	b, err := json.Marshal(struct {
		Length, Delay time.Duration
		MinRows       int64
		Metric        string
		Value         *ValueModel
		Performance   *spec.Performance
		ValueRule     *spec.ValueRule
	}{c.length, s.maxDelay, s.minRows, s.metric, v, p.Monitor.Performance, p.Monitor.Value})
	s.digest = string(ref.Sum(b))
	return s, err
}

// normal knows what is usual for each package of a product.
type normal struct {
	references []reference // in the order in which they were set
	usual      map[string]usual
}

// usuals gives what is normal for every package with a reference; what was computed before is taken from monitor_limits.
func (r *Room) usuals(ctx context.Context, s settings) (normal, error) {
	n := normal{usual: map[string]usual{}}
	known := map[string]string{}
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		if n.references, err = references(tx, s.product.Name); err != nil {
			return err
		}
		for _, f := range n.references {
			var body string
			found, err := db.Found(tx.QueryRow(`SELECT body FROM monitor_limits WHERE product = ? AND package = ? AND settings = ? AND reference = ?`,
				f.product, f.pack, s.digest, f.digest).Scan(&body))
			if err != nil {
				return err
			}
			if found {
				known[f.pack] = body
			}
		}
		return nil
	})
	if err != nil {
		return n, fault.Wrap(err, "reading the references of %s", s.product.Name)
	}
	for _, f := range n.references {
		u := usual{}
		if body, ok := known[f.pack]; ok {
			if err := json.Unmarshal([]byte(body), &u); err != nil {
				return n, fault.Wrap(err, "reading the limits of package %s", short(f.pack))
			}
		} else {
			if u, err = s.usualOf(ctx, r.analytics, f); err != nil {
				return n, err
			}
			if err := r.keepUsual(ctx, s, f, u); err != nil {
				return n, err
			}
		}
		n.usual[f.pack] = u
	}
	return n, nil
}

func (r *Room) keepUsual(ctx context.Context, s settings, f reference, u usual) error {
	body, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`INSERT INTO monitor_limits (product, package, reference, settings, body) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (product, package, settings) DO UPDATE SET reference = excluded.reference, body = excluded.body`,
			f.product, f.pack, f.digest, s.digest, string(body))
		return err
	})
}

// of finds what is normal for a package. A package whose own hold-out is too short (a retraining on the newest days leaves a
// fortnight) inherits from the newest package before it that had enough; inherited names that package.
func (n normal) of(pack string) (u usual, inherited string, ok bool) {
	own, has := n.usual[pack]
	if has && !own.Performance.Provisional {
		return own, "", true
	}
	before := int64(1<<62 - 1)
	if has {
		for _, f := range n.references {
			if f.pack == pack {
				before = f.seq
			}
		}
	}
	for i := len(n.references) - 1; i >= 0; i-- {
		f := n.references[i]
		if u := n.usual[f.pack]; f.pack != pack && f.seq < before && !u.Performance.Provisional {
			return u, f.pack, true
		}
	}
	return own, "", has
}

// histograms gives the frozen features of a package and the digest of its reference.
func (n normal) histograms(pack string) (reference, bool) {
	for _, f := range n.references {
		if f.pack == pack {
			return f, true
		}
	}
	return reference{}, false
}
