package pipeline_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/pipeline"
)

// What a step reads from PARAPLU_PARAMS: files merged, later ones win, overrides applied, types as they were.
func TestEffectiveParameters(t *testing.T) {
	base := "a:\n  int: 3\n  float: 2.0\n  tiny: 1e-5\n  text: \"007\"\n  yes: no\n  day: 2014-01-01\n  none: ~\n  list: [1, x]\n  flag: true\nbase: &b {x: 1, y: 2}\nderived: {<<: *b, y: 3}\n"
	cases := []struct {
		name  string
		set   map[string]any
		extra string // a second file, JSON
		want  string // lines that the file must hold
		err   string
	}{
		{name: "unchanged", want: "int: 3|float: 2.0|tiny: 1e-5|text: \"007\"|yes: no|day: 2014-01-01|none: ~|flag: true|y: 3"},
		{name: "text for a number", set: map[string]any{"a.int": "14"}, want: "int: 14"},
		{name: "text for a float", set: map[string]any{"a.float": "1.5"}, want: "float: 1.5"},
		{name: "whole number for a float", set: map[string]any{"a.float": 2}, want: "float: 2"},
		{name: "small float", set: map[string]any{"a.float": 1e-7}, want: "float: 1.0e-07"},
		{name: "large float", set: map[string]any{"a.float": 1e30}, want: "float: 1.0e+30"},
		{name: "text stays text", set: map[string]any{"a.text": "12"}, want: `text: "12"`},
		{name: "text for a flag", set: map[string]any{"a.flag": "false"}, want: "flag: false"},
		{name: "text for a day", set: map[string]any{"a.day": "2015-03-01"}, want: "day: 2015-03-01"},
		{name: "anything for nothing", set: map[string]any{"a.none": "x"}, want: "none: x"},
		{name: "list", set: map[string]any{"a.list": []any{1, "b"}}, want: "- 1|- b"},
		{name: "later file wins", extra: `{"a": {"int": 5}, "new": {"deep": [true, null, 1.5]}}`, want: "int: 5|float: 2.0|deep:|- 1.5"},
		{name: "override after files", extra: `{"a": {"int": 5}}`, set: map[string]any{"a.int": 6}, want: "int: 6"},
		{name: "flag for a number", set: map[string]any{"a.int": true}, err: "setting parameter a.int: it is a number, and true is true or false"},
		{name: "text for a list", set: map[string]any{"a.list": "x"}, err: `setting parameter a.list: it is a list, and "x" is a text`},
		{name: "section for a number", set: map[string]any{"a.int": map[string]any{"x": 1}}, err: `setting parameter a.int: it is a number, and {"x":1} is a section`},
		{name: "below a number", set: map[string]any{"a.int.x": 1}, err: "parameter a.int has no part x"},
		{name: "no JSON", extra: `{"a": `, err: "the parameter file more.json is not valid"},
		{name: "a list", extra: `[1]`, err: "more.json:1:1: parameters are names with values"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			files := "[params.yaml]"
			if c.extra != "" {
				files = "[params.yaml, more.json]"
			}
			b := local(t, map[string]string{
				"paraplu.yaml": "product: {name: shop}\npipeline:\n  params: " + files + "\n  steps:\n    show: {cmd: cat $PARAPLU_PARAMS > seen, params: [a], outs: [seen]}\n",
				"params.yaml":  base, "more.json": c.extra,
			})
			plan, err := b.plan(pipeline.PlanInput{Set: c.set})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("%v, want %s", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.room.Run(ctx, plan, pipeline.RunOptions{}); err != nil {
				t.Fatal(err)
			}
			seen := b.read("seen")
			for _, line := range strings.Split(c.want, "|") {
				if !strings.Contains(seen, " "+line+"\n") {
					t.Errorf("%s\nlacks %q", seen, line)
				}
			}
			left, err := os.ReadDir(filepath.Join(b.dir, ".paraplu/tmp"))
			if err != nil || len(left) != 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestRunsOfAStepKnowIt: MLflow's client reads tags for its runs from MLFLOW_RUN_CONTEXT; those of a person stay.
func TestRunsOfAStepKnowIt(t *testing.T) {
	t.Setenv("MLFLOW_RUN_CONTEXT", `{"ticket": "U-7", "paraplu.step": "mine"}`)
	b := local(t, map[string]string{"paraplu.yaml": `product: {name: shop}
pipeline: {steps: {show: {cmd: 'printf %s "$MLFLOW_RUN_CONTEXT" > seen', outs: [seen]}}}
`})
	e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"paraplu.execution":"` + e.ID + `","paraplu.product":"shop","paraplu.step":"show","ticket":"U-7"}`; b.read("seen") != want {
		t.Errorf("%s\nwant %s", b.read("seen"), want)
	}
}

func TestStepSeesItsEnvironment(t *testing.T) {
	b := local(t, map[string]string{"paraplu.yaml": `product: {name: shop}
pipeline: {steps: {show: {cmd: 'echo "$PARAPLU_STEP $PARAPLU_EXECUTION $MINE $THEIRS ${PARAPLU_PARAMS-none} $(basename $PWD)" > seen', env: {MINE: "a b"}, outs: [seen]}}}
`})
	e, err := b.run(pipeline.PlanInput{}, pipeline.RunOptions{Env: []string{"THEIRS=c", "MINE=lost"}})
	if err != nil {
		t.Fatal(err)
	}
	if want := "show " + e.ID + " a b c none " + filepath.Base(b.dir) + "\n"; b.read("seen") != want {
		t.Errorf("%q, want %q", b.read("seen"), want)
	}
}
