package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/steps"
)

func (s *session) releaseCommand() *cobra.Command {
	c := &cobra.Command{Use: "release [PACKAGE]", GroupID: "release", Args: cobra.MaximumNArgs(1),
		Short: "Compute the gates of a package and ask for its release; also: ls",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				d, err := findPackage(c, a, p, first(args, "latest"))
				if err != nil {
					return err
				}
				rel, err := a.Request(c.Context(), p, d, s.actor(p))
				if err != nil {
					return err
				}
				s.show(rel, func() { s.printRelease(rel) })
				return refusal(rel)
			})
		}}
	c.AddCommand(&cobra.Command{Use: "ls", Args: cobra.NoArgs, Short: "All releases, newest first",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				list, err := a.Registry.Releases(c.Context(), p.Name)
				if err != nil {
					return err
				}
				s.show(list, func() {
					var rows [][]string
					for _, r := range list {
						rows = append(rows, []string{r.ID, r.Package.Short(), string(r.State), r.Author, approvers(r), ago(r.CreatedAt)})
					}
					s.table([]string{"release", "package", "state", "asked by", "approved by", "when"}, rows, "no release yet: paraplu release")
				})
				return nil
			})
		}})
	return c
}

func approvers(r registry.Release) string {
	var names []string
	for _, a := range r.Approvals {
		names = append(names, a.Member)
	}
	if r.Emergency != nil {
		names = append(names, "forced by "+r.Emergency.By)
	}
	return strings.Join(names, ", ")
}

func (s *session) printRelease(r *registry.Release) {
	s.printf("release %s of package %s to %s: %s\n", r.ID, r.Package.Short(), r.Environment, r.State)
	for _, g := range r.Gates {
		mark := map[string]string{registry.Pass: "✓", registry.Fail: "✗", registry.Warn: "!"}[g.Status]
		s.printf("  %s %-15s %s\n", mark, g.Name, g.Observed)
		if g.Detail != "" && g.Status != registry.Pass {
			s.printf("    %s\n", g.Detail)
		}
	}
	switch r.State {
	case registry.InReview:
		s.printf("next: %s: paraplu approve %s --as NAME\n", approvalsWanted(r), r.ID)
	case registry.Approved:
		s.printf("next: paraplu place %s\n", r.Package.Short())
	}
}

// refusal is the error of a release whose gates do not hold, nil for any other; the gates themselves were printed before.
func refusal(r *registry.Release) error {
	if len(r.Failed()) == 0 {
		return nil
	}
	var names []string
	for _, g := range r.Gates {
		if g.Status == registry.Fail {
			names = append(names, g.Name)
		}
	}
	return fault.New(fault.Precondition, "the release is refused by evidence: %s", strings.Join(names, ", ")).WithHint("mend what the gates found, then: paraplu run, paraplu package, paraplu release")
}

func approvalsWanted(r *registry.Release) string {
	n := r.Policy.People - len(r.Approvals)
	by := "by any member but the author"
	if r.Policy.Role != "" {
		by = "by somebody with the role " + r.Policy.Role
	}
	if n > 1 {
		by = "one of them " + by
	}
	return count(n, "approval") + ", " + by
}

func (s *session) approveCommand() *cobra.Command {
	var reason string
	var reject bool
	c := &cobra.Command{Use: "approve RELEASE", GroupID: "release", Args: cobra.ExactArgs(1),
		Short: "Sign a release in the name of a member (--as), bound to package and evidence",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				who, err := s.member(p)
				if err != nil {
					return err
				}
				if reject {
					rel, err := a.Registry.Reject(c.Context(), args[0], who, reason)
					if err != nil {
						return err
					}
					s.show(rel, func() { s.printf("release %s is rejected by %s\n", rel.ID, who) })
					return nil
				}
				ap, err := a.Approve(c.Context(), p, args[0], who, reason)
				if err != nil {
					return err
				}
				s.show(ap, func() { s.printf("release %s is approved by %s (%s)\n", ap.Release, ap.Member, ap.Role) })
				return nil
			})
		}}
	c.Flags().StringVar(&reason, "reason", "", "why")
	c.Flags().BoolVar(&reject, "reject", false, "refuse it instead; needs --reason")
	return c
}

func (s *session) placeCommand() *cobra.Command {
	var force bool
	var reason string
	c := &cobra.Command{Use: "place [PACKAGE]", GroupID: "release", Args: cobra.MaximumNArgs(1),
		Short: "Put an approved package into the environment; --force needs a --reason and opens a review",
		RunE: func(c *cobra.Command, args []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				d, err := findPackage(c, a, p, first(args, "latest"))
				if err != nil {
					return err
				}
				dep, err := a.Place(c.Context(), p, d, s.actor(p), steps.PlaceOptions{Cause: "release", Reason: reason, Force: force})
				if err != nil {
					return err
				}
				s.show(dep, func() {
					s.printf("package %s answers in %s since %s\n", dep.Package.Short(), dep.Environment, dep.From.Format(time.DateTime))
				})
				return nil
			})
		}}
	c.Flags().BoolVar(&force, "force", false, "do not wait for gates and people")
	c.Flags().StringVar(&reason, "reason", "", "why, kept for ever")
	return c
}

func (s *session) rollbackCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{Use: "rollback", GroupID: "release", Args: cobra.NoArgs, Short: "Bring back the package that answered before; waits for nobody",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				dep, err := a.Rollback(c.Context(), p, s.actor(p), reason)
				if err != nil {
					return err
				}
				s.show(dep, func() {
					s.printf("package %s answers in %s again\n", dep.Package.Short(), dep.Environment)
				})
				return nil
			})
		}}
	c.Flags().StringVar(&reason, "reason", "", "why")
	return c
}

func (s *session) deploymentsCommand() *cobra.Command {
	return &cobra.Command{Use: "deployments", GroupID: "release", Args: cobra.NoArgs, Short: "What answered when, and why it changed",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				list, err := a.Rollout.History(c.Context(), p.Name, p.Release.Environment)
				if err != nil {
					return err
				}
				s.show(list, func() {
					var rows [][]string
					for _, d := range list {
						to := "now"
						if !d.Open() {
							to = d.To.Format(time.DateTime)
						}
						rows = append(rows, []string{d.Package.Short(), fmt.Sprint(d.Cause), d.From.Format(time.DateTime), to, d.Actor, d.Reason})
					}
					s.table([]string{"package", "cause", "from", "to", "by", "reason"}, rows, "nothing was placed yet: paraplu release")
				})
				return nil
			})
		}}
}
