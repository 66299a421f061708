package trace

import (
	"context"
	"database/sql"
	"maps"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// AddSpans stores spans of any number of traces of one experiment, all or none. Spans may come in any order, before or after
// Start, and again: a repeated one changes nothing. It gives the ids of the traces whose root is among them.
func (r *Room) AddSpans(ctx context.Context, experiment string, spans []Span) (ended []string, err error) {
	number, err := experimentNumber(experiment)
	if err != nil {
		return nil, err
	}
	location, homeErr := r.home(ctx, experiment)
	if homeErr != nil && !fault.Is(homeErr, fault.Invalid) && !fault.Is(homeErr, fault.NotFound) {
		return nil, homeErr
	}
	parts, err := byTrace(spans)
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		if p.root {
			ended = append(ended, p.id)
		}
	}
	for range 8 { // somebody may make the trace, or add to it, meanwhile
		err = r.db.Update(ctx, func(tx *db.Tx) error {
			for _, p := range parts {
				if err := p.store(tx, number, location, homeErr); err != nil {
					return err
				}
			}
			return nil
		})
		if !db.IsUnique(err) {
			break
		}
	}
	return ended, err
}

// part is what one request tells about one trace.
type part struct {
	id    string
	spans []Span
	told
}

func byTrace(spans []Span) (parts []*part, err error) {
	at := map[string]*part{}
	for _, s := range spans {
		translate(&s)
		dropProtected(&s)
		id := s.trace()
		if at[id] == nil {
			at[id] = &part{id: id}
			parts = append(parts, at[id])
		}
		at[id].spans = append(at[id].spans, s)
	}
	for _, p := range parts {
		if p.told, err = tell(p.spans); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// told is what some spans tell about their trace.
type told struct {
	startMs, endMs int64 // endMs 0 = none has ended
	root           bool
	state          string // of the root, IN_PROGRESS without one
	request        *string
	response       *string
	session, user  string
	tags           map[string]string
	usage, cost    bool
}

func tell(spans []Span) (t told, err error) {
	t = told{startMs: ms(spans[0].StartNs), state: InProgress, tags: tagsOf(spans)}
	for i := range spans {
		s := &spans[i]
		t.startMs, t.endMs = min(t.startMs, ms(s.StartNs)), max(t.endMs, ms(s.EndNs))
		t.usage = t.usage || numbersOf(usageKey, usageAttr, s) != nil
		t.cost = t.cost || numbersOf(costKey, costAttr, s) != nil
		for _, key := range []string{"session.id", "gen_ai.conversation.id"} {
			if t.session == "" {
				t.session = s.text(key)
			}
		}
		if t.user == "" {
			t.user = s.text("user.id")
		}
		if s.ParentID == "" {
			t.rootTold(s)
		}
	}
	if err := checkCount("tags", len(t.tags), maxItems); err != nil {
		return t, err
	}
	if len(t.session) > maxMetadata && cut(t.session, maxMetadata) != t.session {
		return t, tooLong("Session ID", maxMetadata)
	}
	return t, nil
}

func (t *told) rootTold(s *Span) {
	t.root, t.state = true, OK
	if s.StatusCode() == "ERROR" {
		t.state = Failed
	}
	for attr, of := range map[string]struct {
		role string
		to   **string
	}{inputsAttr: {"user", &t.request}, outputsAttr: {"assistant", &t.response}} {
		if v, has := s.attribute(attr); has && v != nil {
			if text := preview(v, of.role); text != "" {
				*of.to = &text
			}
		}
	}
}

func ms(ns uint64) int64 { return int64(ns / 1e6) }

// store makes the trace or completes it by what the spans tell, and keeps them. homeErr says why it cannot be made.
func (p *part) store(tx *db.Tx, experiment int64, location string, homeErr error) error {
	var in int64
	var startMs int64
	var durationMs *int64
	found, err := db.Found(tx.QueryRow(`SELECT experiment, timestamp_ms, duration_ms FROM trace_info WHERE id = ?`, p.id).Scan(&in, &startMs, &durationMs))
	tags := maps.Clone(p.tags)
	tags[spansTag] = "TRACKING_STORE"
	switch {
	case err != nil:
		return err
	case found && in != experiment:
		return foreign(p.id)
	case !found && homeErr != nil:
		return homeErr
	case !found:
		tags[locationTag] = artifacts(location, p.id)
		err = insertTold(tx, p.id, experiment, p.told)
	default:
		err = updateTold(tx, p.id, startMs, durationMs, p.told)
	}
	if err != nil {
		return err
	}
	if err := putAll(tx, "trace_tag", p.id, tags); err != nil {
		return err
	}
	fresh, err := addChunk(tx, p.id, p.spans)
	if err != nil || !fresh {
		return err
	}
	return derive(tx, p.id, p.told)
}

func insertTold(tx *db.Tx, id string, experiment int64, t told) error {
	_, err := tx.Exec(`INSERT INTO trace_info (id, experiment, timestamp_ms, duration_ms, state, request_preview, response_preview) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		id, experiment, t.startMs, t.duration(t.startMs), t.state, t.request, t.response)
	return err
}

func (t *told) duration(startMs int64) *int64 {
	if t.endMs == 0 {
		return nil
	}
	d := t.endMs - startMs
	return &d
}

// updateTold widens the time of a trace that Start has not closed, and fills in what is not known.
func updateTold(tx *db.Tx, id string, startMs int64, durationMs *int64, t told) error {
	final, err := value(tx, "trace_metadata", id, finalizedKey)
	if err != nil {
		return err
	}
	if final == "" {
		if durationMs != nil {
			t.endMs = max(t.endMs, startMs+*durationMs)
		}
		startMs = min(startMs, t.startMs)
		durationMs = t.duration(startMs)
	}
	_, err = tx.Exec(`UPDATE trace_info SET timestamp_ms = ?, duration_ms = ?,
		state = CASE WHEN state IN ('`+InProgress+`', '`+Unspecified+`') THEN ? ELSE state END,
		request_preview = coalesce(request_preview, ?), response_preview = coalesce(response_preview, ?) WHERE id = ?`,
		startMs, durationMs, t.state, t.request, t.response, id)
	return err
}

// derive writes the metadata that follows from all spans of a trace. What Start told stays.
func derive(tx *db.Tx, id string, t told) error {
	known := map[string]string{}
	err := tx.Each(func(rows *sql.Rows) error {
		var k, v string
		err := rows.Scan(&k, &v)
		known[k] = v
		return err
	}, `SELECT key, value FROM trace_metadata WHERE trace = ?`, id)
	if err != nil {
		return err
	}
	add := map[string]string{}
	for key, text := range map[string]string{sessionKey: t.session, userKey: t.user} {
		if _, has := known[key]; !has && text != "" {
			add[key] = cut(text, maxMetadata)
		}
	}
	open := func(key string) bool { return known[finalizedKey] == "" || known[key] == "" }
	usage, cost := t.usage && open(usageKey), t.cost && open(costKey)
	if usage || cost {
		left := int64(maxRead)
		all, err := loadSpans(tx, id, &left)
		if err != nil {
			return err
		}
		if usage {
			add[usageKey] = summed(usageKey, usageAttr, all)
		}
		if cost {
			add[costKey] = summed(costKey, costAttr, all)
		}
	}
	for k, v := range add {
		if strings.TrimSpace(v) == "" {
			delete(add, k)
		}
	}
	return putAll(tx, "trace_metadata", id, add)
}
