package mlflow

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/paraplu/paraplu/internal/tracking"
)

// get gives the raw value of a field by its name or its camelCase name; nil when it is unset.
func (c *call) get(name string) any {
	v, ok := c.fields[name]
	if other := camel(name); ok && !c.query && other != name && c.fields[other] != nil {
		c.note(invalid("Request specifies both '%s' and '%s'; provide only one of them.", name, other))
	}
	if !ok && name == "run_id" {
		v, ok = c.fields["run_uuid"]
	}
	if !ok && !c.query {
		v = c.fields[camel(name)]
	}
	return v
}

var camels sync.Map // of the names of fields, which are few

// camel gives "runId" for "run_id".
func camel(name string) string {
	if !strings.Contains(name, "_") {
		return name
	}
	if known, ok := camels.Load(name); ok {
		return known.(string)
	}
	parts := strings.Split(name, "_")
	for i, p := range parts[1:] {
		if p != "" {
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	out := strings.Join(parts, "")
	camels.Store(name, out)
	return out
}

func (c *call) note(err error) {
	if c.err == nil {
		c.err = err
	}
}

const seeDocs = " See the API docs for more information about request parameters."

func (c *call) missing(name string) {
	c.note(invalid("Missing value for required parameter '%s'.%s", name, seeDocs))
}

func (c *call) wrong(name string, v any) {
	c.note(invalid("Invalid value %s for parameter '%s' supplied:  Hint: Value was of type '%s'.%s", tracking.JSON(v), name, pythonType(v), seeDocs))
}

// pythonType names the type of a JSON value as MLflow does.
func pythonType(v any) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case string:
		return "str"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "float"
		}
		return "int"
	case []any, []string:
		return "list"
	}
	return "dict"
}

// single unpacks the value of a query argument, which may occur several times; the first one counts.
func (c *call) single(name string) any {
	v := c.get(name)
	if list, ok := v.([]string); ok && c.query {
		return list[0]
	}
	return v
}

// str gives an optional text, "" when it is unset.
func (c *call) str(name string) string {
	s, _ := c.text(name)
	return s
}

// text gives an optional text and whether it is set.
func (c *call) text(name string) (string, bool) {
	switch v := c.single(name).(type) {
	case nil:
		return "", false
	case string:
		if !clean(v) {
			c.note(invalid("Invalid value %s for parameter '%s' supplied: it contains a NUL character%s", tracking.JSON(v), name, "."+seeDocs))
		}
		return v, true
	default:
		c.wrong(name, v)
		return "", false
	}
}

// need gives a required text; the empty one counts as missing.
func (c *call) need(name string) string {
	s, _ := c.text(name)
	if s == "" && c.err == nil {
		c.missing(name)
	}
	return s
}

// int64 gives an optional integer: a number without fraction, or its text.
func (c *call) int64(name string) (n int64, set bool) {
	raw := c.single(name)
	var text string
	switch v := raw.(type) {
	case nil:
		return 0, false
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	default:
		c.wrong(name, raw)
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<63 {
			c.wrong(name, raw)
			return 0, false
		}
		n = int64(f)
	}
	return n, true
}

func (c *call) int64Or(name string, otherwise int64) int64 {
	if n, set := c.int64(name); set {
		return n
	}
	return otherwise
}

// float gives an optional number; NaN and infinities are texts, and the empty text counts as unset.
func (c *call) float(name string) (f float64, set bool) {
	raw := c.single(name)
	switch v := raw.(type) {
	case nil:
		return 0, false
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		if err == nil {
			return f, true
		}
	case string:
		switch v {
		case "":
			return 0, false
		case "NaN":
			return math.NaN(), true
		case "Infinity":
			return math.Inf(1), true
		case "-Infinity":
			return math.Inf(-1), true
		}
		f, err := strconv.ParseFloat(v, 64)
		if err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) && !strings.ContainsAny(v, "xX_pP") {
			return f, true
		}
	}
	c.wrong(name, raw)
	return 0, false
}

// boolean gives an optional flag; in a query it is "true" or "false" in any case.
func (c *call) boolean(name string) (b, set bool) {
	switch v := c.single(name).(type) {
	case nil:
		return false, false
	case bool:
		return v, true
	case string:
		if c.query {
			switch strings.ToLower(v) {
			case "true":
				return true, true
			case "false":
				return false, true
			}
			c.note(invalid("Invalid boolean value: %s, must be 'true' or 'false'.", v))
			return false, false
		}
		c.wrong(name, v)
	default:
		c.wrong(name, v)
	}
	return false, false
}

// strs gives a list of texts.
func (c *call) strs(name string) []string {
	switch v := c.get(name).(type) {
	case nil:
	case []string:
		return v
	case []any:
		out := make([]string, 0, len(v))
		for _, item := range v {
			s, ok := item.(string)
			if !ok || !clean(s) {
				c.wrong(name, v)
				return nil
			}
			out = append(out, s)
		}
		return out
	default:
		c.wrong(name, v)
	}
	return nil
}

// experiments gives the ids of the experiments to search; the empty one, which elsewhere means the default experiment, is wrong here.
func (c *call) experiments() []string {
	ids := c.strs("experiment_ids")
	if slices.Contains(ids, "") {
		c.note(invalid("Invalid experiment ID ''. Experiment ID must be a valid integer."))
	}
	return ids
}

// list gives a list of messages; each is a call of its own whose errors are noted here.
func (c *call) list(name string) []*call {
	v := c.get(name)
	items, ok := v.([]any)
	if v == nil || !ok {
		if v != nil {
			c.wrong(name, v)
		}
		return nil
	}
	out := make([]*call, 0, len(items))
	for _, item := range items {
		fields, ok := item.(map[string]any)
		if !ok {
			c.wrong(name, v)
			return nil
		}
		out = append(out, &call{ctx: c.ctx, fields: fields})
	}
	return out
}

// message gives a nested message, nil when it is unset.
func (c *call) message(name string) *call {
	switch v := c.get(name).(type) {
	case nil:
		return nil
	case map[string]any:
		return &call{ctx: c.ctx, fields: v}
	default:
		c.wrong(name, v)
		return nil
	}
}

// adopt takes over the first error of nested messages.
func (c *call) adopt(children ...*call) {
	for _, child := range children {
		if child != nil && child.err != nil {
			c.note(child.err)
		}
	}
}

// enum gives the name of an enum value, which may come as its number; "" when it is unset.
func (c *call) enum(name string, values []string) string {
	raw := c.single(name)
	if raw == nil {
		return ""
	}
	if s, ok := raw.(string); ok {
		for _, v := range values {
			if v != "" && v == s {
				return v
			}
		}
	}
	text := ""
	switch v := raw.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	}
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n < len(values) && values[n] != "" {
		return values[n]
	}
	c.wrong(name, raw)
	return ""
}

// kvs gives a list of {key, value}; where names the list in errors, and keys are required.
func (c *call) kvs(name string) []tracking.KV {
	var out []tracking.KV
	for i, m := range c.list(name) {
		kv := tracking.KV{Key: m.str("key"), Value: m.str("value")}
		if kv.Key == "" && m.err == nil {
			m.missing(name + "[" + strconv.Itoa(i) + "].key")
		}
		c.adopt(m)
		out = append(out, kv)
	}
	return out
}
