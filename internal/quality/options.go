package quality

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// optionsOf are the logicalTypeOptions that each logical type has.
var optionsOf = map[string]string{
	"string":    "minLength maxLength pattern format",
	"integer":   "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf format",
	"number":    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf format",
	"date":      "format minimum maximum exclusiveMinimum exclusiveMaximum",
	"timestamp": "format minimum maximum exclusiveMinimum exclusiveMaximum timezone defaultTimezone",
	"time":      "format minimum maximum exclusiveMinimum exclusiveMaximum timezone defaultTimezone",
	"array":     "minItems maxItems uniqueItems",
	"object":    "required minProperties maxProperties",
	"boolean":   "",
}

var textFormats = []string{"password", "byte", "binary", "email", "uuid", "uri", "hostname", "ipv4", "ipv6"}
var integerFormats = []string{"i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128"}
var numberFormats = []string{"f32", "f64"}

func (r *reader) options(n *yaml.Node, where string, p *Property) {
	o := &p.Options
	all := fields{
		"minimum": r.bound(&o.Min, p.Type), "maximum": r.bound(&o.Max, p.Type), "exclusiveMinimum": r.bound(&o.Above, p.Type), "exclusiveMaximum": r.bound(&o.Below, p.Type),
		"multipleOf": r.bound(&o.MultipleOf, p.Type), "minLength": r.length(&o.MinLength), "maxLength": r.length(&o.MaxLength), "minItems": r.length(&o.MinLength),
		"maxItems": r.length(&o.MaxLength), "pattern": r.pattern(&o.Pattern), "format": func(n *yaml.Node, where string) { r.format(n, where, p) },
		"timezone": nil, "defaultTimezone": nil, "uniqueItems": nil, "required": nil, "minProperties": nil, "maxProperties": nil,
	}
	if p.Type == "" {
		r.report(n, where, "add logicalType", "options need a logicalType")
		return
	}
	known := fields{}
	for _, key := range strings.Fields(optionsOf[p.Type]) {
		known[key] = all[key]
	}
	r.object(n, where, known)
	r.ordered(n, where, o, p.Type)
}

func (r *reader) length(p **int64) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		*p = new(int64)
		r.whole(*p, 0)(n, where)
	}
}

// bound reads a limit in the type of its column.
func (r *reader) bound(p *string, kind string) func(*yaml.Node, string) {
	return func(n *yaml.Node, where string) {
		switch kind {
		case "integer", "number":
			v, ok := number(n)
			if !ok || kind == "integer" && v != float64(int64(v)) {
				r.report(n, where, "", "wanted a number that fits %s, got %s", kind, got(n))
				return
			}
			*p = strconv.FormatFloat(v, 'g', -1, 64)
		default:
			if _, err := parseMoment(n.Value); err != nil {
				r.report(n, where, "write it as 2012-01-31 or 2012-01-31T18:00:00", "wanted a %s, got %s", kind, got(n))
				return
			}
			*p = n.Value
		}
	}
}

// ordered reports a range in which nothing lies: such a check would refuse every delivery.
func (r *reader) ordered(n *yaml.Node, where string, o *Options, kind string) {
	low, high := o.Min+o.Above, o.Max+o.Below
	if o.Min != "" && o.Above != "" || o.Max != "" && o.Below != "" {
		r.report(n, where, "keep one", "an inclusive and an exclusive bound on one side")
		return
	}
	if low == "" || high == "" {
		return
	}
	var empty bool
	if kind == "integer" || kind == "number" {
		a, _ := strconv.ParseFloat(low, 64)
		b, _ := strconv.ParseFloat(high, 64)
		empty = a > b
	} else {
		a, _ := parseMoment(low)
		b, _ := parseMoment(high)
		empty = a.After(b)
	}
	if empty {
		r.report(n, where, "swap them", "the smallest value %s is above the largest %s", low, high)
	}
}

func (r *reader) format(n *yaml.Node, where string, p *Property) {
	format := &p.Options.Format
	switch p.Type {
	case "string":
		r.one(format, textFormats...)(n, where)
	case "integer":
		r.one(format, integerFormats...)(n, where)
	case "number":
		r.one(format, numberFormats...)(n, where)
	default:
		r.text(format)(n, where)
		if _, err := strptime(*format); err != nil {
			r.report(n, where, "", "%s", err)
		}
	}
}

func parseMoment(s string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", time.DateTime, time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04", time.TimeOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date", s)
}

// jdk are the letters of Java's DateTimeFormatter that have a strptime twin.
var jdk = map[string]string{
	"yyyy": "%Y", "uuuu": "%Y", "yy": "%y", "MM": "%m", "M": "%-m", "MMM": "%b", "MMMM": "%B", "dd": "%d", "d": "%-d", "DDD": "%j", "EEE": "%a", "EEEE": "%A",
	"HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "ss": "%S", "SSS": "%g", "SSSSSS": "%f", "a": "%p", "XXX": "%z", "XX": "%z", "X": "%z", "xxx": "%z", "Z": "%z", "VV": "%Z",
}

// strptime translates a pattern such as dd/MM/yyyy to %d/%m/%Y; what has no twin is an error that names it.
func strptime(format string) (string, error) {
	var out strings.Builder
	runes := []rune(format)
	for i := 0; i < len(runes); {
		c := runes[i]
		switch {
		case c == '\'':
			j := i + 1
			for j < len(runes) && runes[j] != '\'' {
				j++
			}
			if j == len(runes) {
				return "", fmt.Errorf("the date format %q has a quote at position %d that is not closed", format, i+1)
			}
			if j == i+1 {
				out.WriteByte('\'')
			}
			out.WriteString(strings.ReplaceAll(string(runes[i+1:j]), "%", "%%"))
			i = j + 1
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			j := i
			for j < len(runes) && runes[j] == c {
				j++
			}
			twin, ok := jdk[string(runes[i:j])]
			if !ok {
				return "", fmt.Errorf("the date format %q has %q at position %d, which is not known; quote letters that stand for themselves: 'T'", format, string(runes[i:j]), i+1)
			}
			out.WriteString(twin)
			i = j
		case c == '%':
			out.WriteString("%%")
			i++
		default:
			out.WriteRune(c)
			i++
		}
	}
	if out.Len() == 0 {
		return "", fmt.Errorf("the date format is empty")
	}
	return out.String(), nil
}
