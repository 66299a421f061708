package trace

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// asText gives a value as text: a text as it is, anything else as JSON.
func asText(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	var b strings.Builder
	writeValue(&b, v)
	return b.String()
}

// writeValue prints a value as JSON in the style of Python: the order of keys kept, spaces behind colons and commas, other
// scripts than Latin as they are. So previews and searches see the same text as those of MLflow.
func writeValue(b *strings.Builder, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		switch {
		case math.IsNaN(v):
			b.WriteString("NaN")
		case math.IsInf(v, 0):
			b.WriteString(strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+") + "inity")
		default:
			b.WriteString(pyFloat(v))
		}
	case string:
		b.WriteString(jsonText(v))
	case []byte:
		b.WriteString(jsonText(base64.StdEncoding.EncodeToString(v)))
	case []any:
		b.WriteByte('[')
		for i, item := range v {
			comma(b, i)
			writeValue(b, item)
		}
		b.WriteByte(']')
	case []Attribute:
		b.WriteByte('{')
		for i, a := range v {
			comma(b, i)
			b.WriteString(jsonText(a.Key) + ": ")
			writeValue(b, a.Value)
		}
		b.WriteByte('}')
	default:
		b.WriteString(jsonText(fmt.Sprint(v))) // no span holds anything else
	}
}

func comma(b *strings.Builder, i int) {
	if i > 0 {
		b.WriteString(", ")
	}
}

// jsonText gives compact JSON without escapes for HTML.
func jsonText(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil { // texts and maps of texts always marshal
		return ""
	}
	return strings.TrimSuffix(b.String(), "\n")
}
