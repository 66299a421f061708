package trace

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Assess adds an assessment to a trace. One that it overrides is no longer valid.
func (r *Room) Assess(ctx context.Context, a Assessment) (Assessment, error) {
	if err := r.prepare(&a, a.TraceID); err != nil {
		return a, err
	}
	return a, r.db.Update(ctx, func(tx *db.Tx) error {
		if err := exists(tx, a.TraceID); err != nil {
			return err
		}
		if a.Overrides != "" {
			res, err := tx.Exec(`UPDATE trace_assessment SET valid = 0 WHERE trace = ? AND id = ?`, a.TraceID, a.Overrides)
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				return firstOf(err, noAssessment(a.TraceID, a.Overrides))
			}
		}
		return putAssessment(tx, a)
	})
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func noAssessment(trace, id string) error {
	return fault.New(fault.NotFound, "Assessment with ID '%s' not found for trace '%s'", id, trace)
}

// prepare checks an assessment and fills in what the client left to us.
func (r *Room) prepare(a *Assessment, trace string) error {
	a.TraceID = trace
	if a.ID == "" {
		raw := make([]byte, 16)
		rand.Read(raw) //nolint:errcheck // never fails
		a.ID = "a-" + hex.EncodeToString(raw)
	}
	if len(a.ID) > maxID || a.ID != clean(a.ID) {
		return tooLong("assessment_id", maxID)
	}
	if n := utf8.RuneCountInString(a.Name); n == 0 || n > maxKey {
		return fault.New(fault.Invalid, "An assessment needs a name of at most %d characters.", maxKey)
	}
	if a.Value == nil || !json.Valid(a.Value) {
		return fault.New(fault.Invalid, "Exactly one of `expectation`, `feedback`, or `issue` should be specified.")
	}
	if a.Rationale != nil {
		text := clean(*a.Rationale)
		a.Rationale = &text
	}
	if a.CreatedMs == 0 {
		a.CreatedMs = r.clock().UnixMilli()
	}
	if a.UpdatedMs == 0 {
		a.UpdatedMs = a.CreatedMs
	}
	return nil
}

// putAssessment writes an assessment; the same id again replaces it. One of another trace is not moved.
func putAssessment(tx *db.Tx, a Assessment) error {
	var of string
	found, err := db.Found(tx.QueryRow(`SELECT trace FROM trace_assessment WHERE id = ?`, a.ID).Scan(&of))
	if err != nil {
		return err
	}
	if found && of != a.TraceID {
		return fault.New(fault.Invalid, "Assessment with ID '%s' belongs to another trace.", a.ID)
	}
	_, err = tx.Exec(`INSERT INTO trace_assessment (id, trace, seq, kind, name, value, number, error, source_type, source_id, span, rationale, metadata,
		overrides, valid, created_ms, updated_ms) VALUES (?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM trace_assessment WHERE trace = ?),
		?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
		kind = excluded.kind, name = excluded.name, value = excluded.value, number = excluded.number, error = excluded.error,
		source_type = excluded.source_type, source_id = excluded.source_id, span = excluded.span, rationale = excluded.rationale,
		metadata = excluded.metadata, overrides = excluded.overrides, valid = excluded.valid, created_ms = excluded.created_ms,
		updated_ms = excluded.updated_ms`,
		a.ID, a.TraceID, a.TraceID, string(a.Kind), a.Name, string(a.Value), numeric(a.Value), jsonOrNil(a.Error, a.Error == nil), a.SourceType, textOrNil(a.SourceID),
		textOrNil(a.SpanID), a.Rationale, jsonOrNil(a.Metadata, len(a.Metadata) == 0), textOrNil(a.Overrides), flag(a.Valid), a.CreatedMs, a.UpdatedMs)
	return err
}

// numeric gives the number that a value is, nil when it is none.
func numeric(v json.RawMessage) *float64 {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
		return nil
	}
	return &f
}

func textOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func jsonOrNil(v any, absent bool) *string {
	if absent {
		return nil
	}
	return textOrNil(jsonText(v))
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Assessment gives one assessment of a trace.
func (r *Room) Assessment(ctx context.Context, trace, id string) (a Assessment, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		a, err = loadAssessment(tx, trace, id)
		return err
	})
	return a, err
}

func loadAssessment(tx *db.Tx, trace, id string) (Assessment, error) {
	a, err := scanAssessment(tx.QueryRow(`SELECT `+assessmentColumns+` FROM trace_assessment WHERE trace = ? AND id = ?`, trace, id).Scan)
	found, err := db.Found(err)
	if err != nil || found {
		return a, err
	}
	if err := exists(tx, trace); err != nil {
		return a, firstOf(missing(err), fault.New(fault.NotFound, "Trace with request_id '%s' not found", trace))
	}
	return a, noAssessment(trace, id)
}

// missing gives an error that is not about a missing thing.
func missing(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Change is what becomes different of an assessment; nil fields stay.
type Change struct {
	Name      *string
	Kind      Kind // of Value
	Value     json.RawMessage
	Error     *AssessmentError // goes with Value
	Rationale *string
	Metadata  map[string]string // joined with what is there
}

var withArticle = map[Kind]string{Feedback: "a Feedback", Expectation: "an Expectation", Issue: "an IssueReference"}

// Reassess changes an assessment. Its source and span stay what they were.
func (r *Room) Reassess(ctx context.Context, trace, id string, c Change) (a Assessment, err error) {
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		if a, err = loadAssessment(tx, trace, id); err != nil {
			return err
		}
		if c.Value != nil {
			if c.Kind != a.Kind {
				return fault.New(fault.Invalid, "Cannot update %s value on %s assessment.", c.Kind, withArticle[a.Kind])
			}
			a.Value, a.Error = c.Value, c.Error
		}
		if c.Name != nil {
			a.Name = *c.Name
		}
		if c.Rationale != nil && a.Kind != Expectation {
			a.Rationale = c.Rationale
		}
		if len(c.Metadata) > 0 {
			all := maps.Clone(a.Metadata)
			if all == nil {
				all = map[string]string{}
			}
			maps.Copy(all, c.Metadata)
			a.Metadata = all
		}
		a.UpdatedMs = r.clock().UnixMilli()
		if err := r.prepare(&a, trace); err != nil {
			return err
		}
		return putAssessment(tx, a)
	})
	return a, err
}

// Unassess removes an assessment; one that it overrode is valid again. A missing one is no error.
func (r *Room) Unassess(ctx context.Context, trace, id string) error {
	return r.db.Update(ctx, func(tx *db.Tx) error {
		a, err := loadAssessment(tx, trace, id)
		if err != nil {
			return missing(err)
		}
		if a.Overrides != "" {
			if _, err := tx.Exec(`UPDATE trace_assessment SET valid = 1 WHERE trace = ? AND id = ?`, trace, a.Overrides); err != nil {
				return err
			}
		}
		_, err = tx.Exec(`DELETE FROM trace_assessment WHERE trace = ? AND id = ?`, trace, id)
		return err
	})
}

const assessmentColumns = `id, trace, kind, name, value, error, source_type, source_id, span, rationale, metadata, overrides, valid, created_ms, updated_ms`

func scanAssessment(scan func(...any) error) (a Assessment, err error) {
	var text string
	var source, span, overrides, failure, meta sql.NullString
	var valid int64
	err = scan(&a.ID, &a.TraceID, &a.Kind, &a.Name, &text, &failure, &a.SourceType, &source, &span, &a.Rationale, &meta, &overrides, &valid, &a.CreatedMs, &a.UpdatedMs)
	if err != nil {
		return a, err
	}
	a.Value, a.SourceID, a.SpanID, a.Overrides, a.Valid = json.RawMessage(text), source.String, span.String, overrides.String, valid != 0
	if failure.Valid {
		err = json.Unmarshal([]byte(failure.String), &a.Error)
	}
	if err == nil && meta.Valid {
		err = json.Unmarshal([]byte(meta.String), &a.Metadata)
	}
	return a, err
}

func loadAssessments(tx *db.Tx, traces []string, add func(Assessment)) error {
	return eachIn(tx, traces, func(rows *sql.Rows) error {
		a, err := scanAssessment(rows.Scan)
		if err == nil {
			add(a)
		}
		return err
	}, `SELECT `+assessmentColumns+` FROM trace_assessment WHERE trace IN %IN% ORDER BY trace, created_ms, seq`)
}
