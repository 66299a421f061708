package mlflow

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFields reads any body as any field and wants: no panic, clean texts only, an error that names what is wrong, and the
// same reading of an object that comes as a JSON string (old clients).
func FuzzFields(f *testing.F) {
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `"{}"`, `{"x": "text"}`, `{"x": 1}`, `{"x": -9223372036854775808}`, `{"x": 9223372036854775808}`, `{"x": 1e18}`,
		`{"x": 1.5}`, `{"x": "NaN"}`, `{"x": "-Infinity"}`, `{"x": "0x1p4"}`, `{"x": ""}`, `{"x": true}`, `{"x": ["a", 5, null]}`, `{"x": {"key": "k"}}`,
		`{"x": [{"key": "k", "value": "v"}, {"key": ""}]}`, `{"x": "TWO"}`, `{"x": 2}`, `{"x": "\u0000"}`, `{"x": "\ud800"}`, `{"longName": 1, "long_name": 2}`,
		"\ufeff{}", `{"x": 1} `, `{"x": 1}}`, `{"x": 1, "x": "2"}`,
	} {
		f.Add([]byte(body))
	}
	corpus, err := os.ReadFile("testdata/fuzz.corpus") // what five minutes of fuzzing found worth keeping
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(corpus)) {
		body, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if err != nil {
			f.Fatal(line, err)
		}
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		fields, err := parseBody(body)
		if err != nil {
			return
		}
		if plain, err := json.Marshal(fields); err == nil && utf8.Valid(body) {
			quoted, _ := json.Marshal(string(plain))
			again, err := parseBody(quoted)
			if err != nil || len(again) != len(fields) {
				t.Fatalf("%q as a JSON string: %v, %d fields and not %d", body, err, len(again), len(fields))
			}
		}
		for name := range fields {
			readAs(t, fields, name)
		}
		readAs(t, fields, "long_name")
	})
}

// readAs reads one field by every getter.
func readAs(t *testing.T, fields map[string]any, name string) {
	fresh := func() *call { return &call{fields: fields} }
	c := fresh()
	if s, set := c.text(name); c.err == nil && (!clean(s) || !set && s != "") {
		t.Fatalf("text %q: %q %v", name, s, set)
	}
	if c = fresh(); c.need(name) == "" && c.err == nil {
		t.Fatalf("need %q: empty and no error", name)
	}
	if n, set := fresh().int64(name); !set && n != 0 {
		t.Fatalf("int64 %q: %d though unset", name, n)
	}
	if x, set := fresh().float(name); !set && x != 0 {
		t.Fatalf("float %q: %v though unset", name, x)
	}
	if v := fresh().enum(name, []string{"", "ONE", "TWO"}); !slices.Contains([]string{"", "ONE", "TWO"}, v) {
		t.Fatalf("enum %q: %q", name, v)
	}
	for _, s := range fresh().strs(name) {
		if !clean(s) {
			t.Fatalf("strs %q: %q", name, s)
		}
	}
	c = fresh()
	for _, kv := range c.kvs(name) {
		if c.err == nil && (kv.Key == "" || !clean(kv.Key) || !clean(kv.Value)) {
			t.Fatalf("kvs %q: %q", name, kv)
		}
	}
	fresh().boolean(name)
	fresh().message(name)
	fresh().metric(-1)
}
