package cli

import (
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryCommandHasAnExample also asks the commands to parse their examples, so that none names a flag that is gone.
func TestEveryCommandHasAnExample(t *testing.T) {
	s := &session{out: io.Discard, err: io.Discard}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Hidden || sub.Name() == "powershell" {
				continue
			}
			if sub.Example == "" {
				t.Errorf("%s has no example", sub.CommandPath())
			}
			for _, line := range strings.Split(sub.Example, "\n") {
				parses(t, line)
			}
			walk(sub)
		}
	}
	walk(s.root())
	for path := range examples {
		if c, _, err := s.root().Find(strings.Fields(path)); err != nil || !strings.HasSuffix(c.CommandPath(), path) {
			t.Errorf("there is no command %q", path)
		}
	}
}

func parses(t *testing.T, line string) {
	t.Helper()
	line, _, _ = strings.Cut(line, " # ")
	_, call, ok := strings.Cut(line, "paraplu ")
	if !ok {
		t.Errorf("the example %q calls nothing of paraplu", line)
		return
	}
	call = strings.NewReplacer(")", "", "> paraplu.schema.json", "", "| source", "").Replace(call)
	var args []string // the only quotes are around the words of a reason
	for i, part := range strings.Split(call, `"`) {
		if i%2 == 1 {
			args = append(args, part)
		} else {
			args = append(args, strings.Fields(part)...)
		}
	}
	root := (&session{out: io.Discard, err: io.Discard}).root()
	c, rest, err := root.Find(args)
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil {
		err = c.ValidateArgs(c.Flags().Args())
	}
	if err != nil || !c.Runnable() {
		t.Errorf("example %q: %v", line, err)
	}
}
