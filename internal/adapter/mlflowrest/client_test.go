package mlflowrest_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/paraplu/paraplu/internal/adapter/mlflowrest"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/tracking"
)

var ctx = context.Background()

// server answers by path; the greeting always goes well.
func server(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *mlflowrest.Client {
	t.Helper()
	greeted := false
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !greeted {
			greeted = true
			fmt.Fprint(w, `{"experiments": [{"experiment_id": "0", "name": "Default"}]}`)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(srv.Close)
	c, err := mlflowrest.Open(ctx, srv.URL+"/", mlflowrest.Login{User: "daisy", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestGreeting tells wrong addresses and logins apart, and shows no password.
func TestGreeting(t *testing.T) {
	answers := map[string]func(http.ResponseWriter, *http.Request){
		"page":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") },
		"nothing": http.NotFound,
		"json":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"hello": "world"}`) },
		"login": func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "daisy" || password != "right" {
				http.Error(w, "You are not authenticated.", http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, `{"experiments": [{}]}`)
		},
		"token": func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer abc" {
				http.Error(w, "no", http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, `{"experiments": [{}]}`)
		},
		"forbidden": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Permission denied", http.StatusForbidden) },
	}
	for _, c := range []struct {
		answer string
		login  mlflowrest.Login
		kind   fault.Kind // 0 = goes well
	}{
		{"page", mlflowrest.Login{}, fault.Invalid}, {"nothing", mlflowrest.Login{}, fault.Invalid}, {"json", mlflowrest.Login{}, fault.Invalid},
		{"login", mlflowrest.Login{}, fault.Unauthenticated}, {"login", mlflowrest.Login{User: "daisy", Password: "SECRET"}, fault.Unauthenticated},
		{"login", mlflowrest.Login{User: "daisy", Password: "right"}, 0}, {"token", mlflowrest.Login{Token: "abc", User: "x"}, 0},
		{"forbidden", mlflowrest.Login{}, fault.Denied},
	} {
		srv := httptest.NewServer(http.HandlerFunc(answers[c.answer]))
		_, err := mlflowrest.Open(ctx, srv.URL, c.login)
		srv.Close()
		if c.kind == 0 && err != nil || c.kind != 0 && !fault.Is(err, c.kind) {
			t.Errorf("%s %+v: %v", c.answer, c.login, err)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("the password is shown: %v", err)
		}
		if _, err := mlflowrest.Open(ctx, srv.URL, c.login); !fault.Is(err, fault.Unavailable) || fault.HintOf(err) == "" {
			t.Errorf("closed: %v", err)
		}
	}
	for _, uri := range []string{"", "localhost:5000", "ftp://x", "http://", "http://u:SECRET@", "http://u:SEC RET@x"} {
		if _, err := mlflowrest.Open(ctx, uri, mlflowrest.Login{}); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "SEC") {
			t.Errorf("%q: %v", uri, err)
		}
	}
}

// TestRepeatsWhatFailsOnTheWay: a bad gateway is asked again, a refusal is not.
func TestRepeatsWhatFailsOnTheWay(t *testing.T) {
	var asked atomic.Int32
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		switch n := asked.Add(1); {
		case n == 1:
			http.Error(w, "bad gateway", http.StatusBadGateway)
		case n == 2:
			panic(http.ErrAbortHandler) // no answer at all
		default:
			fmt.Fprint(w, `{"metrics": [{"key": "m", "value": "NaN", "timestamp": "12", "step": -3}, {"key": "m", "value": "-Infinity", "timestamp": 13}]}`)
		}
	})
	var points []tracking.Metric
	err := c.Points(ctx, tracking.Run{ID: "aa", Metrics: []tracking.Metric{{Key: "m"}}}, func(p []tracking.Metric) error { points = append(points, p...); return nil })
	if err != nil || asked.Load() != 3 || len(points) != 2 || !math.IsNaN(points[0].Value) || points[0].TimestampMs != 12 || points[0].Step != -3 || !math.IsInf(points[1].Value, -1) {
		t.Errorf("%v after %d calls: %+v", err, asked.Load(), points)
	}
	asked.Store(10)
	refused := server(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.Error(w, `{"error_code": "INTERNAL_ERROR", "message": "the table is locked\ntraceback"}`, http.StatusInternalServerError)
	})
	err = refused.Runs(ctx, "1", nil)
	if !fault.Is(err, fault.Precondition) || !strings.HasSuffix(err.Error(), "500: the table is locked") || asked.Load() != 11 {
		t.Errorf("%v after %d calls", err, asked.Load()-10)
	}
}
