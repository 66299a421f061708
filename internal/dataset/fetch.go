package dataset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/whole"
)

// fetchAttempts is how often a broken transfer goes on where it ended.
const fetchAttempts = 5

// Fetch says what to get from a URL.
type Fetch struct {
	URL      string
	Known    *Origin // of what is there already: the same ETag or Last-Modified is not transferred again; nil = anything
	Max      int64   // bytes; more is fault.Exhausted
	Dir      string  // for the file, and for what is left of a broken transfer, which the next one resumes
	Progress func(done, total int64)
}

// Fetched is the answer.
type Fetched struct {
	Path      string // of the file
	Origin    Origin
	Unchanged bool // the server says that what is Known is still what it has; there is no file
}

// partial is what a broken transfer leaves beside its bytes.
type partial struct {
	URL          string `json:"url"`
	ETag         string `json:"etag"`
	LastModified string `json:"last_modified"`
}

// Get fetches over http or https. A transfer that breaks is resumed where it ended, by this call or by a later one with the
// same folder, when the server can say that the file is still the same one.
func (f Fetch) Get(ctx context.Context) (Fetched, error) {
	u, err := url.Parse(f.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Fetched{}, fault.New(fault.Invalid, "%q is no address of a file: http://… or https://…", f.URL)
	}
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return Fetched{}, fault.Wrap(err, "fetching %s", shownURL(u))
	}
	out := Fetched{Origin: Origin{Kind: FromURL, Source: shownURL(u)}}
	for attempt := 1; ; attempt++ {
		err := f.attempt(ctx, u, &out)
		if err == nil || ctx.Err() != nil || attempt == fetchAttempts || !fault.Is(err, fault.Unavailable) {
			return out, fault.Wrap(err, "fetching %s", shownURL(u))
		}
		select {
		case <-ctx.Done():
			return out, fault.Wrap(ctx.Err(), "fetching %s", shownURL(u))
		case <-time.After(time.Duration(attempt*attempt) * 100 * time.Millisecond):
		}
	}
}

// shownURL leaves out user and password.
func shownURL(u *url.URL) string {
	shown := *u
	shown.User, shown.Fragment = nil, ""
	return shown.String()
}

func (f Fetch) bytes() string { return filepath.Join(f.Dir, "part") }
func (f Fetch) state() string { return filepath.Join(f.Dir, "part.json") }

// left tells how many bytes of the same file a broken transfer left, and by what the server knows it again.
func (f Fetch) left(u *url.URL) (n int64, p partial) {
	body, err := os.ReadFile(f.state())
	info, err2 := os.Stat(f.bytes())
	if err != nil || err2 != nil || json.Unmarshal(body, &p) != nil || p.URL != shownURL(u) || p.validator() == "" {
		return 0, partial{}
	}
	return info.Size(), p
}

// validator is what If-Range takes: a strong ETag, else the date.
func (p partial) validator() string {
	if p.ETag != "" && !strings.HasPrefix(p.ETag, "W/") {
		return p.ETag
	}
	return p.LastModified
}

func (f Fetch) attempt(ctx context.Context, u *url.URL, out *Fetched) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Encoding", "identity") // the bytes as they are stored, so that they can be resumed
	req.Header.Set("User-Agent", "paraplu")
	have, was := f.left(u)
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		req.Header.Set("If-Range", was.validator())
	} else if f.Known != nil {
		setIf(req, "If-None-Match", f.Known.ETag)
		setIf(req, "If-Modified-Since", f.Known.LastModified)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusNotModified && have == 0:
		out.Unchanged = true
		return nil
	case resp.StatusCode == http.StatusPartialContent && have > 0 && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && have > 0:
		os.Remove(f.state()) //nolint:errcheck // it is not used again
		return fault.New(fault.Unavailable, "the rest of the file is gone")
	case resp.StatusCode == http.StatusOK:
		have = 0
	default:
		return refused(resp)
	}
	return f.take(ctx, u, resp, have, out)
}

func setIf(req *http.Request, name, value string) {
	if value != "" {
		req.Header.Set(name, value)
	}
}

func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fault.New(fault.Unavailable, "%w", err).WithHint("check the address; run the same command again, it goes on where it stopped")
}

func refused(resp *http.Response) error {
	kind := fault.Invalid
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusGone:
		kind = fault.NotFound
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		kind = fault.Denied
	case code == http.StatusTooManyRequests || code >= 500:
		kind = fault.Unavailable
	}
	return fault.New(kind, "the server answered %s", resp.Status)
}

// take writes the body behind what is there.
func (f Fetch) take(ctx context.Context, u *url.URL, resp *http.Response, have int64, out *Fetched) (err error) {
	total := int64(-1)
	if resp.ContentLength >= 0 {
		total = have + resp.ContentLength
	}
	if f.Max > 0 && total > f.Max {
		return f.tooLarge(total)
	}
	p := partial{URL: shownURL(u), ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
	state, err := json.Marshal(p)
	if err != nil {
		return err
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	if have == 0 {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(f.bytes(), flags, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := whole.Replace(f.state(), state, 0o644); err != nil {
		return err
	}
	n, err := f.copy(file, resp.Body, have, total)
	switch {
	case fault.Is(err, fault.Exhausted):
		return err
	case err != nil:
		return unreachable(ctx, err)
	case total >= 0 && have+n != total:
		return unreachable(ctx, io.ErrUnexpectedEOF)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	out.Origin.ETag, out.Origin.LastModified, out.Origin.FetchedAt = p.ETag, p.LastModified, &now
	out.Path = filepath.Join(f.Dir, fileName(u))
	os.Remove(f.state()) //nolint:errcheck // without it the bytes are not resumed
	return os.Rename(f.bytes(), out.Path)
}

func (f Fetch) tooLarge(n int64) error {
	return fault.New(fault.Exhausted, "the file has %d bytes, and at most %d were allowed", n, f.Max).WithHint("--max-size %s", strconv.FormatInt(n, 10))
}

func (f Fetch) copy(to io.Writer, from io.Reader, have, total int64) (n int64, err error) {
	buf := make([]byte, 256<<10)
	for {
		k, err := from.Read(buf)
		if k > 0 {
			n += int64(k)
			if f.Max > 0 && have+n > f.Max {
				return n, f.tooLarge(have + n)
			}
			if _, err := to.Write(buf[:k]); err != nil {
				return n, fault.New(fault.Exhausted, "writing the file: %w", err)
			}
			if f.Progress != nil {
				f.Progress(have+n, total)
			}
		}
		if err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
	}
}

// fileName is the last part of the path of an address, or "data" when there is none.
func fileName(u *url.URL) string {
	name := path.Base(u.Path)
	if name == "/" || name == "." || badPath(name) != "" || name == "part" || name == "part.json" {
		return "data"
	}
	return name
}
