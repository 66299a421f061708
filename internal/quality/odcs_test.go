package quality_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
)

// TestTheStandardIsReadAsItIs reads contracts with every key of ODCS 3.1 and with the older forms of 3.0. every-key.odcs.yaml
// is valid by the JSON Schema of the standard, and names each of its keys but those inside servers, which are free.
func TestTheStandardIsReadAsItIs(t *testing.T) {
	paths, err := filepath.Glob("testdata/odcs/*.yaml")
	if err != nil || len(paths) != 2 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		c := contract(t, path)
		if c.Owner != map[string]string{"every-key": "daisy"}[c.ID] && c.Owner != "daustin" || len(c.Latencies) != 1 || c.Latencies[0].Hours != 96 {
			t.Errorf("%s: owner %q, latencies %v", path, c.Owner, c.Latencies)
		}
	}
	c := contract(t, "testdata/odcs/every-key.odcs.yaml")
	o, _ := c.Object("readings")
	if len(c.Objects) != 2 || len(c.Servers) != 5 || len(o.Properties) != 9 || c.Count() != 13 {
		t.Errorf("%d objects, %d servers, %d columns, %d rules", len(c.Objects), len(c.Servers), len(o.Properties), c.Count())
	}
	if p := o.Properties[0]; p.Column != "station_id" || !p.Required || p.KeyPosition != 1 || p.Options.Format != "uuid" || p.Rules[3].Arguments.Pattern != "^[a-z]+$" || !p.Rules[1].Percent {
		t.Errorf("%+v", p)
	}
	if len(quality.DiffContracts(c, c)) != 0 {
		t.Error("a contract differs from itself")
	}
}

// TestUnknownKeysAreRefusedEverywhere adds a key to every mapping of the standard in turn. Only servers and what belongs to
// other tools may hold keys that nobody knows.
func TestUnknownKeysAreRefusedEverywhere(t *testing.T) {
	data, err := os.ReadFile("testdata/odcs/every-key.odcs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	tried := 0
	for i, line := range lines {
		at := strings.Index(line, "- {")
		if at < 0 || strings.Contains(line, "{server:") || strings.Contains(line, "{id: s1, server") {
			continue
		}
		broken := append([]string{}, lines...)
		broken[i] = line[:at+3] + "nonsense: 1, " + line[at+3:]
		_, err := quality.ParseContract("c.yaml", []byte(strings.Join(broken, "\n")))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), `unknown key "nonsense"`) {
			t.Errorf("line %d: %s: %v", i+1, broken[i], err)
		}
		tried++
	}
	if tried < 25 {
		t.Errorf("only %d mappings were tried", tried)
	}
}
