package trace_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/trace"
)

// chat is a trace of ten spans as an agent makes it, the n-th of its kind.
func chat(n int) []trace.Span {
	id := make([]byte, 16)
	binary.BigEndian.PutUint64(id, uint64(n)+1)
	spans := make([]trace.Span, 10)
	for i := range spans {
		spans[i] = span(i+1, min(i, 1), fmt.Sprint("step ", i),
			trace.Attribute{Key: "mlflow.spanType", Value: "LLM"},
			trace.Attribute{Key: "mlflow.spanInputs", Value: fmt.Sprintf("will it rain tomorrow in Kiel? case %d", n)},
			trace.Attribute{Key: "mlflow.spanOutputs", Value: fmt.Sprintf("about %d mm in the afternoon, take an umbrella with you", i)})
		spans[i].TraceID = hex.EncodeToString(id)
		spans[i].StartNs = uint64(n) * 1e6
	}
	return spans
}

func BenchmarkAddSpans(b *testing.B) {
	r := room(dbtest.SQLite(b, trace.Migrations()))
	n := 0
	for b.Loop() {
		must(r.AddSpans(ctx, "1", chat(n)))
		n++
	}
	b.ReportMetric(float64(10*n)/b.Elapsed().Seconds(), "spans/s")
}

func BenchmarkSearch(b *testing.B) {
	d := dbtest.SQLite(b, trace.Migrations())
	r := room(d)
	const many = 100_000
	if err := d.Update(ctx, func(tx *db.Tx) error {
		for i := range many {
			id := fmt.Sprintf("tr-%06d", i)
			if _, err := tx.Exec(`INSERT INTO trace_info (id, experiment, timestamp_ms, state) VALUES (?, 1, ?, 'OK')`, id, i); err != nil {
				return err
			}
			if _, err := tx.Exec(`INSERT INTO trace_tag (trace, key, value) VALUES (?, 'mlflow.traceName', ?)`, id, fmt.Sprint("job ", i%7)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		b.Fatal(err)
	}
	for i := range 2000 {
		must(r.AddSpans(ctx, "2", chat(i)))
	}
	deep := ""
	for range 190 {
		deep = must(r.Search(ctx, trace.Search{ExperimentIDs: []string{"1"}, MaxResults: 500, PageToken: deep})).Next
	}
	for _, c := range []struct {
		name string
		s    trace.Search
	}{
		{"newest of 100000", trace.Search{ExperimentIDs: []string{"1"}}},
		{"behind 95000", trace.Search{ExperimentIDs: []string{"1"}, PageToken: deep}},
		{"LIKE in 20000", trace.Search{ExperimentIDs: []string{"1"}, Filter: "name LIKE '%none%'"}},
		{"text of 20000 spans", trace.Search{ExperimentIDs: []string{"2"}, Filter: "trace.text LIKE '%none%'"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.s.MaxResults = 100
			for b.Loop() {
				must(r.Search(ctx, c.s))
			}
		})
	}
}
