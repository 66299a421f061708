package quality

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/paraplu/paraplu/internal/spec"
)

const maxDepth = 32 // levels of nesting in a contract

// reader collects the problems of a contract while its nodes are read.
type reader struct {
	problems []spec.Problem
}

func at(n *yaml.Node) spec.Place { return spec.Place{Line: n.Line, Col: n.Column} }

func (r *reader) report(n *yaml.Node, where, hint, format string, args ...any) {
	r.problems = append(r.problems, spec.Problem{Place: at(n), Where: where, What: fmt.Sprintf(format, args...), Hint: hint})
}

// tame refuses what a contract does not need of YAML and what could be used to blow it up.
func (r *reader) tame(n *yaml.Node, depth int) bool {
	switch {
	case depth > maxDepth:
		r.report(n, "", "", "nested more than %d levels deep", maxDepth)
		return false
	case n.Kind == yaml.AliasNode:
		r.report(n, "", "write the value again", "an alias (*%s): contracts have no anchors and aliases", n.Value)
		return false
	case n.Anchor != "":
		r.report(n, "", "remove it", "an anchor (&%s): contracts have no anchors and aliases", n.Anchor)
		return false
	case n.Style&yaml.TaggedStyle != 0:
		r.report(n, "", "remove it", "a tag (%s): contracts have no tags", n.Tag)
		return false
	}
	ok := true
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Kind != yaml.ScalarNode {
			r.report(c, "", "", "a key must be a text")
			return false
		}
		ok = r.tame(c, depth+1) && ok
	}
	return ok
}

// fields says how to read each known key of a mapping; nil reads nothing.
type fields map[string]func(n *yaml.Node, where string)

// object reads a mapping and reports unknown, repeated and missing keys.
func (r *reader) object(n *yaml.Node, where string, known fields, required ...string) {
	if n.Kind != yaml.MappingNode {
		r.report(n, where, "", "wanted keys with values, got %s", got(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		if line, twice := seen[key.Value]; twice {
			r.report(key, where, "", "the key %q is written twice; first on line %d", key.Value, line)
			continue
		} else if !ok {
			r.report(key, where, suggest(key.Value, keysOf(known)), "unknown key %q", key.Value)
			continue
		}
		seen[key.Value] = key.Line
		if read != nil {
			read(value, join(where, key.Value))
		}
	}
	for _, key := range required {
		if seen[key] == 0 {
			r.report(n, where, "", "the key %q is missing", key)
		}
	}
}

// list reads every item of a sequence.
func (r *reader) list(n *yaml.Node, where string, each func(n *yaml.Node, where string)) {
	if n.Kind != yaml.SequenceNode {
		r.report(n, where, "begin each item with -", "wanted a list, got %s", got(n))
		return
	}
	for i, c := range n.Content {
		each(c, fmt.Sprintf("%s[%d]", where, i))
	}
}

// closed gives a reader that only checks the keys of a mapping, or of every mapping of a list.
func (r *reader) closed(keys string) func(*yaml.Node, string) {
	known := fields{}
	for _, k := range strings.Fields(keys) {
		known[k] = nil
	}
	return func(n *yaml.Node, where string) {
		if n.Kind == yaml.SequenceNode {
			r.list(n, where, func(n *yaml.Node, where string) { r.object(n, where, known) })
			return
		}
		r.object(n, where, known)
	}
}

// text gives a reader of a text into p; numbers are taken as they are written (version: 1.0).
func (r *reader) text(p *string) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
			r.report(n, where, "", "wanted a text, got %s", got(n))
			return
		}
		*p = n.Value
	}
}

func (r *reader) one(p *string, allowed ...string) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		r.text(p)(n, where)
		for _, a := range allowed {
			if *p == a {
				return
			}
		}
		if n.Kind == yaml.ScalarNode {
			r.report(n, where, suggest(*p, allowed), "%q is not known here", *p)
		}
	}
}

func (r *reader) boolean(p *bool) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		if n.ShortTag() != "!!bool" {
			r.report(n, where, "", "wanted true or false, got %s", got(n))
			return
		}
		*p = strings.EqualFold(n.Value, "true")
	}
}

func (r *reader) whole(p *int64, least int64) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		v, err := strconv.ParseInt(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || err != nil || v < least {
			r.report(n, where, "", "wanted a whole number of at least %d, got %s", least, got(n))
			return
		}
		*p = v
	}
}

func (r *reader) number(p *float64) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		if v, ok := number(n); ok {
			*p = v
			return
		}
		r.report(n, where, "", "wanted a number, got %s", got(n))
	}
}

func (r *reader) texts(p *[]string) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		if n.Kind == yaml.ScalarNode {
			n = &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{n}, Line: n.Line, Column: n.Column}
		}
		r.list(n, where, func(n *yaml.Node, where string) {
			var s string
			r.text(&s)(n, where)
			*p = append(*p, s)
		})
	}
}

func (r *reader) values(p *[]Value) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		*p = []Value{}
		r.list(n, where, func(n *yaml.Node, where string) {
			if n.Kind != yaml.ScalarNode {
				r.report(n, where, "", "wanted one value, got %s", got(n))
				return
			}
			_, isNumber := number(n)
			*p = append(*p, Value{Text: n.Value, Null: n.ShortTag() == "!!null", Number: isNumber})
		})
	}
}

// pattern reads a regular expression; the dialect is that of the engine and of Go, RE2.
func (r *reader) pattern(p *string) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		r.text(p)(n, where)
		if _, err := regexp.Compile(*p); err != nil {
			r.report(n, where, "look-around and back-references are not offered (RE2)", "the pattern %q cannot be used: %s", *p, err)
		}
	}
}

func number(n *yaml.Node) (float64, bool) {
	if tag := n.ShortTag(); n.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" {
		return 0, false
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// got names what stands in the file, for people.
func got(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "keys with values"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	if r := []rune(n.Value); len(r) > 40 {
		return strconv.Quote(string(r[:40]) + "…")
	}
	return strconv.Quote(n.Value)
}

func keysOf(known fields) []string {
	out := make([]string, 0, len(known))
	for k := range known {
		out = append(out, k)
	}
	return sorted(out)
}

// suggest gives the word that was probably meant, else the words that are known.
func suggest(word string, known []string) string {
	known = sorted(known)
	if near := spec.Nearest(word, known); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) > 24 {
		return ""
	}
	return "known here: " + strings.Join(known, ", ")
}

func join(where, key string) string {
	if where == "" {
		return key
	}
	return where + "." + key
}
