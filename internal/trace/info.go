package trace

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Limits, in characters. MLflow's own for ids (50) is too short for none of its clients; ours keeps an index row small.
const (
	maxID       = 250
	maxKey      = 250
	maxTag      = 4096 // MLflow keeps 8000 and shows 4096
	maxMetadata = 250
	maxPreview  = 1000
	maxItems    = 1000 // tags, metadata and assessments of one trace in a request
	maxIDs      = 5000 // traces in a request
)

// checkCount refuses more things than one request may hold.
func checkCount(what string, n, limit int) error {
	if n > limit {
		return fault.New(fault.Invalid, "The request holds %d %s, more than %d; send several requests", n, what, limit)
	}
	return nil
}

// Start takes the summary of a trace, at its end. It makes the trace, or completes what spans told before. Repeating it changes
// nothing.
func (r *Room) Start(ctx context.Context, in Info) (Info, error) {
	if err := r.checkInfo(&in); err != nil {
		return Info{}, err
	}
	location, err := r.homeOf(ctx, &in)
	if err != nil {
		return Info{}, err
	}
	for i := range in.Assessments {
		if err := r.prepare(&in.Assessments[i], in.ID); err != nil {
			return Info{}, err
		}
	}
	in.Metadata[finalizedKey] = "true"
	in.Tags[locationTag] = artifacts(location, in.ID)
	var out Info
	err = r.db.Update(ctx, func(tx *db.Tx) error {
		if err := put(tx, in); err != nil {
			return err
		}
		for _, a := range in.Assessments {
			if err := putAssessment(tx, a); err != nil {
				return err
			}
		}
		out, err = one(tx, in.ID, "Trace with ID '%s' not found.")
		return err
	})
	return out, err
}

// homeOf gives where the files of the experiment lie, and writes its number as it is stored.
func (r *Room) homeOf(ctx context.Context, in *Info) (string, error) {
	n, err := experimentNumber(in.ExperimentID)
	if err != nil {
		return "", err
	}
	in.ExperimentID = strconv.FormatInt(n, 10)
	return r.home(ctx, in.ExperimentID)
}

// artifacts gives the URI of a trace's files.
func artifacts(location, id string) string {
	return strings.TrimSuffix(location, "/") + "/traces/" + id + "/artifacts"
}

func (r *Room) checkInfo(in *Info) error {
	if err := checkID(in.ID); err != nil {
		return err
	}
	for what, n := range map[string]int{"tags": len(in.Tags), "metadata": len(in.Metadata), "assessments": len(in.Assessments)} {
		if err := checkCount(what, n, maxItems); err != nil {
			return err
		}
	}
	if in.ClientRequestID != nil && utf8.RuneCountInString(*in.ClientRequestID) > maxID {
		return tooLong("client_request_id", maxID)
	}
	if utf8.RuneCountInString(in.Tags[NameTag]) > maxTag {
		return tooLong("Trace name", maxTag)
	}
	if utf8.RuneCountInString(in.Metadata[sessionKey]) > maxMetadata {
		return tooLong("Session ID", maxMetadata)
	}
	in.Tags, in.Metadata = cutAll(in.Tags, maxTag), cutAll(in.Metadata, maxMetadata)
	for _, k := range protected {
		delete(in.Tags, k)
	}
	for key := range numbers {
		if text, ok := in.Metadata[key]; ok {
			delete(in.Metadata, key)
			if text = normal(key, text); text != "" {
				in.Metadata[key] = text
			}
		}
	}
	for _, p := range []**string{&in.RequestPreview, &in.ResponsePreview, &in.ClientRequestID} {
		if *p != nil {
			text := cut(clean(**p), maxPreview)
			*p = &text
		}
	}
	return nil
}

// checkID refuses an id that cannot be a folder's name, because files of a trace lie in one.
func checkID(id string) error {
	why := ""
	switch {
	case id == "" || id == "." || id == ".." || strings.ContainsAny(id, `/\`):
		why = "must be a single path component"
	case strings.ContainsFunc(id, func(c rune) bool { return c < 32 || c == 127 || strings.ContainsRune("%?#", c) }) || clean(id) != id:
		why = "must not contain '%', '?', '#' or control characters"
	case utf8.RuneCountInString(id) > maxID:
		why = "must have at most " + strconv.Itoa(maxID) + " characters"
	default:
		return nil
	}
	return fault.New(fault.Invalid, "Invalid value %q for parameter 'trace_id' supplied: %s", cut(id, 100), why)
}

func tooLong(what string, limit int) error {
	return fault.New(fault.Invalid, "'%s' exceeds the maximum length of %d characters", what, limit)
}

func cut(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}

func cutAll(m map[string]string, limit int) map[string]string {
	out := make(map[string]string, len(m)+2)
	for k, v := range m {
		out[cut(clean(k), maxKey)] = cut(clean(v), limit)
	}
	return out
}

// put inserts or completes the row of a trace, its tags and metadata. Values that spans told give way.
func put(tx *db.Tx, in Info) error {
	var experiment string
	found, err := db.Found(tx.QueryRow(`SELECT experiment FROM trace_info WHERE id = ?`, in.ID).Scan(&experiment))
	if err != nil {
		return err
	}
	if found && experiment != in.ExperimentID {
		return foreign(in.ID)
	}
	number, err := experimentNumber(in.ExperimentID)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`INSERT INTO trace_info (id, experiment, timestamp_ms, duration_ms, state, client_request_id, request_preview, response_preview)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET timestamp_ms = excluded.timestamp_ms,
		duration_ms = excluded.duration_ms, state = excluded.state, client_request_id = excluded.client_request_id,
		request_preview = coalesce(excluded.request_preview, trace_info.request_preview),
		response_preview = coalesce(excluded.response_preview, trace_info.response_preview)`,
		in.ID, number, in.TimeMs, in.DurationMs, in.State, in.ClientRequestID, in.RequestPreview, in.ResponsePreview)
	if err != nil {
		return err
	}
	if err := putAll(tx, "trace_tag", in.ID, in.Tags); err != nil {
		return err
	}
	return putAll(tx, "trace_metadata", in.ID, in.Metadata)
}

func foreign(id string) error {
	return fault.New(fault.Invalid, "Trace with ID '%s' already exists in another experiment.", id)
}

func putAll(tx *db.Tx, table, trace string, m map[string]string) error {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		_, err := tx.Exec(`INSERT INTO `+table+` (trace, key, value) VALUES (?, ?, ?) ON CONFLICT (trace, key) DO UPDATE SET value = excluded.value`,
			trace, k, m[k])
		if err != nil {
			return err
		}
	}
	return nil
}

// value gives a tag or metadata, "" when there is none.
func value(tx *db.Tx, table, trace, key string) (text string, err error) {
	_, err = db.Found(tx.QueryRow(`SELECT value FROM `+table+` WHERE trace = ? AND key = ?`, trace, key).Scan(&text))
	return text, err
}

// Info gives a trace without its spans.
func (r *Room) Info(ctx context.Context, id string) (out Info, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = one(tx, id, "Trace with ID '%s' not found.")
		return err
	})
	return out, err
}

// one loads a trace; missing is the text when there is none, with a verb for the id.
func one(tx *db.Tx, id, missing string) (Info, error) {
	list, err := infos(tx, []string{id})
	if err != nil {
		return Info{}, err
	}
	if len(list) == 0 {
		return Info{}, fault.New(fault.NotFound, missing, id)
	}
	return list[0], nil
}

// Infos gives the traces that exist, in the order of ids. experiments limits them; nil does not.
func (r *Room) Infos(ctx context.Context, ids, experiments []string) (out []Info, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out, err = within(tx, ids, experiments)
		return err
	})
	return out, err
}

func within(tx *db.Tx, ids, experiments []string) ([]Info, error) {
	if err := checkCount("trace ids", len(ids), maxIDs); err != nil {
		return nil, err
	}
	list, err := infos(tx, ids)
	if err == nil && experiments != nil {
		list = slices.DeleteFunc(list, func(i Info) bool { return !slices.Contains(experiments, i.ExperimentID) })
	}
	return list, err
}

// infos loads the rows of ids with all that hangs on them, in the order of ids.
func infos(tx *db.Tx, ids []string) ([]Info, error) {
	at := make(map[string]*Info, len(ids))
	err := eachIn(tx, ids, func(rows *sql.Rows) error {
		i := Info{Metadata: map[string]string{}, Tags: map[string]string{}}
		err := rows.Scan(&i.ID, &i.ExperimentID, &i.TimeMs, &i.DurationMs, &i.State, &i.ClientRequestID, &i.RequestPreview, &i.ResponsePreview)
		at[i.ID] = &i
		return err
	}, `SELECT id, experiment, timestamp_ms, duration_ms, state, client_request_id, request_preview, response_preview FROM trace_info WHERE id IN %IN%`)
	if err != nil {
		return nil, err
	}
	for table, of := range map[string]func(*Info) map[string]string{
		"trace_tag":      func(i *Info) map[string]string { return i.Tags },
		"trace_metadata": func(i *Info) map[string]string { return i.Metadata },
	} {
		err := eachIn(tx, ids, func(rows *sql.Rows) error {
			var id, k, v string
			if err := rows.Scan(&id, &k, &v); err != nil {
				return err
			}
			of(at[id])[k] = v
			return nil
		}, `SELECT trace, key, value FROM `+table+` WHERE trace IN %IN%`)
		if err != nil {
			return nil, err
		}
	}
	if err := loadAssessments(tx, ids, func(a Assessment) { at[a.TraceID].Assessments = append(at[a.TraceID].Assessments, a) }); err != nil {
		return nil, err
	}
	out := make([]Info, 0, len(at))
	for _, id := range ids {
		if i := at[id]; i != nil {
			out = append(out, *i)
			delete(at, id) // an id that is asked for twice is answered once
		}
	}
	return out, nil
}

// eachIn runs a query that contains one "%IN%" for the ids, in chunks.
func eachIn(tx *db.Tx, ids []string, scan func(*sql.Rows) error, query string, before ...any) error {
	for part := range slices.Chunk(ids, 400) {
		args := append([]any{}, before...)
		for _, id := range part {
			args = append(args, id)
		}
		if err := tx.Each(scan, strings.Replace(query, "%IN%", db.In(len(part)), 1), args...); err != nil {
			return err
		}
	}
	return nil
}
