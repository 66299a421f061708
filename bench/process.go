package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is a child process that answers on a port.
type server struct {
	cmd *exec.Cmd
	url string
	log *bytes.Buffer
	up  time.Duration // from the start of the process to the first answer
}

// launch starts a server and waits until health answers 200. The arguments may hold PORT.
func launch(health, name string, env []string, args ...string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "PORT", port)
	}
	s := &server{url: "http://127.0.0.1:" + port, log: &bytes.Buffer{}}
	s.cmd = exec.Command(name, args...)
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(began) < 2*time.Minute {
		if resp, err := client.Get(s.url + health); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				s.up = time.Since(began)
				return s, nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("%s does not answer: %s", filepath.Base(name), s.log)
}

func (s *server) stop() {
	syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	done := time.AfterFunc(15*time.Second, func() { syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) })
	s.cmd.Wait() //nolint:errcheck // it was asked to end
	done.Stop()
}

func freePort() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	return port, err
}

// memory gives the private (anonymous) and the resident memory of a process and its descendants in kB. Pages that forked
// processes still share are counted once: each has its part of them (Pss). Of one process it is RssAnon and VmRSS.
func (s *server) memory() (private, resident int64, processes int) {
	parents := map[int]int{}
	entries, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, e := range entries {
		text, err := os.ReadFile(e)
		if err != nil {
			continue
		}
		after := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(e)))
		parents[pid], _ = strconv.Atoi(after[1])
	}
	var pids []int
	for pid := range parents {
		for p := pid; p > 1; p = parents[p] {
			if p == s.cmd.Process.Pid {
				pids = append(pids, pid)
				break
			}
		}
	}
	if len(pids) == 1 {
		file := fmt.Sprintf("/proc/%d/status", pids[0])
		return field(file, "RssAnon"), field(file, "VmRSS"), 1
	}
	for _, pid := range pids {
		file := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
		private += field(file, "Pss_Anon")
		resident += field(file, "Pss")
	}
	return private, resident, len(pids)
}

// field reads a number in kB of a file of /proc; 0 when it is not there.
func field(file, name string) int64 {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n
		}
	}
	return 0
}

// timed runs a command to its end.
func timed(env []string, name string, args ...string) (time.Duration, string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(began)
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return took, "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
	return took, string(out), nil
}
