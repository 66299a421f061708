package trace

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/intake"
)

// Limits of one request: the messages in it (a few bytes of each become hundreds in memory), and how deep values nest.
const (
	maxMessages = intake.MaxObjects
	maxDepth    = 64
)

// DecodeOTLP reads the body of an OTLP/HTTP request (an ExportTraceServiceRequest as protobuf). It builds nothing before the
// body was counted.
func DecodeOTLP(body []byte) ([]Span, error) {
	var data tracepb.TracesData // the same message on the wire, without the module of gRPC
	left := maxMessages
	if err := count(body, data.ProtoReflect().Descriptor(), 0, &left); err != nil {
		return nil, err
	}
	if err := proto.Unmarshal(body, &data); err != nil {
		return nil, malformed()
	}
	return spansOf(&data, left)
}

// DecodeOTLPJSON reads the same request as JSON, in which ids are hex digits.
func DecodeOTLPJSON(body []byte) ([]Span, error) {
	if err := intake.JSON(body, maxMessages); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	var tree map[string]any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		return nil, malformed()
	}
	if !idsToBase64(tree, 0) {
		return nil, malformed()
	}
	again, err := json.Marshal(tree)
	if err != nil {
		return nil, malformed()
	}
	var data tracepb.TracesData
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: 4 * maxDepth}).Unmarshal(again, &data); err != nil {
		return nil, malformed()
	}
	return spansOf(&data, maxMessages)
}

// ErrSpan is the cause of an error of DecodeOTLP when the request is well-formed and a span in it is none.
var ErrSpan = errors.New("cannot convert the OpenTelemetry span")

func malformed() error { return fault.New(fault.Invalid, "Invalid OpenTelemetry format") }

// count walks the messages of a protobuf without building them, and refuses too many or too deep ones.
func count(b []byte, md protoreflect.MessageDescriptor, depth int, left *int) error {
	if depth > 4*maxDepth {
		return fault.New(fault.Invalid, "Invalid OpenTelemetry format: values nest deeper than %d", maxDepth)
	}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return malformed()
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return malformed()
		}
		if *left--; *left < 0 {
			return fault.New(fault.Invalid, "The request holds more than %d fields; send several requests", maxMessages)
		}
		if fd := md.Fields().ByNumber(num); fd != nil && fd.Message() != nil && typ == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(b)
			if err := count(inner, fd.Message(), depth+1, left); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	return nil
}

// idsToBase64 rewrites ids of OTLP JSON (hex digits) as protobuf's JSON has them. It is false for what is no such id.
func idsToBase64(v any, depth int) bool {
	if depth > 4*maxDepth {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		for k, item := range v {
			switch k {
			case "traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id":
				text, ok := item.(string)
				raw, err := hex.DecodeString(text)
				if !ok || err != nil {
					return false
				}
				v[k] = base64.StdEncoding.EncodeToString(raw)
			case "attributes": // values of attributes may have keys of any name
			default:
				if !idsToBase64(item, depth+1) {
					return false
				}
			}
		}
	case []any:
		for _, item := range v {
			if !idsToBase64(item, depth+1) {
				return false
			}
		}
	}
	return true
}

func spansOf(data *tracepb.TracesData, left int) ([]Span, error) {
	if len(data.ResourceSpans) == 0 {
		return nil, fault.New(fault.Invalid, "Invalid OpenTelemetry format - no spans found")
	}
	var out []Span
	u := &unwrapper{left: left}
	for _, rs := range data.ResourceSpans {
		resource, err := attributesOf(rs.GetResource().GetAttributes())
		if err != nil {
			return nil, err
		}
		for _, ss := range rs.ScopeSpans {
			for _, p := range ss.Spans {
				s, err := spanOf(p)
				if err != nil {
					return nil, err
				}
				u.unwrap(s.Attributes)
				s.set(requestIDAttr, s.trace()) // what the client says here is not to be believed
				s.resource = resource
				out = append(out, s)
			}
		}
	}
	return out, nil
}

func spanOf(p *tracepb.Span) (s Span, err error) {
	if len(p.TraceId) == 0 || len(p.TraceId) > 16 || len(p.SpanId) == 0 || len(p.SpanId) > 8 || len(p.ParentSpanId) > 8 {
		return s, fault.New(fault.Invalid, "%w: a trace id has 16 bytes and a span id 8", ErrSpan)
	}
	s = Span{
		TraceID: id(p.TraceId, 16), ID: id(p.SpanId, 8), Name: clean(p.Name), Kind: p.Kind.String(),
		StartNs: p.StartTimeUnixNano, EndNs: p.EndTimeUnixNano, Message: clean(p.GetStatus().GetMessage()),
	}
	if len(p.ParentSpanId) > 0 {
		s.ParentID = id(p.ParentSpanId, 8)
	}
	if tracepb.Span_SpanKind_name[int32(p.Kind)] == "" || p.Kind == tracepb.Span_SPAN_KIND_UNSPECIFIED {
		s.Kind = tracepb.Span_SPAN_KIND_INTERNAL.String()
	}
	if c := p.GetStatus().GetCode(); c == tracepb.Status_STATUS_CODE_OK || c == tracepb.Status_STATUS_CODE_ERROR {
		s.Status = c.String()
	}
	if s.Attributes, err = attributesOf(p.Attributes); err != nil {
		return s, err
	}
	for _, e := range p.Events {
		attrs, err := attributesOf(e.Attributes)
		if err != nil {
			return s, err
		}
		s.Events = append(s.Events, Event{e.TimeUnixNano, clean(e.Name), attrs})
	}
	for _, l := range p.Links {
		attrs, err := attributesOf(l.Attributes)
		if err != nil {
			return s, err
		}
		if len(l.TraceId) <= 16 && len(l.SpanId) <= 8 { // wider ones are none of OpenTelemetry; MLflow drops them, too
			s.Links = append(s.Links, Link{id(l.TraceId, 16), id(l.SpanId, 8), attrs})
		}
	}
	return s, nil
}

// id gives the hex digits of a number of n bytes.
func id(b []byte, n int) string {
	return strings.Repeat("00", n-len(b)) + hex.EncodeToString(b)
}

// clean makes a text that both databases hold.
func clean(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\ufffd")
	}
	return strings.ReplaceAll(s, "\x00", "\ufffd")
}

// attributesOf reads attributes; of equal keys the last value counts, in the place of the first.
func attributesOf(list []*commonpb.KeyValue) ([]Attribute, error) { return keyValues(list, 0) }

func keyValues(list []*commonpb.KeyValue, depth int) ([]Attribute, error) {
	out := make([]Attribute, 0, len(list))
	at := make(map[string]int, len(list))
	for _, kv := range list {
		v, err := valueOf(kv.GetValue(), depth+1)
		if err != nil {
			return nil, err
		}
		key := clean(kv.GetKey())
		if i, again := at[key]; again {
			out[i].Value = v
			continue
		}
		at[key] = len(out)
		out = append(out, Attribute{key, v})
	}
	return out, nil
}

func valueOf(v *commonpb.AnyValue, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fault.New(fault.Invalid, "Invalid OpenTelemetry format: values nest deeper than %d", maxDepth)
	}
	switch v := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		return clean(v.StringValue), nil
	case *commonpb.AnyValue_BoolValue:
		return v.BoolValue, nil
	case *commonpb.AnyValue_IntValue:
		return v.IntValue, nil
	case *commonpb.AnyValue_DoubleValue:
		return v.DoubleValue, nil
	case *commonpb.AnyValue_BytesValue:
		return v.BytesValue, nil
	case *commonpb.AnyValue_KvlistValue:
		return keyValues(v.KvlistValue.GetValues(), depth)
	case *commonpb.AnyValue_ArrayValue:
		out := make([]any, 0, len(v.ArrayValue.GetValues()))
		for _, item := range v.ArrayValue.GetValues() {
			x, err := valueOf(item, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	}
	return nil, nil
}

// protoOf is the inverse of spanOf. It fails only for what spanOf never makes.
func protoOf(s *Span) (*tracepb.Span, error) {
	ids := make([][]byte, 3)
	for i, text := range []string{s.TraceID, s.ID, s.ParentID} {
		var err error
		if ids[i], err = hex.DecodeString(text); err != nil {
			return nil, fmt.Errorf("span id %q: %w", text, err)
		}
	}
	p := &tracepb.Span{
		TraceId: ids[0], SpanId: ids[1], ParentSpanId: ids[2], Name: s.Name, StartTimeUnixNano: s.StartNs, EndTimeUnixNano: s.EndNs,
		Kind: tracepb.Span_SpanKind(tracepb.Span_SpanKind_value[s.Kind]), Attributes: toKeyValues(s.Attributes),
	}
	if s.Status != "" || s.Message != "" {
		p.Status = &tracepb.Status{Code: tracepb.Status_StatusCode(tracepb.Status_StatusCode_value[s.Status]), Message: s.Message}
	}
	for _, e := range s.Events {
		p.Events = append(p.Events, &tracepb.Span_Event{TimeUnixNano: e.TimeNs, Name: e.Name, Attributes: toKeyValues(e.Attributes)})
	}
	for _, l := range s.Links {
		trace, terr := hex.DecodeString(l.TraceID)
		span, serr := hex.DecodeString(l.SpanID)
		if terr != nil || serr != nil {
			return nil, fmt.Errorf("link to %q %q", l.TraceID, l.SpanID)
		}
		p.Links = append(p.Links, &tracepb.Span_Link{TraceId: trace, SpanId: span, Attributes: toKeyValues(l.Attributes)})
	}
	return p, nil
}

func toKeyValues(list []Attribute) []*commonpb.KeyValue {
	out := make([]*commonpb.KeyValue, len(list))
	for i, a := range list {
		out[i] = &commonpb.KeyValue{Key: a.Key, Value: toValue(a.Value)}
	}
	return out
}

func toValue(v any) *commonpb.AnyValue {
	switch v := v.(type) {
	case string:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}
	case bool:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BoolValue{BoolValue: v}}
	case int64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: v}}
	case float64:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_DoubleValue{DoubleValue: v}}
	case []byte:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_BytesValue{BytesValue: v}}
	case []Attribute:
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_KvlistValue{KvlistValue: &commonpb.KeyValueList{Values: toKeyValues(v)}}}
	case []any:
		list := &commonpb.ArrayValue{}
		for _, item := range v {
			list.Values = append(list.Values, toValue(item))
		}
		return &commonpb.AnyValue{Value: &commonpb.AnyValue_ArrayValue{ArrayValue: list}}
	}
	return &commonpb.AnyValue{}
}
