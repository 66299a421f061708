package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/dataset"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

func (s *session) dataAlias() *cobra.Command {
	var remove bool
	var from, reason string
	c := &cobra.Command{Use: "alias NAME [ALIAS [VERSION]]", Args: cobra.RangeArgs(1, 3),
		Short: "Names that move: NAME@ALIAS means VERSION from now on; without ALIAS the list",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				if len(args) == 1 {
					return s.listAliases(c.Context(), a, p, args[0])
				}
				in := dataset.AliasChange{Product: p.Name, Dataset: args[0], Alias: args[1], Actor: s.actor(p), Reason: reason, Via: "cli"}
				if remove == (len(args) == 3) {
					return fault.New(fault.Invalid, "say either which version %s@%s is to mean, or --remove", args[0], args[1]).
						WithHint("paraplu data alias %s %s v1", args[0], args[1])
				}
				if err := s.aliasVersions(c.Context(), a, &in, args, from); err != nil {
					return err
				}
				out, err := a.Datasets.SetAlias(c.Context(), in)
				if err != nil {
					return err
				}
				s.show(out, func() { s.printf("%s\n", aliasSentence(out, in)) })
				return nil
			})
		}}
	c.Flags().BoolVar(&remove, "remove", false, "remove the alias")
	c.Flags().StringVar(&from, "from", "", "only if it means this version now (none: only if there is no such alias), so that two people do not undo each other")
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	return c
}

// aliasVersions finds the versions that the command line names.
func (s *session) aliasVersions(ctx context.Context, a *app.App, in *dataset.AliasChange, args []string, from string) error {
	number := func(version string) (int, error) {
		v, err := a.Datasets.Resolve(ctx, in.Product, in.Dataset+"@"+version)
		return v.Number, err
	}
	var err error
	if len(args) == 3 {
		if in.To, err = number(args[2]); err != nil {
			return err
		}
	}
	if from == "" {
		return nil
	}
	expected := 0
	if from != "none" {
		if expected, err = number(from); err != nil {
			return err
		}
	}
	in.From = &expected
	return nil
}

func aliasSentence(out dataset.Alias, in dataset.AliasChange) string {
	name := out.Dataset + "@" + out.Alias
	switch {
	case in.To == 0:
		return fmt.Sprintf("%s is removed; it meant v%d", name, out.Was)
	case out.Was == out.Number:
		return fmt.Sprintf("%s means v%d already", name, out.Number)
	case out.Was == 0:
		return fmt.Sprintf("%s means v%d", name, out.Number)
	}
	return fmt.Sprintf("%s means v%d; it meant v%d", name, out.Number, out.Was)
}

func (s *session) listAliases(ctx context.Context, a *app.App, p *spec.Product, name string) error {
	if _, err := a.Datasets.Resolve(ctx, p.Name, name); err != nil {
		return err
	}
	list, err := a.Datasets.Aliases(ctx, p.Name, name)
	if err != nil {
		return err
	}
	s.show(list, func() {
		var rows [][]string
		for _, x := range list {
			rows = append(rows, []string{x.Alias, fmt.Sprintf("v%d", x.Number), x.Digest.Short(), ago(x.ChangedAt), x.Actor})
		}
		s.table([]string{"alias", "version", "digest", "set", "by"}, rows, "no alias of "+name+" yet: paraplu data alias "+name+" gold v1")
	})
	return nil
}
