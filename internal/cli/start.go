package cli

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/demo"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/team"
)

func (s *session) demoCommand() *cobra.Command {
	o := demo.Options{}
	c := &cobra.Command{Use: "demo", GroupID: "start", Args: cobra.NoArgs,
		Short: "Play the life of one product: umbrellas, on real weather",
		Long: `Creates the umbrella product in a folder of its own and plays its life with real work in every act: data under
contract, training in Python, pipeline, package, release by evidence, serving, monitoring, retraining, the bill.
The weather of Seattle is real; sales and forecasts are simulated on it, and say so. Run it again after any
interruption: what was done is kept.`,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Out, o.Version = s.out, version
			return demo.Run(c.Context(), o)
		}}
	c.Flags().StringVar(&o.Dir, "dir", "umbrella-demo", "folder of the product")
	c.Flags().StringVar(&o.Addr, "addr", app.DefaultAddr, "address of the server; port 0 takes a free one")
	c.Flags().BoolVar(&o.Exit, "exit", false, "end after the story instead of serving the product page")
	c.Flags().BoolVar(&o.Fresh, "fresh", false, "begin anew: remove what an earlier demo left in the folder")
	return c
}

func (s *session) upCommand() *cobra.Command {
	var addr string
	var remote, private bool
	c := &cobra.Command{Use: "up", GroupID: "start", Args: cobra.NoArgs,
		Short: "Serve pages, native API, MLflow API and inference on one port",
		RunE: func(c *cobra.Command, _ []string) error {
			if os.Getenv("GOGC") == "" {
				// What a server holds is a few megabytes, so the usual 100 would collect garbage several times a second.
				debug.SetGCPercent(200)
			}
			cfg := s.config()
			cfg.Addr, cfg.AllowRemote, cfg.AllowPrivateWebhooks = addr, remote, private
			a, err := app.Open(c.Context(), cfg)
			if err != nil {
				return err
			}
			defer a.Close()
			if _, err := a.Synced(c.Context(), s.actor(nil)); err != nil && !fault.Is(err, fault.NotFound) {
				return err // without paraplu.yaml it serves; with a broken one it says so
			}
			if err := a.Start(c.Context(), app.StartOptions{Monitors: true}); err != nil {
				return err
			}
			s.announce(a)
			<-c.Context().Done()
			return a.Stop(context.WithoutCancel(c.Context()))
		}}
	c.Flags().StringVar(&addr, "addr", app.DefaultAddr, "HOST:PORT; port 0 takes a free one")
	c.Flags().BoolVar(&remote, "allow-remote", false, "listen on other than loopback although there is no log-in")
	c.Flags().BoolVar(&private, "allow-private-webhooks", false, "webhooks may go to http and into private networks")
	return c
}

func (s *session) announce(a *app.App) {
	info := map[string]string{"url": a.URL(), "home": a.Home(), "product": ""}
	if p, err := a.Product(); err == nil {
		info["product"] = p.Name
	}
	s.show(info, func() {
		s.printf("paraplu %s serves %s at %s\n", version, a.Home(), a.URL())
		s.printf("  pages       %s\n  MLflow      export MLFLOW_TRACKING_URI=%s\n  inference   %s/v2  and  %s/invocations\n", a.URL(), a.URL(), a.URL(), a.URL())
		if info["product"] == "" {
			s.printf("There is no paraplu.yaml here yet: tracking works, the rest begins with one: paraplu init\n")
		}
	})
}

func (s *session) nextCommand() *cobra.Command {
	return &cobra.Command{Use: "next", GroupID: "start", Args: cobra.NoArgs, Short: "The one next step of the product, from missing evidence",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				next, err := a.Team.Next(c.Context(), p.Name)
				if err != nil {
					return err
				}
				s.show(next, func() { fmt.Fprint(s.out, next) })
				return nil
			})
		}}
}

func (s *session) statusCommand() *cobra.Command {
	return &cobra.Command{Use: "status", GroupID: "start", Args: cobra.NoArgs, Short: "Stages of the product with their evidence",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				stages, err := a.Team.Stages(c.Context(), p.Name)
				if err != nil {
					return err
				}
				s.show(stages, func() { s.printStages(p, stages) })
				return nil
			})
		}}
}

func (s *session) canvasCommand() *cobra.Command {
	c := &cobra.Command{Use: "canvas", GroupID: "start", Args: cobra.NoArgs, Short: "The use case: what is filled in, and who signed it; also: sign",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				signed, err := a.Team.Signatures(c.Context(), p.Name)
				if err != nil {
					return err
				}
				fields := team.Canvas(p)
				s.show(map[string]any{"fields": fields, "signatures": signed}, func() { s.printCanvas(fields, signed) })
				return nil
			})
		}}
	c.AddCommand(&cobra.Command{Use: "sign", Args: cobra.NoArgs, Short: "Sign the canvas as it stands, in the name of a member (--as)",
		RunE: func(c *cobra.Command, _ []string) error {
			return s.withProduct(c.Context(), func(a *app.App, p *spec.Product) error {
				who, err := s.member(p)
				if err != nil {
					return err
				}
				if err := a.Team.SignCanvas(c.Context(), p.Name, who); err != nil {
					return err
				}
				s.show(map[string]string{"signed_by": who}, func() { s.printf("the canvas of %s is signed by %s\n", p.Name, who) })
				return nil
			})
		}})
	return c
}
