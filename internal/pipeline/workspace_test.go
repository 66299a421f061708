package pipeline_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/paraplu/paraplu/internal/pipeline"
)

// Folders come back as they were: files, modes, links; empty folders are no content.
func TestFolderIsRestored(t *testing.T) {
	b := local(t, steps(`    make: {cmd: "mkdir -p out/deep/er; echo 1 > out/deep/a; echo '#!' > out/run; chmod +x out/run; ln -s run out/link; ln -s deep out/dir; ln -s nowhere out/dangling", outs: [out]}
    use: {cmd: "cat out/deep/a > used", deps: [out/deep], outs: [used]}
`))
	b.mustRun()
	for name, spoil := range map[string]func() error{
		"removed":      func() error { return os.RemoveAll(filepath.Join(b.dir, "out")) },
		"file changed": func() error { return os.WriteFile(filepath.Join(b.dir, "out/deep/a"), []byte("2\n"), 0o644) },
		"file added":   func() error { return os.WriteFile(filepath.Join(b.dir, "out/new"), nil, 0o644) },
		"mode changed": func() error { return os.Chmod(filepath.Join(b.dir, "out/run"), 0o644) },
		"a file now": func() error {
			os.RemoveAll(filepath.Join(b.dir, "out"))
			return os.WriteFile(filepath.Join(b.dir, "out"), nil, 0o644)
		},
		"file vanished": func() error { return os.Remove(filepath.Join(b.dir, "out/deep/a")) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			plan := b.mustPlan(pipeline.PlanInput{})
			if s, _ := plan.Step("use"); s.Action != pipeline.Undecided || s.Why != "waits for make, whose outputs are restored first" {
				t.Errorf("plan %+v", s)
			}
			b.wantResults(b.mustRun(), "make cached, use cached")
			if b.read("out/deep/a") != "1\n" || b.exists("out/new") {
				t.Error("content is not as recorded")
			}
			info, err := os.Stat(filepath.Join(b.dir, "out/run"))
			if err != nil || info.Mode()&0o100 == 0 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			for link, want := range map[string]string{"out/dir": "deep", "out/dangling": "nowhere"} {
				if got, err := os.Readlink(filepath.Join(b.dir, link)); got != want {
					t.Errorf("link %s → %q, %v", link, got, err)
				}
			}
		})
	}
}

// A change is seen even when size and time of the file are the same as before.
func TestChangeWithTheSameSizeAndTime(t *testing.T) {
	b := local(t, steps("    a: {cmd: cp in out, deps: [in], outs: [out]}\n"))
	file := filepath.Join(b.dir, "in")
	for i := range 30 {
		b.write("in", fmt.Sprintf("%03d", i))
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		b.mustRun()
		b.write("in", fmt.Sprintf("%03d", i+500))
		if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		b.mustRun()
		if want := fmt.Sprintf("%03d", i+500); b.read("out") != want {
			t.Fatalf("out is %s, want %s", b.read("out"), want)
		}
	}
}

func TestDamagedHashFileIsIgnored(t *testing.T) {
	b := local(t, chain)
	b.mustRun()
	for _, text := range []string{"", "\x00\x01", "sha256:zz 1 2 3 4 \"raw.csv\"\nhalf a li", `sha256:0 -1 x`} {
		b.write(".paraplu/hashes", text)
		b.wantResults(b.mustRun(), "features cached, train cached, evaluate cached")
	}
}

// BenchmarkNothingToDo is the inner loop of a data scientist: nothing changed among many files.
func BenchmarkNothingToDo(bm *testing.B) {
	for _, files := range []int{10, 10_000} {
		bm.Run(fmt.Sprint(files), func(bm *testing.B) {
			b := local(bm, steps("    a: {cmd: cp -r in out, deps: [in], outs: [out]}\n    b: {cmd: ls out > list, deps: [out], outs: [list]}\n"))
			for i := range files {
				b.write(fmt.Sprintf("in/%d/%d", i%100, i), fmt.Sprint(i))
			}
			b.mustRun()
			for bm.Loop() {
				if e := b.mustRun(); e.Count(pipeline.StepCached) != 2 {
					bm.Fatal(results(e))
				}
			}
		})
	}
}
