package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// command is a shell command of a step.
type command struct {
	text  string
	dir   string
	env   []string
	out   io.Writer     // stdout and stderr; its errors are ours, so it must not fail
	grace time.Duration // between SIGTERM and SIGKILL
}

// run waits for the command and for the end of its process group. The error is nil, or a *exit.
func (c command) run(ctx context.Context) error {
	args := []string{"-c", c.text}
	if strings.Contains(strings.TrimSpace(c.text), "\n") {
		args = []string{"-e", "-c", c.text} // a script ends at the first line that fails
	}
	cmd := exec.CommandContext(ctx, "sh", args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = c.dir, c.env, c.out, c.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = c.grace
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return fault.New(fault.Unavailable, "the shell cannot be started: %w", err)
	}
	err := cmd.Wait()
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // what it left in the background; mostly nothing
	var exited *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success():
		return nil
	case errors.As(err, &exited):
		return &exit{code: exited.ExitCode(), signal: signalOf(exited)}
	case ctx.Err() != nil:
		return &exit{code: -1}
	}
	return fault.Wrap(err, "running the command")
}

// exit is the end of a command that did not succeed.
type exit struct {
	code   int // -1 when a signal ended it
	signal syscall.Signal
}

func signalOf(e *exec.ExitError) syscall.Signal {
	if ws, ok := e.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ws.Signal()
	}
	return 0
}

func (e *exit) Error() string {
	switch {
	case e.signal == syscall.SIGKILL:
		return "killed by signal 9; when nobody did it, the machine was out of memory"
	case e.signal != 0:
		return fmt.Sprintf("ended by signal %d (%s)", int(e.signal), e.signal)
	case e.code == 128+int(syscall.SIGKILL): // the shell's way to say it of its child
		return "exit code 137: killed by signal 9; when nobody did it, the machine was out of memory"
	case e.code == 127:
		return "exit code 127: a command was not found"
	case e.code == 126:
		return "exit code 126: a command cannot be executed"
	}
	return fmt.Sprintf("exit code %d", e.code)
}
