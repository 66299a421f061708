package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/spec"
)

func (s *session) logCommand() *cobra.Command {
	var limit int
	var verb string
	c := &cobra.Command{Use: "log", GroupID: "look", Args: cobra.NoArgs, Short: "The facts: what happened, who did it, why",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.with(c.Context(), func(a *app.App) error {
				f := event.Filter{Limit: limit, Newest: true}
				if verb != "" {
					f.Verbs = []string{verb}
				}
				var facts []event.Fact
				if err := a.DB.View(c.Context(), func(tx *db.Tx) (err error) {
					facts, err = event.List(tx, f)
					return err
				}); err != nil {
					return err
				}
				s.show(factRows(facts), func() {
					var rows [][]string
					for _, x := range facts {
						rows = append(rows, []string{fmt.Sprint(x.Seq), x.Time.Format(time.DateTime), x.Actor, x.Verb, x.Object, x.Reason})
					}
					s.table([]string{"#", "when (UTC)", "who", "what", "about", "why"}, rows, "nothing happened yet")
				})
				return nil
			})
		}}
	c.Flags().IntVarP(&limit, "limit", "n", 0, "newest so many; 0 = all")
	c.Flags().StringVar(&verb, "verb", "", "only this verb, for example deployment.placed")
	return c
}

type factRow struct {
	Seq     int64     `json:"seq"`
	Time    time.Time `json:"time"`
	Actor   string    `json:"actor"`
	Source  string    `json:"source,omitempty"`
	Product string    `json:"product,omitempty"`
	Verb    string    `json:"verb"`
	Object  string    `json:"object"`
	Digest  string    `json:"digest,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Key     string    `json:"key,omitempty"`
	Inputs  []string  `json:"inputs,omitempty"`
	Outputs []string  `json:"outputs,omitempty"`
	Data    any       `json:"data,omitempty"`
}

func factRows(facts []event.Fact) []factRow {
	out := make([]factRow, len(facts))
	for i, f := range facts {
		out[i] = factRow{f.Seq, f.Time, f.Actor, f.Source, f.Product, f.Verb, f.Object, f.Digest, f.Reason, f.Key, f.Inputs, f.Outputs, f.Data}
	}
	return out
}

func (s *session) schemaCommand() *cobra.Command {
	return &cobra.Command{Use: "schema", GroupID: "look", Args: cobra.NoArgs, Short: "JSON Schema of paraplu.yaml, for editors",
		RunE: func(*cobra.Command, []string) error {
			s.printf("%s\n", strings.TrimRight(string(spec.Schema()), "\n"))
			return nil
		}}
}

func (s *session) lineageCommand() *cobra.Command {
	var down bool
	var depth int
	c := &cobra.Command{Use: "lineage REF", GroupID: "look", Args: cobra.ExactArgs(1),
		Short: "Where something comes from, or with --down what depends on it",
		Example: `  paraplu lineage weather@v1 --down
  paraplu lineage package:bc4a71180870`,
		RunE: func(c *cobra.Command, args []string) error {
			return s.with(c.Context(), func(a *app.App) error {
				walk := a.Lineage.Upstream
				if down {
					walk = a.Lineage.Downstream
				}
				thing := args[0]
				if p, err := a.Product(); err == nil {
					if thing, err = a.Thing(c.Context(), p.Name, thing); err != nil {
						return err
					}
				}
				g, err := walk(c.Context(), thing, depth)
				if err != nil {
					return err
				}
				s.show(g, func() { s.printf("%s", g.Tree()) })
				return nil
			})
		}}
	c.Flags().BoolVar(&down, "down", false, "what was made from it")
	c.Flags().IntVar(&depth, "depth", 0, "so many edges; 0 = all")
	return c
}
