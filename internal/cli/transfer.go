package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/paraplu/paraplu/internal/adapter/mlflowdb"
	"github.com/paraplu/paraplu/internal/adapter/mlflowrest"
	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/transfer"
)

func (s *session) importCommand() *cobra.Command {
	c := &cobra.Command{Use: "import", GroupID: "operate", Short: "Bring over what another tool keeps: mlflow"}
	c.AddCommand(s.importMLflow())
	return c
}

func (s *session) importMLflow() *cobra.Command {
	var o transfer.Options
	var artifacts string
	c := &cobra.Command{Use: "mlflow SOURCE", Args: cobra.ExactArgs(1),
		Short: "Bring over a whole MLflow, from its server or its SQLite file",
		Long: `Brings over experiments, runs with all points, files, logged models and the registry, under the same ids and numbers.
SOURCE is the address of a running server, or the SQLite file of its backend store. It is only read. Repeat the command after
an interruption, or when the source has grown: it brings what is missing.

Log-in is read from MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN.`,
		RunE: func(c *cobra.Command, args []string) error {
			return s.with(c.Context(), func(a *app.App) error {
				src, name, err := openSource(c.Context(), a, args[0], artifacts)
				if err != nil {
					return err
				}
				if closer, ok := src.(io.Closer); ok {
					defer closer.Close()
				}
				o.Peer, o.Actor, o.Progress = "from "+name, s.actor(nil), s.progress()
				return s.showTransfer(a.Transfer.Import(c.Context(), src, o))
			})
		}}
	f := c.Flags()
	f.StringVar(&o.Prefix, "prefix", "", "put this before the names of experiments and registered models")
	f.StringVar(&artifacts, "artifacts", "", "with a SQLite file: the folder of the server's --artifacts-destination")
	f.BoolVar(&o.NoFiles, "no-artifacts", false, "leave files out; a later import brings them")
	transferFlags(c, &o)
	return c
}

func transferFlags(c *cobra.Command, o *transfer.Options) {
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "only count what would come over")
	c.Flags().BoolVar(&o.All, "all", false, "look at every point and file again, also of runs that did not change")
	c.Flags().IntVar(&o.AtOnce, "at-once", 4, "files and runs at once")
}

// openSource opens a server or a file, and refuses the workspace itself.
func openSource(ctx context.Context, a *app.App, source, artifacts string) (transfer.Source, string, error) {
	if isURL(source) {
		c, err := openServer(ctx, a, source, "import")
		if err != nil {
			return nil, "", err
		}
		return c, c.String(), nil
	}
	path := strings.TrimPrefix(source, "sqlite:///")
	if strings.Contains(path, "://") {
		return nil, "", fault.New(fault.Unsupported, "MLflow's store at %s cannot be read directly", path[:strings.Index(path, "://")+3]+"…").
			WithHint("start its server, and import from that: mlflow server --backend-store-uri …; paraplu import mlflow http://127.0.0.1:5000")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, "", fault.Wrap(err, "the path %s", source)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, "", fault.New(fault.Unsupported, "%s is a folder of files, which MLflow has given up for a database", source).
			WithHint("let MLflow turn it into one, then import that:\nmlflow migrate-filestore --source %s --target sqlite:///mlflow.db\nparaplu import mlflow mlflow.db", source)
	}
	st, err := mlflowdb.Open(ctx, path, artifacts)
	if err != nil {
		return nil, "", err
	}
	return st, path, nil
}

func isURL(s string) bool { return strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") }

func openServer(ctx context.Context, a *app.App, uri, verb string) (*mlflowrest.Client, error) {
	c, err := mlflowrest.Open(ctx, uri, mlflowrest.LoginFromEnv())
	if err != nil {
		return nil, err
	}
	theirs, err := c.Workspace(ctx)
	if err != nil {
		return nil, err
	}
	if ours, err := a.Tracking.Workspace(ctx); err != nil || theirs == ours {
		if err == nil {
			err = fault.New(fault.Invalid, "%s serves this very workspace: there is nothing to %s", c, verb)
		}
		return nil, err
	}
	return c, nil
}

// progress draws one line on a terminal, a few times a second, and nothing elsewhere.
func (s *session) progress() func(transfer.Progress) {
	f, ok := s.err.(*os.File)
	if !ok || s.json || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	start, last := time.Now(), time.Time{}
	return func(p transfer.Progress) {
		if time.Since(last) < 200*time.Millisecond && p.Done < p.Total {
			return
		}
		last = time.Now()
		left := ""
		if p.Done > 0 && p.Done < p.Total {
			left = ", " + (time.Since(start) / time.Duration(p.Done) * time.Duration(p.Total-p.Done)).Round(time.Second).String() + " left"
		}
		fmt.Fprintf(s.err, "\r\x1b[K%d of %d runs and models, %d points, %d files, %s%s  %.40s", p.Done, p.Total, p.Points, p.Files, bytesText(p.Bytes), left, p.Doing)
		if p.Done >= p.Total && p.Total > 0 {
			fmt.Fprint(s.err, "\r\x1b[K")
		}
	}
}

// showTransfer prints what came over, also when an error ended it.
func (s *session) showTransfer(r *transfer.Report, err error) error {
	if err != nil {
		if !s.json && r != nil && r.Runs.New+r.Runs.Changed > 0 {
			s.printReport(r)
		}
		return err
	}
	s.show(r, func() { s.printReport(r) })
	return r.Err()
}

func (s *session) printReport(r *transfer.Report) {
	var rows [][]string
	for _, line := range []struct {
		what string
		t    transfer.Tally
	}{
		{"experiments", r.Experiments}, {"runs", r.Runs}, {"logged models", r.Models}, {"files", r.Files},
		{"registered models", r.Registered}, {"versions", r.Versions},
	} {
		rows = append(rows, []string{line.what, fmt.Sprint(line.t.New), fmt.Sprint(line.t.Changed), fmt.Sprint(line.t.Same), fmt.Sprint(line.t.Failed)})
	}
	s.table([]string{"", "new", "changed", "here already", "failed"}, rows, "")
	if r.DryRun {
		s.printf("nothing was written; files of %s would come over\n", bytesText(r.Bytes))
	} else {
		s.printf("%d points, files of %s\n", r.Points, bytesText(r.Bytes))
	}
	for _, list := range []struct {
		word     string
		problems []transfer.Problem
	}{{"did not come over", r.Problems}, {"note", r.Notes}} {
		for _, p := range list.problems {
			s.printf("%s: %s: %s\n", list.word, strings.Join(p.What, ", ")+more(p), p.Why)
			if p.Hint != "" {
				s.printf("  try: %s\n", strings.ReplaceAll(p.Hint, "\n", "\n       "))
			}
		}
	}
}

func more(p transfer.Problem) string {
	if n := p.Count - len(p.What); n > 0 {
		return fmt.Sprintf(" and %d more", n)
	}
	return ""
}

func (s *session) exportCommand() *cobra.Command {
	c := &cobra.Command{Use: "export", GroupID: "operate", Short: "Take everything along to another tool: mlflow"}
	c.AddCommand(s.exportMLflow())
	return c
}

func (s *session) exportMLflow() *cobra.Command {
	var o transfer.Options
	c := &cobra.Command{Use: "mlflow URL", Args: cobra.ExactArgs(1),
		Short: "Bring experiments, runs, files and the registry to an MLflow server",
		Long: `Brings experiments, runs with all points, files, logged models and the registry to a running MLflow server. It chooses ids
of its own; ours are kept there in the tags paraplu.run_id and paraplu.model_id. Repeat the command after an interruption, or
when there is more: it brings what is missing.`,
		RunE: func(c *cobra.Command, args []string) error {
			return s.with(c.Context(), func(a *app.App) error {
				if !isURL(args[0]) {
					return fault.New(fault.Invalid, "the target is not http://HOST:PORT or https://HOST").WithHint("paraplu export mlflow http://127.0.0.1:5000")
				}
				target, err := openServer(c.Context(), a, args[0], "export")
				if err != nil {
					return err
				}
				o.Peer, o.Actor, o.Progress = "to "+target.String(), s.actor(nil), s.progress()
				return s.showTransfer(a.Transfer.Export(c.Context(), target, o))
			})
		}}
	c.Flags().StringVar(&o.Prefix, "prefix", "", "put this before the names of experiments and registered models")
	c.Flags().BoolVar(&o.NoFiles, "no-artifacts", false, "leave files out; a later export brings them")
	transferFlags(c, &o)
	return c
}
