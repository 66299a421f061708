// Command bench measures the built binary as a user runs it, and beside it, on the same machine in the same minutes, peers
// where that is quick and honest. It prints a Markdown table and writes it to a file. A bar that is missed makes it fail.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	b := &bench{}
	flag.StringVar(&b.bin, "bin", "bin/paraplu", "the binary")
	flag.StringVar(&b.python, "python", "", "interpreter with mlflow, scikit-learn and onnxruntime; empty: no peers and no story")
	flag.StringVar(&b.out, "out", "", "Markdown file to write the figures into")
	flag.StringVar(&b.part, "part", "product", "what to measure: product, tracking (against an MLflow server, about 10 minutes), data (against DVC) or quality (against Great Expectations and Pandera)")
	flag.StringVar(&b.only, "only", "", "of the tracking part: logging or filled; of the data part: large, many or appended, a tenth of the size; prints and writes no file")
	flag.Parse()
	if err := b.run(); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// bench is one run of all measurements.
type bench struct {
	bin, python, out string
	part, only       string
	stores           [2]store // of the tracking part: ours, MLflow's
	work             string   // temporary folder
	story            string   // workspace that has played the demo
	load             string   // of the machine before the first measurement
	rows             []row
	missed           []string
}

// row is a line of the table.
type row struct{ what, value, bar, peer string }

func (b *bench) add(what, value, peer string) {
	b.rows = append(b.rows, row{what, value, "", peer})
	fmt.Fprintf(os.Stderr, "%-58s %-34s %s\n", what, value, peer)
}

// bar adds a line that must hold.
func (b *bench) bar(what, value, bar string, ok bool, peer string) {
	b.add(what, value, peer)
	b.rows[len(b.rows)-1].bar = bar
	if !ok {
		b.missed = append(b.missed, what+": "+value+", bar "+bar)
	}
}

func (b *bench) run() (err error) {
	b.load = busy()
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	if b.python != "" {
		if b.python, err = filepath.Abs(b.python); err != nil {
			return err
		}
	}
	if b.work, err = os.MkdirTemp("", "paraplu-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.work)
	parts := []func() error{b.size, b.startup, b.idle, b.contract}
	switch {
	case b.part == "tracking":
		parts = []func() error{b.tracking}
	case b.part == "quality":
		parts = []func() error{b.quality}
	case b.part == "data":
		parts = []func() error{b.data}
	case b.part != "product":
		return fmt.Errorf("there is no part %q", b.part)
	case b.python != "":
		parts = append(parts, b.demo, b.noop, b.startupOfStory, b.inference, b.engine)
	}
	for _, part := range parts {
		if err := part(); err != nil {
			return err
		}
	}
	text := b.markdown()
	fmt.Print(text)
	if b.out != "" && b.only == "" {
		old, err := os.ReadFile(b.out)
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := os.WriteFile(b.out, []byte(section(string(old), b.part, text)), 0o644); err != nil {
			return err
		}
	}
	if len(b.missed) > 0 {
		return fmt.Errorf("missed: %s", strings.Join(b.missed, "; "))
	}
	return nil
}

func (b *bench) size() error {
	info, err := os.Stat(b.bin)
	if err != nil {
		return err
	}
	mb := float64(info.Size()) / 1e6
	b.bar("binary, with UI, DuckDB and SQLite inside", fmt.Sprintf("%.0f MB", mb), "< 200 MB", mb < 200, "")
	return nil
}

func (b *bench) markdown() string {
	var t bytes.Buffer
	title, command, method := "# Benchmarks", "make bench", productMethod
	if b.part == "tracking" {
		title, command, method = "## Experiment tracking", "make bench PART=tracking", trackingMethod
	}
	if b.part == "quality" {
		title, command, method = "## Checks and profiles", "make bench PART=quality", qualityMethod
	}
	if b.part == "data" {
		title, command, method = "## Dataset versions", "make bench PART=data", dataMethod
	}
	fmt.Fprintf(&t, title+"\n\nMeasured by `"+command+"` on %s with %s, on this machine: %s.\n", time.Now().UTC().Format("2 January 2006"), b.versions(), machine())
	fmt.Fprintf(&t, "Other work ran on it too (load %s when it began, %s when it ended) and is part of the numbers, of the peers' too; run it on yours.\nMedians unless something else is said.\n\n", b.load, busy())
	fmt.Fprint(&t, "| what | Paraplu | bar | beside it, on the same machine in the same minutes |\n|---|---:|---:|---|\n")
	for _, r := range b.rows {
		fmt.Fprintf(&t, "| %s | %s | %s | %s |\n", r.what, r.value, r.bar, r.peer)
	}
	t.WriteString(method)
	return t.String()
}

const productMethod = `
How it is measured (` + "`bench/`" + `):

- **Start**: from the start of the process ` + "`paraplu up --addr 127.0.0.1:PORT`" + ` until ` + "`GET /health`" + ` answers 200, asked every
  millisecond. The first start in an empty folder makes the database. The peer is ` + "`mlflow server`" + ` with a SQLite store in an
  empty folder, with its default number of workers and with one.
- **Idle memory**: ` + "`RssAnon`" + ` (private) and ` + "`VmRSS`" + ` (with the pages of the binary file, which the system can drop) from
  /proc five seconds after the start; of a server with several processes the sum, shared pages counted once (` + "`Pss`" + `).
- **Story**: ` + "`paraplu demo --exit`" + ` in an empty folder: ten acts, training in Python included.
- **Inference**: one row a request over HTTP with kept connections, from a load generator on the same machine that takes its
  part of the processors. The answer includes schema check, evaluation and the prediction log.
- **Engine**: the same ONNX graph (the champion of the story) without HTTP. The peers are ONNX Runtime with one thread and
  the scikit-learn pipeline that was trained, both called from Python with one row.
- **Contract**: the weather contract of the example on its real file and on a million rows with its columns; a new
  workspace each time, so nothing is remembered.
`

const trackingMethod = `
How it is measured (` + "`bench/tracking.go`, `bench/fill.go`" + `):

- **Peers**: ` + "`mlflow server`" + ` with its default number of workers and a SQLite store, and ` + "`paraplu up`" + ` with its SQLite store, at
  the same time on the same machine, asked in turn with the same requests of the MLflow API over kept connections.
- **Logging**: three times four seconds each, in turn; the median of the rates and of the ratios. A point counts when its
  batch was acknowledged; Paraplu acknowledges after the commit is on the disk (synchronous=FULL).
- **Search**: the same 100,000 runs in both (five params, five metrics, three tags each), and 10,000 runs with 200 metrics; 95 % of
  the answers (60 of ours, 20 of MLflow's, fewer when they take long; the first one is not counted) came within the time. Pages of 100 runs.
- **History**: one series of a million points, read to its end.
- **Size**: growth of the database files, write-ahead log included, for a million points of ten series.
- **Upload**: one PUT of a gibibyte of noise through the artifact proxy; private memory read every 20 ms.
`

func (b *bench) versions() string {
	out, err := exec.Command(b.bin, "--version").Output()
	list := []string{strings.TrimSpace(strings.Replace(string(out), "paraplu", "Paraplu", 1)), strings.Replace(runtime.Version(), "go", "Go ", 1)}
	if err != nil {
		list[0] = "Paraplu"
	}
	if b.python != "" {
		peers := "mlflow scikit-learn onnxruntime"
		if b.part == "quality" {
			peers = "great_expectations pandera polars pandas duckdb"
		}
		out, err := exec.Command(b.python, "-c", `import importlib.metadata as m, platform, sys
print("Python", platform.python_version(), *(f", {n} {m.version(n)}" for n in sys.argv[1].split()))`, peers).Output()
		if err == nil {
			list = append(list, strings.ReplaceAll(strings.TrimSpace(string(out)), " ,", ","))
		}
	}
	return strings.Join(list, ", ")
}

// machine describes the hardware, without names.
func machine() string {
	model, memory := runtime.GOARCH, ""
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
				model = strings.TrimSpace(v)
				break
			}
		}
	}
	if kb := field("/proc/meminfo", "MemTotal"); kb > 0 {
		memory = fmt.Sprintf(", %.0f GB of memory", float64(kb)/(1<<20))
	}
	return fmt.Sprintf("%d processors (%s)%s, %s", runtime.NumCPU(), model, memory, runtime.GOOS)
}

// busy is the number of processes that wanted a processor in the last minute.
func busy() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

func median[T int64 | float64 | time.Duration](list []T) T {
	s := slices.Clone(list)
	slices.Sort(s)
	return s[len(s)/2]
}

func millis(d time.Duration) string {
	if d < 10*time.Millisecond {
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	}
	if d < 2*time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func megabytes(kb int64) string { return fmt.Sprintf("%.1f MB", float64(kb)/1024) }
