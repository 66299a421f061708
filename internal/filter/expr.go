package filter

import (
	"strings"
)

// Logic says how an Expr is made of its parts.
type Logic string

// The four kinds of Expr.
const (
	Is  Logic = ""    // one comparison
	All Logic = "AND" // of at least two parts
	Any Logic = "OR"  // of at least two parts
	Not Logic = "NOT" // of one part
)

// maxDepth bounds parentheses and NOTs inside each other.
const maxDepth = 100

// Expr is a condition of the richer language, of which MLflow's is a part:
//
//	expr := and (OR and)*                     NOT binds closer than AND, AND closer than OR
//	and  := not (AND not)*
//	not  := NOT not | ( expr ) | test
//	test := clause, where term may stand for ident
//	term := ident | word ( ident )            a function of the values: min(metrics.loss)
type Expr struct {
	Logic Logic
	Parts []*Expr
	// of a comparison
	Term  Term
	Op    Op
	Value Value
	At    int // byte offset of the value
}

// Term names what is compared, sorted by or shown.
type Term struct {
	Func   string // as written; "" = none
	Entity string // as written before the first dot; "" = an attribute
	Key    string // without quotes
	Pos    int    // byte offset in the text
}

// String prints the term so that ParseTerm reads it back.
func (t Term) String() string {
	s := name(t.Entity, t.Key)
	if t.Func != "" {
		return t.Func + "(" + s + ")"
	}
	if strings.EqualFold(s, string(Not)) {
		return tick(s)
	}
	return s
}

// SortTerm is one term of a sort order.
type SortTerm struct {
	Term
	Desc bool
}

// String prints the term so that ParseSort reads it back.
func (s SortTerm) String() string {
	if s.Desc {
		return s.Term.String() + " DESC"
	}
	return s.Term.String() + " ASC"
}

// Clause gives a comparison without its function.
func (e *Expr) Clause() Clause {
	return Clause{Entity: e.Term.Entity, Key: e.Term.Key, Op: e.Op, Value: e.Value, Pos: e.Term.Pos}
}

// Tests calls use for every comparison, in order of the text.
func (e *Expr) Tests(use func(*Expr)) {
	if e == nil {
		return
	}
	if e.Logic == Is {
		use(e)
	}
	for _, p := range e.Parts {
		p.Tests(use)
	}
}

// String prints the condition so that ParseExpr reads it back; "" for nil.
func (e *Expr) String() string {
	if e == nil {
		return ""
	}
	switch e.Logic {
	case Is:
		c := e.Clause()
		return e.Term.String() + strings.TrimPrefix(c.String(), name(c.Entity, c.Key))
	case Not:
		return "NOT " + e.Parts[0].inside(e.Parts[0].Logic == All || e.Parts[0].Logic == Any)
	}
	parts := make([]string, len(e.Parts))
	for i, p := range e.Parts {
		parts[i] = p.inside(e.Logic == All && p.Logic == Any)
	}
	return strings.Join(parts, " "+string(e.Logic)+" ")
}

func (e *Expr) inside(parentheses bool) string {
	if parentheses {
		return "(" + e.String() + ")"
	}
	return e.String()
}

// ParseExpr reads a condition. An empty text is nil, which everything satisfies. The error is an *Error.
func ParseExpr(text string) (*Expr, error) {
	p, err := start(text)
	if err != nil || p.tok.kind == end {
		return nil, err
	}
	e, err := p.expr(0)
	if err == nil && p.tok.kind != end {
		err = p.fail("expected AND, OR or the end, found %s", p.tok)
	}
	if err != nil {
		return nil, err
	}
	return e, nil
}

// ParseTerm reads a term alone, such as min(metrics.loss). The error is an *Error.
func ParseTerm(text string) (Term, error) {
	p, err := start(text)
	if err != nil {
		return Term{}, err
	}
	t, err := p.term()
	if err == nil && p.tok.kind != end {
		err = p.fail("expected the end, found %s", p.tok)
	}
	return t, err
}

// ParseSort reads one term of a sort order: "term", "term ASC" or "term DESC". The error is an *Error.
func ParseSort(text string) (s SortTerm, err error) {
	p, err := start(text)
	if err != nil {
		return s, err
	}
	if s.Term, err = p.term(); err != nil {
		return s, err
	}
	if p.word("DESC") {
		s.Desc, err = true, p.next()
	} else if p.word("ASC") {
		err = p.next()
	}
	if err == nil && p.tok.kind != end {
		err = p.fail("expected ASC, DESC or the end, found %s", p.tok)
	}
	return s, err
}

func (p *parser) expr(depth int) (*Expr, error) {
	return p.joined(Any, depth, func(depth int) (*Expr, error) { return p.joined(All, depth, p.not) })
}

// joined reads parts with a word between them. Parts that are joined by the same word become parts of the whole.
func (p *parser) joined(logic Logic, depth int, part func(int) (*Expr, error)) (*Expr, error) {
	var parts []*Expr
	for {
		e, err := part(depth)
		if err != nil {
			return nil, err
		}
		if e.Logic == logic {
			parts = append(parts, e.Parts...)
		} else {
			parts = append(parts, e)
		}
		if !p.word(string(logic)) {
			break
		}
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	return &Expr{Logic: logic, Parts: parts}, nil
}

func (p *parser) not(depth int) (*Expr, error) {
	if depth > maxDepth {
		return nil, p.fail("parentheses and NOTs stand more than %d deep", maxDepth)
	}
	if p.word(string(Not)) {
		if err := p.next(); err != nil {
			return nil, err
		}
		e, err := p.not(depth + 1)
		return &Expr{Logic: Not, Parts: []*Expr{e}}, err
	}
	if !p.symbol("(") {
		return p.test()
	}
	open := p.tok
	if err := p.next(); err != nil {
		return nil, err
	}
	e, err := p.expr(depth + 1)
	if err != nil {
		return nil, err
	}
	if p.tok.kind == end {
		p.tok = open
		return nil, p.fail("the parenthesis is not closed")
	}
	return e, p.close()
}

func (p *parser) test() (*Expr, error) {
	e := &Expr{}
	var err error
	if e.Term, err = p.term(); err != nil {
		return nil, err
	}
	if e.Op, err = p.op(); err != nil {
		return nil, err
	}
	e.At = p.tok.pos
	switch e.Op {
	case IsNull, NotNull:
	case In, NotIn:
		e.Value.List, err = p.list()
	default:
		e.Value, err = p.value(e.Op)
	}
	return e, err
}

// term reads ident, or word ( ident ).
func (p *parser) term() (t Term, err error) {
	t.Pos = p.tok.pos
	word := p.tok
	if t.Entity, t.Key, err = p.ident(); err != nil || !p.symbol("(") {
		return t, err
	}
	if word.kind != wordTok || t.Entity != "" {
		return t, p.fail("expected a comparison, found %s", p.tok)
	}
	t.Func = t.Key
	if err := p.next(); err != nil {
		return t, err
	}
	if t.Entity, t.Key, err = p.ident(); err != nil {
		return t, err
	}
	return t, p.close()
}

func (p *parser) symbol(s string) bool { return p.tok.kind == symbol && p.tok.text == s }

func (p *parser) close() error {
	if !p.symbol(")") {
		return p.fail("expected ), found %s", p.tok)
	}
	return p.next()
}
