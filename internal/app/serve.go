package app

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/httpapi"
	"github.com/paraplu/paraplu/internal/inference"
	"github.com/paraplu/paraplu/internal/mlflow"
	"github.com/paraplu/paraplu/internal/web"
)

// StartOptions say what runs beside the server.
type StartOptions struct {
	Monitors bool // evaluate windows when truth arrives; the demo replays time and evaluates by itself
}

// loadPatience is how long Start waits for what is released; a slower model is announced by /health.
const loadPatience = 2 * time.Second

// jobPatience is how long Stop lets jobs finish; what is cut off runs again after the next start.
const jobPatience = 2 * time.Second

// Start serves all faces on the configured address. It returns when the port answers and what is released was loaded, or
// after loadPatience.
func (a *App) Start(ctx context.Context, o StartOptions) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server != nil {
		return nil
	}
	ln, err := listen(a.cfg.Addr)
	if err != nil {
		return err
	}
	if err := a.jobs.Start(ctx); err != nil {
		ln.Close()
		return err
	}
	loop, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	a.Serving.Start(loop)
	wg.Go(func() { a.watchDeployments(loop) })
	if o.Monitors {
		wg.Go(func() { a.watch(loop) })
	}
	a.stopLoop = func() { cancel(); wg.Wait() }
	a.closing = make(chan struct{})
	a.server = serve(ln, a.mux(), a.ready, a.cfg.Logger)
	a.address = announce(a.cfg.path("served-at"), "http://"+ln.Addr().String())
	for began := time.Now(); !a.Serving.Ready() && time.Since(began) < loadPatience && ctx.Err() == nil; {
		time.Sleep(time.Millisecond)
	}
	return nil
}

// ready tells whether the database answers and what is released was loaded, or refused.
func (a *App) ready(ctx context.Context) error {
	if !a.Serving.Ready() {
		return fault.New(fault.Unavailable, "a released model is loading")
	}
	return a.DB.Ping(ctx)
}

// Stop ends the server and everything beside it; running requests finish first. Stopping twice does nothing.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	srv, stop, address, closing := a.server, a.stopLoop, a.address, a.closing
	a.server, a.stopLoop, a.address, a.closing = nil, nil, nil, nil
	a.mu.Unlock()
	if srv == nil {
		return nil
	}
	address.end()
	close(closing)
	err := srv.shutdown(ctx)
	stop()
	few, cancel := context.WithTimeout(ctx, jobPatience)
	defer cancel()
	if jerr := a.jobs.Stop(few); err == nil {
		err = jerr
	}
	if serr := a.Serving.Stop(); err == nil {
		err = serr
	}
	return err
}

// URL is where the server answers, "" when it does not run.
func (a *App) URL() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.server == nil {
		return ""
	}
	return "http://" + a.server.ln.Addr().String()
}

func (a *App) mux() http.Handler {
	mux := http.NewServeMux()
	ml := mlflow.Handler(mlflow.Deps{Tracking: a.Tracking, Registry: a.Registry, Traces: a.Traces, Webhooks: a.Webhooks,
		Packages: a.Packs, Log: a.cfg.Logger})
	for _, prefix := range mlflow.Prefixes() {
		if prefix != "/health" { // answered before all faces
			mux.Handle(prefix, ml)
		}
	}
	inf := inference.Handler(a.Serving)
	for _, pattern := range inference.Patterns {
		mux.Handle(pattern, inf)
	}
	mux.Handle("/api/v1/", httpapi.Handler(a.nativeDeps()))
	for _, prefix := range []string{"/api/", "/ajax-api/"} { // an API that nobody offers is no page
		mux.HandleFunc(prefix, http.NotFound)
	}
	mux.Handle("/", web.Handler())
	return mux
}

// watch evaluates the monitors whenever something happened, and once an hour because time passes.
func (a *App) watch(ctx context.Context) {
	for ctx.Err() == nil {
		hour, cancel := context.WithTimeout(ctx, time.Hour)
		event.Watch(hour, a.DB, 2*time.Second, a.evaluate, func(err error) {
			a.cfg.Logger.Warn("the monitors could not be evaluated", "error", err)
		})
		cancel()
	}
}

func (a *App) evaluate(ctx context.Context) error {
	p, err := a.Product()
	if fault.Is(err, fault.NotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if !p.Has("monitor") {
		return nil
	}
	if err := a.Serving.Flush(ctx); err != nil {
		return err
	}
	_, err = a.Monitor.Evaluate(ctx, p, a.cfg.Clock())
	return err
}
