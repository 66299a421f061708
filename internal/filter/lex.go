package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	end kind = iota
	wordTok
	quoted
	symbol
)

type token struct {
	kind  kind
	text  string // of a quoted one without its quotes
	quote byte   // ' " or `
	pos   int
}

func (t token) String() string {
	if t.kind == end {
		return "the end"
	}
	return fmt.Sprintf("%q", t.text)
}

type parser struct {
	text string
	pos  int // after tok
	tok  token
}

func (p *parser) fail(format string, args ...any) error {
	return &Error{Text: p.text, Pos: p.tok.pos, Msg: fmt.Sprintf(format, args...)}
}

// word tells whether the current token is this keyword, in any case.
func (p *parser) word(w string) bool {
	return p.tok.kind == wordTok && strings.EqualFold(p.tok.text, w)
}

// next reads the token after the current one.
func (p *parser) next() error {
	for p.pos < len(p.text) {
		r, n := utf8.DecodeRuneInString(p.text[p.pos:])
		if !unicode.IsSpace(r) {
			break
		}
		p.pos += n
	}
	p.tok = token{pos: p.pos}
	if p.pos == len(p.text) {
		return nil
	}
	switch c := p.text[p.pos]; c {
	case '\'', '"', '`':
		return p.quotedText(c)
	case '!', '<', '>', '=', '(', ')', ',', ';':
		p.tok.kind, p.tok.text = symbol, p.text[p.pos:p.pos+1]
		if p.pos+1 < len(p.text) && p.text[p.pos+1] == '=' && (c == '!' || c == '<' || c == '>') {
			p.tok.text = p.text[p.pos : p.pos+2]
		}
		p.pos += len(p.tok.text)
		return nil
	}
	stop := strings.IndexFunc(p.text[p.pos:], func(r rune) bool { return !wordRune(r) })
	if stop < 0 {
		stop = len(p.text) - p.pos
	}
	if stop == 0 {
		r, _ := utf8.DecodeRuneInString(p.text[p.pos:])
		return p.fail("%q has no meaning here", r)
	}
	p.tok.kind, p.tok.text = wordTok, p.text[p.pos:p.pos+stop]
	p.pos += stop
	return nil
}

// quotedText reads up to the closing quote; a doubled quote stands for itself.
func (p *parser) quotedText(q byte) error {
	var b strings.Builder
	for i := p.pos + 1; i < len(p.text); i++ {
		if p.text[i] != q {
			b.WriteByte(p.text[i])
			continue
		}
		if i+1 < len(p.text) && p.text[i+1] == q {
			b.WriteByte(q)
			i++
			continue
		}
		p.tok.kind, p.tok.text, p.tok.quote = quoted, b.String(), q
		p.pos = i + 1
		return nil
	}
	return p.fail("the quote %c is not closed", q)
}
