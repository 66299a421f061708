package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"
)

func writeJSON(w io.Writer, v any) {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	enc.Encode(v) //nolint:errcheck // a closed pipe has no one to tell
}

// show prints v as JSON when asked, else calls text.
func (s *session) show(v any, text func()) {
	if s.json {
		if r := reflect.ValueOf(v); r.Kind() == reflect.Slice && r.IsNil() {
			v = []any{} // an empty list is a list
		}
		writeJSON(s.out, v)
		return
	}
	text()
}

func (s *session) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

// table prints rows in aligned columns; an empty one says what to do.
func (s *session) table(head []string, rows [][]string, empty string) {
	if len(rows) == 0 {
		s.printf("%s\n", empty)
		return
	}
	w := tabwriter.NewWriter(s.out, 0, 2, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(head, "\t")))
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush()
}

// orNone joins names for a sentence.
func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// count gives "1 dataset", "2 datasets".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	switch d := time.Since(t); {
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return t.Format(time.DateOnly)
	}
}
