package quality

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// shownSamples is how many bad rows people see; the report holds more.
const shownSamples = 3

var marks = map[Status]string{Pass: "✓", OK: "✓", Warn: "!", Fail: "✗", Broken: "?", Skipped: "-"}

// verdict is the sentence on top of a report.
func (r *Report) verdict() string {
	ok, failed, warned, broken, skipped := r.tally()
	parts := []string{plural(int64(ok), "check") + " ok"}
	for _, p := range []struct {
		n    int
		word string
	}{{failed, "failed"}, {broken, "could not be run"}, {warned, "with a notice"}, {skipped, "not run"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	word := map[Status]string{Pass: "accepted", Warn: "accepted with notices", Fail: "refused", Broken: "not decided"}[r.Status]
	if r.Draft && failed+broken > 0 {
		word = "accepted, because the contract is a draft"
	}
	return fmt.Sprintf("%s, %s: %s (%s)", filepath.Base(r.Path), plural(r.Rows, "row"), word, strings.Join(parts, ", "))
}

// Text writes the report for a terminal: the verdict, then every problem with its first rows.
func (r *Report) Text(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s %s", marks[r.Status], r.verdict())
	owner := ""
	if r.Owner != "" {
		owner = ", owner " + r.Owner
	}
	if r.Kind == kindContract {
		p.line("  dataset %s, contract %s%s", r.Dataset, r.Contract, owner)
	} else {
		p.line("  %s%s", r.Contract, owner)
	}
	for _, c := range r.Problems() {
		p.line("")
		p.line("  %s %s", c.mark(), c.Message)
		if c.Description != "" && !strings.Contains(c.Message, c.Description) {
			p.line("      %s", c.Description)
		}
		if len(c.Samples) > 1 {
			for _, s := range c.Samples[:min(shownSamples, len(c.Samples))] {
				p.line("      %s  %s", s.place(), s.Value)
			}
			if more := c.Bad - shownSamples; more > 0 && len(c.Samples) > shownSamples {
				p.line("      and %s more", count(more))
			}
		}
		p.line("      rule %s", c.rule())
		if c.Hint != "" {
			p.line("      → %s", c.Hint)
		}
	}
	return p.err
}

// rule names the rule with its severity, and expectation against observation: "temp.range, error: wanted 0 … 9, found 1 of 70".
func (c *Check) rule() string {
	line := c.ID + ", " + string(c.Severity)
	var parts []string
	for _, p := range [][2]string{{"wanted ", c.Expected}, {"found ", c.Observed}} {
		if text := strings.Join(strings.Fields(p[1]), " "); text != "" && c.Status == Fail {
			parts = append(parts, p[0]+text)
		}
	}
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	return line
}

func (c *Check) mark() string {
	if c.Status == Fail && c.Severity != Error {
		return marks[Warn]
	}
	return marks[c.Status]
}

// Markdown writes the report for a pull request or a page.
func (r *Report) Markdown(w io.Writer) error {
	p := &printer{w: w}
	p.line("### %s %s\n", marks[r.Status], mdEscape(r.verdict()))
	p.line("Contract `%s`, owner %s, report `%s`\n", mdCode(r.Contract), mdEscape(first(r.Owner, "nobody")), r.ID)
	problems := r.Problems()
	if len(problems) == 0 {
		return p.err
	}
	p.line("| | column | rule | bad rows | what | what to do |")
	p.line("|---|---|---|---:|---|---|")
	for _, c := range problems {
		p.line("| %s | %s | %s | %s | %s | %s |", c.mark(), mdEscape(c.Column), mdEscape(c.Rule), count(c.Bad), mdEscape(c.Message), mdEscape(c.Hint))
	}
	return p.err
}

func mdEscape(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ", "<", "&lt;", ">", "&gt;", "`", "\\`", "[", `\[`, "*", `\*`, "_", `\_`).Replace(s)
}

func mdCode(s string) string { return strings.NewReplacer("`", "'", "\n", " ").Replace(s) }

// printer keeps the first error of many writes.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}
