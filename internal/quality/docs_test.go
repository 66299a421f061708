package quality

import (
	"os"
	"strings"
	"testing"
)

// TestTheSpecificationIsTrue: its example is read, and it names every check and metric.
func TestTheSpecificationIsTrue(t *testing.T) {
	data, err := os.ReadFile("../../docs/spec/contracts.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	_, rest, _ := strings.Cut(doc, "```yaml\n")
	example, _, found := strings.Cut(rest, "```")
	if c, err := ParseContract("docs/spec/contracts.md", []byte(example)); !found || err != nil || c.Owner != "daisy" || len(c.Objects[0].Rules) != 2 {
		t.Errorf("the example: %+v, %v", c, err)
	}
	for name, f := range vocabulary {
		if !strings.Contains(doc, name) {
			t.Errorf("the check %s is not explained", name)
		}
		for _, arg := range strings.Fields(f.args) {
			if !strings.Contains(doc, arg) {
				t.Errorf("the argument %s of %s is not explained", arg, name)
			}
		}
	}
}
