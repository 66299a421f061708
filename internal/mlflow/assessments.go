package mlflow

import (
	"encoding/json"
	"strings"
	"unicode"

	"github.com/paraplu/paraplu/internal/trace"
)

type sourceWire struct {
	Type string `json:"source_type"`
	ID   string `json:"source_id,omitempty"`
}

type feedbackWire struct {
	Value json.RawMessage        `json:"value"`
	Error *trace.AssessmentError `json:"error,omitempty"`
}

type serializedWire struct {
	Format string `json:"serialization_format"`
	Value  string `json:"value"`
}

type expectationWire struct {
	Value      json.RawMessage `json:"value,omitempty"`
	Serialized *serializedWire `json:"serialized_value,omitempty"`
}

type assessmentWire struct {
	ID          string            `json:"assessment_id"`
	Name        string            `json:"assessment_name"`
	TraceID     string            `json:"trace_id"`
	SpanID      string            `json:"span_id,omitempty"`
	Source      sourceWire        `json:"source"`
	Created     string            `json:"create_time"`
	Updated     string            `json:"last_update_time"`
	Feedback    *feedbackWire     `json:"feedback,omitempty"`
	Expectation *expectationWire  `json:"expectation,omitempty"`
	Issue       json.RawMessage   `json:"issue,omitempty"`
	Rationale   *string           `json:"rationale,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Overrides   string            `json:"overrides,omitempty"`
	Valid       bool              `json:"valid"`
}

const jsonFormat = "JSON_FORMAT"

func assessmentOf(a trace.Assessment) assessmentWire {
	w := assessmentWire{
		ID: a.ID, Name: a.Name, TraceID: a.TraceID, SpanID: a.SpanID, Source: sourceWire{a.SourceType, a.SourceID},
		Created: timestampOf(a.CreatedMs), Updated: timestampOf(a.UpdatedMs), Rationale: a.Rationale, Metadata: a.Metadata, Overrides: a.Overrides, Valid: a.Valid,
	}
	switch a.Kind {
	case trace.Feedback:
		w.Feedback = &feedbackWire{a.Value, a.Error}
	case trace.Expectation:
		w.Expectation = &expectationWire{Value: a.Value}
		if strings.ContainsAny(string(a.Value[:1]), "[{") { // the client reads lists and objects from a text only
			w.Expectation = &expectationWire{Serialized: &serializedWire{jsonFormat, string(a.Value)}}
		}
	default:
		w.Issue = a.Value
	}
	return w
}

var sourceTypes = []string{"SOURCE_TYPE_UNSPECIFIED", "HUMAN", "LLM_JUDGE", "CODE"}

// assessment reads an Assessment.
func assessment(c *call) trace.Assessment {
	a := trace.Assessment{
		ID: c.str("assessment_id"), Name: c.str("assessment_name"), SpanID: c.str("span_id"), SourceType: sourceTypes[0],
		Metadata: c.texts("metadata"), Overrides: c.str("overrides"), Valid: true,
	}
	if text := c.optional("rationale"); text != nil && *text != "" {
		a.Rationale = text
	}
	if valid, set := c.boolean("valid"); set {
		a.Valid = valid
	}
	if s := c.message("source"); s != nil {
		if t := s.enum("source_type", sourceTypes); t != "" {
			a.SourceType = t
		}
		a.SourceID = s.str("source_id")
		c.adopt(s)
	}
	a.CreatedMs, _ = c.timestamp("create_time")
	a.UpdatedMs, _ = c.timestamp("last_update_time")
	c.judgement(&a)
	return a
}

// judgement reads what an assessment says: one of feedback, expectation and issue.
func (c *call) judgement(a *trace.Assessment) {
	if f := c.message("feedback"); f != nil {
		a.Kind, a.Value = trace.Feedback, f.rawJSON("value")
		if e := f.message("error"); e != nil {
			a.Error = &trace.AssessmentError{Code: e.str("error_code"), Message: e.str("error_message"), StackTrace: e.str("stack_trace")}
			f.adopt(e)
		}
		c.adopt(f)
	}
	if e := c.message("expectation"); e != nil {
		a.Kind, a.Value = trace.Expectation, e.rawJSON("value")
		if s := e.message("serialized_value"); s != nil {
			if s.str("serialization_format") != jsonFormat && s.err == nil {
				s.note(invalid("Unknown serialization format: %s. Only JSON_FORMAT is supported.", s.str("serialization_format")))
			}
			a.Value = json.RawMessage(s.str("value"))
			if _, err := parseJSON(a.Value); err != nil && s.err == nil {
				s.wrong("value", string(a.Value))
			}
			e.adopt(s)
		}
		c.adopt(e)
	}
	if i := c.message("issue"); i != nil {
		a.Kind, a.Value = trace.Issue, c.rawJSON("issue")
	}
	if a.Kind == "" && c.err == nil {
		c.note(invalid("Unknown assessment type: None"))
	}
}

func oneAssessment(a trace.Assessment) map[string]assessmentWire {
	if a.ID == "" {
		return nil // beside an error
	}
	return map[string]assessmentWire{"assessment": assessmentOf(a)}
}

func (s *server) assess(c *call) (any, error) {
	m := c.message("assessment")
	if m == nil {
		c.missing("assessment")
		return nil, c.err
	}
	a := assessment(m)
	if m.err != nil {
		return nil, m.err
	}
	a.TraceID = c.vars["trace_id"]
	a, err := s.Traces.Assess(c.ctx, a)
	if err != nil {
		return nil, err
	}
	return oneAssessment(a), nil
}

func (s *server) getAssessment(c *call) (any, error) {
	a, err := s.Traces.Assessment(c.ctx, c.vars["trace_id"], c.vars["assessment_id"])
	return oneAssessment(a), err
}

// reassess changes the fields that the mask names: a list with commas, in camelCase.
func (s *server) reassess(c *call) (any, error) {
	m, mask := c.message("assessment"), c.str("update_mask")
	switch {
	case c.err != nil:
		return nil, c.err
	case m == nil:
		c.missing("assessment")
		return nil, c.err
	case mask == "":
		c.missing("update_mask")
		return nil, c.err
	}
	var change trace.Change
	for _, path := range strings.Split(mask, ",") {
		switch snake(path) {
		case "assessment_name":
			name := m.str("assessment_name")
			change.Name = &name
		case "rationale":
			change.Rationale = new(string)
			if text := m.optional("rationale"); text != nil {
				change.Rationale = text
			}
		case "metadata":
			change.Metadata = m.texts("metadata")
		case "feedback", "expectation":
			var a trace.Assessment
			m.judgement(&a)
			change.Kind, change.Value, change.Error = a.Kind, a.Value, a.Error
		}
	}
	if m.err != nil {
		return nil, m.err
	}
	a, err := s.Traces.Reassess(c.ctx, c.vars["trace_id"], c.vars["assessment_id"], change)
	if err != nil {
		return nil, err
	}
	return oneAssessment(a), nil
}

// snake turns camelCase into snake_case.
func snake(s string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(s) {
		if unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

func (s *server) unassess(c *call) (any, error) {
	return empty{}, s.Traces.Unassess(c.ctx, c.vars["trace_id"], c.vars["assessment_id"])
}
