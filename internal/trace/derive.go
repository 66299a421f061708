package trace

import (
	"encoding/json"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// numbers are the metadata that hold an object of numbers, with the keys that count, in order. Others are dropped.
var numbers = map[string][]string{
	usageKey: {"input_tokens", "output_tokens", "total_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
		"cache_creation_input_tokens_above_1hr"},
	costKey: {"input_cost", "output_cost", "total_cost"},
}

// always is how many of the keys a sum over spans always has.
const always = 3

// normal gives an object of numbers as MLflow prints it, with the keys that count; "" when no number is left.
func normal(key, text string) string {
	have := objectOf(text)
	var parts []string
	for _, k := range numbers[key] {
		if n := printed(key, have[k]); n != "" {
			parts = append(parts, strconv.Quote(k)+": "+n)
		}
	}
	if parts == nil {
		return ""
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func objectOf(text string) (out map[string]any) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if dec.Decode(&out) != nil {
		return nil
	}
	return out
}

// printed gives a count (an integer) or a cost (a finite number) as Python prints it, "" for anything else.
func printed(key string, v any) string {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	default:
		return ""
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(text, "xX_pP") {
		return ""
	}
	if key == costKey {
		return pyFloat(f)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return strconv.FormatInt(n, 10)
	}
	if n, _ := new(big.Float).SetFloat64(f).Int64(); float64(n) == f && math.Abs(f) < 1<<63 {
		return strconv.FormatInt(n, 10)
	}
	return ""
}

// pyFloat prints a finite number as Python's repr does.
func pyFloat(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(f, 'e', -1, 64)
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// summed adds up an attribute of numbers over the spans of a trace. A span below one that has the attribute does not count:
// the upper one holds the sum already. "" when no span has it.
func summed(key, attr string, spans []Span) string {
	byID := make(map[string]*Span, len(spans))
	for i := range spans {
		byID[spans[i].ID] = &spans[i]
	}
	totals := map[string]float64{}
	covered := map[string]bool{} // id → it or one above it has the attribute
	for i := range spans {
		data := numbersOf(key, attr, &spans[i])
		if data == nil || above(&spans[i], byID, attr, key, covered) {
			continue
		}
		for k, n := range data {
			totals[k] += n
		}
		for _, k := range numbers[key][:always] {
			totals[k] += 0 // there, if only as 0
		}
	}
	if len(totals) == 0 {
		return ""
	}
	out := map[string]json.Number{}
	for k, n := range totals {
		out[k] = json.Number(strconv.FormatFloat(n, 'f', -1, 64))
	}
	text, err := json.Marshal(out)
	if err != nil { // a sum that is not finite
		return ""
	}
	return normal(key, string(text))
}

// above tells whether a span over s has the attribute. covered remembers what was found, so a deep chain costs its length once.
func above(s *Span, byID map[string]*Span, attr, key string, covered map[string]bool) bool {
	var path []string
	found := false
	seen := map[string]bool{s.ID: true}
	for p := byID[s.ParentID]; p != nil && !seen[p.ID]; p = byID[p.ParentID] { // ids of a client may make a ring
		if known, ok := covered[p.ID]; ok {
			found = known
			break
		}
		seen[p.ID] = true
		path = append(path, p.ID)
		if numbersOf(key, attr, p) != nil {
			found = true
			break
		}
	}
	for _, id := range path {
		covered[id] = found
	}
	return found
}

// numbersOf gives the numbers of an attribute that is an object; nil when it is none.
func numbersOf(key, attr string, s *Span) map[string]float64 {
	v, _ := s.attribute(attr)
	list, ok := v.([]Attribute)
	if !ok {
		return nil
	}
	out := map[string]float64{}
	for _, a := range list {
		if !slices.Contains(numbers[key], a.Key) {
			continue
		}
		switch n := a.Value.(type) {
		case int64:
			out[a.Key] = float64(n)
		case float64:
			if !math.IsNaN(n) && !math.IsInf(n, 0) {
				out[a.Key] = n
			}
		}
	}
	return out
}

// usageNames are the attributes of OpenTelemetry's conventions for models that count tokens, older names behind newer ones.
var usageNames = map[string][]string{
	"input_tokens":  {"gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"},
	"output_tokens": {"gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"},
	"total_tokens":  {"gen_ai.usage.total_tokens"},
}

// translate gives a span of another program the attribute for token usage that MLflow has.
func translate(s *Span) {
	if _, has := s.attribute(usageAttr); has {
		return
	}
	found := map[string]int64{}
	for key, names := range usageNames {
		for _, name := range names {
			if v, has := s.attribute(name); has {
				if n, ok := v.(int64); ok {
					found[key] = n
					break
				}
			}
		}
	}
	in, hasIn := found["input_tokens"]
	out, hasOut := found["output_tokens"]
	if _, hasTotal := found["total_tokens"]; !hasTotal && hasIn && hasOut {
		found["total_tokens"] = in + out
	}
	if !hasIn && !hasOut {
		return
	}
	var usage []Attribute
	for _, key := range numbers[usageKey][:always] {
		if n, ok := found[key]; ok {
			usage = append(usage, Attribute{key, n})
		}
	}
	s.set(usageAttr, usage)
}

// dropProtected removes attributes that would set a tag that the server keeps.
func dropProtected(s *Span) {
	s.Attributes = slices.DeleteFunc(s.Attributes, func(a Attribute) bool {
		key, isTag := strings.CutPrefix(a.Key, traceTagAttr)
		return isTag && s.ParentID == "" && slices.Contains(protected, key)
	})
}

// preview gives the short form of inputs or outputs: the last message of a role in a chat, else the JSON, cut.
func preview(v any, role string) string {
	var b strings.Builder
	writeValue(&b, v)
	text := b.String()
	if list := messages(v); len(list) > 0 {
		last := list[len(list)-1]
		for _, m := range slices.Backward(list) {
			if m["role"] == role {
				last = m
				break
			}
		}
		if content := contentOf(last["content"]); content != "" {
			text = content
		}
	}
	if short := cut(text, maxPreview); short != text {
		return cut(text, maxPreview-3) + "..."
	}
	return text
}

// messages finds the messages of a chat in the forms that model servers use.
func messages(v any) []map[string]any {
	obj, _ := plain(v).(map[string]any)
	for range 8 { // an agent wraps its request
		for _, key := range []string{"messages", "choices", "input", "output"} {
			list, _ := obj[key].([]any)
			if key == "choices" && len(list) > 0 {
				first, _ := list[0].(map[string]any)
				list = []any{first["message"]}
			}
			if found := onlyMessages(list); len(found) > 0 {
				return found
			}
		}
		inner, ok := obj["request"].(map[string]any)
		if !ok {
			return nil
		}
		obj = inner
	}
	return nil
}

func onlyMessages(list []any) (out []map[string]any) {
	for _, item := range list {
		m, _ := item.(map[string]any)
		_, role := m["role"]
		if _, content := m["content"]; role && content {
			out = append(out, m)
		}
	}
	return out
}

func contentOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []any:
		for _, part := range v {
			if text, ok := part.(string); ok {
				return text
			}
			m, _ := part.(map[string]any)
			if t := m["type"]; t == "text" || t == "output_text" {
				text, _ := m["text"].(string)
				return text
			}
		}
	}
	return ""
}

// tagsOf gives the tags that a root span brings, and those of its resource below them.
func tagsOf(spans []Span) map[string]string {
	out := map[string]string{}
	for _, a := range spans[0].resource {
		if !strings.HasPrefix(a.Key, "telemetry.sdk.") && !strings.HasPrefix(a.Key, "mlflow.") {
			out[a.Key] = asText(a.Value)
		}
	}
	for i := range spans {
		if spans[i].ParentID != "" {
			continue
		}
		for _, a := range spans[i].Attributes {
			if key, ok := strings.CutPrefix(a.Key, traceTagAttr); ok {
				out[key] = asText(a.Value)
			}
		}
	}
	maps.DeleteFunc(out, func(key, _ string) bool { return checkKey(key) != nil })
	return cutAll(out, maxTag)
}
