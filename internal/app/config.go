package app

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// DefaultAddr is where `paraplu up` listens: the port that MLflow's users expect, on this machine only.
const DefaultAddr = "127.0.0.1:5000"

// Config says where the workspace is and how it is served. The zero value of a field means its default.
type Config struct {
	Home                 string           // folder of paraplu.yaml; default "."
	DB                   string           // postgres://… or a path; default HOME/.paraplu/paraplu.db
	Store                string           // bucket URL; default file://HOME/.paraplu/objects
	Addr                 string           // listen address of `up`; default DefaultAddr
	AllowRemote          bool             // listen on other than loopback although there is no log-in yet
	AllowPrivateWebhooks bool             // webhooks may go to http and into private networks
	Memory               string           // that one query of the analytics engine may use, "512MB"; default 2GB; the rest goes to disk
	Threads              int              // of one query of the analytics engine; default all cores
	Python               string           // interpreter for steps; default: see FindPython
	Logger               *slog.Logger     // default slog.Default
	Clock                func() time.Time // default time.Now
	Version              string           // of the binary, for pages
}

// withDefaults fills the empty fields and checks the rest.
func (c Config) withDefaults() (Config, error) {
	if c.Home == "" {
		c.Home = "."
	}
	home, err := filepath.Abs(c.Home)
	if err != nil {
		return c, fault.Wrap(err, "workspace %s", c.Home)
	}
	c.Home = home
	if info, err := os.Stat(home); err != nil || !info.IsDir() {
		return c, fault.New(fault.NotFound, "the workspace folder %s does not exist", home).WithHint("mkdir -p %s", home)
	}
	if c.DB == "" {
		c.DB = c.path("paraplu.db")
	}
	if c.Store == "" {
		c.Store = "file://" + c.path("objects")
	}
	if c.Addr == "" {
		c.Addr = DefaultAddr
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if err := c.checkLimits(); err != nil {
		return c, err
	}
	return c, c.checkAddr()
}

// memorySize is what DuckDB takes for a limit, and no unit that people mix up.
var memorySize = regexp.MustCompile(`^[1-9][0-9]*(\.[0-9]+)?(MB|GB|MiB|GiB)$`)

func (c Config) checkLimits() error {
	if c.Memory != "" && !memorySize.MatchString(c.Memory) {
		return fault.New(fault.Invalid, "%q is no amount of memory", c.Memory).WithHint("--memory 512MB, or PARAPLU_MEMORY=2GB")
	}
	if c.Threads < 0 {
		return fault.New(fault.Invalid, "the number of threads must be 0 or more").WithHint("--threads 2, or PARAPLU_THREADS=2; 0 is all cores")
	}
	return nil
}

// path names a file of the workspace's own folder.
func (c Config) path(elem ...string) string {
	return filepath.Join(append([]string{c.Home, ".paraplu"}, elem...)...)
}

func (c Config) checkAddr() error {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fault.New(fault.Invalid, "address %q is not HOST:PORT: %w", c.Addr, err).WithHint("--addr %s", DefaultAddr)
	}
	if !loopback(host) && !c.AllowRemote {
		return fault.New(fault.Denied, "%s can be reached from other machines, and this version has no log-in", c.Addr).
			WithHint("listen on 127.0.0.1 behind a proxy that logs people in, or say --allow-remote if the network is yours alone")
	}
	return nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && ip.IsLoopback()
}

// String gives the configuration without secrets.
func (c Config) String() string {
	dsn := c.DB
	if strings.Contains(dsn, "://") {
		dsn = dsn[:strings.Index(dsn, "://")] + "://…"
	}
	return fmt.Sprintf("home=%s db=%s store=%s addr=%s", c.Home, dsn, c.Store, c.Addr)
}

// FindPython gives the interpreter that steps run with: PARAPLU_PYTHON, else .venv in the workspace, else .venv beside
// the folder of this binary, else python3 of the PATH. Empty when there is none.
func FindPython(home string) string {
	if p := os.Getenv("PARAPLU_PYTHON"); p != "" {
		return p
	}
	candidates := []string{filepath.Join(home, ".venv", "bin", "python")}
	if exe, err := os.Executable(); err == nil {
		candidates = append(candidates, filepath.Join(filepath.Dir(filepath.Dir(exe)), ".venv", "bin", "python"))
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		candidates = append(candidates, filepath.Join(dir, "python3"))
	}
	for _, c := range candidates {
		if info, err := os.Stat(c); err == nil && !info.IsDir() {
			return c
		}
	}
	return ""
}
