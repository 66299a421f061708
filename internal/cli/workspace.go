package cli

import (
	"context"
	"os"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

func (s *session) config() app.Config {
	return app.Config{Home: s.home, DB: s.db, Memory: s.memory, Threads: s.threads}
}

// with opens the workspace for one command.
func (s *session) with(ctx context.Context, fn func(a *app.App) error) error {
	a, err := app.Open(ctx, s.config())
	if err != nil {
		return err
	}
	defer a.Close()
	return fn(a)
}

// withProduct is with, for commands that need paraplu.yaml. The workspace is not even created without one.
func (s *session) withProduct(ctx context.Context, fn func(a *app.App, p *spec.Product) error) error {
	if _, err := spec.Load(s.home); err != nil {
		return err
	}
	return s.with(ctx, func(a *app.App) error {
		p, err := a.Synced(ctx, s.actor(nil))
		if err != nil {
			return err
		}
		return fn(a, p)
	})
}

// actor is who acts: --as, else the log-in name when it is a member, else the only member, else the log-in name.
func (s *session) actor(p *spec.Product) string {
	if s.as != "" {
		return s.as
	}
	name := os.Getenv("USER")
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if name == "" {
		name = "unknown"
	}
	if p != nil && len(p.Team.Members) == 1 {
		return p.Team.Members[0].Name
	}
	return name
}

// member is actor for deeds that only members may do.
func (s *session) member(p *spec.Product) (string, error) {
	name := s.actor(p)
	if _, ok := p.Member(name); ok {
		return name, nil
	}
	names := make([]string, len(p.Team.Members))
	for i, m := range p.Team.Members {
		names[i] = m.Name
	}
	return "", fault.New(fault.Denied, "%q is not a member of %s; members: %s", name, p.Name, orNone(names)).WithHint("say who you are: --as %s", first(names, "NAME"))
}

func first(list []string, otherwise string) string {
	if len(list) == 0 {
		return otherwise
	}
	return list[0]
}

// commands are all commands, in the order of a product's life.
func (s *session) commands() []*cobra.Command {
	return []*cobra.Command{
		s.demoCommand(), s.initCommand(), s.nextCommand(), s.statusCommand(), s.canvasCommand(), s.upCommand(),
		s.dataCommand(), s.contractCommand(), s.checkCommand(), s.profileCommand(), s.runCommand(), s.packageCommand(),
		s.releaseCommand(), s.approveCommand(), s.placeCommand(), s.rollbackCommand(), s.deploymentsCommand(),
		s.truthCommand(), s.monitorCommand(), s.incidentsCommand(), s.retrainCommand(), s.billCommand(),
		s.importCommand(), s.exportCommand(), s.expCommand(), s.runsCommand(),
		s.logCommand(), s.lineageCommand(), s.schemaCommand(), s.gcCommand(), s.doctorCommand(),
	}
}
