package onnx

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// TestDifferentialORT generates random models and rows with Python, lets ONNX
// Runtime evaluate them and compares. PARAPLU_PYTHON names the interpreter; with
// PARAPLU_REQUIRE_PYTHON=1 its absence is a failure. PARAPLU_SEED repeats a run.
func TestDifferentialORT(t *testing.T) {
	python := os.Getenv("PARAPLU_PYTHON")
	if python == "" || exec.Command(python, "-c", "import onnxruntime, skl2onnx, sklearn").Run() != nil {
		if os.Getenv("PARAPLU_REQUIRE_PYTHON") == "1" {
			t.Fatalf("PARAPLU_PYTHON=%q has no onnxruntime, skl2onnx and sklearn", python)
		}
		t.Skip("PARAPLU_PYTHON names no interpreter with onnxruntime, skl2onnx and sklearn")
	}
	seed := os.Getenv("PARAPLU_SEED")
	if seed == "" {
		seed = strconv.FormatInt(time.Now().Unix(), 10)
	}
	folder := t.TempDir()
	out, err := exec.Command(python, "-B", "testdata/make_live.py", folder, seed).CombinedOutput()
	t.Logf("seed %s\n%s", seed, out)
	if err != nil {
		t.Fatal(err)
	}
	cases := readCases(t, folder)
	if len(cases) < 300 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) { runCase(t, c) })
	}
}
