package quality

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"unicode/utf8"
)

// JSON writes the report as it is stored, indented.
func (r *Report) JSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	XMLName   xml.Name    `xml:"testsuite"`
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Timestamp string      `xml:"timestamp,attr"`
	Cases     []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string       `xml:"name,attr"`
	Class   string       `xml:"classname,attr"`
	Failure *junitResult `xml:"failure,omitempty"`
	Error   *junitResult `xml:"error,omitempty"`
	Skipped *junitResult `xml:"skipped,omitempty"`
	Out     string       `xml:"system-out,omitempty"`
}

type junitResult struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes the report as the XML that CI systems show.
func (r *Report) JUnit(w io.Writer) error { return JUnit(w, r) }

// JUnit writes reports as one document: one of them is a suite, several are suites in one root.
func JUnit(w io.Writer, reports ...*Report) error {
	var doc any
	suites := junitSuites{}
	for _, r := range reports {
		s := r.suite()
		doc = s
		suites.Suites = append(suites.Suites, s)
	}
	if len(reports) != 1 {
		doc = suites
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// suite gives the report as one suite with a test for each check. A notice is a passed test with output.
func (r *Report) suite() junitSuite {
	_, failed, _, broken, skipped := r.tally()
	s := junitSuite{Name: r.Product + "/" + r.Dataset, Tests: len(r.Checks), Failures: failed, Errors: broken, Skipped: skipped, Timestamp: r.CreatedAt.Format("2006-01-02T15:04:05")}
	for i := range r.Checks {
		c := &r.Checks[i]
		k := junitCase{Name: printable(c.ID), Class: printable(strings.Trim(r.Dataset+"."+c.Column, "."))}
		result := &junitResult{Message: printable(c.Message), Text: printable(c.detail())}
		switch {
		case c.Status == Broken:
			k.Error = result
		case c.Status == Skipped:
			k.Skipped = result
		case c.Status == Fail && c.Severity == Error:
			k.Failure = result
		case c.Status == Fail:
			k.Out = printable(c.Message + "\n" + c.detail())
		}
		s.Cases = append(s.Cases, k)
	}
	return s
}

// detail gives the rows, owner and hint of a check as lines.
func (c *Check) detail() string {
	var b strings.Builder
	for _, s := range c.Samples {
		b.WriteString(s.place() + "  " + s.Value + "\n")
	}
	if c.Owner != "" {
		b.WriteString("owner: " + c.Owner + "\n")
	}
	if c.Hint != "" {
		b.WriteString("hint: " + c.Hint + "\n")
	}
	return b.String()
}

// printable drops what XML cannot hold.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < 0x20 && r != '\n' && r != '\t' || r == 0xfffe || r == 0xffff {
			return -1
		}
		return r
	}, s)
}
