// Package web serves the built UI that is embedded in the binary. Paths without a file answer index.html, so that every
// page of the UI can be opened and reloaded by its address.
package web

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed all:dist
var dist embed.FS

// policy lets the pages run their own scripts only, and nothing frame them. Charts set inline styles.
const policy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"

// Handler answers GET and HEAD for the UI.
func Handler() http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded at build time
	}
	return handler(files)
}

func handler(files fs.FS) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
		body, err := fs.ReadFile(files, name)
		if err != nil {
			if path.Ext(name) != "" || !strings.Contains(r.Header.Get("Accept"), "text/html") && name != "" {
				http.NotFound(w, r)
				return
			}
			name = "index.html"
			if body, err = fs.ReadFile(files, name); err != nil {
				http.Error(w, "The pages are not in this binary: it was built by `go build` alone. Build it with `make build`.", http.StatusServiceUnavailable)
				return
			}
		}
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		if strings.HasPrefix(name, "assets/") { // named by their content
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		} else {
			h.Set("Cache-Control", "no-cache")
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}
