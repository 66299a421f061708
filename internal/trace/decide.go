package trace

import (
	"regexp"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

const (
	contentKey    = "content"
	attributesKey = "attributes."
)

// test is a clause that is decided here and not by the database.
type test struct {
	filter.Clause
	pattern *regexp.Regexp // of RLIKE
}

func newTest(c filter.Clause) (test, error) {
	t := test{Clause: c}
	if c.Op == filter.RLikeOp {
		var err error
		if t.pattern, err = regexp.Compile(c.Value.Text); err != nil {
			return t, fault.New(fault.Invalid, "Invalid regular expression %q: %w", c.Value.Text, err)
		}
	}
	return t, nil
}

func (t test) holds(s string) bool {
	if t.pattern != nil {
		return t.pattern.MatchString(s)
	}
	ok, _ := t.Compare(s)
	return ok
}

// span adds a clause on spans. All of them must hold for one span.
func (q *query) span(c filter.Clause) error {
	name, isAttr := strings.CutPrefix(c.Key, attributesKey)
	switch {
	case isAttr && name == "":
		return fault.New(fault.Invalid, "Span attribute name cannot be empty after 'attributes.'")
	case c.Key == contentKey:
		if err := allow(c, spanEntity, likeOps[:2]); err != nil {
			return err
		}
	case isAttr, slices.Contains([]string{"name", "type", "status"}, c.Key):
		if err := allow(c, spanEntity, equalOps, likeOps, listOps); err != nil {
			return err
		}
	default:
		return fault.New(fault.Invalid, "Invalid span attribute '%s'. Supported attributes: name, status, type, attributes.<attribute_name>.", c.Key)
	}
	t, err := newTest(c)
	q.spans = append(q.spans, t)
	return err
}

// opinion adds a clause on assessments of a name. Only valid ones count.
func (q *query) opinion(c filter.Clause) error {
	exists := `EXISTS (SELECT 1 FROM trace_assessment x WHERE x.trace = t.id AND x.kind = ? AND x.name = ? AND x.valid = 1`
	args := []any{c.Entity, c.Key}
	switch c.Op {
	case filter.IsNull:
		q.where("NOT "+exists+")", args...)
	case filter.NotNull:
		q.where(exists+")", args...)
	case filter.Gt, filter.Ge, filter.Lt, filter.Le:
		if !c.Value.IsNumber {
			return fault.New(fault.Invalid, "Expected a numeric value for %s when using comparator '%s'. Got value %s", c.Entity, c.Op, c.Value)
		}
		q.where(exists+" AND x.number "+string(c.Op)+" ?)", append(args, c.Value.Number)...)
	default:
		if err := allow(c, c.Entity, equalOps, likeOps, nullOps); err != nil {
			return err
		}
		if !slices.Contains(likeOps, c.Op) { // true and 5 are written bare in JSON, texts in quotes
			not := map[filter.Op]string{filter.Ne: "NOT "}[c.Op]
			quoted := jsonText(c.Value.Text)
			q.where(exists+" AND "+not+"(x.value = ? OR x.value = ?))", append(args, c.Value.Text, quoted)...)
			return nil
		}
		q.where(exists+")", args...)
		t, err := newTest(c)
		q.opinions = append(q.opinions, t)
		return err
	}
	return nil
}

// decided tells whether the database decides alone.
func (q *query) decided() bool { return len(q.textTests)+len(q.spans)+len(q.opinions) == 0 }

// filter tells which candidates match; the dear tests see only what passed the cheap ones.
func (q *query) filter(tx *db.Tx, list []candidate) (hits []bool, err error) {
	hits = make([]bool, len(list))
	var open []string
	for i, c := range list {
		hits[i] = true
		for j, t := range q.textTests {
			hits[i] = hits[i] && c.texts[j].Valid && t.holds(c.texts[j].String)
		}
		if hits[i] {
			open = append(open, c.id)
		}
	}
	if len(q.opinions) > 0 {
		of := map[string][]Assessment{}
		if err := loadAssessments(tx, open, func(a Assessment) { of[a.TraceID] = append(of[a.TraceID], a) }); err != nil {
			return nil, err
		}
		for i, c := range list {
			hits[i] = hits[i] && q.opined(of[c.id])
		}
	}
	if len(q.spans) == 0 {
		return hits, nil
	}
	for i, c := range list {
		if !hits[i] {
			continue
		}
		left := int64(maxRead)
		spans, err := loadSpans(tx, c.id, &left)
		if err != nil {
			return nil, err
		}
		hits[i] = slices.ContainsFunc(spans, q.spanHolds)
	}
	return hits, nil
}

func (q *query) opined(list []Assessment) bool {
	for _, t := range q.opinions {
		if !slices.ContainsFunc(list, func(a Assessment) bool {
			return a.Valid && string(a.Kind) == t.Entity && a.Name == t.Key && t.holds(string(a.Value))
		}) {
			return false
		}
	}
	return true
}

func (q *query) spanHolds(s Span) bool {
	for _, t := range q.spans {
		var text string
		switch name, isAttr := strings.CutPrefix(t.Key, attributesKey); {
		case isAttr:
			v, has := s.attribute(name)
			if !has {
				return false
			}
			text = asText(v)
		case t.Key == contentKey:
			text = content(&s)
		case t.Key == "name":
			text = s.Name
		case t.Key == "type":
			text = s.Type()
		default:
			text = s.StatusCode()
		}
		if !t.holds(text) {
			return false
		}
	}
	return true
}

// content gives what a full-text search sees of a span: its name, attributes and events as JSON.
func content(s *Span) string {
	events := make([]any, len(s.Events))
	for i, e := range s.Events {
		events[i] = []Attribute{{"name", e.Name}, {"attributes", e.Attributes}}
	}
	return asText([]Attribute{{"name", s.Name}, {"status", s.Message}, {"attributes", s.Attributes}, {"events", events}})
}
