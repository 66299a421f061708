package trace_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/trace"
)

func str(s string) *commonpb.AnyValue {
	return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: s}}
}

// export gives an OTLP request with one span that has every kind of value.
func export(t testing.TB, change func(*tracepb.Span)) []byte {
	t.Helper()
	s := &tracepb.Span{
		TraceId: bytes.Repeat([]byte{1}, 16), SpanId: bytes.Repeat([]byte{2}, 8), ParentSpanId: bytes.Repeat([]byte{3}, 8), Name: "é\x00",
		Kind: tracepb.Span_SPAN_KIND_SERVER, StartTimeUnixNano: 5, EndTimeUnixNano: math.MaxUint64,
		Status: &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: "bad"},
		Attributes: []*commonpb.KeyValue{
			{Key: "text", Value: str("x")}, {Key: "text", Value: str("y")}, {Key: "null", Value: &commonpb.AnyValue{}}, {Key: "none"},
			{Key: "int", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: math.MinInt64}}},
			{Key: "nan", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: math.Inf(1)}}},
			{Key: "flag", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: true}}},
			{Key: "bytes", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: []byte{0, 255}}}},
			{Key: "list", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{str("a"), {}}}}}},
			{Key: "map", Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: []*commonpb.KeyValue{{Key: "k", Value: str("v")}}}}}},
			{Key: "json", Value: str(`{"b": [1, 2.5, "x"], "a": null}`)}, {Key: "number", Value: str("12")}, {Key: "quoted", Value: str(`"q"`)}, {Key: "broken", Value: str("{oops")},
		},
		Events: []*tracepb.Span_Event{{TimeUnixNano: 7, Name: "e", Attributes: []*commonpb.KeyValue{{Key: "k", Value: str("v")}}}},
		Links:  []*tracepb.Span_Link{{TraceId: []byte{9}, SpanId: []byte{8}}},
	}
	if change != nil {
		change(s)
	}
	b, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{
		Resource:   &resourcepb.Resource{Attributes: []*commonpb.KeyValue{{Key: "service.name", Value: str("svc")}}},
		ScopeSpans: []*tracepb.ScopeSpans{{Spans: []*tracepb.Span{s}}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDecodeKeepsEveryKindOfValue(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		spans := must(trace.DecodeOTLP(export(t, nil)))
		want := []trace.Attribute{
			{Key: "text", Value: "y"}, {Key: "null"}, {Key: "none"}, {Key: "int", Value: int64(math.MinInt64)}, {Key: "nan", Value: math.Inf(1)}, {Key: "flag", Value: true},
			{Key: "bytes", Value: []byte{0, 255}}, {Key: "list", Value: []any{"a", nil}}, {Key: "map", Value: []trace.Attribute{{Key: "k", Value: "v"}}},
			{Key: "json", Value: []trace.Attribute{{Key: "b", Value: []any{int64(1), 2.5, "x"}}, {Key: "a"}}},
			{Key: "number", Value: "12"}, {Key: "quoted", Value: "q"}, {Key: "broken", Value: "{oops"},
			{Key: "mlflow.traceRequestId", Value: "tr-01010101010101010101010101010101"},
		}
		must(r.AddSpans(ctx, "1", spans))
		got := must(r.Get(ctx, "tr-01010101010101010101010101010101", true))
		s := got.Spans[0]
		if !reflect.DeepEqual(s.Attributes, want) {
			t.Errorf("\n got %v\nwant %v", s.Attributes, want)
		}
		if s.Name != "é\ufffd" || s.ParentID != "0303030303030303" || s.Status != "STATUS_CODE_ERROR" || s.EndNs != math.MaxUint64 || s.Links[0].SpanID != "0000000000000008" || s.Events[0].TimeNs != 7 {
			t.Errorf("%+v", s)
		}
		if got.Info.Tags["service.name"] != "svc" {
			t.Errorf("%v", got.Info.Tags)
		}
	})
}

// bomb is a protobuf that is small, and large once it is built.
func bomb() []byte {
	spans := bytes.Repeat([]byte{0x12, 0x00}, 1<<20) // a million empty spans
	scope := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), spans)
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), scope)
}

// nested is a list in a list in a list.
func nested(depth int) func(*tracepb.Span) {
	return func(s *tracepb.Span) {
		v := str("x")
		for range depth {
			v = &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: &commonpb.ArrayValue{Values: []*commonpb.AnyValue{v}}}}
		}
		s.Attributes = []*commonpb.KeyValue{{Key: "deep", Value: v}}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for what, body := range map[string][]byte{
		"nothing":         {},
		"a million spans": bomb(),
		"deep lists":      export(t, nested(65)),
		"deeper lists":    export(t, nested(3000)),
		"cut off":         export(t, nil)[:50],
		"a long length":   {0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"noise":           []byte("resourceSpans"),
		"a group":         {0x0b, 0x0b, 0x0b},
	} {
		if _, err := trace.DecodeOTLP(body); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := trace.DecodeOTLP(export(t, nested(50))); err != nil {
		t.Errorf("50 lists: %v", err)
	}
	for what, change := range map[string]func(*tracepb.Span){
		"no trace": func(s *tracepb.Span) { s.TraceId = nil }, "no id": func(s *tracepb.Span) { s.SpanId = nil },
		"a long trace": func(s *tracepb.Span) { s.TraceId = make([]byte, 17) }, "a long parent": func(s *tracepb.Span) { s.ParentSpanId = make([]byte, 9) },
	} {
		if _, err := trace.DecodeOTLP(export(t, change)); !errors.Is(err, trace.ErrSpan) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, body := range []string{"", "[]", "1", `{"resourceSpans": 1}`, `{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "zz"}]}]}]}`, `{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 5}]}]}]}`,
		`{"x": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + "}", `{"resourceSpans": [` + strings.Repeat("{},", 300_000) + "{}]}"} {
		if _, err := trace.DecodeOTLPJSON([]byte(body)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.60s: %v", body, err)
		}
	}
}

// Text that looks like JSON stays text when unwrapping it would build too much.
func TestLargeTextsAreNotUnwrapped(t *testing.T) {
	large := "[" + strings.Repeat("[],", 300_000) + "[]]"
	spans := must(trace.DecodeOTLP(export(t, func(s *tracepb.Span) {
		s.Attributes = []*commonpb.KeyValue{{Key: "large", Value: str(large)}, {Key: "deep", Value: str(strings.Repeat("[", 99) + strings.Repeat("]", 99))}}
	})))
	for _, a := range spans[0].Attributes {
		if _, isText := a.Value.(string); !isText {
			t.Errorf("%s was unwrapped", a.Key)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(export(f, nil), false)
	f.Add(export(f, nested(5)), false)
	f.Add(bomb()[:200], false)
	f.Add([]byte(`{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"intValue":"5"}}]},"scopeSpans":[{"spans":[{"traceId":"01","spanId":"02","name":"x","events":[{"name":"e"}],"links":[{"traceId":"03"}]}]}]}]}`), true)
	f.Fuzz(func(t *testing.T, body []byte, asJSON bool) {
		decode := trace.DecodeOTLP
		if asJSON {
			decode = trace.DecodeOTLPJSON
		}
		spans, err := decode(body)
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		for _, s := range spans {
			if len(s.TraceID) != 32 || len(s.ID) != 16 || len(s.ParentID) != 0 && len(s.ParentID) != 16 || s.Kind == "" {
				t.Fatalf("%+v", s)
			}
		}
	})
}

// A trace does not grow without end, and no call unpacks more than it may.
func TestLargeTrace(t *testing.T) {
	each(t, func(t *testing.T, r *trace.Room, d *db.DB) {
		must(r.AddSpans(ctx, "1", []trace.Span{span(1, 0, "root")}))
		large := func(mib int) {
			ok(t, d.Update(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE trace_chunk SET size = ?`, mib<<20)
				return err
			}))
		}
		large(33)
		if _, err := r.AddSpans(ctx, "1", []trace.Span{span(2, 1, "one more")}); !fault.Is(err, fault.Invalid) {
			t.Errorf("after 33 MiB: %v", err)
		}
		must(r.AddSpans(ctx, "1", []trace.Span{span(1, 0, "root")})) // again is fine
		must(r.Get(ctx, "tr-"+tid, false))
		large(65)
		if _, err := r.Get(ctx, "tr-"+tid, false); !fault.Is(err, fault.Invalid) {
			t.Errorf("65 MiB: %v", err)
		}
	})
}
