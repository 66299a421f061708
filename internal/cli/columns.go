package cli

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// maxCell bounds a cell of a table that must fit, in characters.
const maxCell = 32

// width is how many characters fit into a line of the output: those of the terminal, or COLUMNS; 0 = as many as there are.
func (s *session) width() int {
	if f, ok := s.out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			return w
		}
	}
	w, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil || w < 0 {
		return 0
	}
	return w
}

// terminal tells whether people see the output, with colours.
func (s *session) terminal() bool {
	f, ok := s.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""
}

// fitted prints a table with its head as it is: names that were logged keep their case. As many columns are shown as fit
// into a line, and the first keep in any case; it gives how many.
func (s *session) fitted(head []string, rows [][]string, keep int, empty string) int {
	width := s.width()
	if len(rows) == 0 {
		s.printf("%s\n", empty)
		return len(head)
	}
	cells := append([][]string{head}, rows...)
	if width == 0 {
		width = math.MaxInt
	}
	used, shown := 0, 0
	for ; shown < len(head); shown++ {
		widest := 0
		for _, row := range cells {
			widest = max(widest, min(utf8.RuneCountInString(row[shown]), maxCell))
		}
		if used += widest; used > width && shown >= keep {
			break
		}
		used += 2
	}
	short := make([][]string, len(cells))
	for i, row := range cells {
		for _, cell := range row[:shown] {
			if width < math.MaxInt {
				cell = cutTo(cell, maxCell)
			}
			short[i] = append(short[i], oneLine(cell))
		}
	}
	s.aligned(short)
	return shown
}

func (s *session) aligned(rows [][]string) {
	w := tabwriter.NewWriter(s.out, 0, 2, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush()
}

// cutTo shortens a text to at most n characters.
func cutTo(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// oneLine leaves out what moves the cursor: a logged text may hold anything.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// figure prints a number of a metric for people.
func figure(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case x == math.MaxFloat64:
		return "inf"
	case x == -math.MaxFloat64:
		return "-inf"
	}
	return strconv.FormatFloat(x, 'g', 6, 64)
}

// instant prints Unix milliseconds in UTC, to the minute.
func instant(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04") }

// span prints a duration with about three figures.
func span(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Second:
		return strconv.FormatInt(ms, 10) + "ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	text := d.Round(time.Second).String()
	if d >= time.Hour {
		text = strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return text
}

// andMore names what did not fit.
func andMore(left []string) string {
	names := slices.Clone(left[:min(len(left), 4)])
	if len(left) > 4 {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}
