package quality

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// Contract is an ODCS v3 data contract, read strictly.
type Contract struct {
	File       string     // as given to ParseContract
	Digest     ref.Digest // of the bytes of the file
	APIVersion string
	ID         string
	Name       string
	Version    string
	Status     string // proposed, draft, active, deprecated, retired …
	Domain     string
	Purpose    string
	Owner      string // of the team the first member whose role is owner, "" if none
	Servers    []Server
	Objects    []Object
	Latencies  []Latency
}

// Server says where and how the data lie; only the keys of local files are kept.
type Server struct {
	Name, Type, Path, Format, Delimiter string
}

// Object is one table of the contract.
type Object struct {
	Name         string
	PhysicalName string
	Description  string
	Properties   []Property
	Rules        []Rule
	Place        spec.Place
}

// Property is one column of an object.
type Property struct {
	Name           string
	Column         string // in the file: physicalName, else name
	Type           string // logicalType: string, date, timestamp, time, number, integer, boolean, object, array; "" = any
	Options        Options
	Required       bool
	Unique         bool
	KeyPosition    int // in the primary key from 1; 0 = not in it
	Classification string
	Unit           string // customProperties unit: mm, degC, m/s …
	Aside          bool   // customProperties on_fail: quarantine
	Description    string
	Rules          []Rule
	Place          spec.Place
}

// secret tells whether values of the column must not be shown.
func (p *Property) secret() bool {
	return slices.Contains([]string{"restricted", "confidential"}, strings.ToLower(p.Classification))
}

// Options are the logicalTypeOptions. Bounds of numbers are texts that hold a number.
type Options struct {
	Min, Max, Above, Below string // minimum, maximum, exclusiveMinimum, exclusiveMaximum; "" = none
	MultipleOf             string
	MinLength, MaxLength   *int64 // Unicode code points; of an array items
	Pattern                string // RE2, searched
	Format                 string // of texts: email, uuid …; of numbers i32, f64 …; of dates JDK letters
	Place                  spec.Place
}

// Rule is one entry of a quality list.
type Rule struct {
	ID          string
	Name        string
	Description string
	Dimension   string
	Severity    Severity
	Kind        string // library, sql, custom, text
	Metric      string // of library: nullValues, missingValues, invalidValues, duplicateValues, rowCount
	Arguments   Arguments
	Compare     *Comparator
	Percent     bool
	Query       string // of sql
	Engine      string // of custom
	Custom      Custom // of custom with engine paraplu
	Place       spec.Place
}

// Arguments of a library metric.
type Arguments struct {
	Missing    []Value
	Valid      []Value
	Pattern    string
	Properties []string
	HasMissing bool // an empty list was written
}

// Value is a scalar of the file; Text is how it was written.
type Value struct {
	Text   string
	Null   bool
	Number bool
}

// Latency is a service level: the newest value of a column is at most this old.
type Latency struct {
	Object, Column string
	Hours          float64
	Place          spec.Place
}

const maxContract = 1 << 20 // bytes

// ParseContract reads an ODCS v3.0 or v3.1 contract. path is only used to name places. Problems come all together as a
// *spec.Errors, each with its line and column.
func ParseContract(path string, data []byte) (*Contract, error) {
	c := &Contract{File: path, Digest: ref.Sum(data)}
	switch {
	case len(data) > maxContract:
		return nil, fault.New(fault.Invalid, "the contract is larger than 1 MiB").At(path, 1, 1)
	case !utf8.Valid(data):
		return nil, fault.New(fault.Invalid, "the contract is not UTF-8 text").At(path, 1, 1)
	}
	d := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := d.Decode(&doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, fault.New(fault.Invalid, "the contract is empty").At(path, 1, 1).WithHint("docs/spec/contracts.md shows one to start from")
	} else if err != nil {
		return nil, syntax(path, err)
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "a second document; a contract is one YAML document").At(path, max(1, more.Line), 1)
	}
	r := &reader{}
	if r.tame(doc.Content[0], 0) {
		r.contract(doc.Content[0], c)
	}
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b spec.Problem) int {
			if a.Line != b.Line {
				return a.Line - b.Line
			}
			return a.Col - b.Col
		})
		return nil, &spec.Errors{File: path, Problems: slices.Compact(r.problems)}
	}
	return c, nil
}

// syntax places an error of the YAML parser, which tells the line in its text.
func syntax(path string, err error) error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if digits, tail, ok := strings.Cut(rest, ": "); ok {
			line, msg = 0, tail
			for _, d := range digits {
				if d < '0' || d > '9' || line > 1<<20 {
					break
				}
				line = line*10 + int(d-'0')
			}
		}
	}
	return fault.New(fault.Invalid, "not YAML: %s", msg).At(path, max(1, line), 1)
}

// Object gives the object of that name, or the only one.
func (c *Contract) Object(name string) (*Object, bool) {
	for i := range c.Objects {
		if o := &c.Objects[i]; o.Name == name || o.PhysicalName == name && name != "" || len(c.Objects) == 1 {
			return o, true
		}
	}
	return nil, false
}

// Draft tells whether the contract is not in force yet: what it finds are notices.
func (c *Contract) Draft() bool {
	return slices.Contains([]string{"draft", "proposed"}, strings.ToLower(c.Status))
}

// title names the contract for people: "umbrella-weather 1.0.0".
func (c *Contract) title() string { return c.ID + " " + c.Version }
