package mlflow

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/trace"
)

type traceWire struct {
	Info  traceInfoWire `json:"trace_info"`
	Spans []spanWire    `json:"spans,omitempty"`
}

func oneTrace(info traceInfoWire, spans []spanWire) map[string]traceWire {
	return map[string]traceWire{"trace": {info, spans}}
}

type experimentAt struct {
	ID string `json:"experiment_id"`
}

type locationWire struct {
	Type       string       `json:"type"`
	Experiment experimentAt `json:"mlflow_experiment"`
}

type traceInfoWire struct {
	ID              string            `json:"trace_id"`
	ClientRequestID *string           `json:"client_request_id,omitempty"`
	Location        locationWire      `json:"trace_location"`
	RequestPreview  *string           `json:"request_preview,omitempty"`
	ResponsePreview *string           `json:"response_preview,omitempty"`
	RequestTime     string            `json:"request_time"`
	Duration        string            `json:"execution_duration,omitempty"`
	State           string            `json:"state"`
	Metadata        map[string]string `json:"trace_metadata,omitempty"`
	Assessments     []assessmentWire  `json:"assessments,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
}

func infoOf(i trace.Info) traceInfoWire {
	w := traceInfoWire{
		ID: i.ID, ClientRequestID: i.ClientRequestID, Location: locationWire{"MLFLOW_EXPERIMENT", experimentAt{i.ExperimentID}},
		RequestPreview: i.RequestPreview, ResponsePreview: i.ResponsePreview, RequestTime: timestampOf(i.TimeMs), State: i.State,
		Metadata: i.Metadata, Tags: i.Tags,
	}
	if i.DurationMs != nil {
		w.Duration = durationOf(*i.DurationMs)
	}
	for _, a := range i.Assessments {
		w.Assessments = append(w.Assessments, assessmentOf(a))
	}
	return w
}

// oldTraceWire is the form before MLflow 3.
type oldTraceWire struct {
	ID           string   `json:"request_id"`
	ExperimentID string   `json:"experiment_id"`
	TimeMs       int64    `json:"timestamp_ms"`
	DurationMs   int64    `json:"execution_time_ms"`
	Status       string   `json:"status"`
	Metadata     []kvWire `json:"request_metadata,omitempty"`
	Tags         []kvWire `json:"tags,omitempty"`
}

func oldInfoOf(i trace.Info) oldTraceWire {
	w := oldTraceWire{i.ID, i.ExperimentID, i.TimeMs, 0, i.State, sorted(i.Metadata), sorted(i.Tags)}
	if i.DurationMs != nil {
		w.DurationMs = *i.DurationMs
	}
	if w.Status == trace.Unspecified {
		w.Status = traceStatuses[0]
	}
	return w
}

// spanWire is a span as protobuf's JSON has it, with integers as numbers.
type spanWire struct {
	TraceID    string      `json:"trace_id"`
	ID         string      `json:"span_id"`
	ParentID   string      `json:"parent_span_id,omitempty"`
	Name       string      `json:"name,omitempty"`
	Kind       string      `json:"kind"`
	StartNs    uint64      `json:"start_time_unix_nano,omitempty"`
	EndNs      uint64      `json:"end_time_unix_nano,omitempty"`
	Attributes []attrWire  `json:"attributes,omitempty"`
	Events     []eventWire `json:"events,omitempty"`
	Links      []linkWire  `json:"links,omitempty"`
	Status     statusWire  `json:"status"`
}

type attrWire struct {
	Key   string         `json:"key,omitempty"`
	Value map[string]any `json:"value,omitempty"` // absent = null
}

type eventWire struct {
	TimeNs     uint64     `json:"time_unix_nano,omitempty"`
	Name       string     `json:"name,omitempty"`
	Attributes []attrWire `json:"attributes,omitempty"`
}

type linkWire struct {
	TraceID    string     `json:"trace_id"`
	SpanID     string     `json:"span_id"`
	Attributes []attrWire `json:"attributes,omitempty"`
}

type statusWire struct {
	Message string `json:"message,omitempty"`
	Code    string `json:"code,omitempty"`
}

func spansOf(list []trace.Span) []spanWire {
	out := make([]spanWire, len(list))
	for i, s := range list {
		out[i] = spanWire{
			TraceID: bytesOf(s.TraceID), ID: bytesOf(s.ID), ParentID: bytesOf(s.ParentID), Name: s.Name, Kind: s.Kind, StartNs: s.StartNs, EndNs: s.EndNs,
			Attributes: attrsOf(s.Attributes), Status: statusWire{s.Message, s.Status},
		}
		for _, e := range s.Events {
			out[i].Events = append(out[i].Events, eventWire{e.TimeNs, e.Name, attrsOf(e.Attributes)})
		}
		for _, l := range s.Links {
			out[i].Links = append(out[i].Links, linkWire{bytesOf(l.TraceID), bytesOf(l.SpanID), attrsOf(l.Attributes)})
		}
	}
	return out
}

// bytesOf gives an id of hex digits as bytes are written.
func bytesOf(id string) string {
	b, _ := hex.DecodeString(id) // the room gives hex digits
	return base64.StdEncoding.EncodeToString(b)
}

func attrsOf(list []trace.Attribute) []attrWire {
	out := make([]attrWire, len(list))
	for i, a := range list {
		out[i] = attrWire{a.Key, anyValue(a.Value)}
	}
	return out
}

// anyValue wraps a value in the name of its type; {} is null.
func anyValue(v any) map[string]any {
	switch v := v.(type) {
	case string:
		return map[string]any{"string_value": v}
	case bool:
		return map[string]any{"bool_value": v}
	case int64:
		return map[string]any{"int_value": v}
	case float64:
		return map[string]any{"double_value": double(v)}
	case []byte:
		return map[string]any{"bytes_value": v}
	case []trace.Attribute:
		list := map[string]any{}
		if len(v) > 0 {
			list["values"] = attrsOf(v)
		}
		return map[string]any{"kvlist_value": list}
	case []any:
		list := map[string]any{}
		if len(v) > 0 {
			items := make([]map[string]any, len(v))
			for i := range v {
				items[i] = anyValue(v[i])
			}
			list["values"] = items
		}
		return map[string]any{"array_value": list}
	}
	return map[string]any{}
}

// timestampOf writes Unix milliseconds as protobuf does: RFC 3339 in UTC, three digits behind the second or none.
func timestampOf(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	if ms%1000 == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000Z")
}

func durationOf(ms int64) string {
	sign := ""
	if ms < 0 {
		sign, ms = "-", -ms
	}
	if ms%1000 == 0 {
		return fmt.Sprintf("%s%ds", sign, ms/1000)
	}
	return fmt.Sprintf("%s%d.%03ds", sign, ms/1000, ms%1000)
}

// timestamp reads an instant in RFC 3339 as Unix milliseconds.
func (c *call) timestamp(name string) (ms int64, set bool) {
	text, set := c.text(name)
	if !set {
		return 0, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		c.wrong(name, text)
	}
	return t.UnixMilli(), true
}

// duration reads seconds with a fraction and an "s" as milliseconds.
func (c *call) duration(name string) (ms int64, set bool) {
	text, set := c.text(name)
	if !set {
		return 0, false
	}
	number, ok := strings.CutSuffix(text, "s")
	number, negative := strings.CutPrefix(number, "-")
	whole, fraction, _ := strings.Cut(number, ".")
	seconds, err := strconv.ParseUint(whole, 10, 62)
	digits, ferr := strconv.ParseUint((fraction + "000")[:3], 10, 32)
	if !ok || err != nil || ferr != nil || len(fraction) > 9 || strings.Trim(fraction, "0123456789") != "" || seconds > 315_576_000_000 {
		c.wrong(name, text)
		return 0, true
	}
	ms = int64(seconds)*1000 + int64(digits)
	if negative {
		ms = -ms
	}
	return ms, true
}

// optional gives a text, nil when it is unset. It may hold NUL: what a program asked a model is not ours to refuse, and the
// room stores another character for it.
func (c *call) optional(name string) *string {
	switch v := c.single(name).(type) {
	case nil:
	case string:
		return &v
	default:
		c.wrong(name, v)
	}
	return nil
}

// texts gives a map of texts, which may hold NUL as well.
func (c *call) texts(name string) map[string]string {
	out := map[string]string{}
	switch v := c.get(name).(type) {
	case nil:
	case map[string]any:
		for k, item := range v {
			text, ok := item.(string)
			if !ok {
				c.wrong(name, v)
				return out
			}
			out[k] = text
		}
	default:
		c.wrong(name, v)
	}
	return out
}

// rawJSON gives a field as JSON, "null" when it is unset.
func (c *call) rawJSON(name string) json.RawMessage {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(c.get(name)) != nil { // what was parsed always marshals
		return json.RawMessage("null")
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}
