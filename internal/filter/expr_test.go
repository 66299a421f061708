package filter_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/filter"
)

// shape prints a condition with parentheses around every part.
func shape(e *filter.Expr) string {
	switch e.Logic {
	case filter.Is:
		return e.String()
	case filter.Not:
		return "!" + shape(e.Parts[0])
	}
	parts := make([]string, len(e.Parts))
	for i, p := range e.Parts {
		parts[i] = shape(p)
	}
	return "[" + strings.Join(parts, " "+string(e.Logic)+" ") + "]"
}

func TestExprBinds(t *testing.T) {
	for text, want := range map[string]string{
		`a = 1 or b = 2 and c = 3`:                           `[a = 1 OR [b = 2 AND c = 3]]`,
		`(a = 1 OR b = 2) AND c = 3`:                         `[[a = 1 OR b = 2] AND c = 3]`,
		`NOT a = 1 AND b = 2`:                                `[!a = 1 AND b = 2]`,
		`not not (a = 1 and (b = 2 and c = 3))`:              `!![a = 1 AND b = 2 AND c = 3]`,
		`MIN( metrics.loss )<.5`:                             `MIN(metrics.loss) < .5`,
		"min(metrics.`a b`) IS NOT NULL":                     "min(metrics.`a b`) IS NOT NULL",
		`count(metrics.loss) = 0 OR run_id NOT IN ('a','b')`: `[count(metrics.loss) = 0 OR run_id NOT IN ('a', 'b')]`,
		"`NOT` = 'x'":                                        "`NOT` = 'x'",
		`and = 'x'`:                                          `and = 'x'`,
	} {
		e, err := filter.ParseExpr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := shape(e); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	if e, err := filter.ParseExpr("  "); e != nil || err != nil {
		t.Errorf("nothing is %v, %v", e, err)
	}
}

// TestExprErrors: the place of a mistake is where a person must look. ^ marks it.
func TestExprErrors(t *testing.T) {
	for text, want := range map[string]string{
		`a = 1 ^b = 2`:        `expected AND, OR or the end, found "b"`,
		`a = 1 AND ^`:         `a clause is missing`,
		`^(a = 1 OR b = 2`:    `the parenthesis is not closed`,
		`a = 1^)`:             `expected AND, OR or the end, found ")"`,
		`(a = 1 ^b = 2)`:      `expected ), found "b"`,
		`min(metrics.a ^< 3`:  `expected ), found "<"`,
		`min(^) < 3`:          `expected a name, found ")"`,
		`metrics.min^(a) < 3`: `expected a comparison, found "("`,
		`a = ^x`:              `the value x must be a number or stand in quotes: 'x'`,
		`a = ^'x`:             `the quote ' is not closed`,
		`NOT ^`:               `a clause is missing`,
		`a > ^> 3`:            `expected a value, found ">"`,
		strings.Repeat("(", 101) + "^" + strings.Repeat("(", 5): `parentheses and NOTs stand more than 100 deep`,
	} {
		plain := strings.Replace(text, "^", "", 1)
		_, err := filter.ParseExpr(plain)
		var e *filter.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", plain, err)
			continue
		}
		if e.Msg != want || e.Pos != strings.Index(text, "^") {
			t.Errorf("%s: %q at %d", text, e.Msg, e.Pos)
		}
	}
}

func TestTermAndSort(t *testing.T) {
	s, err := filter.ParseSort("min(metrics.loss) desc")
	if err != nil || s.Func != "min" || s.Entity != "metrics" || s.Key != "loss" || !s.Desc {
		t.Errorf("%+v, %v", s, err)
	}
	if term, err := filter.ParseTerm("params.`a b`"); err != nil || term.Entity != "params" || term.Key != "a b" {
		t.Errorf("%+v, %v", term, err)
	}
	if _, err := filter.ParseTerm("params.a DESC"); err == nil {
		t.Error("a term has no direction")
	}
	if _, err := filter.ParseSort("a DESC, b"); err == nil {
		t.Error("a term of an order is one term")
	}
}

// FuzzExpr: what is read is printed so that it is read again as the same; and every filter of MLflow is one of these.
func FuzzExpr(f *testing.F) {
	f.Add("NOT (min(metrics.m) >= -1.5e3 OR tags.`a b` LIKE '%') AND run_id IN ('a','b') AND p IS NOT NULL")
	f.Add(`"a""b" != 'it''s' or x = 1`)
	f.Add("`NOT` = 1 AND NOT not = 2")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := filter.ParseExpr(text)
		clauses, plainErr := filter.Parse(text)
		if plainErr == nil {
			var tests []filter.Clause
			e.Tests(func(x *filter.Expr) { tests = append(tests, x.Clause()) })
			if err != nil || !reflect.DeepEqual(tests, clauses) {
				t.Fatalf("%q: MLflow's %v, here %v, %v", text, clauses, tests, err)
			}
		}
		var wrong *filter.Error
		if err != nil {
			if !errors.As(err, &wrong) || wrong.Pos < 0 || wrong.Pos > len(text) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := filter.ParseExpr(e.String())
		if err != nil || !reflect.DeepEqual(bare(again), bare(e)) {
			t.Fatalf("%q -> %q -> %v, %v", text, e, again, err)
		}
	})
}

// bare is a condition without its places.
func bare(e *filter.Expr) *filter.Expr {
	if e == nil {
		return nil
	}
	out := *e
	out.Term.Pos, out.At, out.Parts = 0, 0, nil
	for _, p := range e.Parts {
		out.Parts = append(out.Parts, bare(p))
	}
	return &out
}
