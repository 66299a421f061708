package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// Op is a comparison, in upper case.
type Op string

// The comparisons. IsNull and NotNull have no value, In and NotIn have a list.
const (
	Eq      Op = "="
	Ne      Op = "!="
	Gt      Op = ">"
	Ge      Op = ">="
	Lt      Op = "<"
	Le      Op = "<="
	LikeOp  Op = "LIKE"
	ILikeOp Op = "ILIKE"
	RLikeOp Op = "RLIKE"
	In      Op = "IN"
	NotIn   Op = "NOT IN"
	IsNull  Op = "IS NULL"
	NotNull Op = "IS NOT NULL"
)

// Clause is one comparison; the clauses of a filter hold all at once.
type Clause struct {
	Entity string // as written before the first dot; "" = an attribute
	Key    string // without quotes
	Op     Op
	Value  Value
	Pos    int // byte offset of the clause in the filter
}

// String prints the clause so that Parse reads it back.
func (c Clause) String() string {
	s := name(c.Entity, c.Key) + " " + string(c.Op)
	switch {
	case c.Op == IsNull || c.Op == NotNull:
		return s
	case c.Op == In || c.Op == NotIn:
		quoted := make([]string, len(c.Value.List))
		for i, v := range c.Value.List {
			quoted[i] = quote(v)
		}
		return s + " (" + strings.Join(quoted, ", ") + ")"
	}
	return s + " " + c.Value.String()
}

// Value is the right side of a comparison: a text, a number, or a list of texts.
type Value struct {
	IsNumber bool
	Text     string  // of a text without quotes, of a number as written
	Number   float64 // if IsNumber
	List     []string
}

// Int gives a number without a fraction as an int64.
func (v Value) Int() (int64, bool) {
	if !v.IsNumber {
		return 0, false
	}
	if i, err := strconv.ParseInt(v.Text, 10, 64); err == nil {
		return i, true
	}
	i := int64(v.Number)
	return i, float64(i) == v.Number
}

// String prints a text or number as it is written in a filter.
func (v Value) String() string {
	if v.IsNumber {
		return v.Text
	}
	return quote(v.Text)
}

// Order is one term of a sort order.
type Order struct {
	Entity string // "" = an attribute
	Key    string
	Desc   bool
}

// String prints the term so that ParseOrder reads it back.
func (o Order) String() string {
	if o.Desc {
		return name(o.Entity, o.Key) + " DESC"
	}
	return name(o.Entity, o.Key) + " ASC"
}

// Error says what is wrong with a filter and where.
type Error struct {
	Text string // the whole filter
	Pos  int    // byte offset, from 0
	Msg  string
}

// Error gives the message with the place, counted from 1.
func (e *Error) Error() string {
	return fmt.Sprintf("%s, at position %d of %q", e.Msg, e.Pos+1, e.Text)
}

// Like tells whether s matches an SQL pattern: % is any text, _ any one character; nothing escapes them. With fold the
// case of letters does not matter (ILIKE).
func Like(pattern, s string, fold bool) bool {
	if fold {
		pattern, s = strings.ToLower(pattern), strings.ToLower(s)
	}
	p, t := []rune(pattern), []rune(s)
	star, mark := -1, 0 // the last %, and where its text starts to be tried
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '%':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '_' || p[i] == t[j]):
			i, j = i+1, j+1
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '%' {
		i++
	}
	return i == len(p)
}

// Compare tells whether a text satisfies a clause of = != LIKE ILIKE IN NOT IN; ok is false for any other comparison.
func (c Clause) Compare(s string) (match, ok bool) {
	switch c.Op {
	case Eq:
		return s == c.Value.Text, true
	case Ne:
		return s != c.Value.Text, true
	case LikeOp, ILikeOp:
		return Like(c.Value.Text, s, c.Op == ILikeOp), true
	case In, NotIn:
		found := false
		for _, v := range c.Value.List {
			found = found || v == s
		}
		return found == (c.Op == In), true
	}
	return false, false
}

// CompareNumber tells whether a number satisfies a clause of = != > >= < <=; ok is false for any other comparison.
func (c Clause) CompareNumber(x float64) (match, ok bool) {
	y := c.Value.Number
	switch c.Op {
	case Eq:
		return x == y, true
	case Ne:
		return x != y, true
	case Gt:
		return x > y, true
	case Ge:
		return x >= y, true
	case Lt:
		return x < y, true
	case Le:
		return x <= y, true
	}
	return false, false
}

func name(entity, key string) string {
	if entity == "" {
		if bare(key) && !strings.Contains(key, ".") {
			return key
		}
		return tick(key)
	}
	if bare(key) {
		return entity + "." + key
	}
	return entity + "." + tick(key)
}

func tick(s string) string  { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
