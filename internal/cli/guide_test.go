package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// guidePages are pages of docs/guide in reading order. They are one session in one workspace: each goes on where the page
// before it ended.
var guidePages = []string{"getting-started", "data-and-contracts", "pipeline", "tracking", "runs", "package-and-release", "serving",
	"monitoring-and-value", "errors-and-exit-codes", "operations", "coming-from-mlflow"}

// TestGuide plays the guide and compares what it shows with what happens. In a page
//
//	```python file=train.py    a block with file= is written to that file of the workspace
//	```console                 lines with $ are typed into one shell, the lines below each are its output
//	```console server          the command goes on in the background, as in a second terminal
//	```console stop            the servers are stopped before the commands
//
// Digests, ids, times and durations may differ; UPDATE=1 writes the new ones. {id} and {digest} in a command that is not yet
// recorded stand for the last ones that were shown.
func TestGuide(t *testing.T) {
	python := os.Getenv("PARAPLU_PYTHON")
	switch {
	case python == "" && os.Getenv("PARAPLU_REQUIRE_PYTHON") == "1":
		t.Fatal("PARAPLU_PYTHON is not set, and PARAPLU_REQUIRE_PYTHON=1 wants it")
	case python == "" || testing.Short():
		t.Skip("the guide trains models: set PARAPLU_PYTHON, leave out -short")
	}
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the guide needs %s", tool)
		}
	}
	t.Parallel()
	g := newGuide(t, python)
	for _, page := range guidePages {
		path := filepath.Join("../../docs/guide", page+".md")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		played := g.play(page, string(text))
		if os.Getenv("UPDATE") != "" && played != string(text) {
			if err := os.WriteFile(path, []byte(played), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// guide is a reader at work.
type guide struct {
	t     *testing.T
	home  string // shown as /home/daisy
	addr  string // shown as 127.0.0.1:5000
	venv  string // of Python, shown as .venv
	env   []string
	shell *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	now   map[string]string // recorded ids and digests → those of this session
	last  map[string]string // "{id}", "{digest}" → the last one shown
	stops []func()
}

func newGuide(t *testing.T, python string) *guide {
	python = filepath.Dir(python)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	bin, err := exec.LookPath("paraplu")
	if err != nil {
		t.Fatal(err)
	}
	g := &guide{t: t, venv: filepath.Dir(python), home: t.TempDir(), addr: ln.Addr().String(), now: map[string]string{}, last: map[string]string{}}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MLFLOW_") && !strings.HasPrefix(v, "PARAPLU_") {
			g.env = append(g.env, v)
		}
	}
	g.env = append(g.env, "HOME="+g.home, "USER=daisy", "LOGNAME=daisy", "PARAPLU_PYTHON="+filepath.Join(python, "python"),
		"PATH="+filepath.Dir(bin)+":"+python+":"+os.Getenv("PATH"), "MLFLOW_DISABLE_TELEMETRY=true", "PYTHONDONTWRITEBYTECODE=1", "LC_ALL=C.UTF-8")
	if err := os.Mkdir(filepath.Join(g.home, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	g.shell = exec.Command("bash", "--norc", "--noprofile")
	g.shell.Dir, g.shell.Env = g.home, g.env
	if g.in, err = g.shell.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := g.shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	g.shell.Stderr = g.shell.Stdout
	if err := g.shell.Start(); err != nil {
		t.Fatal(err)
	}
	g.out = bufio.NewReader(out)
	t.Cleanup(func() {
		g.in.Close()
		g.stop()
		g.shell.Wait() //nolint:errcheck // the reader leaves
	})
	return g
}

var fence = regexp.MustCompile("(?ms)^```([a-z]+)([^\n]*)\n(.*?)^```$")

// play goes through a page and gives it as it would be written now.
func (g *guide) play(page, text string) string {
	return fence.ReplaceAllStringFunc(text, func(block string) string {
		m := fence.FindStringSubmatch(block)
		lang, info, body := m[1], strings.TrimSpace(m[2]), m[3]
		if name, ok := strings.CutPrefix(info, "file="); ok {
			g.write(name, body)
			return block
		}
		if lang != "console" {
			return block
		}
		if info == "stop" {
			g.stop()
		}
		return "```console" + strings.TrimRight(" "+info, " ") + "\n" + g.console(page, body, info == "server") + "```"
	})
}

func (g *guide) write(name, body string) {
	dir := strings.TrimSpace(g.run("pwd"))
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// console types the commands of a block.
func (g *guide) console(page, body string, server bool) string {
	var shown strings.Builder
	lines := strings.SplitAfter(body, "\n")
	for i := 0; i < len(lines); {
		if !strings.HasPrefix(lines[i], "$ ") {
			i++
			continue
		}
		command := lines[i]
		for i++; strings.HasSuffix(command, "\\\n"); i++ {
			command += lines[i]
		}
		var recorded strings.Builder
		for ; i < len(lines) && !strings.HasPrefix(lines[i], "$ "); i++ {
			recorded.WriteString(lines[i])
		}
		typed := g.current(command)
		shown.WriteString(typed)
		got := g.display(g.run1(strings.TrimPrefix(g.real(typed), "$ "), server))
		g.learn(recorded.String(), got)
		if want := settled(recorded.String()); settled(got) != want && os.Getenv("UPDATE") == "" {
			g.t.Errorf("%s.md: %s\nshows:\n%s\nbut now it prints:\n%s", page, typed, recorded.String(), got)
		}
		shown.WriteString(got)
	}
	return shown.String()
}

func (g *guide) run1(command string, server bool) string {
	if server {
		return g.serve(strings.TrimSpace(command))
	}
	return g.run(command)
}

func (g *guide) stop() {
	for _, stop := range g.stops {
		stop()
	}
	g.stops = nil
}

const mark = "---8<--- end of"

func (g *guide) run(command string) string {
	fmt.Fprintf(g.in, "%s\necho; echo '%s' $?\n", strings.TrimRight(command, "\n"), mark)
	late := time.AfterFunc(2*time.Minute, func() { g.shell.Process.Kill() }) //nolint:errcheck // an open quote would wait for ever
	defer late.Stop()
	var b strings.Builder
	for {
		line, err := g.out.ReadString('\n')
		if err != nil {
			g.t.Fatalf("the shell ended in: %s\n%s", command, b.String())
		}
		if strings.HasPrefix(line, mark) {
			break
		}
		b.WriteString(line)
	}
	return strings.TrimRight(strings.TrimSuffix(b.String(), "\n"), "\n") + "\n"
}

// serve starts a server and gives what it says until it answers.
func (g *guide) serve(command string) string {
	cmd := exec.Command("bash", "-c", "exec "+command+" --addr "+g.addr)
	cmd.Dir, cmd.Env = strings.TrimSpace(g.run("pwd")), g.env
	out, err := cmd.StdoutPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.stops = append(g.stops, func() {
		cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
		cmd.Wait()                       //nolint:errcheck // as it likes
	})
	var b strings.Builder
	r := bufio.NewReader(out)
	for !strings.Contains(b.String(), "/invocations") {
		line, err := r.ReadString('\n')
		if err != nil {
			g.t.Fatalf("%s ended: %s%s", command, b.String(), errOut.String())
		}
		b.WriteString(line)
	}
	go io.Copy(io.Discard, r)                           //nolint:errcheck // until it ends
	if err := healthy("http://" + g.addr); err != nil { // a person types slower than a model loads
		g.t.Fatal(err)
	}
	return b.String()
}

var names = regexp.MustCompile(`\b0[0-9a-hjkmnp-tv-z]{25}\b|\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b`)

// learn notes which id or digest of this session stands where the page shows another.
func (g *guide) learn(recorded, got string) {
	was, is := names.FindAllString(recorded, -1), names.FindAllString(got, -1)
	for i, name := range is {
		if len(was) == len(is) {
			g.now[was[i]] = name
		}
		if len(name) == 26 {
			g.last["{id}"] = name
		} else {
			g.last["{digest}"] = name[:12]
		}
	}
}

// current is a command with the names of this session.
func (g *guide) current(command string) string {
	for place, name := range g.last {
		command = strings.ReplaceAll(command, place, name)
	}
	return names.ReplaceAllStringFunc(command, func(s string) string {
		if now, ok := g.now[s]; ok {
			return now
		}
		return s
	})
}

// real and display translate between the page and this machine.
func (g *guide) real(command string) string {
	return strings.ReplaceAll(command, "127.0.0.1:5000", g.addr)
}

func (g *guide) display(output string) string {
	if strings.TrimSpace(output) == "" {
		return ""
	}
	return strings.NewReplacer(g.venv+"/", ".venv/", g.addr, "127.0.0.1:5000", g.home+"/tmp/", "/tmp/", g.home, "/home/daisy").Replace(output)
}

var unsettled = regexp.MustCompile(`just now|\d+ (min|h) ago|\b\d+(\.\d+)? ?(ms|s|µs)\b|\d\d:\d\d:\d\d(\.\d+)?|[0-9a-f]{8} → [0-9a-f]{8}|\d+\.\d kB|production [0-9a-z]{6}\b|(?m:^\d+ +TIME)`)

// settled is an output without what differs from session to session.
func settled(text string) string {
	for _, v := range volatile {
		text = v.re.ReplaceAllString(text, v.with)
	}
	text = unsettled.ReplaceAllString(text, "…")
	return strings.TrimSpace(regexp.MustCompile(`[ \t]+`).ReplaceAllString(text, " "))
}
