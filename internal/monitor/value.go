package monitor

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// ValueModel is the cost of one row in money: an SQL expression and its constants. Its digest is its version, so that a number
// can say by which model it was computed.
type ValueModel struct {
	Expression string     `json:"expression"`
	Unit       string     `json:"unit"`
	TooFew     float64    `json:"too_few"`
	TooMany    float64    `json:"too_many"`
	Digest     ref.Digest `json:"digest"`
}

// valueModel reads the canvas; nil when it says nothing about money.
func valueModel(p *spec.Product) (*ValueModel, error) {
	v := p.Canvas.Value
	if v.Unit == "" || v.Expression == "" {
		return nil, nil
	}
	if err := CheckExpression(v.Expression); err != nil {
		at := p.Place("canvas.value.expression")
		return nil, fault.New(fault.Invalid, "%s", err.Error()).At(p.File, at.Line, at.Col).
			WithHint("use prediction, truth, baseline, too_few, too_many and functions such as greatest, least, abs")
	}
	m := &ValueModel{Expression: v.Expression, Unit: v.Unit, TooFew: v.TooFew, TooMany: v.TooMany}
	b, err := json.Marshal(m)
	m.Digest = ref.Sum(b)
	return m, err
}

// expressionColumns are the columns that the cost of a row may use.
var expressionColumns = []string{"prediction", "truth", "baseline", "too_few", "too_many"}

// expressionWords are the functions and words of SQL that it may use. Nothing here reads a file or a table.
var expressionWords = strings.Fields(`greatest least abs sign round floor ceil ceiling trunc sqrt ln log10 exp pow power mod if ifnull
	coalesce nullif case when then else end and or not is null between in true false div pi`)

// CheckExpression tells whether text is an expression over the columns of a row and nothing more: no statement, no string, no
// query, no function that reaches outside. DuckDB checks the rest when it runs.
func CheckExpression(text string) error {
	depth, at := 0, 0
	if strings.TrimSpace(text) == "" {
		return fault.New(fault.Invalid, "the expression of the value is empty")
	}
	for at < len(text) {
		c := rune(text[at])
		switch {
		case c == '_' || unicode.IsLetter(c) && c < unicode.MaxASCII:
			word := text[at : at+span(text[at:], isWord)]
			if low := strings.ToLower(word); !slices.Contains(expressionColumns, low) && !slices.Contains(expressionWords, low) {
				return fault.New(fault.Invalid, "the expression of the value may not use %q (character %d)", word, at+1)
			}
			at += len(word)
			continue
		case c >= '0' && c <= '9' || c == '.':
			n := span(text[at:], isNumber)
			at += n
			if at < len(text) && isWord(text[at]) {
				return fault.New(fault.Invalid, "the expression of the value has a number that is not one (character %d)", at+1)
			}
			continue
		case strings.HasPrefix(text[at:], "--"), strings.HasPrefix(text[at:], "/*"):
			return fault.New(fault.Invalid, "the expression of the value may not hold a comment (character %d)", at+1).
				WithHint("write - (-x) with brackets")
		case c == '(':
			depth++
		case c == ')':
			depth--
		case !strings.ContainsRune("+-*/%<>=!, \t\r\n", c):
			return fault.New(fault.Invalid, "the expression of the value may not hold %q (character %d)", string(c), at+1)
		}
		if depth < 0 {
			break
		}
		at++
	}
	if depth != 0 {
		return fault.New(fault.Invalid, "the brackets of the expression of the value do not match")
	}
	return nil
}

func span(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isNumber leaves out exponents: 1e3 is refused, 1000 is clearer beside money.
func isNumber(c byte) bool { return c >= '0' && c <= '9' || c == '.' }
