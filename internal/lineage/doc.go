// Package lineage answers "where does this come from" and "what breaks if this changes" over everything that happened. It
// stores nothing: each fact names its inputs and outputs, and the graph is read from them.
//
// A node is a lineage reference such as "dataset:weather@sha256:…", "run:<id>" or "deployment:<id>". An edge goes from what
// was used to what was made, with the verb and number of the fact that tells it. Files are one node per content, wherever
// they lie. The graph of our own facts has no cycle; foreign facts may bring one, so every walk visits a node once and ends
// at a depth.
//
//	g, err := room.Upstream(ctx, "deployment:01k…", 0)
//	fmt.Print(g.Tree())
//
// References may be shortened to a unique beginning of the digest or id ("package:bc4a71180870"), or given by their label
// ("weather@v3").
package lineage
