package pipeline

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
	"go.yaml.in/yaml/v3"
)

// params are the parameters of an execution: maps, lists, and scalars as YAML nodes, so that a date stays a date and
// 1e-3 stays 1e-3 for the program that reads them.
type params map[string]any

const maxParams = 100_000 // values after aliases are expanded

// readParams merges the files, later ones win, and applies the overrides.
func readParams(ws *workspace, files []string, set map[string]any) (params, error) {
	all := params{}
	for _, file := range files {
		data, err := os.ReadFile(ws.abs(file))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.NotFound, "the parameter file %s does not exist; pipeline.params in %s names it", file, spec.FileName).
				WithHint("create it, or remove it from pipeline.params")
		} else if err != nil {
			return nil, fault.Wrap(err, "reading parameters")
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(data, &doc); err != nil {
			return nil, fault.New(fault.Invalid, "the parameter file %s is not valid: %w", file, err)
		}
		if len(doc.Content) == 0 {
			continue
		}
		r := paramReader{file: file, left: maxParams}
		v, err := r.read(doc.Content[0])
		if err != nil {
			return nil, err
		}
		m, ok := v.(map[string]any)
		if !ok {
			return nil, fault.New(fault.Invalid, "parameters are names with values, this is something else").At(file, doc.Content[0].Line, doc.Content[0].Column)
		}
		merge(all, m)
	}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if err := all.override(key, set[key], files); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func merge(into, from map[string]any) {
	for k, v := range from {
		a, both := into[k].(map[string]any)
		if b, ok := v.(map[string]any); ok && both {
			merge(a, b)
			continue
		}
		into[k] = v
	}
}

type paramReader struct {
	file string
	left int
}

func (r *paramReader) read(n *yaml.Node) (any, error) {
	if r.left--; r.left < 0 {
		return nil, fault.New(fault.Exhausted, "more than %d parameters; is this an alias bomb?", maxParams).At(r.file, n.Line, n.Column)
	}
	switch n.Kind {
	case yaml.AliasNode:
		return r.read(n.Alias)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, c := range n.Content {
			v, err := r.read(c)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case yaml.MappingNode:
		return r.mapping(n)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: n.ShortTag(), Value: n.Value, Style: n.Style &^ yaml.TaggedStyle}, nil
}

func (r *paramReader) mapping(n *yaml.Node) (any, error) {
	m, own := map[string]any{}, map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		v, err := r.read(value)
		if err != nil {
			return nil, err
		}
		if key.ShortTag() == "!!merge" {
			more, ok := v.(map[string]any)
			if !ok {
				return nil, fault.New(fault.Invalid, "<< wants one mapping").At(r.file, key.Line, key.Column)
			}
			for k, v := range more {
				if !own[k] {
					m[k] = v
				}
			}
			continue
		}
		if own[key.Value] {
			return nil, fault.New(fault.Invalid, "the parameter %s is written twice", key.Value).At(r.file, key.Line, key.Column)
		}
		m[key.Value], own[key.Value] = v, true
	}
	return m, nil
}
