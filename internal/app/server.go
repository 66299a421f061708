package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// server is one listener with all faces behind it.
type server struct {
	http  *http.Server
	ln    net.Listener
	done  chan struct{}
	stop  sync.Once
	log   *slog.Logger
	ready func(context.Context) error
}

// listen opens the port. Port 0 takes a free one.
func listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(addr)
		return nil, fault.New(fault.Conflict, "the address %s is in use by another process", addr).
			WithHint("choose another port: --addr %s", net.JoinHostPort(host, "5001"))
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot listen on %s: %w", addr, err)
	}
	return ln, nil
}

// serve answers on ln until the server is stopped.
func serve(ln net.Listener, h http.Handler, ready func(context.Context) error, log *slog.Logger) *server {
	s := &server{ln: ln, done: make(chan struct{}), log: log, ready: ready}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", s.health)
	mux.Handle("/", guard(ln.Addr(), h))
	s.http = &http.Server{
		Handler:           steady(fewLarge(mux, largeAtOnce), stall),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(steadyListener{ln, stall}); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Error("the server stopped", "error", err)
		}
	}()
	return s
}

// health answers 200 "OK" when the database answers, as MLflow's clients expect.
func (s *server) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.ready(ctx); err != nil {
		http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprint(w, "OK")
}

// guard protects a server without log-in: a request must name this machine (no DNS rebinding), and a page of another
// site must not change anything (no cross-site request forgery).
func guard(addr net.Addr, next http.Handler) http.Handler {
	local := true
	if host, _, err := net.SplitHostPort(addr.String()); err == nil {
		local = loopback(host)
	}
	protected := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if local && !loopback(host) && !strings.HasSuffix(host, ".localhost") {
			http.Error(w, "this server answers to localhost only", http.StatusForbidden)
			return
		}
		protected.ServeHTTP(w, r)
	})
}

// shutdown lets running requests finish for a while; calling it twice does nothing.
func (s *server) shutdown(ctx context.Context) (err error) {
	s.stop.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		if err = s.http.Shutdown(ctx); err != nil {
			err = s.http.Close()
		}
		<-s.done
	})
	return err
}
