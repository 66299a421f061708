package trace

import (
	"context"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// protected are the tags that the server keeps; a client's value for them is left out or refused.
var protected = []string{locationTag, spansTag, archiveTag, failureTag}

// SetTag gives a trace a tag, or another value for it. A long value is cut.
func (r *Room) SetTag(ctx context.Context, trace, key, text string) error {
	if slices.Contains(protected, key) {
		return fault.New(fault.Invalid, "Tag '%s' is immutable and cannot be set on a trace.", key)
	}
	if err := checkKey(key); err != nil {
		return err
	}
	if key == NameTag && utf8.RuneCountInString(text) > maxTag {
		return tooLong("Trace name", maxTag)
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		if err := exists(tx, trace); err != nil {
			return err
		}
		return putAll(tx, "trace_tag", trace, map[string]string{key: cut(clean(text), maxTag)})
	})
}

// DeleteTag takes a tag away; fault.NotFound when there is none.
func (r *Room) DeleteTag(ctx context.Context, trace, key string) error {
	if slices.Contains(protected, key) && key != failureTag {
		return fault.New(fault.Invalid, "Tag '%s' is immutable and cannot be deleted on a trace.", key)
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		res, err := tx.Exec(`DELETE FROM trace_tag WHERE trace = ? AND key = ?`, trace, key)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return err
		}
		return fault.New(fault.NotFound, "No trace tag with key '%s' for trace with ID '%s'", key, trace)
	})
}

// exists refuses a trace that is not there.
func exists(tx *db.Tx, trace string) error {
	var one int
	found, err := db.Found(tx.QueryRow(`SELECT 1 FROM trace_info WHERE id = ?`, trace).Scan(&one))
	if err == nil && !found {
		err = fault.New(fault.NotFound, "Trace with ID '%s' not found.", trace)
	}
	return err
}

// checkKey refuses a key with characters that MLflow does not allow, or that is no normal path.
func checkKey(key string) error {
	const allowed = "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
	for _, c := range key {
		if !strings.ContainsRune("/_.- :", c) && !unicode.IsLetter(c) && !unicode.IsNumber(c) {
			return fault.New(fault.Invalid, "Invalid value %q for parameter 'key' supplied: %s", cut(key, maxKey), allowed)
		}
	}
	if norm := path.Clean(key); norm != key || norm == "." || strings.HasPrefix(norm, "..") || strings.HasPrefix(norm, "/") {
		return fault.New(fault.Invalid, "Invalid value %q for parameter 'key' supplied: Names may be treated as files in certain cases, and must not"+
			" resolve to other names when treated as such. This name would resolve to '%s'", cut(key, maxKey), norm)
	}
	if utf8.RuneCountInString(key) > maxKey {
		return tooLong("key", maxKey)
	}
	return nil
}

// Links to what a trace belongs to.
const (
	runLink    = "run"
	promptLink = "prompt"
	maxLinks   = 100
	maxTarget  = 600 // characters
)

// LinkRun says that traces belong to a run, beside the one that they were made in. Repeating it changes nothing.
func (r *Room) LinkRun(ctx context.Context, run string, traces []string) error {
	if len(traces) > maxLinks {
		return fault.New(fault.Invalid, "Cannot link more than %d traces to a run in a single request. Provided %d traces.", maxLinks, len(traces))
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		for _, t := range traces {
			if err := link(tx, t, runLink, run); err != nil {
				return err
			}
		}
		return nil
	})
}

// LinkPrompts says which versions of prompts ("name/version") a trace used.
func (r *Room) LinkPrompts(ctx context.Context, trace string, prompts []string) error {
	if err := checkCount("prompts", len(prompts), maxLinks); err != nil {
		return err
	}
	return r.db.Update(ctx, func(tx *db.Tx) error {
		if err := exists(tx, trace); err != nil {
			return err
		}
		for _, p := range prompts {
			if err := link(tx, trace, promptLink, p); err != nil {
				return err
			}
		}
		return nil
	})
}

func link(tx *db.Tx, trace, kind, target string) error {
	if utf8.RuneCountInString(trace) > maxID || utf8.RuneCountInString(target) > maxTarget {
		return tooLong("link", maxTarget)
	}
	_, err := tx.Exec(`INSERT INTO trace_link (trace, kind, target) VALUES (?, ?, ?) ON CONFLICT (trace, kind, target) DO NOTHING`, trace, kind, target)
	return err
}
