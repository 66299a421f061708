package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// narrator prints the story: plain lines when the output is a file, with colour and a moving progress line on a terminal.
type narrator struct {
	w     io.Writer
	tty   bool
	width int
	began time.Time
	act   time.Time
	open  bool // a progress line without newline stands on the terminal
}

func newNarrator(w io.Writer) *narrator {
	n := &narrator{w: w, width: 100, began: time.Now()}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		n.tty = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 40 {
			n.width = min(width, 120)
		}
	}
	return n
}

func (n *narrator) style(code, s string) string {
	if !n.tty {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (n *narrator) bold(s string) string { return n.style("1", s) }
func (n *narrator) dim(s string) string  { return n.style("2", s) }

// title opens an act.
func (n *narrator) title(number int, name string) {
	n.clear()
	n.act = time.Now()
	line := fmt.Sprintf("── %d · %s ", number, name)
	fmt.Fprintf(n.w, "\n%s\n", n.bold(line+strings.Repeat("─", max(0, n.width-len([]rune(line))))))
}

// say prints a paragraph of the story, wrapped.
func (n *narrator) say(format string, args ...any) {
	n.clear()
	for _, line := range wrap(fmt.Sprintf(format, args...), n.width-3) {
		fmt.Fprintf(n.w, "   %s\n", line)
	}
}

// command shows what a user would type for what happens next.
func (n *narrator) command(format string, args ...any) {
	n.clear()
	fmt.Fprintf(n.w, "   %s\n", n.style("36", "$ "+fmt.Sprintf(format, args...)))
}

// result prints one outcome; ok decides the mark.
func (n *narrator) result(ok bool, format string, args ...any) {
	n.clear()
	mark := n.style("32", "✓")
	if !ok {
		mark = n.style("31", "✗")
	}
	lines := wrap(fmt.Sprintf(format, args...), n.width-6)
	for i, line := range lines {
		if i == 0 {
			fmt.Fprintf(n.w, "   %s %s\n", mark, line)
		} else {
			fmt.Fprintf(n.w, "     %s\n", line)
		}
	}
}

// did prints an outcome with the time that it took.
func (n *narrator) did(since time.Time, format string, args ...any) {
	n.result(true, "%s %s", fmt.Sprintf(format, args...), n.dim("("+seconds(time.Since(since))+")"))
}

// progress moves a bar on a terminal; elsewhere it is silent.
func (n *narrator) progress(done, total int, label string) {
	if !n.tty || total == 0 {
		return
	}
	const cells = 30
	full := done * cells / total
	fmt.Fprintf(n.w, "\r\x1b[2K   %s%s %3d %%  %s", strings.Repeat("█", full), strings.Repeat("░", cells-full), done*100/total, label)
	n.open = true
}

// clear removes an open progress line.
func (n *narrator) clear() {
	if n.open {
		fmt.Fprint(n.w, "\r\x1b[2K")
		n.open = false
	}
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// wrap breaks s at spaces; lines of s stay lines.
func wrap(s string, width int) []string {
	var out []string
	for _, paragraph := range strings.Split(s, "\n") {
		line := ""
		for _, word := range strings.Fields(paragraph) {
			if line != "" && len([]rune(line))+1+len([]rune(word)) > width {
				out = append(out, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		out = append(out, line)
	}
	return out
}

// eur prints money with thousands separated.
func eur(v float64, unit string) string {
	sign := ""
	if v < 0 {
		sign, v = "−", -v
	}
	digits := fmt.Sprintf("%.0f", v)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return sign + digits + " " + unit
}
