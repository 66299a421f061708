package monitor

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// Truth is what really happened at one event.
type Truth struct {
	Key        string    // id of the prediction it belongs to; "" = found by Entity and the UTC day of EventTime
	Entity     string    // as in Prediction
	EventTime  time.Time // required: when it happened
	Value      float64
	KnownAt    time.Time // when the source knew it; zero = when it was received. The latest one counts
	Baseline   *float64  // what the naive rule would have answered; nil = the truth of the same weekday a week before
	Source     string    // where it comes from: "dataset:sales@sha256:…", "api"
	ReceivedAt time.Time // zero = now by the room's clock; a replay of the past sets it
}

func (t Truth) event() string {
	if t.Key != "" {
		return t.Key
	}
	return eventKey(t.Entity, t.EventTime)
}

func (t Truth) check(i int) error {
	switch {
	case t.EventTime.IsZero():
		return fault.New(fault.Invalid, "truth %d of the delivery has no event time", i+1).WithHint("give the day that the truth is about")
	case math.IsNaN(t.Value) || math.IsInf(t.Value, 0):
		return fault.New(fault.Invalid, "truth %d of the delivery (%s) is %v, not a number", i+1, t.event(), t.Value).
			WithHint("leave out events whose outcome is not known yet")
	case t.Baseline != nil && (math.IsNaN(*t.Baseline) || math.IsInf(*t.Baseline, 0)):
		return fault.New(fault.Invalid, "the baseline of truth %d of the delivery (%s) is not a number", i+1, t.event())
	}
	return nil
}

// RecordTruth keeps outcomes. It is idempotent: what is known already counts as a duplicate and changes nothing; another value
// for the same event is a correction and becomes a new version. A wrong row refuses the whole delivery (fault.Invalid).
//
// Which version counts is decided by KnownAt, not by the order of arrival; only of two that claim the same KnownAt the one
// that was received last wins.
func (r *Room) RecordTruth(ctx context.Context, product string, truths []Truth) (accepted, duplicates int, err error) {
	for i, t := range truths {
		if err := t.check(i); err != nil {
			return 0, 0, err
		}
	}
	if len(truths) == 0 {
		return 0, 0, nil
	}
	now := r.clock()
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		accepted, duplicates = 0, 0
		seq, err := lastTruthSeq(tx, product)
		if err != nil {
			return err
		}
		first := seq + 1
		for _, t := range truths {
			if t.ReceivedAt.IsZero() {
				t.ReceivedAt = now
			}
			added, err := keepTruth(tx, product, seq+1, t)
			if err != nil {
				return err
			}
			if added {
				seq++
				accepted++
			} else {
				duplicates++
			}
		}
		d := deliveryOf(product, truths, accepted, duplicates)
		if err := keepDelivery(tx, d, now); err != nil || accepted == 0 {
			return err
		}
		return event.Append(tx, event.Fact{
			Time: now, Actor: system, Source: job, Product: product, Verb: event.TruthReceived, Object: product,
			Digest: string(d.Digest), Key: fmt.Sprintf("truth:%s:%s:%d", product, d.Digest.Hex(), first), Inputs: sources(truths), Data: d,
		})
	})
	return accepted, duplicates, fault.Wrap(err, "recording truth of %s", product)
}

// Delivery is one call of RecordTruth.
type Delivery struct {
	Product    string     `json:"product"`
	Digest     ref.Digest `json:"digest"`
	First      string     `json:"first"` // first and last day
	Last       string     `json:"last"`
	Truths     int        `json:"truths"`
	Accepted   int        `json:"accepted"`
	Duplicates int        `json:"duplicates"`
}

func deliveryOf(product string, truths []Truth, accepted, duplicates int) Delivery {
	h := ref.NewHasher()
	d := Delivery{Product: product, Truths: len(truths), Accepted: accepted, Duplicates: duplicates}
	for _, t := range truths {
		at := day(t.EventTime)
		if d.First == "" || at < d.First {
			d.First = at
		}
		d.Last = max(d.Last, at)
		base := "-"
		if t.Baseline != nil {
			base = fmt.Sprint(*t.Baseline)
		}
		fmt.Fprintf(h, "%q %v %s %d %q\n", t.event(), t.Value, base, db.Millis(t.KnownAt), t.Source)
	}
	d.Digest = h.Digest()
	return d
}

// sources lists the lineage references among the sources: those of the form kind:name.
func sources(truths []Truth) (out []string) {
	seen := map[string]bool{}
	for _, t := range truths {
		if strings.Contains(t.Source, ":") && !seen[t.Source] {
			seen[t.Source] = true
			out = append(out, t.Source)
		}
	}
	return out
}
