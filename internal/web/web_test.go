package web

import (
	"net/http/httptest"
	"testing"
	"testing/fstest"
)

func TestHandler(t *testing.T) {
	files := fstest.MapFS{
		"index.html":       {Data: []byte("<!doctype html>home")},
		"assets/app-1.js":  {Data: []byte("js")},
		"assets/app-1.css": {Data: []byte("css")},
	}
	for _, c := range []struct {
		name, method, target, accept string
		status                       int
		body                         string
	}{
		{"home", "GET", "/", "", 200, "<!doctype html>home"},
		{"page", "GET", "/products/umbrella", "text/html", 200, "<!doctype html>home"},
		{"asset", "GET", "/assets/app-1.js", "", 200, "js"},
		{"no such asset", "GET", "/assets/app-2.js", "text/html", 404, ""},
		{"API path of nobody", "GET", "/api/9.0/x", "application/json", 404, ""},
		{"traversal", "GET", "/../../etc/passwd.txt", "text/html", 404, ""},
		{"write", "POST", "/", "", 405, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.target, nil)
			r.Header.Set("Accept", c.accept)
			w := httptest.NewRecorder()
			handler(files).ServeHTTP(w, r)
			if w.Code != c.status || c.body != "" && w.Body.String() != c.body {
				t.Errorf("%d %q, want %d %q", w.Code, w.Body, c.status, c.body)
			}
			if c.status == 200 && w.Header().Get("Content-Security-Policy") == "" {
				t.Error("no content security policy")
			}
		})
	}
}

func TestBinaryWithoutPagesSaysHowToGetThem(t *testing.T) {
	w := httptest.NewRecorder()
	handler(fstest.MapFS{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 503 || w.Body.Len() < 20 {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
