package mlflow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paraplu/paraplu/internal/blob"
	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/mlflow"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/tracking"
)

const mpu = "/api/2.0/mlflow-artifacts/mpu/"

// workspace is what stays when a server is killed: database, objects, keys.
type workspace struct {
	objects
	t    *testing.T
	d    *db.DB
	keys string
	now  atomic.Int64 // Unix seconds
	room *tracking.Room
	*client
}

func newWorkspace(t *testing.T, d *db.DB) *workspace {
	w := &workspace{objects: objects{t, t.TempDir()}, t: t, d: d, keys: t.TempDir()}
	w.now.Store(time.Now().Unix())
	w.start()
	return w
}

// start is also a restart: nothing is kept in memory.
func (w *workspace) start() {
	w.t.Helper()
	store, err := blob.Open(context.Background(), "file://"+w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	clock := func() time.Time { return time.Unix(w.now.Load(), 0) }
	w.room = tracking.New(w.d, store, clock)
	w.room.Links = tracking.OpenLinks(w.keys, clock)
	srv := httptest.NewServer(mlflow.Handler(mlflow.Deps{Tracking: w.room}))
	w.t.Cleanup(func() { srv.Close(); store.Close() })
	w.client = &client{t: w.t, url: srv.URL, db: w.d}
}

type upload struct {
	ID          string `json:"upload_id"`
	Credentials []struct {
		URL     string            `json:"url"`
		Number  int               `json:"part_number"`
		Headers map[string]string `json:"headers"`
	} `json:"credentials"`
}

func (w *workspace) create(name string, parts int) (u upload) {
	w.t.Helper()
	status, body := w.do("POST", mpu+"create/0/r/artifacts", fmt.Sprintf(`{"path": %q, "num_parts": %d}`, name, parts))
	if err := json.Unmarshal([]byte(body), &u); err != nil || status != 200 || len(u.Credentials) != parts {
		w.t.Fatalf("create: %d %.300s", status, body)
	}
	return u
}

// put sends a part as the client does: with nothing but the address. The port is that of the server that runs now.
func (w *workspace) put(link string, body []byte) (int, string) {
	w.t.Helper()
	u, err := url.Parse(link)
	if err != nil || !u.IsAbs() {
		w.t.Fatalf("%s is not absolute: %v", link, err)
	}
	u.Host = strings.TrimPrefix(w.url, "http://")
	req, err := http.NewRequest("PUT", u.String(), bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Error(err)
		return 0, ""
	}
	res.Body.Close()
	return res.StatusCode, res.Header.Get("ETag")
}

// complete names the file and lists parts with their ETags.
func (w *workspace) complete(u upload, name string, etags ...string) (int, string) {
	w.t.Helper()
	type part struct {
		Number int    `json:"part_number"`
		ETag   string `json:"etag"`
		URL    string `json:"url"`
	}
	parts := []part{}
	for i, e := range etags {
		parts = append(parts, part{i + 1, e, "ignored"})
	}
	body, err := json.Marshal(map[string]any{"path": name, "upload_id": u.ID, "parts": parts})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do("POST", mpu+"complete/0/r/artifacts", string(body))
}

func (w *workspace) wantFile(name string, want []byte) {
	w.t.Helper()
	res, body := request(w.t, "GET", w.url+proxy+"0/r/artifacts/"+name, nil)
	if res.StatusCode != 200 || body != string(want) {
		w.t.Errorf("%s: %d, %d bytes, want %d", name, res.StatusCode, len(body), len(want))
	}
}

// onlyObjects: no part, and nothing half-written.
func (w *workspace) onlyObjects(n int) {
	w.t.Helper()
	files := w.files()
	for _, f := range files {
		if !strings.HasPrefix(f, "sha256/") || strings.HasSuffix(f, ".tmp") {
			w.t.Errorf("left behind: %s", f)
		}
	}
	if len(files) != n {
		w.t.Errorf("%d files, want %d objects: %v", len(files), n, files)
	}
}

func TestUploadInParts(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		w := newWorkspace(t, d)
		whole := noise(10, 5*100_000+17)
		u := w.create("big file.bin", 6)
		etags := make([]string, 6)
		piece := func(i int) []byte { return whole[i*100_000 : min((i+1)*100_000, len(whole))] }
		w.put(u.Credentials[3].URL, []byte("sent anew below"))
		var wg sync.WaitGroup
		for _, i := range []int{5, 0, 3, 1, 4, 2, 0} { // in any order, at once, and one of them twice
			wg.Go(func() {
				status, etag := w.put(u.Credentials[i].URL, piece(i))
				if status != 200 || etag != `"`+ref.Sum(piece(i)).Hex()+`"` {
					t.Errorf("part %d: %d, ETag %s", i+1, status, etag)
				}
				if i != 0 { // both times the same
					etags[i] = etag
				}
			})
		}
		wg.Wait()
		etags[0] = `"` + ref.Sum(piece(0)).Hex() + `"`
		if status, _ := w.do("GET", proxy+"0/r/artifacts/big%20file.bin", ""); status != 404 {
			t.Errorf("the file is there before it is complete: %d", status)
		}
		w.start() // a new process goes on
		for range 2 {
			if status, body := w.complete(u, "big file.bin", etags...); status != 200 || body != "{}" {
				t.Fatalf("complete: %d %s", status, body)
			}
		}
		w.wantFile("big%20file.bin", whole)
		w.onlyObjects(1)
		if status, _ := w.put(u.Credentials[0].URL, []byte("late")); status != 404 {
			t.Errorf("a part after the end: %d", status)
		}
		if status, body := w.do("POST", mpu+"abort/0/r/artifacts", `{"path": "big file.bin", "upload_id": "`+u.ID+`"}`); status != 200 {
			t.Errorf("abort after the end: %d %s", status, body)
		}
		w.wantFile("big%20file.bin", whole)
		w.onlyObjects(1)
	}, sources...)
}

// TestCompleteVerifiesTheList: nothing but all parts in order, with the ETags that were answered, makes a file.
func TestCompleteVerifiesTheList(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		w := newWorkspace(t, d)
		u := w.create("x", 3)
		_, one := w.put(u.Credentials[0].URL, []byte("one"))
		_, two := w.put(u.Credentials[1].URL, []byte("two"))
		refused := func(why string, etags ...string) {
			t.Helper()
			if status, body := w.complete(u, "x", etags...); status != 400 || !strings.Contains(body, why) {
				t.Errorf("%v: %d %s, want %q", etags, status, body, why)
			}
		}
		refused("Part 3 of upload", one, two, two)
		_, three := w.put(u.Credentials[2].URL, []byte("three"))
		refused("has 3 parts, and 2 are listed", one, two)
		refused("has 3 parts, and 4 are listed", one, two, three, three)
		refused("ETag of part 1", two, one, three)
		refused("ETag of part 3", one, two, "")
		if status, body := w.do("POST", mpu+"complete/0/r/artifacts", `{"path": "x", "upload_id": "`+u.ID+`", "parts": [{"part_number": 2}, {"part_number": 1}, {"part_number": 3}]}`); status != 400 || !strings.Contains(body, "in order") {
			t.Errorf("out of order: %d %s", status, body)
		}
		if status, _ := w.complete(u, "y", one, two, three); status != 404 {
			t.Errorf("another path: %d", status)
		}
		if status, _ := w.do("GET", proxy+"0/r/artifacts/x", ""); status != 404 {
			t.Errorf("a refused upload made a file: %d", status)
		}
		if status, body := w.complete(u, "x", strings.Trim(one, `"`), two, three); status != 200 {
			t.Errorf("the right list: %d %s", status, body)
		}
		w.wantFile("x", []byte("onetwothree"))
	}, sources...)
}

// TestPartLinksGrantOnePart: a link is good for its upload, part and path, until it expires, and for nothing else.
func TestPartLinksGrantOnePart(t *testing.T) {
	w := newWorkspace(t, dbtest.SQLite(t, sources...))
	u, other := w.create("x", 2), w.create("y", 2)
	link := u.Credentials[0].URL
	if strings.Contains(link, "Authorization") || len(u.Credentials[0].Headers) > 0 {
		t.Errorf("a link that needs more than itself: %+v", u.Credentials[0])
	}
	forge := func(old, new string) string { return strings.Replace(link, old, new, 1) }
	for name, forged := range map[string]string{
		"another part":      forge("/1/0/", "/2/0/"),
		"another upload":    forge(u.ID, other.ID),
		"another path":      forge("/artifacts/x?", "/artifacts/y?"),
		"a path below":      forge("/artifacts/x?", "/artifacts/x/z?"),
		"a longer life":     forge("expires=1", "expires=2"),
		"no signature":      link[:strings.Index(link, "&signature=")],
		"another signature": link[:len(link)-4] + "0000",
		"half a signature":  link[:len(link)-2],
		"signed for y":      forge(link[strings.Index(link, "signature="):], other.Credentials[0].URL[strings.Index(other.Credentials[0].URL, "signature="):]),
	} {
		if status, _ := w.put(forged, []byte("evil")); status != 403 {
			t.Errorf("%s: %d", name, status)
		}
	}
	w.onlyObjects(0)
	w.now.Add(int64(tracking.UploadLife/time.Second) - 1)
	if status, _ := w.put(link, []byte("in time")); status != 200 {
		t.Errorf("in the last second: %d", status)
	}
	w.now.Add(1)
	if status, _ := w.put(link, []byte("too late")); status != 403 {
		t.Errorf("expired: %d", status)
	}
	w.keys = t.TempDir()
	w.now.Add(-10)
	w.start()
	if status, _ := w.put(link, []byte("x")); status != 403 {
		t.Errorf("a link of another key: %d", status)
	}
}

// TestGivenUpUploads: what was aborted goes at once; what was left alone goes with the sweep after its life, and not before.
func TestGivenUpUploads(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		w := newWorkspace(t, d)
		aborted, left := w.create("x", 2), w.create("y", 2)
		w.put(aborted.Credentials[0].URL, []byte("one"))
		_, etag := w.put(left.Credentials[0].URL, []byte("one"))
		for range 2 {
			if status, body := w.do("POST", mpu+"abort/0/r/artifacts", `{"path": "x", "upload_id": "`+aborted.ID+`"}`); status != 200 {
				t.Errorf("abort: %d %s", status, body)
			}
		}
		if status, _ := w.put(aborted.Credentials[1].URL, []byte("two")); status != 404 {
			t.Errorf("a part of what was aborted: %d", status)
		}
		if files := w.files(); len(files) != 1 || !strings.HasPrefix(files[0], "uploads/"+left.ID) {
			t.Errorf("after the abort: %v", files)
		}
		later := time.Now().Add(time.Hour)
		if err := w.room.Settle(context.Background(), later); err != nil {
			t.Fatal(err)
		}
		_, second := w.put(left.Credentials[1].URL, []byte("two"))
		if etag == "" || second == "" || len(w.files()) != 2 {
			t.Errorf("an open upload was swept: %v", w.files())
		}
		w.now.Add(int64(tracking.UploadLife/time.Second) + 1)
		if err := w.room.Settle(context.Background(), later); err != nil {
			t.Fatal(err)
		}
		w.onlyObjects(0)
		if status, _ := w.complete(left, "y", etag, second); status != 404 {
			t.Errorf("complete of what was swept: %d", status)
		}
	}, sources...)
}

// TestPresignedDownload: ranges that are read at once through a link are those of one state, though the path is written anew.
func TestPresignedDownload(t *testing.T) {
	w := newWorkspace(t, dbtest.SQLite(t, sources...))
	data := noise(11, 1_000_000)
	request(t, "PUT", w.url+proxy+"0/r/artifacts/a%25b.bin", bytes.NewReader(data))
	_, body := w.do("GET", "/api/2.0/mlflow-artifacts/presigned/0/r/artifacts/a%25b.bin", "")
	var link struct {
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Size    int               `json:"file_size"`
	}
	if err := json.Unmarshal([]byte(body), &link); err != nil || link.Size != len(data) || link.Headers == nil {
		t.Fatalf("%s: %v", body, err)
	}
	request(t, "PUT", w.url+proxy+"0/r/artifacts/a%25b.bin", strings.NewReader("written anew"))
	got := make([]byte, len(data))
	var wg sync.WaitGroup
	for from := 0; from < len(data); from += 90_000 {
		wg.Go(func() {
			to := min(from+90_000, len(data))
			res, part := request(t, "GET", link.URL, nil, "Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
			if res.StatusCode != 206 || copy(got[from:], part) != to-from {
				t.Errorf("from %d: %d, %d bytes", from, res.StatusCode, len(part))
			}
		})
	}
	wg.Wait()
	if !bytes.Equal(got, data) {
		t.Error("the ranges do not make the file")
	}
	for _, forged := range []string{strings.Replace(link.URL, "/1000000/", "/1000001/", 1), strings.Replace(link.URL, "files/", "files/0", 1), link.URL[:len(link.URL)-1]} {
		if res, _ := request(t, "GET", forged, nil); res.StatusCode != 403 {
			t.Errorf("%s: %d", forged, res.StatusCode)
		}
	}
	w.now.Add(3601)
	if res, _ := request(t, "GET", link.URL, nil); res.StatusCode != 403 {
		t.Errorf("expired: %d", res.StatusCode)
	}
}

// TestAbsoluteAddresses: links lead to where the client reaches the server; where that cannot be known nothing that needs
// them is offered, so that the client sends and reads plainly.
func TestAbsoluteAddresses(t *testing.T) {
	w := newWorkspace(t, dbtest.SQLite(t, sources...))
	request(t, "PUT", w.url+proxy+"0/r/artifacts/x", strings.NewReader("x"))
	for _, tc := range []struct {
		header []string
		want   string // start of the link, "" = not offered
	}{
		{nil, w.url + "/api/"},
		{[]string{"X-Forwarded-For", "10.0.0.1", "X-Forwarded-Host", "ml.example", "X-Forwarded-Proto", "https"}, "https://ml.example/api/"},
		{[]string{"X-Forwarded-Host", "ml.example:8443, inner", "X-Forwarded-Proto", "https, http", "X-Forwarded-Prefix", "/team/"}, "https://ml.example:8443/team/api/"},
		{[]string{"X-Forwarded-For", "10.0.0.1"}, ""},
		{[]string{"Via", "1.1 proxy"}, ""},
		{[]string{"X-Forwarded-Host", "ml.example/x?y"}, ""},
		{[]string{"X-Forwarded-Host", "ml.example", "X-Forwarded-Proto", "javascript"}, ""},
	} {
		res, body := request(t, "GET", w.url+"/api/2.0/mlflow-artifacts/presigned/0/r/artifacts/x", nil, tc.header...)
		_, info := request(t, "GET", w.url+"/api/3.0/mlflow/server-info", nil, tc.header...)
		offered := strings.Contains(info, `"multipart_uploads_enabled":true`)
		if tc.want == "" && (res.StatusCode != 501 || offered) {
			t.Errorf("%v: %d %s; announced: %s", tc.header, res.StatusCode, body, info)
		}
		if tc.want != "" && (!strings.Contains(body, `"url":"`+tc.want) || !offered) {
			t.Errorf("%v: %d %s, want %s; announced: %s", tc.header, res.StatusCode, body, tc.want, info)
		}
		res, body = request(t, "POST", w.url+mpu+"create/0/r/artifacts", strings.NewReader(`{"path": "y", "num_parts": 1}`), append(tc.header, "Content-Type", "application/json")...)
		if tc.want == "" && (res.StatusCode != 501 || !strings.HasPrefix(body, `{"error_code":"NOT_IMPLEMENTED","message":"Multipart upload is not supported for the current artifact repository`)) {
			t.Errorf("%v: %d %s", tc.header, res.StatusCode, body)
		}
	}
}

// TestUploadThatCannotBe is refused before the first byte.
func TestUploadThatCannotBe(t *testing.T) {
	w := newWorkspace(t, dbtest.SQLite(t, sources...))
	request(t, "PUT", w.url+proxy+"0/r/artifacts/dir/x", strings.NewReader("x"))
	for path, status := range map[string]int{"0/r/artifacts": 400, "packages": 403, "packages/" + strings.Repeat("0", 64): 403} {
		if got, body := w.do("POST", mpu+"create/"+path, `{"path": "dir", "num_parts": 1}`); got != status {
			t.Errorf("%s: %d %s", path, got, body)
		}
	}
	u := w.create("dir2", 1)
	_, etag := w.put(u.Credentials[0].URL, []byte("x"))
	request(t, "PUT", w.url+proxy+"0/r/artifacts/dir2/x", strings.NewReader("x"))
	if status, body := w.complete(u, "dir2", etag); status != 400 || !strings.Contains(body, "is a directory") {
		t.Errorf("a folder came first: %d %s", status, body)
	}
}
