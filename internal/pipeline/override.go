package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
	"go.yaml.in/yaml/v3"
)

// override sets a parameter that exists, and keeps its type: a text that reads as a number may replace a number.
func (p params) override(key string, value any, files []string) error {
	parts := strings.Split(key, ".")
	at := map[string]any(p)
	for i, part := range parts {
		old, ok := at[part]
		if !ok {
			return fault.New(fault.NotFound, "there is no parameter %s to set in %s%s", key, strings.Join(files, ", "), p.near(key)).
				WithHint("add it to the parameter file, or correct the name")
		}
		if i == len(parts)-1 {
			v, err := retype(old, value)
			if err != nil {
				return fault.New(fault.Invalid, "setting parameter %s: %w", key, err)
			}
			at[part] = v
			return nil
		}
		if at, ok = old.(map[string]any); !ok {
			return fault.New(fault.Invalid, "parameter %s has no part %s", strings.Join(parts[:i+1], "."), parts[i+1])
		}
	}
	return nil
}

func (p params) near(key string) string {
	if near := spec.Nearest(key, p.keys()); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// keys lists all dotted keys, sections too.
func (p params) keys() (keys []string) {
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			keys = append(keys, prefix+k)
			if sub, ok := m[k].(map[string]any); ok {
				walk(prefix+k+".", sub)
			}
		}
	}
	walk("", p)
	return keys
}

func retype(old, value any) (any, error) {
	now, err := fromGo(value)
	if err != nil {
		return nil, err
	}
	was, wasScalar := old.(*yaml.Node)
	is, isScalar := now.(*yaml.Node)
	if wasScalar && isScalar {
		if is.Tag == "!!str" && was.Tag != "!!str" {
			is = &yaml.Node{Kind: yaml.ScalarNode, Value: is.Value}
			is.Tag = is.ShortTag()
		}
		number := func(tag string) bool { return tag == "!!int" || tag == "!!float" }
		if was.Tag == is.Tag || number(was.Tag) && number(is.Tag) || was.Tag == "!!null" || is.Tag == "!!null" {
			return is, nil
		}
	} else if wasScalar == isScalar && fmt.Sprintf("%T", old) == fmt.Sprintf("%T", now) || wasScalar && was.Tag == "!!null" {
		return now, nil
	}
	return nil, fmt.Errorf("it is %s, and %s is %s", kindOf(old), show(plainValue(now)), kindOf(now))
}

func kindOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		return "a section"
	case []any:
		return "a list"
	case *yaml.Node:
		if name := map[string]string{"!!int": "a number", "!!float": "a number", "!!bool": "true or false", "!!null": "nothing", "!!timestamp": "a date"}[v.Tag]; name != "" {
			return name
		}
	}
	return "a text"
}

// fromGo turns a value of Go into parameters.
func fromGo(value any) (any, error) {
	switch v := value.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, x := range v {
			p, err := fromGo(x)
			if err != nil {
				return nil, err
			}
			m[k] = p
		}
		return m, nil
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			p, err := fromGo(x)
			if err != nil {
				return nil, err
			}
			list[i] = p
		}
		return list, nil
	case float64:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: float(v)}, nil
	case string, bool, int, int64, nil:
		var n yaml.Node
		if err := n.Encode(v); err != nil {
			return nil, err
		}
		return &n, nil
	}
	return nil, fmt.Errorf("a value of type %T cannot be a parameter", value)
}

// float prints a number so that readers of YAML 1.1 and 1.2 see a float: with a dot.
func float(f float64) string {
	s := strconv.FormatFloat(f, 'g', -1, 64)
	mantissa, exponent, _ := strings.Cut(s, "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if exponent != "" {
		exponent = "e" + exponent
	}
	return mantissa + exponent
}

// lookup gives a parameter by dotted key as plain values.
func (p params) lookup(key string) (any, bool) {
	var at any = map[string]any(p)
	for _, part := range strings.Split(key, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = m[part]; !ok {
			return nil, false
		}
	}
	return plainValue(at), true
}

// plainValue gives nil, bool, int, float64, string, lists and maps; dates and numbers that JSON lacks are texts.
func plainValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := map[string]any{}
		for k, x := range v {
			m[k] = plainValue(x)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, x := range v {
			list[i] = plainValue(x)
		}
		return list
	case *yaml.Node:
		var out any
		switch v.Tag {
		case "!!null":
			return nil
		case "!!bool", "!!int", "!!float":
			if v.Decode(&out) == nil {
				if f, ok := out.(float64); !ok || f-f == 0 {
					return out
				}
			}
		}
		return v.Value
	}
	return v
}

// encode gives the YAML file for the steps.
func (p params) encode() ([]byte, error) { return yaml.Marshal(node(map[string]any(p))) }

func node(v any) *yaml.Node {
	switch v := v.(type) {
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: k}, node(v[k]))
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, x := range v {
			n.Content = append(n.Content, node(x))
		}
		return n
	}
	return v.(*yaml.Node)
}
