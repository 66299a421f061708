package mlflow_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
)

var update = flag.Bool("update", false, "write the answers of testdata/calls anew")

// exchange is one request of a calls file with its expected answer:
//
//	POST experiments/create {"name": "rain"}
//	@ Content-Type: text/plain                 send this header
//	! exp experiment_id                        keep a value of the answer as $exp
//	~ difference                               a row of docs/spec/mlflow-differences.md: why MLflow answers otherwise
//	< 500 {"error_code":"INTERNAL_ERROR"}      and what it answers
//	200 {"experiment_id":"$exp"}
//
// In a request, $chars(9) is a text of 9 characters, and $list(9: …#…) is the text 9 times with its number for #.
type exchange struct {
	lines   []string // request, header, captures and difference, as written
	request string
	header  string
	keep    [][2]string
	differs string
	theirs  string // MLflow's answer, where it differs
	want    string
}

func readCalls(t *testing.T, file string) (header []string, list []*exchange) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var e *exchange
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch {
		case slices.Contains([]string{"GET", "POST", "PATCH", "PUT", "DELETE"}, verb):
			e = &exchange{request: line}
			list = append(list, e)
		case e == nil:
			header = append(header, line)
			continue
		case line == "":
			continue
		case verb == "!":
			name, path, _ := strings.Cut(rest, " ")
			e.keep = append(e.keep, [2]string{name, path})
		case verb == "~":
			e.differs = rest
		case verb == "@":
			e.header = rest
		case verb == "<":
			e.theirs = rest
			continue
		case strings.HasPrefix(verb, "#"):
		default:
			e.want = line
			continue
		}
		e.lines = append(e.lines, line)
	}
	return header, list
}

// text prints an exchange with our answer.
func (e *exchange) text(ours string) string {
	out := strings.Join(e.lines, "\n") + "\n"
	if e.theirs != "" {
		out += "< " + e.theirs + "\n"
	}
	return out + ours + "\n\n"
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(strings.TrimRight(text, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// play sends the requests in order and gives the normalised answers. Names are made unlike those of earlier plays.
func play(c *client, list []*exchange) (answers []string) {
	now := time.Now().UnixNano()
	vars := map[string]string{"u": fmt.Sprintf("u%x", now), "hex": fmt.Sprintf("%016x", now)}
	for _, e := range list {
		method, rest, _ := strings.Cut(e.request, " ")
		path, body, _ := strings.Cut(rest, " ")
		if !strings.HasPrefix(path, "/") {
			path = "/api/2.0/mlflow/" + path
		}
		fill := func(s string) string {
			s = expand(s)
			for _, name := range longestFirst(vars, func(name string) string { return name }) {
				s = strings.ReplaceAll(s, "$"+name, vars[name])
			}
			return s
		}
		status, text := c.do(method, fill(path), fill(body), fill(e.header))
		for _, k := range e.keep {
			vars[k[0]] = dig(text, k[1])
		}
		answers = append(answers, normal(status, text, vars))
	}
	return answers
}

var (
	chars = regexp.MustCompile(`\$chars\((\d+)\)`)
	lists = regexp.MustCompile(`\$list\((\d+): (.*?)\)\$`)
	other = regexp.MustCompile(`("experiment_id":"|mlflow-artifacts:/)[1-9]\d*\b`) // numbers of experiments that nobody keeps
	hexes = regexp.MustCompile(`\b[0-9a-f]{32}\b`)                                 // and ids
	long  = regexp.MustCompile(`x{100,}`)
)

// expand writes out $chars(n) and $list(n: text)$.
func expand(s string) string {
	s = chars.ReplaceAllStringFunc(s, func(m string) string {
		n, _ := strconv.Atoi(chars.FindStringSubmatch(m)[1])
		return strings.Repeat("x", n)
	})
	return lists.ReplaceAllStringFunc(s, func(m string) string {
		part := lists.FindStringSubmatch(m)
		n, _ := strconv.Atoi(part[1])
		out := make([]string, n)
		for i := range out {
			out[i] = strings.ReplaceAll(part[2], "#", strconv.Itoa(i))
		}
		return strings.Join(out, ", ")
	})
}

// dig gives the text at a dotted path in a JSON object.
func dig(text, path string) string {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return "nothing"
	}
	for _, name := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return fmt.Sprint(v)
}

var (
	times = regexp.MustCompile(`^(creation_time|last_update_time|creation_timestamp|last_updated_timestamp|creation_timestamp_ms|last_updated_timestamp_ms)$`)
	sets  = regexp.MustCompile(`[\[{]('[^']*', )+'[^']*'[\]}]?`)
)

// normal prints an answer on one line: sorted keys, lists of tags, params and metrics by key, names for what varies.
func normal(status int, text string, vars map[string]string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err == nil {
		b, err := json.Marshal(tidy(v))
		if err != nil {
			panic(err)
		}
		text = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(b))
	} else {
		if status >= 400 {
			text = "(plain text)"
		}
	}
	for _, name := range longestFirst(vars, func(name string) string { return vars[name] }) {
		if len(vars[name]) > 5 { // ids and the unique name
			text = strings.ReplaceAll(text, vars[name], "$"+name)
		} else if vars[name] != "" { // experiment numbers
			text = regexp.MustCompile(`("experiment_id":"|mlflow-artifacts:/|id=|experiment |with id |Invalid value \\"|artifact: '|path: '|directory, not a file: '|No such artifact: '|Expected: \['|Found: \['|already exists\. )`+vars[name]+`\b`).ReplaceAllString(text, "${1}$$"+name)
		}
	}
	text = hexes.ReplaceAllString(other.ReplaceAllString(text, "${1}N"), "ID")
	text = long.ReplaceAllStringFunc(text, func(m string) string { return fmt.Sprintf("$chars(%d)", len(m)) })
	return fmt.Sprintf("%d %s", status, sets.ReplaceAllString(text, "{…}"))
}

// longestFirst gives the names so that none is replaced inside a longer one.
func longestFirst(vars map[string]string, of func(string) string) []string {
	return slices.SortedFunc(maps.Keys(vars), func(a, b string) int { return cmp.Or(len(of(b))-len(of(a)), cmp.Compare(a, b)) })
}

func tidy(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "sqlstate") // classes of errors that MLflow adds for its own cloud
		delete(v, "error_class")
		delete(v, "workspace") // there is one only
		if _, ok := v["next_page_token"]; ok {
			v["next_page_token"] = "TOKEN" // opaque
		}
		for k, x := range v {
			if text, ok := x.(string); times.MatchString(k) {
				v[k] = "TIME"
			} else if ok && strings.Contains(text, "signature=") {
				v[k] = "LINK"
			} else if k == "trace_id" && ok && strings.HasSuffix(text, "==") { // of a span: the bytes of an id that is made anew
				v[k] = "BYTES"
			} else {
				v[k] = tidy(x)
			}
		}
	case []any:
		for i := range v {
			v[i] = tidy(v[i])
		}
		key := func(x any) string {
			m, _ := x.(map[string]any)
			s, _ := m["key"].(string)           // all equal in a history, which keeps its order
			context, _ := m["context"].(string) // summaries of datasets have no order,
			if m["model_id"] != nil {           // nor have the metrics of a logged model
				b, _ := json.Marshal(m)
				return s + string(b)
			}
			return s + context
		}
		slices.SortStableFunc(v, func(a, b any) int { return strings.Compare(key(a), key(b)) })
	}
	return v
}

// TestCalls plays testdata/calls against both databases and compares with the recorded answers; -update records them.
func TestCalls(t *testing.T) {
	files, err := filepath.Glob("testdata/calls/*.calls")
	if err != nil || len(files) == 0 {
		t.Fatal("no calls", err)
	}
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := serve(t, d, time.Now)
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				header, list := readCalls(t, file)
				c := &client{t: t, url: c.url, db: d}
				answers := play(c, list)
				out := strings.Join(header, "\n") + "\n"
				for i, e := range list {
					if answers[i] != e.want && !*update {
						t.Errorf("%s\n got %s\nwant %s", e.request, answers[i], e.want)
					}
					out += e.text(answers[i])
				}
				if *update {
					write(t, file, out)
				}
			})
		}
	}, sources...)
}
