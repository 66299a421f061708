package spec_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/paraplu/paraplu/internal/spec"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

func TestSchemaGolden(t *testing.T) {
	golden(t, "testdata/schema.json", string(spec.Schema()))
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(spec.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("paraplu.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("paraplu.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// plain gives the value an editor validates: YAML 1.2, so dates are texts.
func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.DocumentNode:
		return plain(n.Content[0])
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, plain(c))
		}
		return list
	}
	if n.ShortTag() == "!!timestamp" {
		return n.Value
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return n.Value
	}
	return v
}

// The schema accepts what the reader accepts, and rejects every file of bad/value.
func TestSchemaAndReaderAgree(t *testing.T) {
	schema := compiled(t)
	for pattern, valid := range map[string]bool{
		"testdata/good/*.yaml":                   true,
		"../../examples/umbrella/paraplu.yaml":   true,
		"testdata/bad/reference/*.yaml":          true, // only the reader can know
		"testdata/bad/value/*.yaml":              false,
		"testdata/bad/syntax/not-a-mapping.yaml": false,
	} {
		for _, file := range files(t, pattern) {
			t.Run(file, func(t *testing.T) {
				valid := valid
				if filepath.Base(file) == "not-a-day.yaml" {
					valid = false // the schema knows the calendar by "format": "date"
				}
				var node yaml.Node
				if err := yaml.Unmarshal(read(t, file), &node); err != nil {
					t.Fatal(err)
				}
				if err := schema.Validate(plain(&node)); (err == nil) != valid {
					t.Errorf("schema says %v, want valid %v", err, valid)
				}
			})
		}
	}
}

// Each of these texts is one value at fault in a file that is otherwise right:
// neither schema nor reader may let one pass, nor refuse the last of each group.
func TestSchemaAndReaderAgreeOnSingleValues(t *testing.T) {
	schema := compiled(t)
	cases := []struct{ text, bad, good string }{
		{"product: {name: %}", `["a b", "", 7, null, [], -a]`, "a.b_c-9"},
		{"product: {name: p, risk: %}", `[hihg, "", LOW, 1]`, "low"},
		{"product: {name: p, title: %}", `["", "  ", 2015, true, {}, []]`, "T"},
		{"product: {name: p}\nmonitor: {window: %}", `[7, 1d1w, "", 7 days, 123456d, null]`, "1w2d"},
		{"product: {name: p}\nmonitor: {min_rows: %}", `[0, -1, 1.5, "5", many]`, "1"},
		{"product: {name: p}\nmonitor: {performance: {metric: mae, limit: %}}", `[Auto, "1", [], null]`, "auto"},
		{"product: {name: p}\nmonitor: {drift: {columns: %}}", `[x, [x, x], [""], [1], null]`, "[x, y]"},
		{"product: {name: p}\nmonitor: {drift: {columns: [x], diagnostic: %}}", `["true", 1, null]`, "false"},
		{"product: {name: p}\ncanvas: {kill: {criterion: c, date: %}}", `[2015-02-29, 2015, 2015-1-1, soon]`, "2016-02-29"},
		{"product: {name: p}\ncanvas: {value: {unit: EUR, too_few: %}}", `[-1, "7", seven]`, "7.5"},
		{"product: {name: p}\ndata: {w: {path: %}}", `[/x, ../x, a/../b, ~/x, C:/x, "s3://b", "a\\b", ".", "./", ""]`, "a..b/c"},
		{"product: {name: p}\npipeline: {steps: {s: {cmd: %}}}", `["", [], [[]], {}, 1, null]`, "[a, b]"},
		{"product: {name: p}\npipeline: {steps: {s: {cmd: x, params: %}}}", `[a, [a.], [.a], [a b], [a, a]]`, "[a.b]"},
		{"product: {name: p}\npipeline: {steps: {s: {cmd: x, env: %}}}", `[{1A: x}, {A: 1}, [A], {"": x}]`, `{A: ""}`},
		{"product: {name: p}\nrelease: {approvals: {people: %}}", `[-1, 21, one]`, "0"},
		{"product: {name: p}\npipeline: {steps: {s: {cmd: x}}}\nretrain: {step: s, set: %}", `[[a], {a b: 1}, x]`, `{a.b: {c: [null]}}`},
	}
	for _, c := range cases {
		var bad yaml.Node
		if err := yaml.Unmarshal([]byte(c.bad), &bad); err != nil {
			t.Fatal(err)
		}
		texts := []string{c.good}
		for _, n := range bad.Content[0].Content {
			b, err := yaml.Marshal(&yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{n}})
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("[")), []byte("]\n"))))
		}
		for i, value := range texts {
			text := bytes.Replace([]byte(c.text), []byte("%"), []byte(value), 1)
			var node yaml.Node
			if err := yaml.Unmarshal(text, &node); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			_, readErr := spec.Parse("paraplu.yaml", text)
			schemaErr := schema.Validate(plain(&node))
			if (readErr == nil) != (i == 0) || (schemaErr == nil) != (i == 0) {
				t.Errorf("%s:\nreader: %v\nschema: %v", text, readErr, schemaErr)
			}
		}
	}
}

// The page for people holds every key of the schema.
func TestDocumentationIsComplete(t *testing.T) {
	page, err := os.ReadFile("../../docs/spec/paraplu-yaml.md")
	if err != nil {
		t.Fatal(err)
	}
	want := spec.Reference()
	if *update {
		start, end := bytes.Index(page, []byte("<!-- keys -->\n")), bytes.Index(page, []byte("<!-- end of keys -->"))
		page = append(append(page[:start+len("<!-- keys -->\n"):start+len("<!-- keys -->\n")], want...), page[end:]...)
		if err := os.WriteFile("../../docs/spec/paraplu-yaml.md", page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Contains(page, []byte(want)) {
		t.Error("docs/spec/paraplu-yaml.md is older than the types; run go test ./internal/spec -update")
	}
}
