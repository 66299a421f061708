package trace

import (
	"context"
	"encoding/json"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
)

// Get gives a trace with its spans. A trace whose summary announces more spans than are there is awaited for a while, unless
// partial is said: clients send spans and summary side by side.
func (r *Room) Get(ctx context.Context, id string, partial bool) (Trace, error) {
	enough := time.NewTimer(r.Patience)
	defer enough.Stop()
	for {
		t, whole, err := r.get(ctx, id)
		if err != nil || whole || partial {
			return t, err
		}
		select {
		case <-ctx.Done():
			return t, ctx.Err()
		case <-enough.C:
			return t, fault.New(fault.NotFound, "Trace with ID %s is not fully exported yet, please try again later.", id)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// get gives a trace as it is now, and whether all announced spans are there.
func (r *Room) get(ctx context.Context, id string) (t Trace, whole bool, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		var err error
		if t.Info, err = one(tx, id, "Trace with ID %s is not found."); err != nil {
			return err
		}
		if err := stored(t.Info); err != nil {
			return err
		}
		left := int64(maxRead)
		t.Spans, err = loadSpans(tx, id, &left)
		return err
	})
	return t, complete(t), err
}

// stored refuses a trace without spans here: clients then look for its file.
func stored(i Info) error {
	if i.Tags[spansTag] == "" {
		return fault.New(fault.Precondition, "Trace data not stored in tracking store")
	}
	return nil
}

// complete tells whether all spans that the client announced are there, and at least one.
func complete(t Trace) bool {
	var sizes struct {
		Spans int `json:"num_spans"`
	}
	if text := t.Info.Metadata[sizesKey]; text != "" && json.Unmarshal([]byte(text), &sizes) != nil {
		sizes.Spans = 0
	}
	return len(t.Spans) > 0 && len(t.Spans) >= sizes.Spans
}

// List gives the traces of ids that are complete, in their order. experiments limits them; nil does not.
func (r *Room) List(ctx context.Context, ids, experiments []string) (out []Trace, err error) {
	err = r.db.View(ctx, func(tx *db.Tx) error {
		out = nil
		list, err := within(tx, ids, experiments)
		if err != nil {
			return err
		}
		for _, i := range list {
			if err := stored(i); err != nil {
				return err
			}
		}
		left := int64(maxRead)
		for _, i := range list {
			spans, err := loadSpans(tx, i.ID, &left)
			if err != nil {
				return err
			}
			if t := (Trace{i, spans}); complete(t) {
				out = append(out, t)
			}
		}
		return nil
	})
	return out, err
}
