package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/paraplu/paraplu/internal/fault"
)

// tailLines is how many lines of a failed step its error shows.
const tailLines = 20

// terminal is the shared place where steps print. Its errors are ignored: what is printed is stored as the log.
type terminal struct {
	mu  sync.Mutex
	out io.Writer
}

func (t *terminal) print(prefix string, line []byte) {
	if t.out == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "%s%s\n", prefix, line) //nolint:errcheck // see above
}

// stepLog takes what a step prints: all bytes to a file, whole lines to the terminal, the last lines for an error.
// Write never fails, so that a full disk does not look like a broken pipe to the step; see err.
type stepLog struct {
	file   *os.File
	term   *terminal
	prefix string

	mu   sync.Mutex // after the grace period a late write may meet the end
	line []byte
	tail []string
	err  error
}

func (l *stepLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		_, l.err = l.file.Write(p)
	}
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			l.line = append(l.line, rest...)
			if len(l.line) > 16<<10 {
				l.flush()
			}
			break
		}
		l.line = append(l.line, rest[:i]...)
		l.flush()
		rest = rest[i+1:]
	}
	return len(p), nil
}

// flush prints the line; of a progress bar only its last state.
func (l *stepLog) flush() {
	line := bytes.TrimRight(l.line, "\r")
	line = line[bytes.LastIndexByte(line, '\r')+1:]
	l.term.print(l.prefix, line)
	l.tail = append(l.tail, strings.ToValidUTF8(string(line), "�"))
	if len(l.tail) > tailLines {
		l.tail = l.tail[1:]
	}
	l.line = l.line[:0]
}

// close prints what is left and rewinds the file for storing.
func (l *stepLog) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 {
		l.flush()
	}
	if l.err == nil {
		_, l.err = l.file.Seek(0, io.SeekStart)
	}
	return fault.Wrap(l.err, "keeping the log")
}

// last gives the last lines, indented, under a heading; "" when nothing was printed.
func (l *stepLog) last() string {
	if len(l.tail) == 0 {
		return ""
	}
	return "\nits last lines:\n  " + strings.Join(l.tail, "\n  ")
}
