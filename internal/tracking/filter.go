package tracking

import (
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/filter"
)

type clause = filter.Clause

var (
	textOps   = []filter.Op{filter.Eq, filter.Ne, filter.LikeOp, filter.ILikeOp}
	listOps   = []filter.Op{filter.In, filter.NotIn}
	nullOps   = []filter.Op{filter.IsNull, filter.NotNull}
	numberOps = []filter.Op{filter.Gt, filter.Ge, filter.Ne, filter.Eq, filter.Lt, filter.Le}
)

// maxClauses bounds the clauses of a filter, maxOrders the terms of an order (most are a join, and SQLite refuses 200 of
// them), maxList the values of one IN, maxPattern the characters of a LIKE.
const (
	maxClauses = 500
	maxOrders  = 32
	maxList    = 5000
	maxPattern = 10000
)

// parseFilter reads a filter; which names and types it may use is the matter of what is searched.
func parseFilter(text string) ([]clause, error) {
	clauses, err := filter.Parse(text)
	if err != nil {
		return nil, fault.New(fault.Invalid, "Invalid clause(s) in filter string: %w", err)
	}
	if len(clauses) > maxClauses {
		return nil, fault.New(fault.Invalid, "Invalid filter string: it has %d clauses, more than %d", len(clauses), maxClauses)
	}
	for _, c := range clauses {
		if len(c.Value.List) > maxList {
			return nil, fault.New(fault.Invalid, "Invalid filter string: a list has %d values, more than %d", len(c.Value.List), maxList)
		}
		if (c.Op == filter.LikeOp || c.Op == filter.ILikeOp) && longer(c.Value.Text, maxPattern) {
			return nil, fault.New(fault.Invalid, "Invalid filter string: a pattern is longer than %d characters", maxPattern)
		}
	}
	return clauses, nil
}

func checkOrders(n int) error {
	if n > maxOrders {
		return fault.New(fault.Invalid, "Invalid order_by: it has %d terms, more than %d", n, maxOrders)
	}
	return nil
}

// parseOrder reads ident [ASC|DESC].
func parseOrder(text string) (filter.Order, error) {
	o, err := filter.ParseOrder(text)
	if err != nil {
		return o, fault.New(fault.Invalid, "Invalid order_by clause '%s'. Could not be parsed. (%w)", cut(text, 300), err)
	}
	return o, nil
}

// checkOp refuses an operator that is in none of the sets.
func checkOp(c clause, sets ...[]filter.Op) error {
	var names []string
	for _, set := range sets {
		for _, o := range set {
			if o == c.Op {
				return nil
			}
			names = append(names, Quote(string(o)))
		}
	}
	return fault.New(fault.Invalid, "Invalid comparator '%s' not one of '{%s}'", c.Op, strings.Join(names, ", "))
}

// checkNumber wants a number on the right side.
func checkNumber(c clause, what string) error {
	if !c.Value.IsNumber {
		return fault.New(fault.Invalid, "Expected numeric value type for %s. Found %s", what, c.Value)
	}
	return nil
}

// checkText wants a text on the right side, or a list of texts.
func checkText(c clause, what string) error {
	if c.Value.IsNumber {
		return fault.New(fault.Invalid, "Expected a quoted string value for %s (e.g. 'my-value'). Got value %s", what, c.Value)
	}
	return nil
}
