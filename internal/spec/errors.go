package spec

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// Problem is one mistake in the file.
type Problem struct {
	Place
	Where string // dotted path of the value, "" for the whole file
	What  string // what is wrong and why
	Hint  string // what to write instead; may be ""
}

// Errors are all problems of one file, in the order of the file. Its kind is
// fault.Invalid.
type Errors struct {
	File     string
	Problems []Problem
}

const maxShown = 50

// Error gives one line for each problem: file:line:column: where: what; hint.
func (e *Errors) Error() string {
	var b strings.Builder
	for i, p := range e.Problems {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxShown {
			fmt.Fprintf(&b, "%s: and %d more problems", e.File, len(e.Problems)-i)
			break
		}
		b.WriteString(e.fault(p).Error())
		if p.Hint != "" {
			b.WriteString("; " + p.Hint)
		}
	}
	return b.String()
}

// Unwrap gives a fault for each problem.
func (e *Errors) Unwrap() []error {
	out := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		f := e.fault(p)
		f.Hint = p.Hint
		out[i] = f
	}
	return out
}

func (e *Errors) fault(p Problem) *fault.Error {
	msg := p.What
	if p.Where != "" {
		msg = p.Where + ": " + msg
	}
	return fault.New(fault.Invalid, "%s", msg).At(e.File, p.Line, p.Col)
}

// sorted puts problems in the order of the file and drops repetitions.
func (e *Errors) sorted() error {
	if len(e.Problems) == 0 {
		return nil
	}
	slices.SortStableFunc(e.Problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Col - b.Col
	})
	e.Problems = slices.Compact(e.Problems)
	return e
}

// quote shows a value from the file, shortened.
func quote(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return strconv.Quote(s)
}

// Nearest gives the word of the list that word was probably meant to be, or ""
// when none is near: edit distance with swaps of neighbours, upper and lower case alike.
func Nearest(word string, list []string) string {
	if len(word) > 128 {
		return ""
	}
	limit := 3
	if n := len([]rune(word)); n <= 4 {
		limit = 1
	} else if n <= 8 {
		limit = 2
	}
	best, found := limit+1, ""
	for _, candidate := range list {
		if d := distance(strings.ToLower(word), strings.ToLower(candidate)); d < best {
			best, found = d, candidate
		}
	}
	return found
}

func didYouMean(word string, list []string) string {
	if near := Nearest(word, list); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// distance is the optimal string alignment distance.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	if d := len(s) - len(t); d > 3 || d < -3 {
		return 4
	}
	rows := [3][]int{make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(s); i++ {
		before, last, row := rows[0], rows[1], rows[2]
		row[0] = i
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		rows[0], rows[1], rows[2] = last, row, before
	}
	return rows[1][len(t)]
}
