package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/db"
)

// owner is the process that walks an execution. A number of a process is used again after its end, so the time of its
// start belongs to it; on another machine only the heartbeat can be seen.
type owner struct {
	Host  string `json:"host"` // name and process namespace
	Boot  string `json:"boot"`
	PID   int    `json:"pid"`
	Start string `json:"start"` // clock ticks since boot, "" where /proc is absent
}

// lease is how long an execution of another machine may be silent; beatEvery is how often it speaks.
const (
	lease     = 2 * time.Minute
	beatEvery = 15 * time.Second
)

func thisProcess() owner {
	host, _ := os.Hostname()
	space, _ := os.Readlink("/proc/self/ns/pid")
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	pid := os.Getpid()
	return owner{Host: host + " " + space, Boot: strings.TrimSpace(string(boot)), PID: pid, Start: startOf(pid)}
}

// startOf gives the start time of a process, "" if it is not there (or is a zombie).
func startOf(pid int) string {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:])) // the name may hold spaces and brackets
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

// dead tells whether an execution has nobody who will close it.
func (r *Room) dead(o open, now time.Time) bool {
	switch {
	case o.owner.Host != r.self.Host:
		return now.Sub(db.Time(o.beatMs)) > lease
	case o.owner.Boot != r.self.Boot:
		return true
	case o.owner == r.self:
		r.mu.Lock()
		defer r.mu.Unlock()
		return !r.active[o.id]
	case o.owner.Start == "": // no /proc here
		return syscall.Kill(o.owner.PID, 0) == syscall.ESRCH
	}
	return startOf(o.owner.PID) != o.owner.Start
}

// recover closes executions whose process died: first it ends what is left of their commands, then it marks them.
func (r *Room) recover(ctx context.Context) error {
	var list []open
	err := r.db.View(ctx, func(tx *db.Tx) (err error) {
		list, err = openExecutions(tx)
		return err
	})
	if err != nil {
		return err
	}
	now := r.clock()
	for _, o := range list {
		if !r.dead(o, now) {
			continue
		}
		if o.owner.Host == r.self.Host && o.owner.Boot == r.self.Boot {
			endLeftovers(o.id)
		}
		err := r.db.Update(ctx, func(tx *db.Tx) error {
			return closeExecution(tx, o.id, Abandoned, "its process died", db.Millis(now))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// endLeftovers kills the processes that carry the id of a dead execution in their environment, and waits until they
// are gone, so that none writes into the workspace beside the next execution. Without /proc there is nothing to find.
func endLeftovers(execution string) {
	mark := []byte("PARAPLU_EXECUTION=" + execution + "\x00")
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		found := 0
		stats, _ := filepath.Glob("/proc/[0-9]*/environ")
		for _, file := range stats {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			env, err := os.ReadFile(file)
			if err != nil || pid == os.Getpid() || !bytes.Contains(append([]byte{0}, env...), append([]byte{0}, mark...)) {
				continue
			}
			if pgid, err := syscall.Getpgid(pid); err != nil || pgid == syscall.Getpgrp() {
				continue // a command of ours, started from inside the dead execution
			}
			found++
			syscall.Kill(pid, syscall.SIGKILL) //nolint:errcheck // it may be gone
		}
		if found == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}
