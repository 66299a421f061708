// Package mlflowrest speaks the REST API of an MLflow server, as far as an import and an export need it: it implements
// transfer.Source and transfer.Target over HTTP.
//
//	c, err := mlflowrest.Open(ctx, "http://localhost:5000", mlflowrest.LoginFromEnv())
//
// A call that fails on the way is repeated a few times, with growing pauses; a server that does not answer at all is
// fault.Unavailable. What the server refuses has the kind that fits its status.
package mlflowrest

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
)

// maxAnswer bounds a JSON answer, in bytes: a page of a thousand runs is far below.
const maxAnswer = 512 << 20

// tries is how often a call is made before its failure counts.
const tries = 5

// Login is who asks. Token wins over User.
type Login struct {
	User, Password string
	Token          string
	AnyCertificate bool // do not check the certificate of the server
}

// LoginFromEnv reads the variables that MLflow's own client reads.
func LoginFromEnv() Login {
	return Login{User: os.Getenv("MLFLOW_TRACKING_USERNAME"), Password: os.Getenv("MLFLOW_TRACKING_PASSWORD"), Token: os.Getenv("MLFLOW_TRACKING_TOKEN"),
		AnyCertificate: strings.EqualFold(os.Getenv("MLFLOW_TRACKING_INSECURE_TLS"), "true")}
}

// Client is an MLflow server.
type Client struct {
	base  *url.URL // without user and slash at the end
	login Login
	http  *http.Client
	pause time.Duration // before the second try

	models *atomic.Bool // some experiment has logged models; set by Experiments
}

// Open looks whether an MLflow server answers at uri and takes the login.
func Open(ctx context.Context, uri string, login Login) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(uri, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fault.New(fault.Invalid, "the address of the MLflow server is not http://HOST:PORT or https://HOST")
	}
	if u.User != nil {
		login.User = u.User.Username()
		login.Password, _ = u.User.Password()
		u.User = nil
	}
	u.RawQuery, u.Fragment = "", ""
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	transport.ResponseHeaderTimeout = 2 * time.Minute
	if login.AnyCertificate {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // the person asked for it
	}
	c := &Client{base: u, login: login, http: &http.Client{Transport: transport}, pause: 200 * time.Millisecond, models: &atomic.Bool{}}
	return c, c.greet(ctx)
}

// String is the address, without the login.
func (c *Client) String() string { return c.base.String() }

// greet tells a wrong address and a wrong login from a server that works.
func (c *Client) greet(ctx context.Context) error {
	once := *c
	once.pause = 0 // nobody waits for a name with a typing error
	var answer struct {
		Experiments []json.RawMessage `json:"experiments"`
	}
	err := once.post(ctx, "experiments/search", map[string]any{"max_results": 1, "view_type": "ALL"}, &answer)
	switch {
	case fault.Is(err, fault.NotFound), fault.Is(err, fault.Unsupported), err == nil && answer.Experiments == nil:
		return fault.New(fault.Invalid, "what answers at %s is not an MLflow server", c).WithHint("give the address that stands in MLFLOW_TRACKING_URI")
	case fault.Is(err, fault.Unavailable):
		return fault.Wrap(err, "the MLflow server")
	}
	return err
}

// Workspace gives the name of the Paraplu workspace that answers, "" when it is another server.
func (c *Client) Workspace(ctx context.Context) (string, error) {
	var answer struct {
		Workspace string `json:"paraplu_workspace"`
	}
	err := c.call(ctx, "GET", "/api/3.0/mlflow/server-info", nil, nil, &answer)
	if err != nil && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unsupported)) {
		return "", nil // an older MLflow
	}
	return answer.Workspace, err
}

func (c *Client) get(ctx context.Context, path string, query url.Values, answer any) error {
	return c.call(ctx, "GET", "/api/2.0/mlflow/"+path, query, nil, answer)
}

func (c *Client) post(ctx context.Context, path string, body, answer any) error {
	return c.call(ctx, "POST", "/api/2.0/mlflow/"+path, nil, body, answer)
}

// call asks and reads the answer, again when the way was bad. Bodies are JSON.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, answer any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fault.New(fault.Invalid, "%s %s: %w", method, path, err)
		}
	}
	res, err := c.send(ctx, method, path, query, func() (io.Reader, int64) { return bytes.NewReader(text), int64(len(text)) }, "application/json")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if answer == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
		return broken(ctx, c, err)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(answer); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return broken(ctx, c, err)
		}
		return fault.New(fault.Unsupported, "%s answers to %s with what MLflow does not say: %w", c, path, err)
	}
	return nil
}

// send makes a request and gives an answer of status 2xx; the caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body func() (io.Reader, int64), mime string) (*http.Response, error) {
	u := *c.base
	u.Path, u.RawPath = c.base.Path+path, c.base.EscapedPath()+escaped(path)
	u.RawQuery = query.Encode()
	pause := c.pause
	for try := 1; ; try++ {
		res, err := c.try(ctx, method, u.String(), body, mime)
		if err == nil || !fault.Is(err, fault.Unavailable) || try == tries || c.pause == 0 || ctx.Err() != nil {
			return res, err
		}
		select {
		case <-ctx.Done():
			return nil, fault.Wrap(ctx.Err(), "asking %s", c)
		case <-time.After(pause):
		}
		pause *= 3
	}
}

// escaped writes a path for a URL, its slashes kept.
func escaped(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

func (c *Client) try(ctx context.Context, method, address string, body func() (io.Reader, int64), mime string) (*http.Response, error) {
	var r io.Reader
	size := int64(0)
	if method != "GET" {
		r, size = body()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, r)
	if err != nil {
		return nil, fault.New(fault.Invalid, "asking %s: %w", c, err)
	}
	if method != "GET" {
		req.Header.Set("Content-Type", mime)
		req.ContentLength = size
	}
	switch {
	case c.login.Token != "":
		req.Header.Set("Authorization", "Bearer "+c.login.Token)
	case c.login.User != "":
		req.SetBasicAuth(c.login.User, c.login.Password)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, broken(ctx, c, err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer res.Body.Close()
	return nil, c.refused(res)
}

// broken is the error of a way that ended.
func broken(ctx context.Context, c *Client, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fault.Wrap(ctx.Err(), "asking %s", c)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address, which says nothing new
	}
	return fault.New(fault.Unavailable, "%s does not answer: %w", c, err).WithHint("is it running, and is the address right? then run the same command again")
}

// refused reads an error of MLflow.
func (c *Client) refused(res *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) //nolint:errcheck // the status says enough
	var body struct {
		Code    string `json:"error_code"`
		Message string `json:"message"`
	}
	isJSON := json.Unmarshal(text, &body) == nil && body.Code != ""
	message := body.Message
	if !isJSON {
		message = http.StatusText(res.StatusCode)
	}
	message, _, _ = strings.Cut(message, "\n")
	kind := fault.Invalid
	switch res.StatusCode {
	case http.StatusUnauthorized:
		return fault.New(fault.Unauthenticated, "%s does not know who asks (401)", c).
			WithHint("set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN")
	case http.StatusForbidden:
		kind = fault.Denied
	case http.StatusNotFound:
		kind = fault.NotFound
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		kind = fault.Unsupported
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		kind = fault.Unavailable
	case http.StatusInternalServerError:
		kind = fault.Precondition // its own trouble with this thing; others may go well
	}
	if res.StatusCode/100 == 3 {
		kind = fault.Unsupported
	}
	return fault.New(kind, "%s answers %d: %s", c, res.StatusCode, fmt.Sprintf("%.300s", message))
}
