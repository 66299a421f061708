package filter

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLength bounds a filter; longer ones are refused before they are read.
const maxLength = 1 << 20

// Parse reads a filter. An empty filter has no clauses. The error is an *Error.
func Parse(text string) ([]Clause, error) {
	p, err := start(text)
	if err != nil {
		return nil, err
	}
	var out []Clause
	for p.tok.kind != end {
		if len(out) > 0 {
			if err := p.and(); err != nil {
				return nil, err
			}
		}
		c, err := p.clause()
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// ParseOrder reads one term of a sort order: "ident", "ident ASC" or "ident DESC". The error is an *Error.
func ParseOrder(text string) (Order, error) {
	p, err := start(text)
	if err != nil {
		return Order{}, err
	}
	var o Order
	if o.Entity, o.Key, err = p.ident(); err != nil {
		return o, err
	}
	if p.word("DESC") {
		o.Desc, err = true, p.next()
	} else if p.word("ASC") {
		err = p.next()
	}
	if err == nil && p.tok.kind != end {
		err = p.fail("expected ASC, DESC or the end, found %s", p.tok)
	}
	return o, err
}

func start(text string) (*parser, error) {
	p := &parser{text: text}
	if len(text) > maxLength {
		return nil, &Error{Text: text[:40] + "…", Msg: "the filter is longer than 1 MiB"}
	}
	if !utf8.ValidString(text) {
		return nil, &Error{Text: strings.ToValidUTF8(text, "?"), Msg: "the filter is not UTF-8"}
	}
	return p, p.next()
}

// and reads the word between two clauses, and says what is missing of SQL.
func (p *parser) and() error {
	switch {
	case p.word("AND"):
		return p.next()
	case p.word("OR"):
		return p.fail("OR is not part of the search language; use two searches, or IN ('a', 'b')")
	case p.tok.kind == symbol && p.tok.text == ";":
		return p.fail("a filter is one statement; remove what follows ;")
	}
	return p.fail("expected AND or the end, found %s", p.tok)
}

func (p *parser) clause() (Clause, error) {
	c := Clause{Pos: p.tok.pos}
	if p.word("NOT") {
		return c, p.fail("NOT is not part of the search language; use !=, NOT IN or IS NOT NULL")
	}
	if p.tok.kind == symbol && p.tok.text == "(" {
		return c, p.fail("parentheses are not part of the search language; clauses are joined by AND")
	}
	var err error
	if c.Entity, c.Key, err = p.ident(); err != nil {
		return c, err
	}
	if c.Op, err = p.op(); err != nil {
		return c, err
	}
	switch c.Op {
	case IsNull, NotNull:
	case In, NotIn:
		c.Value.List, err = p.list()
	default:
		c.Value, err = p.value(c.Op)
	}
	return c, err
}

// ident reads [entity .] key. A quoted first part is a key without an entity.
func (p *parser) ident() (entity, key string, err error) {
	t := p.tok
	switch t.kind {
	case quoted:
		if t.quote == '\'' {
			return "", "", p.fail("expected a name on the left side, found %s; names stand in backticks, values on the right", t)
		}
		return "", t.text, p.notEmpty(t)
	case wordTok:
		entity, key, dotted := strings.Cut(t.text, ".")
		if !dotted {
			return "", t.text, p.next()
		}
		if entity == "" {
			return "", "", p.fail("a name is missing before the dot")
		}
		if key != "" && !p.dotted(key) {
			return entity, key, p.next()
		}
		if err := p.next(); err != nil {
			return "", "", err
		}
		if p.tok.kind != quoted || p.tok.quote == '\'' || p.tok.pos != t.pos+len(t.text) {
			return "", "", p.fail("a key is missing after %q", t.text)
		}
		t = p.tok
		return entity, key + t.text, p.notEmpty(t)
	case end:
		return "", "", p.fail("a clause is missing")
	}
	return "", "", p.fail("expected a name, found %s", t)
}

// dotted tells whether a key that ends in a dot goes on in backticks right behind it.
func (p *parser) dotted(key string) bool {
	return strings.HasSuffix(key, ".") && p.pos < len(p.text) && p.text[p.pos] == '`'
}

func (p *parser) notEmpty(t token) error {
	if t.text == "" {
		return p.fail("the quoted name is empty")
	}
	return p.next()
}

func (p *parser) op() (Op, error) {
	t := p.tok
	if t.kind == symbol {
		switch op := Op(t.text); op {
		case Eq, Ne, Gt, Ge, Lt, Le:
			return op, p.next()
		}
	}
	if t.kind == wordTok {
		switch strings.ToUpper(t.text) {
		case "LIKE":
			return LikeOp, p.next()
		case "ILIKE":
			return ILikeOp, p.next()
		case "RLIKE":
			return RLikeOp, p.next()
		case "IN":
			return In, p.next()
		case "NOT":
			return NotIn, p.expect("IN")
		case "IS":
			if err := p.next(); err != nil {
				return "", err
			}
			if p.word("NOT") {
				return NotNull, p.expect("NULL")
			}
			if !p.word("NULL") {
				return "", p.fail("expected NULL or NOT NULL after IS, found %s", p.tok)
			}
			return IsNull, p.next()
		}
	}
	return "", p.fail("expected a comparison (= != > >= < <= LIKE ILIKE IN, IS NULL), found %s", t)
}

// expect leaves the current word and reads the next, which must be w.
func (p *parser) expect(w string) error {
	if err := p.next(); err != nil {
		return err
	}
	if !p.word(w) {
		return p.fail("expected %s, found %s", w, p.tok)
	}
	return p.next()
}

func (p *parser) value(op Op) (Value, error) {
	t := p.tok
	if t.kind == quoted && t.quote != '`' {
		return Value{Text: t.text}, p.next()
	}
	if t.kind == wordTok {
		if x, ok := number(t.text); ok {
			if op == LikeOp || op == ILikeOp || op == RLikeOp {
				return Value{}, p.fail("%s compares texts; put %s in quotes", op, t.text)
			}
			return Value{IsNumber: true, Text: t.text, Number: x}, p.next()
		}
		return Value{}, p.fail("the value %s must be a number or stand in quotes: '%s'", t.text, t.text)
	}
	return Value{}, p.fail("expected a value, found %s", t)
}

// number reads a decimal number; words such as inf, nan or 0x10 are none.
func number(s string) (float64, bool) {
	for _, c := range s {
		if (c < '0' || c > '9') && !strings.ContainsRune("+-.eE", c) {
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && !math.IsInf(x, 0)
}

func (p *parser) list() ([]string, error) {
	if p.tok.kind != symbol || p.tok.text != "(" {
		return nil, p.fail("expected ( after IN, found %s", p.tok)
	}
	var out []string
	for {
		if err := p.next(); err != nil {
			return nil, err
		}
		if p.tok.kind != quoted || p.tok.quote == '`' {
			return nil, p.fail("expected a quoted value in the list, found %s", p.tok)
		}
		out = append(out, p.tok.text)
		if err := p.next(); err != nil {
			return nil, err
		}
		if p.tok.kind == symbol && p.tok.text == ")" {
			return out, p.next()
		}
		if p.tok.kind != symbol || p.tok.text != "," {
			return nil, p.fail("expected , or ) in the list, found %s", p.tok)
		}
	}
}

// bare tells whether s can stand as a key without quotes.
func bare(s string) bool {
	for _, r := range s {
		if !wordRune(r) {
			return false
		}
	}
	return s != ""
}

func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.-+/:$@#", r)
}
