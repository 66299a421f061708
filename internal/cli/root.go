// Package cli is the command line: it parses, calls one function of the app, and prints. Every command has --json;
// every error is one sentence with its place, followed by what to do next, and an exit code from the table in fault.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/paraplu/paraplu/internal/fault"
)

// version is set by the linker.
var version = "dev"

// session is what the commands share: streams and global flags.
type session struct {
	in   io.Reader
	out  io.Writer
	err  io.Writer
	home string
	db   string
	json bool
	as   string

	memory  string // that a query of the analytics engine may use
	threads int
}

// Main runs one command line and gives the exit code of the process.
func Main(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, stop := stoppable(errOut, slices.Contains(args, "--json"))
	defer stop()
	slog.SetDefault(slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: logLevel()})))
	s := &session{in: in, out: out, err: errOut, memory: os.Getenv("PARAPLU_MEMORY")}
	if text := os.Getenv("PARAPLU_THREADS"); text != "" {
		n, err := strconv.Atoi(text)
		if s.threads = n; err != nil {
			s.threads = -1 // refused when it is used
		}
	}
	root := s.root()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	s.json = s.json || slices.Contains(args, "--json") // a wrong line may not have been read to its end
	return s.fail(unknownCommand(root, err))
}

// stoppable gives a context that the first Ctrl-C or SIGTERM ends; a second one ends the process at once.
func stoppable(errOut io.Writer, quiet bool) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case sig := <-signals:
			signal.Stop(signals)
			if sig == os.Interrupt && !quiet {
				fmt.Fprintln(errOut, "stopping; Ctrl-C again ends at once")
			}
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}

// logLevel is PARAPLU_LOG (debug, info, warn, error); quiet by default.
func logLevel() slog.Level {
	level := slog.LevelWarn
	if text := os.Getenv("PARAPLU_LOG"); text != "" {
		level.UnmarshalText([]byte(text)) //nolint:errcheck // an unknown word leaves the default
	}
	return level
}

func (s *session) root() *cobra.Command {
	cobra.EnableCommandSorting = false // commands() has the order of a product's life
	root := &cobra.Command{
		Use:   "paraplu",
		Short: "One roof over the whole life of a machine-learning product",
		Long: `Paraplu keeps a machine-learning product under one roof: data under contract, experiments, pipeline, package,
release by evidence, serving, monitoring and money. It works in the folder that holds paraplu.yaml, without a server.

Start with:  paraplu demo     the whole story on real weather
             paraplu init     a product of your own
             paraplu next     the one next step of your product`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
	}
	root.SetVersionTemplate("paraplu {{.Version}}\n")
	f := root.PersistentFlags()
	f.StringVar(&s.home, "home", ".", "folder of the workspace: paraplu.yaml, and .paraplu beside it")
	f.StringVar(&s.db, "db", os.Getenv("PARAPLU_DB"), "postgres://… instead of the embedded database (PARAPLU_DB)")
	f.BoolVar(&s.json, "json", false, "print JSON")
	f.StringVar(&s.as, "as", os.Getenv("PARAPLU_MEMBER"), "member who acts (PARAPLU_MEMBER); default: your log-in name")
	root.AddGroup(
		&cobra.Group{ID: "start", Title: "Start"},
		&cobra.Group{ID: "build", Title: "Build"},
		&cobra.Group{ID: "release", Title: "Release"},
		&cobra.Group{ID: "operate", Title: "Operate"},
		&cobra.Group{ID: "look", Title: "Look into"},
	)
	root.SetHelpCommandGroupID("look")
	root.SetCompletionCommandGroupID("look")
	root.AddCommand(s.commands()...)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		complete(c)
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fault.New(fault.Invalid, "%w", err).WithHint("%s --help", c.CommandPath())
	})
	return root
}

// fail prints an error for people, or as JSON, and gives its exit code.
func (s *session) fail(err error) int {
	kind := fault.KindOf(err)
	if kind == fault.Internal && isUsage(err) {
		kind = fault.Invalid
	}
	if errors.Is(err, context.Canceled) {
		kind = fault.Canceled
	}
	hint := short(fault.HintOf(err))
	if s.json {
		writeJSON(s.err, map[string]any{"error": map[string]string{"kind": kind.String(), "message": short(err.Error()), "hint": hint}})
		return kind.ExitCode()
	}
	text := short(err.Error())
	if kind == fault.Canceled {
		text = "stopped: " + text
	}
	fmt.Fprintf(s.err, "error: %s\n", text)
	if hint != "" && !strings.Contains(text, hint) { // some sentences end with it
		fmt.Fprintf(s.err, "  try: %s\n", strings.ReplaceAll(hint, "\n", "\n       "))
	}
	return kind.ExitCode()
}

// isUsage recognises cobra's own complaints, which have no type.
func isUsage(err error) bool {
	for _, start := range []string{"required flag", "unknown flag", "invalid argument"} {
		if strings.HasPrefix(err.Error(), start) {
			return true
		}
	}
	return false
}
