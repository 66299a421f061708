package trace

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// unwrapper turns attributes that hold a JSON text, list or object as text into that value: programs that are not MLflow send
// structured values so. Numbers and flags in a text stay text.
type unwrapper struct {
	left int // values that may still be built for this request
}

func (u *unwrapper) unwrap(list []Attribute) {
	for i, a := range list {
		text, ok := a.Value.(string)
		if !ok || len(text) < 2 || !strings.ContainsRune(`{["`, rune(text[0])) {
			continue
		}
		items := 1 + strings.Count(text, ",") + strings.Count(text, "[") + strings.Count(text, "{")
		if items > u.left {
			continue
		}
		if v, err := parseValue(text); err == nil {
			u.left -= items
			list[i].Value = v
		}
	}
}

var errDeep = errors.New("too deep")

// parseValue reads JSON with the order of its keys.
func parseValue(text string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	v, err := nextValue(dec, 1)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the value")
	}
	return v, nil
}

func nextValue(dec *json.Decoder, depth int) (any, error) {
	t, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case string:
		return clean(t), nil
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		return t.Float64()
	case json.Delim:
		if depth >= maxDepth {
			return nil, errDeep
		}
		if t == '[' {
			return nextList(dec, depth)
		}
		return nextObject(dec, depth)
	}
	return t, nil // bool or nil
}

func nextList(dec *json.Decoder, depth int) (any, error) {
	out := []any{}
	for dec.More() {
		v, err := nextValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	_, err := dec.Token()
	return out, err
}

func nextObject(dec *json.Decoder, depth int) (any, error) {
	out, at := []Attribute{}, map[string]int{}
	for dec.More() {
		k, err := dec.Token()
		if err != nil {
			return nil, err
		}
		v, err := nextValue(dec, depth+1)
		if err != nil {
			return nil, err
		}
		key := clean(k.(string)) // the decoder gives nothing else here
		if i, again := at[key]; again {
			out[i].Value = v
			continue
		}
		at[key] = len(out)
		out = append(out, Attribute{key, v})
	}
	_, err := dec.Token()
	return out, err
}

// plain gives a value as JSON marshals it: objects without order, bytes in base64.
func plain(v any) any {
	switch v := v.(type) {
	case []Attribute:
		out := make(map[string]any, len(v))
		for _, a := range v {
			out[a.Key] = plain(a.Value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	}
	return v
}
