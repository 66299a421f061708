package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/adapter/duck"
	"github.com/paraplu/paraplu/internal/ref"
)

//go:embed quality_peer.py
var qualityPeer string

//go:embed quality_requirements.txt
var qualityRequirements string

//go:embed orders.odcs.yaml
var ordersContract []byte

const ordersProduct = `product: {name: shop, title: The shop, risk: low}
team:
  members:
    - {name: daisy, title: Daisy, role: data scientist}
data:
  orders: {path: data/orders.parquet, contract: contracts/orders.odcs.yaml, owner: daisy}
`

const (
	orderRows   = 10_000_000
	orderChecks = 50 // of the contract, without the types of the ten columns and "not empty", which every contract has
)

// orders gives the SQL of the table: whole numbers that are unique and that repeat, moments, skewed, normal and uniform
// numbers, and texts of few and of many values.
const orders = `SELECT i AS id, (hash(i) %% 500000)::BIGINT AS customer_id, TIMESTAMP '2024-01-01' + INTERVAL (i * 3) SECOND AS ordered_at,
	(hash(i * 7) %% 20 + 1)::INTEGER AS quantity, round(5 + 200 * pow((hash(i * 11) %% 1000003) / 1000003.0, 3), 2)::DOUBLE AS price,
	round(15 + 8 * sqrt(-2 * ln((hash(i * 13) %% 1000003 + 1) / 1000004.0)) * cos(6.283185 * (hash(i * 17) %% 1000003) / 1000003.0), 3)::DOUBLE AS temperature,
	((hash(i * 19) %% 1000003) / 1000003.0)::DOUBLE AS discount, ['NL', 'BE', 'DE', 'FR', 'GB', 'US', 'ES', 'IT'][1 + (hash(i * 23) %% 8)::INT] AS country,
	['new', 'paid', 'sent', 'returned'][1 + (hash(i * 29) %% 4)::INT] AS status, 'P' || lpad((hash(i * 31) %% 100000)::VARCHAR, 6, '0') AS product_code
	FROM range(%d) t(i)`

// quality holds ten million rows against fifty checks and describes them, beside peers on the same file.
func (b *bench) quality() error {
	if b.python == "" {
		return errors.New("the quality part compares with Great Expectations and Pandera: -python names an interpreter")
	}
	python, err := b.qualityPython()
	if err != nil {
		return err
	}
	b.python = python // its versions are told
	home := filepath.Join(b.work, "shop")
	for _, dir := range []string{"contracts", "data"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
			return err
		}
	}
	file, broken := filepath.Join(home, "data", "orders.parquet"), filepath.Join(b.work, "broken.parquet")
	if err := errors.Join(
		os.WriteFile(filepath.Join(home, "paraplu.yaml"), []byte(ordersProduct), 0o644),
		os.WriteFile(filepath.Join(home, "contracts", "orders.odcs.yaml"), ordersContract, 0o644),
		os.WriteFile(filepath.Join(b.work, "quality_peer.py"), []byte(qualityPeer), 0o644),
		writeOrders(file, fmt.Sprintf(orders, orderRows)),
		writeOrders(broken, "SELECT * REPLACE (id // 2 AS id, CASE WHEN id % 9 > 0 THEN price END AS price, 'x' || product_code AS product_code) FROM ("+fmt.Sprintf(orders, 10_000)+")"),
	); err != nil {
		return err
	}
	for _, check := range []func(home, file, broken, python string) error{b.qualityChecks, b.qualityProfile} {
		if err := check(home, file, broken, python); err != nil {
			return err
		}
	}
	return nil
}

func writeOrders(path, query string) error {
	ctx := context.Background()
	s, err := duck.New(duck.Config{}).Open(ctx, path)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Query(ctx, "COPY ("+query+") TO '"+path+"' (FORMAT parquet)")
	return err
}

// qualityPython makes an environment with the peers, once for each list of requirements.
func (b *bench) qualityPython() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "paraplu", "bench-quality-"+ref.Sum([]byte(qualityRequirements)).Short())
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
		return python, nil
	}
	list := filepath.Join(b.work, "requirements.txt")
	if err := os.WriteFile(list, []byte(qualityRequirements), 0o644); err != nil {
		return "", err
	}
	for _, c := range [][]string{{b.python, "-m", "venv", "--clear", dir}, {python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", list}} {
		if _, _, err := timed(nil, c[0], c[1:]...); err != nil {
			return "", fmt.Errorf("making the environment of the peers: %w", err)
		}
	}
	return python, os.WriteFile(filepath.Join(dir, "ready"), nil, 0o644)
}

// usage is what one process took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // of resident memory, kB
	out       string
}

func used(dir, name string, args ...string) (u usage, err error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var problem strings.Builder
	cmd.Stderr = &problem
	began := time.Now()
	out, err := cmd.Output()
	u = usage{wall: time.Since(began), out: string(out)}
	if s := cmd.ProcessState; s != nil {
		u.cpu, u.peak = s.UserTime()+s.SystemTime(), s.SysUsage().(*syscall.Rusage).Maxrss
	}
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, problem.String())
	}
	return u, err
}

// peerResult is what quality_peer.py prints.
type peerResult struct {
	Checks  int     `json:"checks"`
	Failed  int     `json:"failed"`
	Seconds float64 `json:"seconds"`
}

func (b *bench) qualityPeer(python, tool, file string) (p peerResult, u usage, err error) {
	if u, err = used(b.work, python, filepath.Join(b.work, "quality_peer.py"), tool, file); err != nil {
		return p, u, err
	}
	lines := strings.Split(strings.TrimSpace(u.out), "\n")
	return p, u, json.Unmarshal([]byte(lines[len(lines)-1]), &p)
}

// qualityChecks times the check three times in a workspace that remembers nothing, then each peer. All of them must refuse
// the broken file: one that finds nothing would measure nothing.
func (b *bench) qualityChecks(home, file, broken, python string) error {
	if _, err := used(home, b.bin, "check", "orders", broken); err == nil {
		return errors.New("the broken file was accepted")
	}
	var walls, cpus []time.Duration
	var peak int64
	for range 3 {
		if err := os.RemoveAll(filepath.Join(home, ".paraplu")); err != nil {
			return err
		}
		u, err := used(home, b.bin, "check", "orders")
		if err != nil {
			return err
		}
		walls, cpus, peak = append(walls, u.wall), append(cpus, u.cpu), max(peak, u.peak)
	}
	ours := median(walls)
	var beside []string
	fastest := time.Duration(1 << 62)
	for _, tool := range []struct{ arg, name string }{{"pandera", "Pandera with polars"}, {"gx", "Great Expectations"}} {
		if p, _, err := b.qualityPeer(python, tool.arg, broken); err != nil || p.Failed == 0 {
			return fmt.Errorf("%s accepted the broken file: %w", tool.name, err)
		}
		p, u, err := b.qualityPeer(python, tool.arg, file)
		if err != nil {
			return err
		}
		if p.Failed > 0 {
			return fmt.Errorf("%s refused the file", tool.name)
		}
		took := time.Duration(p.Seconds * float64(time.Second))
		fastest = min(fastest, took)
		beside = append(beside, fmt.Sprintf("%s, %d of them: %s, ratio %.1f, %s", tool.name, p.Checks, millis(took), took.Seconds()/ours.Seconds(), megabytes(u.peak)))
	}
	b.bar(fmt.Sprintf("check of 10,000,000 rows × 10 columns, %d checks, cold", orderChecks), millis(ours), "≤ 3 s", ours <= 3*time.Second, strings.Join(beside, "; "))
	b.add("the same, processor time", millis(median(cpus)), "")
	b.bar("the same, peak of resident memory", megabytes(peak), "< 1 GB", peak < 1<<20, "")
	b.bar("the same, against the faster peer", fmt.Sprintf("%.1f times", fastest.Seconds()/ours.Seconds()), "10 times", fastest >= 10*ours, "")
	return nil
}

// qualityProfile times the whole profile against DuckDB's own summary, which has no histogram, top values or correlations.
func (b *bench) qualityProfile(home, file, _, python string) error {
	u, err := used(home, b.bin, "profile", file, "--json")
	if err != nil {
		return err
	}
	p, peer, err := b.qualityPeer(python, "summarize", file)
	if err != nil {
		return err
	}
	b.bar("profile of the same file, all columns", millis(u.wall), "≤ 8 s", u.wall <= 8*time.Second,
		fmt.Sprintf("DuckDB's SUMMARIZE: %s, %s", millis(time.Duration(p.Seconds*float64(time.Second))), megabytes(peer.peak)))
	b.add("the same, processor time", millis(u.cpu), "")
	b.bar("the same, peak of resident memory", megabytes(u.peak), "< 1 GB", u.peak < 1<<20, "")
	return nil
}

const qualityMethod = `
How it is measured (` + "`bench/quality.go`, `bench/quality_peer.py`" + `):

- **Ours** is the whole process ` + "`paraplu check orders`" + ` in a workspace that remembers nothing: start, digest of the file, all checks, the stored
  report; the median of three. Fifty checks, without the types of the ten columns.
- **Peers** run after it on the same file, in an environment of their own; from opening the file to the last result, without their start and
  imports. Their memory is that of the whole process. All must refuse a broken file first.
- **Same checks**: how many of the fifty a peer can express is said; it is not charged for the rest.
- **Profile**: ` + "`paraplu profile FILE --json`" + `, whole process.
`
