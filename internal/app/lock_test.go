package app_test

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/db"
)

// TestMain is also the other process: with OTHER_HOME set it opens the workspace, says so, and waits for its input to end.
// With OTHER_SERVES it serves meanwhile, and says where.
func TestMain(m *testing.M) {
	home := os.Getenv("OTHER_HOME")
	if home == "" {
		os.Exit(m.Run())
	}
	a, err := app.Open(ctx, app.Config{Home: home, DB: os.Getenv("OTHER_DB"), Addr: "127.0.0.1:0"})
	if err == nil && os.Getenv("OTHER_SERVES") != "" {
		err = a.Start(ctx, app.StartOptions{})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("open" + a.URL())
	io.Copy(io.Discard, os.Stdin) //nolint:errcheck // ends when the parent closes it
	a.Close()
}

// other opens the workspace in another process.
func other(t *testing.T, home string) (cmd *exec.Cmd, stdin io.Closer) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OTHER_HOME="+home)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "open\n" {
		t.Fatalf("the other process: %q, %v", line, err)
	}
	return cmd, in
}

// serving serves the workspace in another process, until its input ends.
func serving(t *testing.T, cfg app.Config) (cmd *exec.Cmd, stdin io.Closer, url string) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OTHER_HOME="+cfg.Home, "OTHER_DB="+cfg.DB, "OTHER_SERVES=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	url, served := strings.CutPrefix(strings.TrimSpace(line), "open")
	if !served || url == "" {
		t.Fatalf("the server: %q, %v", line, err)
	}
	return cmd, in, url
}

// TestSweepAtOnceNeedsTheWorkspaceAlone: an object that another process has just put has no reference yet.
func TestSweepAtOnceNeedsTheWorkspaceAlone(t *testing.T) {
	a := open(t, app.Config{Home: t.TempDir(), Addr: "127.0.0.1:0"})
	ran := false
	alone := func() (ok bool) {
		t.Helper()
		ran = false
		ok, err := a.Alone(func() error { ran = true; return nil })
		if err != nil || ok != ran {
			t.Fatalf("ok %v, ran %v, %v", ok, ran, err)
		}
		return ok
	}
	for range 2 {
		if !alone() {
			t.Error("nobody else is there, and it was refused")
		}
	}
	cmd, in := other(t, a.Home())
	for range 2 {
		if alone() {
			t.Error("another process has the workspace open, and it was allowed")
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	if !alone() {
		t.Error("the other process has ended, and it was refused")
	}
	cmd, _ = other(t, a.Home())
	cmd.Process.Kill()
	cmd.Wait() //nolint:errcheck // it was killed
	if !alone() {
		t.Error("the other process was killed, and its lock stayed")
	}
	second := open(t, app.Config{Home: a.Home(), Addr: "127.0.0.1:0"})
	if alone() {
		t.Error("a second App of this process has the workspace open, and it was allowed")
	}
	second.Close()
	if !alone() {
		t.Error("the second App is closed, and it was refused")
	}
}

// TestNewcomersWaitForTheSweep: who opens the workspace during a sweep without grace waits until it is done.
func TestNewcomersWaitForTheSweep(t *testing.T) {
	cfg := app.Config{Home: t.TempDir(), Addr: "127.0.0.1:0"}
	a := open(t, cfg)
	opened := make(chan error, 1)
	if ok, err := a.Alone(func() error {
		go func() {
			b, err := app.Open(ctx, cfg)
			if err == nil {
				err = b.Close()
			}
			opened <- err
		}()
		select {
		case err := <-opened:
			t.Errorf("opened during the sweep (%v)", err)
		case <-time.After(100 * time.Millisecond):
		}
		return nil
	}); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func readDir(s db.Source, dir string) (names []string, err error) {
	entries, err := fs.ReadDir(s.FS, dir)
	for _, e := range entries {
		names = append(names, filepath.Base(e.Name()))
	}
	return names, err
}
