package modelpack

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// card writes CARD.md: the words of people and the facts of the manifest. Nothing in it depends on chance.
func card(m *Manifest, c Card) []byte {
	var b strings.Builder
	title := c.Title
	if title == "" {
		title = m.Name
	}
	fmt.Fprintf(&b, "# %s\n", title)
	para := func(heading, text string) {
		if text != "" {
			if heading != "" {
				fmt.Fprintf(&b, "\n## %s\n", heading)
			}
			fmt.Fprintf(&b, "\n%s\n", strings.TrimSpace(text))
		}
	}
	para("", c.Description)
	para("What it is used for", c.Decision)
	if len(c.Never) > 0 {
		para("What it is never used for", "- "+strings.Join(c.Never, "\n- "))
	}
	para("Without it", c.Fallback)
	para("Risk", c.Risk)
	para("", c.Text)
	para("Inputs", table(m.Signature.Inputs))
	para("Outputs", table(m.Signature.Outputs))
	para("Tests", testTable(m.Tests))
	para("Proof of conversion", parityText(m))
	para("Where it comes from", lineageText(m))
	if len(m.Owners) > 0 {
		var rows []string
		for _, k := range slices.Sorted(maps.Keys(m.Owners)) {
			rows = append(rows, fmt.Sprintf("- %s: %s", k, m.Owners[k]))
		}
		para("Who answers for it", strings.Join(rows, "\n"))
	}
	return []byte(b.String())
}

func table(cols []Column) string {
	var b strings.Builder
	b.WriteString("| name | type | unit | range | may be missing |\n|---|---|---|---|---|\n")
	for _, c := range cols {
		missing := "no"
		if c.Nullable {
			missing = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(c.Name), c.Type, cell(c.Unit), cell(span(c)), missing)
	}
	return b.String()
}

// cell keeps text from breaking a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ").Replace(s)
}

func span(c Column) string {
	if len(c.Categories) > 0 {
		var names []string
		for _, v := range c.Categories {
			names = append(names, fmt.Sprint(v))
		}
		return strings.Join(names, ", ")
	}
	low, high := "", ""
	if c.Min != nil {
		low = number(*c.Min)
	}
	if c.Max != nil {
		high = number(*c.Max)
	}
	if low == "" && high == "" {
		return ""
	}
	return low + " … " + high
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

func testTable(tests []TestResult) string {
	if len(tests) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| test | metric | slice | value | limit | passed |\n|---|---|---|---|---|---|\n")
	for _, t := range tests {
		limit := ""
		if t.AtMost != nil {
			limit = "≤ " + number(*t.AtMost)
		}
		if t.AtLeast != nil {
			limit += " ≥ " + number(*t.AtLeast)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %v |\n", cell(t.ID), cell(t.Metric), cell(t.Slice), number(t.Value), strings.TrimSpace(limit), t.Passed())
	}
	return b.String()
}

func parityText(m *Manifest) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rows with the answers of %s travel with the package and are asked again before every load:\n", m.Parity.Rows, orElse(m.Signature.Framework, "the original library"))
	for _, c := range m.Parity.Checks {
		fmt.Fprintf(&b, "\n- %s: %s", c.Output, c.Kind)
		if c.Kind != "exact_label" {
			fmt.Fprintf(&b, " at most %s", number(c.Limit))
		}
	}
	return b.String()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func lineageText(m *Manifest) string {
	var rows []string
	add := func(what, value string) {
		if value != "" {
			rows = append(rows, "- "+what+": "+value)
		}
	}
	l := m.Lineage
	add("product", m.Product)
	add("run", l.Run)
	add("execution", l.Execution)
	add("commit", l.Commit)
	for _, d := range l.Datasets {
		add("dataset", strings.TrimSpace(fmt.Sprintf("%s %s %s %s", d.Name, d.Version, d.Role, d.Digest)))
	}
	add("replaces", string(l.Parent))
	add("created", m.CreatedAt.Format("2006-01-02 15:04:05 MST"))
	return strings.Join(rows, "\n")
}
