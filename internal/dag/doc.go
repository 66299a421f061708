// Package dag is a small directed graph: what must come before what.
//
// An edge before→after says that after depends on before. Nodes are compared by
// value and keep the order in which they were added; every answer of the package
// follows that order, so the same calls always give the same answer.
//
//	g := dag.New[string]()
//	g.Edge("features", "train")
//	g.Edge("train", "evaluate")
//	order, err := g.Order() // features, train, evaluate
//
// [Schedule] walks a graph in parallel: take what is [Schedule.Ready], report
// [Schedule.Done] or [Schedule.Fail], repeat until nothing is left.
package dag
