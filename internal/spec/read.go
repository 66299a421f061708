package spec

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// reader fills Go values from YAML nodes by their shape, and collects problems.
type reader struct {
	problems []Problem
	places   map[string]Place // dotted path → where its key (or list item) is written
}

func (r *reader) report(n *yaml.Node, where, hint, format string, args ...any) {
	r.problems = append(r.problems, Problem{Place: place(n), Where: where, What: fmt.Sprintf(format, args...), Hint: hint})
}

// tame reports what the format leaves out of YAML and tells whether the tree can be read.
func (r *reader) tame(where string, n *yaml.Node, depth int) bool {
	if depth > maxDepth {
		r.report(n, "", "", "nested more than %d levels deep", maxDepth)
		return false
	}
	ok := true
	switch {
	case n.Kind == yaml.AliasNode:
		r.report(n, where, "write the value again", "an alias (*%s): this file has no anchors and aliases", n.Value)
		return false
	case n.ShortTag() == "!!merge":
		r.report(n, where, "write the keys again", "a merge key (<<): this file has no merge keys")
		return false
	case n.Anchor != "":
		r.report(n, where, "remove it", "an anchor (&%s): this file has no anchors and aliases", n.Anchor)
		ok = false
	case n.Style&yaml.TaggedStyle != 0:
		r.report(n, where, "remove it", "a tag (%s): this file has no tags", n.Tag)
		ok = false
	}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Kind != yaml.ScalarNode && c.Kind != yaml.AliasNode {
			r.report(c, where, "", "a key must be a text")
			ok = false
			continue
		}
		ok = r.tame(where, c, depth+1) && ok
	}
	return ok
}

// read fills v. A value with a problem is left zero, or filled as far as it goes.
func (r *reader) read(where string, n *yaml.Node, s *shape, v reflect.Value) {
	if n.ShortTag() == "!!null" && s.kind != kText {
		r.report(n, where, "remove the key or give it a value", "has no value; wanted %s", s.wanted())
		return
	}
	if s.pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch s.kind {
	case kStruct:
		r.readStruct(where, n, s, v)
	case kKeyed:
		r.readKeyed(where, n, s, v)
	case kList:
		r.readList(where, n, s, v)
	case kTexts:
		r.readTexts(where, n, s, v)
	case kAny:
		r.readAny(where, n, s, v)
	case kCommand:
		r.readCommand(where, n, v)
	default:
		r.readScalar(where, n, s, v)
	}
}

// pairs calls each for every key of a mapping, and reports keys written twice.
func (r *reader) pairs(where string, n *yaml.Node, s *shape, each func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.report(n, where, "", "wanted %s, got %s", s.wanted(), got(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if line, twice := seen[key.Value]; twice {
			r.report(key, where, "", "the key %s is written twice; first on line %d", quote(key.Value), line)
			continue
		}
		seen[key.Value] = key.Line
		r.places[join(where, key.Value)] = place(key)
		each(key, n.Content[i+1])
	}
}

func (r *reader) readStruct(where string, n *yaml.Node, s *shape, v reflect.Value) {
	written := map[string]bool{}
	r.pairs(where, n, s, func(key, value *yaml.Node) {
		i := slices.IndexFunc(s.fields, func(f field) bool { return f.name == key.Value })
		if i < 0 {
			r.unknown(where, key, s)
			return
		}
		f := s.fields[i]
		written[f.name] = true
		r.read(join(where, f.name), value, f.shape, v.Field(f.index))
	})
	for _, f := range s.fields {
		if written[f.name] {
			continue
		}
		if f.required && n.Kind == yaml.MappingNode {
			r.problems = append(r.problems, Problem{
				Place: r.places[where], Where: where,
				What: fmt.Sprintf("the key %q is missing: %s", f.name, lower(f.doc)),
			})
			continue
		}
		r.defaults(f.shape, v.Field(f.index))
	}
}

func lower(doc string) string {
	doc = strings.TrimSuffix(doc, ".")
	if len(doc) > 1 && doc[1] >= 'a' && doc[1] <= 'z' || strings.HasPrefix(doc, "A ") {
		return strings.ToLower(doc[:1]) + doc[1:]
	}
	return doc
}

// unknown names the likely key, else the section where the key would be right.
func (r *reader) unknown(where string, key *yaml.Node, s *shape) {
	names := s.names()
	hint := didYouMean(key.Value, names)
	if hint == "" {
		if homes := root.homes(key.Value, ""); len(homes) > 0 {
			hint = "it belongs in " + strings.Join(homes, " or ")
		} else {
			hint = "known here: " + strings.Join(names, ", ")
		}
	}
	r.report(key, where, hint, "unknown key %s", quote(key.Value))
}

// defaults fills what the file leaves out. Pointers stay nil.
func (r *reader) defaults(s *shape, v reflect.Value) {
	switch {
	case s.pointer:
	case s.kind == kStruct:
		for _, f := range s.fields {
			r.defaults(f.shape, v.Field(f.index))
		}
	case s.def == "":
	case s.kind == kList:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		r.readScalar("", &yaml.Node{Kind: yaml.ScalarNode, Value: s.def}, s.elem, v.Index(0))
	default:
		r.readScalar("", &yaml.Node{Kind: yaml.ScalarNode, Value: s.def}, s, v)
	}
}

func (r *reader) readKeyed(where string, n *yaml.Node, s *shape, v reflect.Value) {
	r.pairs(where, n, s, func(key, value *yaml.Node) {
		r.name(where, key, s)
		item := reflect.New(v.Type().Elem()).Elem()
		item.Field(s.elem.key).SetString(key.Value)
		r.read(join(where, key.Value), value, s.elem, item)
		v.Set(reflect.Append(v, item))
	})
}

// name checks a key that the user chose.
func (r *reader) name(where string, key *yaml.Node, s *shape) {
	if !s.format.accepts(key.Value) {
		r.report(key, where, "", "the key %s is not %s", quote(key.Value), s.format.what)
	}
}

func (r *reader) readList(where string, n *yaml.Node, s *shape, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		hint := ""
		if n.Kind == yaml.ScalarNode {
			hint = "write [" + n.Value + "]"
		}
		r.report(n, where, hint, "wanted %s, got %s", s.wanted(), got(n))
		return
	}
	seen := map[string]bool{}
	for i, c := range n.Content {
		at := fmt.Sprintf("%s[%d]", where, i)
		r.places[at] = place(c)
		item := reflect.New(v.Type().Elem()).Elem()
		r.read(at, c, s.elem, item)
		if s.elem.kind == kText && item.String() != "" {
			if seen[item.String()] {
				r.report(c, where, "remove one", "%s is written twice", quote(item.String()))
				continue
			}
			seen[item.String()] = true
		}
		v.Set(reflect.Append(v, item))
	}
}

func (r *reader) readTexts(where string, n *yaml.Node, s *shape, v reflect.Value) {
	m := map[string]string{}
	r.pairs(where, n, s, func(key, value *yaml.Node) {
		r.name(where, key, s)
		var text string
		r.readScalar(join(where, key.Value), value, &shape{kind: kText, format: s.values}, reflect.ValueOf(&text).Elem())
		m[key.Value] = text
	})
	v.Set(reflect.ValueOf(m))
}

func (r *reader) readAny(where string, n *yaml.Node, s *shape, v reflect.Value) {
	m := map[string]any{}
	r.pairs(where, n, s, func(key, value *yaml.Node) {
		r.name(where, key, s)
		m[key.Value] = r.any(join(where, key.Value), value)
	})
	v.Set(reflect.ValueOf(m))
}

// any gives nil, bool, int, float64, string, []any or map[string]any.
func (r *reader) any(where string, n *yaml.Node) any {
	switch n.Kind {
	case yaml.SequenceNode:
		list := []any{}
		for i, c := range n.Content {
			list = append(list, r.any(fmt.Sprintf("%s[%d]", where, i), c))
		}
		return list
	case yaml.MappingNode:
		m := map[string]any{}
		r.pairs(where, n, &shape{kind: kAny}, func(key, value *yaml.Node) {
			m[key.Value] = r.any(join(where, key.Value), value)
		})
		return m
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool", "!!int", "!!float":
		var v any
		if err := n.Decode(&v); err != nil {
			r.report(n, where, "", "%s cannot be read", quote(n.Value))
		}
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			r.report(n, where, "", "%s is no finite number", n.Value)
		}
		return v
	}
	return n.Value
}

// wanted ends the sentence "wanted …".
func (s *shape) wanted() string {
	switch s.kind {
	case kNumber:
		return "a number"
	case kInteger:
		return "a whole number"
	case kBool:
		return "true or false"
	case kDuration:
		return "a duration such as 7d or 1h30m"
	case kDate:
		return "a date such as 2016-12-31"
	case kLimit:
		return "a number or auto"
	case kCommand:
		return "a shell command or a list of them"
	case kList:
		return "a list"
	case kStruct:
		return "the keys (" + strings.Join(s.names(), ", ") + ")"
	case kKeyed, kTexts, kAny:
		return "names with values"
	}
	return "a text"
}

// got names the form of a value for people.
func got(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return n.Value
	}
	return "the text " + quote(n.Value)
}
