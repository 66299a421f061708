package quality

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// guard tells why a text of a contract must not become part of our SQL. It is one balanced expression or, for a query, one
// SELECT: no second statement, no parenthesis that closes ours, no comment that hides the rest. What a SELECT could reach
// is limited by the session.
func guard(sql string, query bool) error {
	depth := 0
	for i := 0; i < len(sql); i++ {
		if end := wordEnd(sql, i); end > i {
			if err := guardWord(sql, i, end); err != nil {
				return err
			}
			i = end - 1
			continue
		}
		switch c := sql[i]; c {
		case '\'', '"':
			end := closing(sql, i)
			if end < 0 {
				return fmt.Errorf("a quote that opens at character %d is not closed", i+1)
			}
			if name := strings.ReplaceAll(sql[i+1:end], `""`, `"`); c == '"' && refused(name, sql[end+1:]) {
				return fmt.Errorf("the function %s at character %d; it changes the session", name, i+1)
			}
			i = end
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return fmt.Errorf("a parenthesis that was not opened, at character %d", i+1)
			}
		case ';':
			if strings.TrimSpace(sql[i+1:]) != "" || !query {
				return fmt.Errorf("a second statement begins at character %d; only one is run", i+1)
			}
		case '-', '/':
			if strings.HasPrefix(sql[i:], "--") || strings.HasPrefix(sql[i:], "/*") {
				return fmt.Errorf("a comment at character %d; write it into the description", i+1)
			}
		case '$':
			if strings.HasPrefix(sql[i:], "$$") || !strings.HasPrefix(sql[i:], "${table}") && !strings.HasPrefix(sql[i:], "${column}") {
				return fmt.Errorf("a $ at character %d: neither parameters nor dollar quotes are known here", i+1)
			}
		case 0:
			return fmt.Errorf("a NUL byte at character %d", i+1)
		case '?':
			return fmt.Errorf("a ? at character %d: parameters are not known here", i+1)
		}
	}
	if placeholderCall.MatchString(sql) {
		return fmt.Errorf("a placeholder is called like a function")
	}
	if depth > 0 {
		return fmt.Errorf("%d parentheses are not closed", depth)
	}
	if query {
		text := strings.TrimLeft(strings.ToLower(sql), " \t\r\n(")
		word := text[:len(text)-len(strings.TrimLeft(text, "abcdefghijklmnopqrstuvwxyz"))]
		if word != "select" && word != "with" && word != "from" {
			return fmt.Errorf("the query begins with %q; it must be one SELECT", word)
		}
	}
	if strings.TrimSpace(sql) == "" {
		return fmt.Errorf("it is empty")
	}
	return nil
}

// wordEnd gives the end of the word that begins at i, i if none does. Only ASCII counts: among the rest are characters that
// DuckDB takes for space.
func wordEnd(sql string, i int) int {
	end := i
	for end < len(sql) && sql[end] < utf8.RuneSelf && (letter(sql[end]) || end > i && sql[end] >= '0' && sql[end] <= '9') {
		end++
	}
	return end
}

// guardWord refuses functions that a SELECT may call and that act, and the strings E'…' and U&'…', where a backslash has a
// meaning: what is text for us would be SQL for the engine.
func guardWord(sql string, start, end int) error {
	word, rest := strings.ToLower(sql[start:end]), sql[end:]
	if refused(word, rest) {
		return fmt.Errorf("the function %s at character %d; it changes the session", word, start+1)
	}
	afterNumber := start > 0 && (sql[start-1] >= '0' && sql[start-1] <= '9' || sql[start-1] == '.')
	if strings.HasSuffix(word, "e") && (len(word) == 1 || afterNumber) && strings.HasPrefix(rest, "'") ||
		word == "u" && (strings.HasPrefix(rest, "&'") || strings.HasPrefix(rest, `&"`)) {
		return fmt.Errorf("a quote with a prefix at character %d; write '…' without backslashes", start+1)
	}
	return nil
}

// acting are the functions of DuckDB that do more than give rows: they switch on logs and profiles, which go to a file, or
// run SQL from a text that nobody guarded.
var acting = map[string]bool{
	"enable_logging": true, "disable_logging": true, "enable_profiling": true, "disable_profiling": true, "checkpoint": true, "force_checkpoint": true,
	"query": true, "query_table": true, "json_execute_serialized_sql": true, "enable_peg_parser": true, "disable_peg_parser": true, "write_log": true,
}

// refused tells whether a name is one of those and called. DuckDB takes more characters for space than ASCII has.
func refused(name, rest string) bool {
	rest = strings.TrimLeftFunc(rest, func(r rune) bool { return r <= ' ' || r >= utf8.RuneSelf })
	return acting[strings.ToLower(name)] && strings.HasPrefix(rest, "(")
}

var placeholderCall = regexp.MustCompile(`\{(table|column|object|property)\}[^!-~]*\(`)

// closing gives the position of the quote that closes the one at i; a doubled quote does not. -1 if there is none.
func closing(sql string, i int) int {
	for j := i + 1; j < len(sql); j++ {
		if sql[j] != sql[i] {
			continue
		}
		if j+1 < len(sql) && sql[j+1] == sql[i] {
			j++
			continue
		}
		return j
	}
	return -1
}

// substitute puts the quoted names in place of the placeholders of ODCS.
func substitute(sql, object, column string) string {
	sql = strings.TrimSuffix(strings.TrimSpace(sql), ";")
	return strings.NewReplacer("${table}", ident(object), "${column}", ident(column), "{object}", ident(object), "{property}", ident(column), "{table}", ident(object), "{column}", ident(column)).Replace(sql)
}

// ident quotes a name for SQL.
func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// literal quotes a text for SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
