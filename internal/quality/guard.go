package quality

import (
	"fmt"
	"strings"
)

// guard tells why a text of a contract must not become part of our SQL. It is one balanced expression or, for a query, one
// SELECT: no second statement, no parenthesis that closes ours, no comment that hides the rest. What a SELECT could reach
// is limited by the session.
func guard(sql string, query bool) error {
	depth := 0
	for i := 0; i < len(sql); i++ {
		switch c := sql[i]; c {
		case '\'', '"':
			end := closing(sql, i)
			if end < 0 {
				return fmt.Errorf("a quote that opens at character %d is not closed", i+1)
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
