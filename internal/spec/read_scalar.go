package spec

import (
	"fmt"
	"math"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (r *reader) readCommand(where string, n *yaml.Node, v reflect.Value) {
	text := &shape{kind: kText, format: formats[""]}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		if items = n.Content; len(items) == 0 {
			r.report(n, where, "", "an empty list: wanted a shell command")
		}
	}
	list := make(Command, len(items))
	for i, c := range items {
		r.readScalar(where, c, text, reflect.ValueOf(&list[i]).Elem())
	}
	v.Set(reflect.ValueOf(list))
}

func (r *reader) readScalar(where string, n *yaml.Node, s *shape, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		r.report(n, where, "", "wanted %s, got %s", s.wanted(), got(n))
		return
	}
	switch s.kind {
	case kText:
		r.readText(where, n, s, v)
	case kBool:
		if n.ShortTag() != "!!bool" {
			r.report(n, where, "", "wanted true or false, got %s", got(n))
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case kNumber, kInteger:
		r.readNumber(where, n, s, v)
	case kLimit:
		if n.Value == "auto" {
			v.Set(reflect.ValueOf(Limit{Auto: true}))
			return
		}
		r.readNumber(where, n, s, v.FieldByName("Value"))
	case kDuration:
		set(r, where, n, v, ParseDuration)
	case kDate:
		set(r, where, n, v, ParseDate)
	}
}

func set[T any](r *reader, where string, n *yaml.Node, v reflect.Value, parse func(string) (T, error)) {
	value, err := parse(n.Value)
	if err != nil {
		r.report(n, where, "", "%s", err)
		return
	}
	v.Set(reflect.ValueOf(value))
}

func (r *reader) readText(where string, n *yaml.Node, s *shape, v reflect.Value) {
	switch n.ShortTag() {
	case "!!int", "!!float", "!!bool":
		r.report(n, where, fmt.Sprintf("put it in quotes: %q", n.Value), "wanted a text, got %s", got(n))
		return
	case "!!null":
		r.report(n, where, "remove the key or give it a value", "has no value; wanted %s", s.wanted())
		return
	}
	text := n.Value
	switch {
	case s.enum != nil && !slices.Contains(s.enum, text):
		hint := didYouMean(text, s.enum)
		if hint == "" {
			hint = "one of: " + strings.Join(s.enum, ", ")
		}
		r.report(n, where, hint, "%s is not known here", quote(text))
		return
	case s.format.pattern != nil && !s.format.accepts(text):
		r.report(n, where, "", "%s is not %s", quote(text), s.format.what)
		return
	case s.isPath:
		text = path.Clean(text)
	}
	v.SetString(text)
}

// octal is read as 15 by YAML 1.1 and as 17 by YAML 1.2.
var octal = regexp.MustCompile(`^[-+]?0[0-9]`)

func (r *reader) readNumber(where string, n *yaml.Node, s *shape, v reflect.Value) {
	var f float64
	tag := n.ShortTag()
	switch {
	case tag != "!!int" && tag != "!!float", n.Decode(&f) != nil:
		r.report(n, where, "", "wanted %s, got %s", s.wanted(), got(n))
	case octal.MatchString(n.Value) && tag == "!!int":
		r.report(n, where, "write it without the zero in front", "%s is octal for some readers and decimal for others", n.Value)
	case math.IsNaN(f) || math.IsInf(f, 0):
		r.report(n, where, "", "%s is no finite number", n.Value)
	case s.kind == kInteger && (f != math.Trunc(f) || math.Abs(f) > 1<<53):
		r.report(n, where, "", "wanted a whole number, got %s", n.Value)
	case s.min != nil && f < *s.min:
		r.report(n, where, "", "%s is below %v", n.Value, *s.min)
	case s.max != nil && f > *s.max:
		r.report(n, where, "", "%s is above %v", n.Value, *s.max)
	case s.kind == kInteger:
		v.SetInt(int64(f))
	default:
		v.SetFloat(f)
	}
}
