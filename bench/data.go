package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// dvcVersion is the peer of the data part.
const dvcVersion = "dvc==3.67.*"

const dataMethod = `
How it is measured (` + "`bench/data.go`" + `):

- **Peer**: ` + "`" + dvcVersion + "`" + ` in an environment of its own, ` + "`dvc init --no-scm`" + ` with its default settings, on the same files in a folder of
  its own. Each command is a new process on both sides, Python's start included; files are in the page cache.
- **Durable**: Paraplu returns when packs and database are synced to the disk; DVC does not sync. The last column tells what the
  disk needs to write and sync as many bytes, measured just before.
- **Per core**: bytes by the time of all processors in user and system mode.
- **Memory**: the largest resident set of the process, with the pages of the binary file.
`

// peerFolders are a workspace of ours and one of DVC with the same files.
type peerFolders struct {
	b          *bench
	dvc        string
	home       string
	ours, them string
}

// taken is what a command took.
type taken struct {
	wall, cpu time.Duration
	rss       int64 // kB, largest
}

func (p *peerFolders) run(dir, name string, args ...string) (u taken, err error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DVC_NO_ANALYTICS=1", "HOME="+p.home)
	began := time.Now()
	out, err := cmd.CombinedOutput()
	u.wall = time.Since(began)
	if err != nil {
		return u, fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.cpu, u.rss = cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), r.Maxrss
	}
	return u, nil
}

func (p *peerFolders) add() (ours, them taken, err error) {
	if ours, err = p.run(p.ours, p.b.bin, "data", "add", "d", "d", "--as", "daisy"); err == nil {
		them, err = p.run(p.them, p.dvc, "add", "-q", "d")
	}
	return ours, them, err
}

// data measures dataset versions beside DVC. With -only large, many or appended that part alone; the first two a tenth of the size.
func (b *bench) data() error {
	scale := 1
	if b.only != "" {
		scale = 10
	}
	dvc, err := peerDVC()
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name string
		run  func(*peerFolders, int) error
	}{{"large", (*peerFolders).large}, {"many", (*peerFolders).many}, {"appended", (*peerFolders).appended}} {
		if b.only != "" && b.only != part.name {
			continue
		}
		p := &peerFolders{b: b, dvc: dvc}
		if err := p.make(); err != nil {
			return err
		}
		if err := part.run(p, scale); err != nil {
			return err
		}
		os.RemoveAll(p.home) //nolint:errcheck // of a folder that goes at the end
	}
	return nil
}

// peerDVC installs the peer once into the user's cache folder.
func peerDVC() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "paraplu-bench", "dvc-3.67")
	dvc := filepath.Join(dir, "bin", "dvc")
	if _, err := os.Stat(dvc); err == nil {
		return dvc, nil
	}
	if _, _, err := timed(nil, "python3", "-m", "venv", dir); err != nil {
		return "", err
	}
	_, _, err = timed(nil, filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", dvcVersion)
	return dvc, err
}

func (p *peerFolders) make() (err error) {
	if p.home, err = os.MkdirTemp(p.b.work, "data-"); err != nil {
		return err
	}
	p.ours, p.them = filepath.Join(p.home, "ours"), filepath.Join(p.home, "theirs")
	for _, dir := range []string{p.ours, p.them} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	text := "product: {name: bench, title: Bench, risk: low}\nteam: {members: [{name: daisy, title: Daisy, role: data scientist}]}\ndata:\n  d: {path: d}\n"
	if err := os.WriteFile(filepath.Join(p.ours, "paraplu.yaml"), []byte(text), 0o644); err != nil {
		return err
	}
	if _, err := p.run(p.ours, p.b.bin, "data", "ls"); err != nil { // makes the database
		return err
	}
	_, err = p.run(p.them, p.dvc, "init", "-q", "--no-scm")
	return err
}

// noiseFile writes n bytes that do not compress, and gives how long the disk takes to have them.
func noiseFile(path string, seed byte, n int, sync bool) (time.Duration, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r, buf := rand.NewChaCha8([32]byte{seed}), make([]byte, min(n, 1<<20))
	began := time.Now()
	for done := 0; done < n; done += len(buf) {
		buf = buf[:min(len(buf), n-done)]
		r.Read(buf) //nolint:errcheck // never fails
		if _, err := f.Write(buf); err != nil {
			return 0, err
		}
	}
	if sync {
		err = f.Sync()
	}
	return time.Since(began), err
}

func (p *peerFolders) large(scale int) error {
	n := 2_000_000_000 / scale
	disk, err := noiseFile(filepath.Join(p.ours, "d"), 1, n, true)
	if err != nil {
		return err
	}
	if _, err := noiseFile(filepath.Join(p.them, "d"), 1, n, true); err != nil {
		return err
	}
	ours, them, err := p.add()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("data add: one file of %d MB of noise", n/1_000_000)
	ratio := them.wall.Seconds() / ours.wall.Seconds()
	p.b.bar(name, millis(ours.wall), "≥ 3 times DVC", ratio >= 3, fmt.Sprintf("DVC %s; ratio %.1f; the disk alone %s", millis(them.wall), ratio, millis(disk)))
	speed := float64(n) / ours.cpu.Seconds() / 1e9
	p.b.bar(name+", speed a core", fmt.Sprintf("%.2f GB/s", speed), "≥ 0.5 GB/s", speed >= 0.5, fmt.Sprintf("DVC %.2f GB/s", float64(n)/them.cpu.Seconds()/1e9))
	p.b.bar(name+", memory", megabytes(ours.rss), "≤ 300 MB", ours.rss <= 300<<10, "DVC "+megabytes(them.rss))
	return p.checkout("data checkout of it")
}

// checkout lays the data out where nothing is.
func (p *peerFolders) checkout(name string) error {
	for _, dir := range []string{p.ours, p.them} {
		if err := os.RemoveAll(filepath.Join(dir, "d")); err != nil {
			return err
		}
	}
	ours, err := p.run(p.ours, p.b.bin, "data", "checkout", "d")
	if err != nil {
		return err
	}
	them, err := p.run(p.them, p.dvc, "checkout", "-q")
	if err != nil {
		return err
	}
	ratio := them.wall.Seconds() / ours.wall.Seconds()
	p.b.bar(name, millis(ours.wall), "≥ 5 times DVC", ratio >= 5, fmt.Sprintf("DVC %s; ratio %.1f", millis(them.wall), ratio))
	p.b.bar(name+", memory", megabytes(ours.rss), "≤ 300 MB", ours.rss <= 300<<10, "DVC "+megabytes(them.rss))
	return nil
}

func (p *peerFolders) many(scale int) error {
	n := 100_000 / scale
	r, buf := rand.NewChaCha8([32]byte{2}), make([]byte, 4096)
	for i := range n {
		r.Read(buf) //nolint:errcheck // never fails
		for _, dir := range []string{p.ours, p.them} {
			path := filepath.Join(dir, "d", fmt.Sprintf("%03d", i%100), fmt.Sprintf("%06d.bin", i))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(path, buf, 0o644); err != nil {
				return err
			}
		}
	}
	time.Sleep(100 * time.Millisecond) // until no file is as young as the clock is coarse
	ours, them, err := p.add()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("data add: %s files of 4 kB", thousands(float64(n)))
	ratio := them.wall.Seconds() / ours.wall.Seconds()
	p.b.bar(name, millis(ours.wall), "≥ 10 times DVC", ratio >= 10, fmt.Sprintf("DVC %s; ratio %.1f", millis(them.wall), ratio))
	p.b.bar(name+", memory", megabytes(ours.rss), "≤ 300 MB", ours.rss <= 300<<10, "DVC "+megabytes(them.rss))
	if ours, err = p.run(p.ours, p.b.bin, "data", "add", "d", "d", "--as", "daisy"); err != nil {
		return err
	}
	if them, err = p.run(p.them, p.dvc, "status", "-q"); err != nil {
		return err
	}
	ratio = them.wall.Seconds() / ours.wall.Seconds()
	p.b.bar("the same added again, nothing changed", millis(ours.wall), "< 1 s, ≥ 10 times dvc status", ratio >= 10 && ours.wall < time.Second,
		fmt.Sprintf("dvc status %s; ratio %.1f", millis(them.wall), ratio))
	return p.checkout("data checkout of them")
}

func (p *peerFolders) appended(int) error {
	const rows = 2_000_000
	var sizes [2][2]int64
	for step := range 2 {
		for i, dir := range []string{p.ours, p.them} {
			var text strings.Builder
			for n := range rows + step*rows/100 {
				fmt.Fprintf(&text, "%d,%d,%.3f\n", n, n*7919%1000, noise(n))
			}
			if err := os.WriteFile(filepath.Join(dir, "d"), []byte(text.String()), 0o644); err != nil {
				return err
			}
			sizes[i][step] -= folderSize(filepath.Join(p.ours, ".paraplu", "objects"), filepath.Join(p.them, ".dvc", "cache"))[i]
		}
		if _, _, err := p.add(); err != nil {
			return err
		}
		for i, n := range folderSize(filepath.Join(p.ours, ".paraplu", "objects"), filepath.Join(p.them, ".dvc", "cache")) {
			sizes[i][step] += n
		}
	}
	share := func(i int) float64 { return 100 * float64(sizes[i][1]) / float64(sizes[i][0]) }
	p.b.bar(fmt.Sprintf("1 %% more rows of a CSV of %s rows: stored", thousands(rows)), fmt.Sprintf("%.1f %%", share(0)), "≤ 3 %", share(0) <= 3, fmt.Sprintf("DVC %.0f %%", share(1)))
	return nil
}

// folderSize gives the bytes below each folder.
func folderSize(dirs ...string) []int64 {
	out := make([]int64, len(dirs))
	for i, dir := range dirs {
		filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error { //nolint:errcheck // what is not there has no size
			if err != nil {
				return nil
			}
			if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
				out[i] += info.Size()
			}
			return nil
		})
	}
	return out
}
