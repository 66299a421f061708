package mlflow_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/ref"
)

const proxy = "/api/2.0/mlflow-artifacts/artifacts/"

// noise gives bytes that do not repeat, the same for each seed.
func noise(seed uint64, n int) []byte {
	out, r := make([]byte, n), rand.New(rand.NewPCG(seed, 0))
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

func TestRanges(t *testing.T) {
	c := serve(t, dbtest.SQLite(t, sources...), time.Now)
	data := noise(1, 3<<20)
	url, n := c.url+proxy+"0/r/artifacts/data.bin", len(data)
	if res, body := request(t, "PUT", url, bytes.NewReader(data)); res.StatusCode != 200 {
		t.Fatalf("PUT: %d %s", res.StatusCode, body)
	}
	etag := `"` + ref.Sum(data).Hex() + `"`
	for _, tc := range []struct {
		spec, ifRange string
		want          []byte
		part          bool
	}{
		{"", "", data, false},
		{"bytes=0-0", "", data[:1], true},
		{"bytes=5-9", "", data[5:10], true},
		{"bytes=5-9", etag, data[5:10], true},
		{"bytes=5-9", `"another state"`, data, false},
		{"bytes=1048576-", "", data[1<<20:], true},
		{"bytes=-7", "", data[n-7:], true},
		{"bytes=3145727-99999999", "", data[n-1:], true},
		{"lines=1-2", "", data, false},
		{"bytes=9-5", "", data, false},
		{"bytes=x-5", "", data, false},
		{"bytes=", "", data, false},
		{"bytes=-0", "", data, false},
	} {
		header := []string{"Range", tc.spec}
		if tc.ifRange != "" {
			header = append(header, "If-Range", tc.ifRange)
		}
		res, body := request(t, "GET", url, nil, header...)
		if body != string(tc.want) || (res.StatusCode == 206) != tc.part || res.Header.Get("ETag") != etag {
			t.Errorf("Range %q If-Range %q: %d, %d bytes, ETag %s; want %d bytes", tc.spec, tc.ifRange, res.StatusCode, len(body), res.Header.Get("ETag"), len(tc.want))
		}
	}
	if res, _ := request(t, "GET", url, nil, "Range", "bytes=3145728-"); res.StatusCode != 416 {
		t.Errorf("range after the end: %d", res.StatusCode)
	}
	if res, _ := request(t, "GET", url, nil, "If-None-Match", etag); res.StatusCode != 304 {
		t.Errorf("same ETag: %d", res.StatusCode)
	}
	if head, body := request(t, "HEAD", url, nil); head.StatusCode != 200 || head.ContentLength != int64(n) || body != "" {
		t.Errorf("HEAD: %d, %d bytes", head.StatusCode, head.ContentLength)
	}
	if head, _ := request(t, "HEAD", url+"x", nil); head.StatusCode != 404 {
		t.Errorf("HEAD of nothing: %d", head.StatusCode)
	}
}

func TestSeveralRanges(t *testing.T) {
	c := serve(t, dbtest.SQLite(t, sources...), time.Now)
	data := noise(2, 1<<20)
	url := c.url + proxy + "0/r/artifacts/data.bin"
	request(t, "PUT", url, bytes.NewReader(data))
	res, body := request(t, "GET", url, nil, "Range", "bytes=0-1, 700000-700009,-3")
	_, params, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || res.StatusCode != 206 {
		t.Fatalf("%d %s: %v", res.StatusCode, res.Header.Get("Content-Type"), err)
	}
	parts := multipart.NewReader(strings.NewReader(body), params["boundary"])
	for _, want := range [][]byte{data[:2], data[700000:700010], data[len(data)-3:]} {
		p, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %x, %v; want %x", p.Header.Get("Content-Range"), got, err, want)
		}
	}
}

// TestWhatABrowserSees: nothing that somebody stored runs in the browser of somebody else.
func TestWhatABrowserSees(t *testing.T) {
	c := serve(t, dbtest.SQLite(t, sources...), time.Now)
	for name, want := range map[string]string{
		"page.html": "application/octet-stream", "drawing.svg": "application/octet-stream", "code.js": "application/octet-stream",
		"a.json": "application/json", "a.png": "image/png", "MLmodel": "text/plain; charset=utf-8", "conda.yaml": "text/plain; charset=utf-8", "none": "application/octet-stream",
	} {
		url := c.url + proxy + "0/r/artifacts/" + name
		request(t, "PUT", url, strings.NewReader("<script>alert(1)</script>"), "Content-Type", "text/html")
		res, _ := request(t, "GET", url, nil)
		h := res.Header
		if h.Get("Content-Type") != want || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Content-Disposition") != "attachment; filename*=UTF-8''"+name {
			t.Errorf("%s: %v", name, h)
		}
	}
}

// TestHostilePaths sends paths that try to leave the store, raw and encoded, to every call that takes one.
func TestHostilePaths(t *testing.T) {
	c := serve(t, dbtest.SQLite(t, sources...), time.Now)
	_, made := c.do("POST", "/api/2.0/mlflow/runs/create", `{"experiment_id": "0"}`)
	run := dig(made, "run.info.run_id")
	_, made = c.do("POST", "/api/2.0/mlflow/logged-models", `{"experiment_id": "0", "name": "m"}`)
	model := dig(made, "model.info.model_id")
	deep := "..%2f..%2fx"
	for range 40 {
		deep = strings.ReplaceAll(deep, "%", "%25")
	}
	hostile := []string{"..%2fx", "a%2f..%2f..%2fx", "a%252e%252e%252fx%252f..%252f..", "%255c..%255c", "%5cx", "a%00", "a%2500b", "a%23b", "%2fetc%2fpasswd", "%252fetc", "c:%2fx", "a%0ab", "a%7f",
		deep, strings.Repeat("long%2f", 500), "%ef%bf%bd"}
	for _, p := range hostile {
		for _, req := range [][2]string{
			{"GET", proxy + p}, {"PUT", proxy + p}, {"DELETE", proxy + p},
			{"GET", "/api/2.0/mlflow-artifacts/artifacts?path=" + p},
			{"GET", "/api/2.0/mlflow/artifacts/list?run_id=" + run + "&path=" + p},
			{"GET", "/api/2.0/mlflow/logged-models/" + model + "/artifacts/directories?artifact_directory_path=" + p},
			{"GET", "/ajax-api/2.0/mlflow/logged-models/" + model + "/artifacts/files?artifact_file_path=" + p},
			{"GET", "/get-artifact?run_id=" + run + "&path=" + p},
			{"POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=" + run + "&path=" + p},
			{"GET", "/api/2.0/mlflow-artifacts/presigned/" + p},
			{"POST", "/api/2.0/mlflow-artifacts/mpu/create/" + p},
		} {
			status, body := c.do(req[0], req[1], `{"path": "x", "num_parts": 1}`)
			if status != 400 || !strings.Contains(body, "Invalid path") {
				t.Errorf("%s %.200s: %d %s", req[0], req[1], status, body)
			}
		}
	}
	for _, name := range []string{"..", ".", "", "a/..", `c:\\..`, "%2e%2e", "a%2fb", `x\u0000`, "a#b"} {
		if status, body := c.do("POST", "/api/2.0/mlflow-artifacts/mpu/create/0/r/artifacts", `{"path": "`+name+`", "num_parts": 1}`); status != 400 {
			t.Errorf("mpu/create of %q: %d %s", name, status, body)
		}
	}
	for _, p := range []string{
		"/api/2.0/mlflow/logged-models/a%00", "/api/2.0/mlflow/runs/get?run_id=a%00", "/get-artifact?run_id=a%00&path=x", "/api/2.0/mlflow/runs/get?run_id=%ff",
		"/get-artifact?run_id=%ff&path=x", "/api/2.0/mlflow/runs/get?run_id=%zz", "/get-artifact?run_id=%zz&path=x", "/get-artifact",
	} {
		if res, body := request(t, "GET", c.url+p, nil); res.StatusCode != 400 {
			t.Errorf("GET %s: %d %s", p, res.StatusCode, body)
		}
	}
}

// objects is a folder with what the store keeps.
type objects struct {
	t   *testing.T
	dir string
}

// files gives the files below the folder of objects, also those that are not objects yet.
func (o objects) files() (out []string) {
	o.t.Helper()
	err := filepath.Walk(o.dir, func(p string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			out = append(out, strings.TrimPrefix(p, o.dir+"/"))
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return out
}

// serveIn is serve with a folder of objects to look into.
func serveIn(t *testing.T, d *db.DB, clock func() time.Time) (*client, objects) {
	t.Helper()
	o := objects{t, t.TempDir()}
	srv := httptest.NewServer(handler(t, d, "file://"+o.dir, clock))
	t.Cleanup(srv.Close)
	return &client{t: t, url: srv.URL, db: d}, o
}

// TestUploadThatBreaksOff: a client that goes away in the middle leaves no artifact and no byte.
func TestUploadThatBreaksOff(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c, store := serveIn(t, d, time.Now)
		for name, head := range map[string]string{
			"length":  "PUT " + proxy + "0/r/artifacts/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" + strings.Repeat("x", 70000),
			"chunked": "PUT " + proxy + "0/r/artifacts/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		} {
			conn, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, head); err != nil {
				t.Fatal(err)
			}
			conn.(*net.TCPConn).CloseWrite() //nolint:errcheck // the server sees the end of the body
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || res.StatusCode != 499 && res.StatusCode != 400 {
				t.Errorf("%s: %+v, %v", name, res, err)
			}
			conn.Close()
			if status, _ := c.do("GET", proxy+"0/r/artifacts/x", ""); status != 404 {
				t.Errorf("%s: the broken upload is there: %d", name, status)
			}
			if left := store.files(); len(left) > 0 {
				t.Errorf("%s: left behind: %v", name, left)
			}
		}
	}, sources...)
}

// TestOverwritingIsAtomic: a reader sees one state or the other, whole, while a path is written again and again.
func TestOverwritingIsAtomic(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		c := serve(t, d, time.Now)
		states := [][]byte{noise(3, 300_000), noise(4, 200_000)}
		url := c.url + proxy + "0/r/artifacts/x"
		put := func(i int) { request(t, "PUT", url, bytes.NewReader(states[i%2])) }
		put(0)
		var wg sync.WaitGroup
		done := make(chan struct{})
		for range 3 {
			wg.Go(func() {
				for open := true; open; {
					select {
					case <-done:
						open = false
					default:
					}
					res, body := request(t, "GET", url, nil)
					if res.Header.Get("ETag") != `"`+ref.Sum([]byte(body)).Hex()+`"` {
						t.Errorf("%d: %d bytes under ETag %s", res.StatusCode, len(body), res.Header.Get("ETag"))
					}
				}
			})
		}
		for i := range 12 {
			put(i)
		}
		close(done)
		wg.Wait()
	}, sources...)
}

// TestDamageBreaksTheConnection: bytes that are not those of the digest are never sent to the end.
func TestDamageBreaksTheConnection(t *testing.T) {
	c, store := serveIn(t, dbtest.SQLite(t, sources...), time.Now)
	url := c.url + proxy + "0/r/artifacts/x"
	data := noise(5, 200_000)
	request(t, "PUT", url, bytes.NewReader(data))
	data[7] ^= 1
	if err := os.WriteFile(filepath.Join(store.dir, store.files()[0]), data, 0o644); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%d damaged bytes were sent as if they were whole", len(got))
	}
}

// TestUploadOfThePages takes at most 10 MB, whether the length is told before or not.
func TestUploadOfThePages(t *testing.T) {
	c, store := serveIn(t, dbtest.SQLite(t, sources...), time.Now)
	_, made := c.do("POST", "/api/2.0/mlflow/runs/create", `{"experiment_id": "0"}`)
	url := c.url + "/ajax-api/2.0/mlflow/upload-artifact?path=x&run_uuid=" + dig(made, "run.info.run_id")
	for name, tc := range map[string]struct {
		size   int
		told   bool
		status int
	}{
		"too large, told": {10<<20 + 1, true, 400}, "too large, not told": {10<<20 + 1, false, 400}, "just not too large": {10 << 20, false, 200}, "nothing": {0, false, 400},
	} {
		var body io.Reader = bytes.NewReader(make([]byte, tc.size))
		if !tc.told {
			body = io.MultiReader(body) // its length cannot be seen
		}
		res, answer := request(t, "POST", url, body)
		if res.StatusCode != tc.status || tc.size > 10<<20 && !strings.Contains(answer, "Max size is 10MB") {
			t.Errorf("%s: %d %s", name, res.StatusCode, answer)
		}
	}
	if files := store.files(); len(files) != 1 {
		t.Errorf("left: %v", files)
	}
}

func TestListing(t *testing.T) {
	c := serve(t, dbtest.SQLite(t, sources...), time.Now)
	_, made := c.do("POST", "/api/2.0/mlflow/runs/create", `{"experiment_id": "0"}`)
	run := dig(made, "run.info.run_id")
	for i := range 5 {
		c.do("PUT", proxy+"0/"+run+"/artifacts/"+strings.Repeat("deep/", 60)+fmt.Sprint(i), "x")
	}
	status, body := c.do("GET", "/api/2.0/mlflow/artifacts/list?run_id="+run+"&path="+strings.Repeat("deep/", 60), "")
	if status != 200 || strings.Count(body, `"path"`) != 5 || !strings.Contains(body, strings.Repeat("deep/", 60)+"4") {
		t.Errorf("a deep folder: %d %s", status, body)
	}
	if status, body := c.do("GET", "/api/2.0/mlflow/artifacts/list?run_id="+run+"&page_token=bm90IG91cnM=", ""); status != 400 {
		t.Errorf("a page token that nobody gave out: %d %s", status, body)
	}
}
