package trace_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/trace"
)

// Spans come first, the summary closes the trace, and somebody says what it is worth.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "trace")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	d := must(db.Open(ctx, filepath.Join(dir, "paraplu.db")))
	defer d.Close()
	if err := db.Migrate(ctx, d, trace.Migrations()); err != nil {
		panic(err)
	}
	room := trace.New(d, func(context.Context, string) (string, error) { return "mlflow-artifacts:/1", nil }, time.Now)

	must(room.AddSpans(ctx, "1", []trace.Span{{TraceID: "0af7651916cd43dd8448eb211c80319c", ID: "b7ad6b7169203331", Name: "forecast", Kind: "SPAN_KIND_INTERNAL"}}))
	took := int64(120)
	t := must(room.Start(ctx, trace.Info{ID: "tr-0af7651916cd43dd8448eb211c80319c", ExperimentID: "1", State: trace.OK, DurationMs: &took}))
	must(room.Assess(ctx, trace.Assessment{TraceID: t.ID, Kind: trace.Feedback, Name: "useful", Value: json.RawMessage("true"), Valid: true}))

	page := must(room.Search(ctx, trace.Search{ExperimentIDs: []string{"1"}, Filter: "feedback.useful = 'true' AND span.name LIKE 'fore%'", MaxResults: 10}))
	for _, i := range page.Items {
		fmt.Println(i.ID, i.State, *i.DurationMs, "ms")
	}
	// Output: tr-0af7651916cd43dd8448eb211c80319c OK 120 ms
}
