package webhook_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/webhook"
)

// TestKilledBeforeDelivery kills a process between the commit of a change and its delivery. The next process delivers it, once.
func TestKilledBeforeDelivery(t *testing.T) {
	if target := os.Getenv("WEBHOOK_TEST_DB"); target != "" {
		killed(t, target)
		return
	}
	run := func(t *testing.T, target string) {
		rc := receive(t)
		keys := filepath.Join(t.TempDir(), "keys")
		child := exec.Command(os.Args[0], "-test.run=^TestKilledBeforeDelivery$", "-test.v")
		child.Env = append(os.Environ(), "WEBHOOK_TEST_DB="+target, "WEBHOOK_TEST_KEYS="+keys, "WEBHOOK_TEST_URL="+rc.URL)
		out, err := child.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("the child was to be killed: %v\n%s", err, out)
		}
		if len(rc.got) != 0 {
			t.Fatal("sent before the kill")
		}
		d, err := db.Open(context.Background(), target)
		must(t, err)
		defer d.Close()
		w := build(t, d, keys, webhook.Config{AllowPrivate: true, Roots: rc.roots()})
		w.start()
		verify(t, rc.next(t), "shared")
		w.stop()
		w = build(t, d, keys, webhook.Config{AllowPrivate: true, Roots: rc.roots()}) // and a third process finds nothing to do
		w.start()
		w.stop()
		h := list(t, w)[0]
		if got := w.one(h); got.State != webhook.Delivered || got.Attempts != 1 || len(rc.got) != 0 {
			t.Errorf("%+v, %d more requests", got, len(rc.got))
		}
	}
	t.Run("sqlite", func(t *testing.T) { run(t, filepath.Join(t.TempDir(), "killed.db")) })
	t.Run("postgres", func(t *testing.T) { run(t, dbtest.PostgresURL(t)) })
}

// killed is the child: it changes the registry and dies in the instant after the commit.
func killed(t *testing.T, target string) {
	d, err := db.Open(context.Background(), target)
	must(t, err)
	must(t, db.Migrate(context.Background(), d, sources...))
	w := build(t, d, os.Getenv("WEBHOOK_TEST_KEYS"), webhook.Config{AllowPrivate: true, Roots: x509.NewCertPool()})
	w.listen(os.Getenv("WEBHOOK_TEST_URL"), "shared", "registered_model.created")
	w.model("rain", nil)
	must(t, syscall.Kill(os.Getpid(), syscall.SIGKILL))
	select {}
}
