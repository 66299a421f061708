package team

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// CanvasDigest names the content of the canvas: what a signature is bound to.
func CanvasDigest(p *spec.Product) ref.Digest {
	b, err := json.Marshal(p.Canvas)
	if err != nil {
		panic("team: a canvas is always JSON: " + err.Error()) // texts and finite numbers
	}
	return ref.Sum(b)
}

// CanvasField is a part of the canvas.
type CanvasField struct {
	Key  string `json:"key"` // in paraplu.yaml, such as "canvas.value.unit"
	Why  string `json:"why"` // why the product needs it
	Done bool   `json:"done"`
}

// Canvas lists the fields that a complete canvas has, and which are filled.
func Canvas(p *spec.Product) []CanvasField {
	c := p.Canvas
	return []CanvasField{
		{"canvas.problem", "what goes wrong today, and for whom", c.Problem != ""},
		{"canvas.decision", "a prediction that changes no decision has no value", c.Decision != ""},
		{"canvas.decided_by", "somebody must act on the prediction", c.DecidedBy != ""},
		{"canvas.decided", "when it is taken limits what a feature may know", c.Decided != ""},
		{"canvas.outcome.what", "the truth that the predictions are held against", c.Outcome.What != ""},
		{"canvas.outcome.known_after", "when the truth arrives decides how soon decay is seen", c.Outcome.KnownAfter > 0},
		{"canvas.baseline", "the rule in use today; a model that does not beat it is not released", c.Baseline != ""},
		{"canvas.value.unit", "value is counted in money", c.Value.Unit != ""},
		{"canvas.value.too_few", "errors cost differently in both directions", c.Value.TooFew > 0},
		{"canvas.value.too_many", "errors cost differently in both directions", c.Value.TooMany > 0},
		{"canvas.value.target_per_year", "without a target nobody can say that it was worth it", c.Value.TargetPerYear > 0},
		{"canvas.kill.criterion", "agree on the end before there is something to defend", c.Kill.Criterion != ""},
		{"canvas.kill.date", "the day on which the end is judged", c.Kill.Date != ""},
		{"canvas.never", "what must never happen", len(c.Never) > 0},
		{"canvas.fallback", "what is done when there is no prediction", c.Fallback != ""},
	}
}

func missingFields(p *spec.Product) []string {
	var out []string
	for _, f := range Canvas(p) {
		if !f.Done {
			out = append(out, f.Key)
		}
	}
	return out
}

// Signature is a member's name under a canvas.
type Signature struct {
	Member  string    `json:"member"`
	At      time.Time `json:"at"`
	Current bool      `json:"current"` // the canvas has not changed since
}

// Signatures lists who signed the canvas, newest first.
func (r *Room) Signatures(ctx context.Context, product string) ([]Signature, error) {
	return with(ctx, r, product, func(tx *db.Tx, p *row) ([]Signature, error) { return signatures(tx, p) })
}

func signatures(tx *db.Tx, p *row) ([]Signature, error) {
	want := CanvasDigest(p.spec)
	var out []Signature
	err := tx.Each(func(rows *sql.Rows) error {
		var s Signature
		var d ref.Digest
		var ms int64
		err := rows.Scan(&d, &s.Member, &ms)
		s.At, s.Current = db.Time(ms), d == want
		out = append(out, s)
		return err
	}, `SELECT canvas, member, signed_ms FROM team_canvas_signature WHERE product = ? ORDER BY signed_ms DESC, member`, p.spec.Name)
	return out, err
}

// SignCanvas records that a member stands for the canvas as it is now: only who answers for the use case, or the backup,
// and only a complete one. Signing the same canvas again changes nothing.
func (r *Room) SignCanvas(ctx context.Context, product, member string) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		p, err := load(tx, product)
		if err != nil {
			return err
		}
		if err := maySign(p.spec, member); err != nil {
			return err
		}
		now, digest := r.now(), CanvasDigest(p.spec)
		if _, err := tx.Exec(`INSERT INTO team_canvas_signature (product, canvas, member, signed_ms) VALUES (?, ?, ?, ?)
			ON CONFLICT (product, canvas, member) DO NOTHING`, product, string(digest), member, db.Millis(now)); err != nil {
			return err
		}
		return event.Append(tx, event.Fact{Time: now, Actor: member, Product: product, Verb: event.CanvasSigned, Object: product, Digest: string(digest),
			Key: "canvas.signed:" + product + ":" + string(digest) + ":" + member})
	})
}

func maySign(p *spec.Product, member string) error {
	if _, ok := p.Member(member); !ok {
		return fault.New(fault.Denied, "%q is not a member of %s and cannot sign its canvas", member, p.Name).
			WithHint("the members are under team.members in paraplu.yaml: %s", names(p))
	}
	all := Resolve(p)
	resp := all[slices.IndexFunc(all, func(r Responsibility) bool { return r.Activity == UseCase })]
	if member != resp.Accountable && member != resp.Backup {
		return fault.New(fault.Denied, "%s does not answer for %q; %s does", member, UseCase, orNobody(resp.Accountable)).
			WithHint("paraplu canvas sign --as %s", orNobody(resp.Accountable))
	}
	if missing := missingFields(p); len(missing) > 0 {
		return fault.New(fault.Precondition, "the canvas is not complete, so nobody can stand for it: %s", strings.Join(missing, ", ")).
			WithHint("fill in %s in paraplu.yaml", missing[0])
	}
	return nil
}

func names(p *spec.Product) string {
	var out []string
	for _, m := range p.Team.Members {
		out = append(out, m.Name)
	}
	if len(out) == 0 {
		return "nobody yet"
	}
	return strings.Join(out, ", ")
}

func orNobody(s string) string {
	if s == "" {
		return "nobody"
	}
	return s
}
