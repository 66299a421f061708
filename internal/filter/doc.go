// Package filter reads the little query language of MLflow's search calls into clauses. It knows the grammar only; which
// attributes, tags or metrics exist and how they compare is decided by the room that searches.
//
//	filter := clause (AND clause)*            AND in any case; no OR, NOT or parentheses
//	clause := ident op value | ident [NOT] IN ( str, … ) | ident IS [NOT] NULL
//	ident  := [entity .] key                  no entity = an attribute; split at the first dot
//	key    := bare | `backticks` | "double quotes" | bare. `backticks`      (span.attributes.`a b`)
//	op     := = != > >= < <= LIKE ILIKE RLIKE
//	value  := 'single' | "double" | number
//
// A quote inside quotes of its own kind is written twice. Errors carry the byte offset at which reading stopped:
//
//	clauses, err := filter.Parse("metrics.wape < 0.3 AND tags.`mlflow.user` = 'daisy'")
//	order, err := filter.ParseOrder("metrics.wape ASC")
//
// ParseExpr reads the richer language of the native API and the command line, of which that one is a part; its grammar is at
// Expr:
//
//	expr, err := filter.ParseExpr("min(metrics.loss) < 0.2 OR NOT (params.depth > 6)")
package filter
