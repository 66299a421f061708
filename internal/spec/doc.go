// Package spec reads paraplu.yaml, the one file that describes a product, into a
// typed [Product].
//
// Reading is strict: an unknown key, a wrong type, a duplicate key, a name that
// refers to nothing is an error with file, line, column, reason and, where one is
// near, a suggestion. All problems of a file are reported at once, in the order of
// the file, as one [Errors].
//
// The Go types of this package are the only table of keys. Their tags give name,
// format, default and description of each key; the reader ([Parse]) and the JSON
// Schema for editors ([Schema]) are both driven by that table, so they agree. What
// a schema cannot say (references between sections, two steps with one output, a
// cycle) is checked by the reader alone, see check.go.
//
//	p, err := spec.Load(".")
//	if err != nil {
//		return err // kind fault.Invalid; one line per problem
//	}
//	fmt.Println(p.Name, p.Monitor.Window)
//
// YAML is read as YAML 1.2 text with these limits: one document of at most 1 MiB,
// UTF-8, no anchors, aliases, merge keys and tags, at most 32 levels deep.
package spec
