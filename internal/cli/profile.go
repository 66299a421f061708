package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/whole"
)

func (s *session) profileCommand() *cobra.Command {
	var page string
	c := &cobra.Command{Use: "profile NAME[@VERSION] | PATH", GroupID: "build", Args: cobra.ExactArgs(1),
		Short: "Describe data without judging: ranges, quantiles, top values, gaps, correlations",
		RunE: func(c *cobra.Command, args []string) error {
			p, title, err := s.profile(c.Context(), args[0])
			if err != nil {
				return err
			}
			if page != "" {
				var text bytes.Buffer
				if err := p.HTML(&text, title); err != nil {
					return err
				}
				if err := whole.Replace(page, text.Bytes(), 0o644); err != nil {
					return fault.Wrap(err, "writing %s", page)
				}
			}
			var failed error
			s.show(p, func() {
				if failed = p.Text(s.out); page != "" {
					s.printf("\nthe whole profile: %s\n", page)
				}
			})
			return failed
		}}
	c.Flags().StringVar(&page, "html", "", "also write the whole profile to this file, as one page that needs nothing else")
	s.limits(c)
	return c
}

// profile describes a dataset of the product, or a file. A file needs no workspace.
func (s *session) profile(ctx context.Context, what string) (out *quality.Profile, title string, err error) {
	name, _, _ := strings.Cut(what, "@")
	p, err := spec.Load(s.home)
	if err == nil {
		_, declared := p.Dataset(name)
		if _, statErr := os.Stat(what); declared || statErr != nil {
			err = s.withProduct(ctx, func(a *app.App, p *spec.Product) error {
				out, title, err = a.Profile(ctx, p, what)
				return err
			})
			return out, title, err
		}
	} else if _, statErr := os.Stat(what); statErr != nil {
		return nil, "", fault.New(fault.NotFound, "the file %s does not exist", what)
	}
	out, err = app.Describe(ctx, s.config(), what)
	return out, filepath.Base(what), err
}

// limits adds the flags of what the analytics engine may use.
func (s *session) limits(c *cobra.Command) {
	c.Flags().StringVar(&s.memory, "memory", s.memory, "that a query may use; more goes to disk (PARAPLU_MEMORY)")
	c.Flags().IntVar(&s.threads, "threads", s.threads, "that a query may use; 0 is all cores (PARAPLU_THREADS)")
}
