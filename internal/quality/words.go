package quality

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// num prints a number for people: at most five significant digits, thousands with commas.
func num(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return map[bool]string{true: "infinity", false: "-infinity"}[v > 0]
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return count(int64(v))
	case math.Abs(v) >= 1000 && math.Abs(v) < 1e15:
		whole, frac, _ := strings.Cut(strconv.FormatFloat(v, 'f', 2, 64), ".")
		n, _ := strconv.ParseInt(whole, 10, 64)
		if frac = strings.TrimRight(frac, "0"); frac == "" {
			return count(n)
		}
		return count(n) + "." + frac
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}

// count prints a whole number with thousands separated.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// show prints a cell for people, shortened and on one line.
func show(v any) string {
	var s string
	switch x := v.(type) {
	case nil:
		return "(empty)"
	case float64:
		s = strconv.FormatFloat(x, 'g', -1, 64)
	case time.Time:
		if s = x.Format("2006-01-02 15:04:05"); strings.HasSuffix(s, " 00:00:00") {
			s = s[:10]
		}
	default:
		s = fmt.Sprint(x)
	}
	if quoted := strconv.Quote(s); len(quoted) != len(s)+2 || s == "" || s != strings.TrimSpace(s) {
		s = quoted // it holds something that cannot be seen
	}
	if r := []rune(s); len(r) > 80 {
		s = string(r[:79]) + "…"
	}
	return s
}

// few joins the first words of a list.
func few(words []string, most int) string {
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
}

// span prints a range: "0 … 150 mm", "at least 3", "at most 9".
func span(low, high *float64, unit string) string {
	if unit != "" {
		unit = " " + unit
	}
	switch {
	case low != nil && high != nil:
		return num(*low) + " … " + num(*high) + unit
	case low != nil:
		return "at least " + num(*low) + unit
	case high != nil:
		return "at most " + num(*high) + unit
	}
	return "any value"
}

func sorted(words []string) []string {
	out := slices.Clone(words)
	slices.Sort(out)
	return out
}

// plural gives "1 row", "3 rows".
func plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return count(n) + " " + word + "s"
}

func toFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case float64:
		return x, true
	case int64:
		return float64(x), true
	case bool:
		if x {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

func toInt(v any) int64 {
	f, _ := toFloat(v)
	return int64(f)
}
