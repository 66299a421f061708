package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/job"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/webhook"
)

// patience is how long a test waits for what must come; it measures nothing.
const patience = time.Minute

var sources = []db.Source{event.Migrations(), registry.Migrations(), job.Migrations(), webhook.Migrations()}

// request is one that a receiver got.
type request struct {
	header http.Header
	body   string
}

// receiver is a real HTTPS server that answers as it is told; the last answer is repeated.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	answers []func(http.ResponseWriter)
	got     chan request
}

func receive(t *testing.T, answers ...func(http.ResponseWriter)) *receiver {
	t.Helper()
	rc := &receiver{answers: answers, got: make(chan request, 100)}
	rc.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rc.mu.Lock()
		if len(rc.answers) > 0 {
			rc.answers[0](w)
		}
		if len(rc.answers) > 1 {
			rc.answers = rc.answers[1:]
		}
		rc.mu.Unlock()
		rc.got <- request{r.Header, string(body)}
	}))
	t.Cleanup(rc.Close)
	return rc
}

func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func (rc *receiver) next(t *testing.T) request {
	t.Helper()
	select {
	case r := <-rc.got:
		return r
	case <-time.After(patience):
		t.Fatal("nothing was sent")
		panic("unreachable")
	}
}

func (rc *receiver) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(rc.Certificate())
	return pool
}

// world is a registry whose changes are told.
type world struct {
	t     *testing.T
	db    *db.DB
	keys  string
	jobs  *job.Queue
	hooks *webhook.Room
	reg   *registry.Room
}

func build(t *testing.T, d *db.DB, keys string, cfg webhook.Config) *world {
	t.Helper()
	jobs, err := job.New(d, job.Config{Poll: 10 * time.Millisecond})
	must(t, err)
	if cfg.Backoff == nil {
		cfg.Backoff = func(int) time.Duration { return time.Millisecond }
	}
	w := &world{t: t, db: d, keys: keys, jobs: jobs, hooks: webhook.New(d, jobs, keys, cfg, time.Now)}
	none := func(context.Context, ref.Digest) (registry.Package, error) {
		return registry.Package{}, fault.New(fault.NotFound, "no packages here")
	}
	w.reg = registry.New(d, none, t.TempDir(), time.Now)
	w.reg.Changed = w.hooks.Notify
	return w
}

// private is a world that may send to this machine.
func private(t *testing.T, d *db.DB, rc *receiver) *world {
	return build(t, d, filepath.Join(t.TempDir(), "keys"), webhook.Config{AllowPrivate: true, Roots: rc.roots()})
}

func (w *world) start() {
	w.t.Helper()
	must(w.t, w.jobs.Start(context.Background()))
	w.t.Cleanup(w.stop)
}

// stop ends all work; what was sent is noted then.
func (w *world) stop() { must(w.t, w.jobs.Stop(context.Background())) }

func (w *world) listen(url, secret string, events ...string) webhook.Webhook {
	w.t.Helper()
	h, err := w.hooks.Create(context.Background(), webhook.Input{Name: "test", URL: url, Events: events, Secret: secret})
	must(w.t, err)
	return h
}

func (w *world) model(name string, tags map[string]string) {
	w.t.Helper()
	_, err := w.reg.CreateModel(context.Background(), registry.ModelInput{Name: name, Tags: tags})
	must(w.t, err)
}

// settle looks until no job is left; what was sent by then is noted.
func (w *world) settle() {
	w.t.Helper()
	late := time.After(patience)
	for look := time.Tick(5 * time.Millisecond); ; {
		var left int
		must(w.t, w.db.View(context.Background(), func(tx *db.Tx) (err error) { left, err = w.jobs.Jobs(tx); return err }))
		if left == 0 {
			return
		}
		select {
		case <-look:
		case <-late:
			w.t.Fatalf("%d jobs are left", left)
		}
	}
}

// one gives the only delivery of a webhook.
func (w *world) one(h webhook.Webhook) webhook.Delivery {
	w.t.Helper()
	list, err := w.hooks.Deliveries(context.Background(), h.ID, 10)
	must(w.t, err)
	if len(list) != 1 {
		w.t.Fatalf("%d deliveries, want 1: %+v", len(list), list)
	}
	return list[0]
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// verify checks a signature as a receiver does.
func verify(t *testing.T, r request, secret string) {
	t.Helper()
	mac := hmac.New(sha256.New, []byte(secret))
	io.WriteString(mac, r.header.Get("X-Mlflow-Delivery-Id")+"."+r.header.Get("X-Mlflow-Timestamp")+"."+r.body) //nolint:errcheck // a hash takes all
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.header.Get("X-Mlflow-Signature") != want {
		t.Errorf("signature %q, want %q", r.header.Get("X-Mlflow-Signature"), want)
	}
	if _, err := strconv.ParseInt(r.header.Get("X-Mlflow-Timestamp"), 10, 64); err != nil {
		t.Error(err)
	}
}
