package trace

// Span is one step of a trace, as OpenTelemetry tells it.
type Span struct {
	TraceID    string // 32 hex digits, without "tr-"
	ID         string // 16 hex digits
	ParentID   string // "" = the root
	Name       string
	Kind       string // SPAN_KIND_INTERNAL, …_SERVER, …_CLIENT, …_PRODUCER, …_CONSUMER
	StartNs    uint64
	EndNs      uint64 // 0 while it runs
	Status     string // STATUS_CODE_OK, STATUS_CODE_ERROR, "" = unset
	Message    string // of the status
	Attributes []Attribute
	Events     []Event
	Links      []Link

	resource []Attribute // of what produced it; they become tags of the trace
}

// Attribute is a named value: nil, bool, string, int64, float64, []byte, []any of those, or []Attribute.
type Attribute struct {
	Key   string
	Value any
}

// Event is something that happened during a span.
type Event struct {
	TimeNs     uint64
	Name       string
	Attributes []Attribute
}

// Link points to a span of the same or of another trace.
type Link struct {
	TraceID, SpanID string // hex digits
	Attributes      []Attribute
}

// Attributes of spans with a meaning of their own.
const (
	requestIDAttr = "mlflow.traceRequestId"
	typeAttr      = "mlflow.spanType"
	inputsAttr    = "mlflow.spanInputs"
	outputsAttr   = "mlflow.spanOutputs"
	usageAttr     = "mlflow.chat.tokenUsage"
	costAttr      = "mlflow.llm.cost"
	traceTagAttr  = "mlflow.traceTag." // + key: a tag of the trace, on the root span
)

// trace gives the id of the span's trace as MLflow writes it.
func (s *Span) trace() string { return "tr-" + s.TraceID }

func (s *Span) attribute(key string) (any, bool) {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value, true
		}
	}
	return nil, false
}

// text gives a text attribute, "" when there is none.
func (s *Span) text(key string) string {
	v, _ := s.attribute(key)
	t, _ := v.(string)
	return t
}

func (s *Span) set(key string, value any) {
	for i := range s.Attributes {
		if s.Attributes[i].Key == key {
			s.Attributes[i].Value = value
			return
		}
	}
	s.Attributes = append(s.Attributes, Attribute{key, value})
}

// Type is the kind of step: LLM, TOOL, RETRIEVER, …; UNKNOWN when nobody said.
func (s *Span) Type() string {
	if t := s.text(typeAttr); t != "" {
		return t
	}
	return "UNKNOWN"
}

// StatusCode is OK, ERROR or UNSET.
func (s *Span) StatusCode() string {
	switch s.Status {
	case "STATUS_CODE_OK":
		return "OK"
	case "STATUS_CODE_ERROR":
		return "ERROR"
	}
	return "UNSET"
}
