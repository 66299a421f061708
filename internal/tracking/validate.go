package tracking

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/fault"
)

// Limits of MLflow (mlflow/utils/validation.py), in characters.
const (
	maxKey             = 250
	maxParamValue      = 6000
	maxTagValue        = 8000
	maxExperimentName  = 500
	maxExperimentTag   = 20000
	maxLocation        = 2048
	maxBatchMetrics    = 1000
	maxBatchParamsTags = 100
	maxBatchAll        = 1000
	maxPage            = 50000
	maxIndexed         = 2000 // bytes of a text in an index: PostgreSQL refuses index rows over 2704
)

const badCharacters = "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."

// Quote prints s as Python's repr does, because the texts of MLflow's errors contain such values.
func Quote(s string) string {
	q := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		q = '"'
	}
	var b strings.Builder
	b.WriteByte(q)
	for _, c := range s {
		switch {
		case c == rune(q) || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte(q)
	return b.String()
}

// JSON prints a value as MLflow does in its errors: compact, sorted keys, ASCII only.
func JSON(v any) string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Sprint(v)
	}
	var b strings.Builder
	for _, c := range strings.TrimSuffix(buf.String(), "\n") {
		switch {
		case c < utf8.RuneSelf:
			b.WriteRune(c)
		case c > 0xffff:
			hi, lo := utf16.EncodeRune(c)
			fmt.Fprintf(&b, `\u%04x\u%04x`, hi, lo)
		default:
			fmt.Fprintf(&b, `\u%04x`, c)
		}
	}
	return b.String()
}

func invalidValue(where string, v any, msg string) error {
	if msg == "" {
		return fault.New(fault.Invalid, "Invalid value %s for parameter '%s' supplied.", JSON(v), where)
	}
	return fault.New(fault.Invalid, "Invalid value %s for parameter '%s' supplied: %s", JSON(v), where, msg)
}

// spot says where in a request a value stands: in which item of which list, or, without a list, at the top.
type spot struct {
	list string
	item int
}

// at names a field for an error.
func (p spot) at(field string) string {
	if p.list == "" {
		return field
	}
	return fmt.Sprintf("%s[%d].%s", p.list, p.item, field)
}

func tooLong(what string, limit int) error {
	return fault.New(fault.Invalid, "'%s' exceeds the maximum length of %d characters", what, limit)
}

func longer(s string, limit int) bool { return len(s) > limit && utf8.RuneCountInString(s) > limit }

// cut shortens s to limit characters, as MLflow does silently with long values.
func cut(s string, limit int) string {
	if !longer(s, limit) {
		return s
	}
	n := 0
	for i := range s {
		if n == limit {
			return s[:i]
		}
		n++
	}
	return s
}

// checkKey checks the name of a metric, param or tag: its characters, and that it is a normal path.
func checkKey(name string, p spot, field string) error {
	for _, c := range name {
		if c != '/' && c != '_' && c != '.' && c != '-' && c != ' ' && c != ':' && !unicode.IsLetter(c) && !unicode.IsNumber(c) {
			return invalidValue(p.at(field), name, badCharacters)
		}
	}
	if norm := path.Clean(name); norm != name || norm == "." || strings.HasPrefix(norm, "..") || strings.HasPrefix(norm, "/") {
		return invalidValue(p.at(field), name, "Names may be treated as files in certain cases, and must not resolve to other names"+
			" when treated as such. This name would resolve to "+Quote(norm))
	}
	return nil
}

func checkMetric(m Metric, p spot) error {
	if err := checkKey(m.Key, p, "name"); err != nil {
		return err
	}
	if m.TimestampMs < 0 {
		return invalidValue(p.at("timestamp"), m.TimestampMs,
			fmt.Sprintf("metric '%s' (value=%s). Timestamp must be a nonnegative long (64-bit integer) ", m.Key, pyFloat(m.Value)))
	}
	if longer(m.Key, maxKey) {
		return tooLong("Metric name", maxKey)
	}
	if (m.DatasetName == "") != (m.DatasetDigest == "") {
		return fault.New(fault.Invalid, "Both dataset_name and dataset_digest must be provided if one is provided")
	}
	if len(m.Key)+len(m.DatasetName)+len(m.DatasetDigest) > maxIndexed {
		return tooLong(p.at("dataset_name"), maxIndexed-len(m.Key)-len(m.DatasetDigest))
	}
	return nil
}

func checkParam(p KV, where spot) (KV, error) {
	if err := checkKey(p.Key, where, "key"); err != nil {
		return p, err
	}
	if longer(p.Key, maxKey) {
		return p, tooLong("Param key", maxKey)
	}
	return KV{p.Key, cut(p.Value, maxParamValue)}, nil
}

func checkTag(t KV, where spot) (KV, error) {
	if err := checkKey(t.Key, where, "key"); err != nil {
		return t, err
	}
	if longer(t.Key, maxKey) {
		return t, tooLong(where.at("key"), maxKey)
	}
	return KV{t.Key, cut(t.Value, maxTagValue)}, nil
}

// checkGiven checks a key that MLflow takes as it is: of tags that come with a new run, and of params and tags of logged models.
func checkGiven(key string, where spot) error {
	if key == "" {
		return invalidValue(where.at("key"), key, "")
	}
	if longer(key, maxKey) {
		return tooLong(where.at("key"), maxKey)
	}
	return nil
}

func checkExperimentTag(t KV) error {
	if err := checkKey(t.Key, spot{}, "key"); err != nil {
		return err
	}
	if longer(t.Key, maxKey) {
		return tooLong("key", maxKey)
	}
	if longer(t.Value, maxExperimentTag) {
		return tooLong("value", maxExperimentTag)
	}
	return nil
}

func checkExperimentName(name string) error {
	if strings.TrimSpace(name) == "" {
		return fault.New(fault.Invalid, "Invalid experiment name: '%s'", name)
	}
	if longer(name, maxExperimentName) {
		return tooLong("name", maxExperimentName)
	}
	return nil
}

func checkRunID(id string) error {
	ok := len(id) >= 1 && len(id) <= 256
	for i, c := range id {
		alnum := unicode.IsLetter(c) || unicode.IsNumber(c)
		ok = ok && (alnum || i > 0 && (c == '_' || c == '-'))
	}
	if !ok {
		return invalidValue("run_id", id, "")
	}
	return nil
}

// experimentNumber reads an experiment's id; "" means the default experiment.
func experimentNumber(id string) (int64, error) {
	if id == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(id), 10, 64)
	if err != nil {
		return 0, fault.New(fault.Invalid, "Invalid experiment ID '%s'. Experiment ID must be a valid integer.", id)
	}
	return n, nil
}

func checkBatchLimit(what string, limit, n int) error {
	if n > limit {
		return fault.New(fault.Invalid, "A batch logging request can contain at most %d %s. Got %d %s. Please split up %s across multiple"+
			" requests and try again.", limit, what, n, what, what)
	}
	return nil
}

func checkPageSize(n int64) error {
	if n < 1 {
		return fault.New(fault.Invalid, "Invalid value %d for parameter 'max_results' supplied. It must be a positive integer", n)
	}
	if n > maxPage {
		return fault.New(fault.Invalid, "Invalid value %d for parameter 'max_results' supplied. It must be at most %d", n, maxPage)
	}
	return nil
}

// stored gives what is written for a metric's value: NaN as 0 and a mark, ±Inf as the greatest number of its sign.
func stored(v float64) (value float64, isNaN bool) {
	switch {
	case math.IsNaN(v):
		return 0, true
	case math.IsInf(v, 1):
		return math.MaxFloat64, false
	case math.IsInf(v, -1):
		return -math.MaxFloat64, false
	case v == 0:
		return 0, false // -0 and 0 are one point
	}
	return v, false
}

func loaded(value float64, isNaN int64) float64 {
	if isNaN != 0 {
		return math.NaN()
	}
	return value
}

// pyFloat prints a number as Python does.
func pyFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+"))
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}
