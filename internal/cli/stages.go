package cli

import (
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/team"
)

func (s *session) printStages(p *spec.Product, stages []team.StageState) {
	title := p.Title
	if title == "" {
		title = p.Name
	}
	s.printf("%s\n", title)
	for _, st := range stages {
		mark := map[team.Status]string{team.Passed: "✓", team.Due: "·", team.Missing: " "}[st.Status]
		s.printf("%s %-8s %-8s %s\n", mark, st.Stage, st.Status, st.Accountable)
		for _, c := range st.Checks {
			if c.Status == team.Passed {
				continue
			}
			s.printf("    %s", c.Text)
			if c.Detail != "" {
				s.printf(": %s", c.Detail)
			}
			if c.Command != "" {
				s.printf("   → %s", c.Command)
			}
			s.printf("\n")
		}
	}
}

func (s *session) printCanvas(fields []team.CanvasField, signed []team.Signature) {
	for _, f := range fields {
		mark := map[bool]string{true: "✓", false: " "}[f.Done]
		s.printf("%s %-30s %s\n", mark, f.Key, f.Why)
	}
	for _, sig := range signed {
		note := ""
		if !sig.Current {
			note = ", but it changed since: paraplu canvas sign --as NAME"
		}
		s.printf("signed by %s, %s%s\n", sig.Member, ago(sig.At), note)
	}
	if len(signed) == 0 {
		s.printf("not signed yet: paraplu canvas sign --as NAME\n")
	}
}
