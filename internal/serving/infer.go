package serving

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
	"github.com/paraplu/paraplu/internal/ref"
)

// Decoder turns what a caller sent into a frame over the inputs of the signature of the package that answers. It is called
// once a request, with the signature of exactly that package, also while packages change.
type Decoder func(*modelpack.Signature) (*modelpack.Frame, error)

// Request is one question about one or more rows.
type Request struct {
	Model      string // name of the endpoint
	Version    string // "" = the live one
	ID         string // names the prediction, so that a replay is the same prediction; "" = a new one. Rows of a batch are "ID#0", "ID#1", …
	IDs        []string
	EventTime  time.Time   // when what is predicted happens; zero = now
	EventTimes []time.Time // one a row, instead of EventTime
	RequestID  string      // of the transport, for the log
	Decode     Decoder
	Outputs    []string // wanted outputs in this order; none = all
}

// Output is one column of the answer: a tensor [rows, width].
type Output struct {
	Column *modelpack.Column
	Data   *onnx.Tensor
}

// Response is the answer to a Request.
type Response struct {
	Placement
	ID       string // of the prediction
	Rows     int
	Outputs  []Output
	Warnings []string // values outside limits whose policy is warn
	Latency  time.Duration
}

// PredictionID gives the name of one row of the answer in the log.
func (r *Request) predictionID(row, rows int) string {
	switch {
	case r.IDs != nil:
		return r.IDs[row]
	case rows == 1:
		return r.ID
	}
	return r.ID + "#" + strconv.Itoa(row)
}

// VersionLabel is the version that answered.
func (r *Response) VersionLabel() string { return r.version() }

// maxRows bounds one request.
const maxRows = 100_000

// Infer checks a request, computes the answer and puts it in the log. Faults: NotFound (no such model), Unavailable (not
// ready, or overloaded), Invalid (the request does not fit the signature), Canceled (the caller gave up while waiting).
func (r *Room) Infer(ctx context.Context, req Request) (*Response, error) {
	start := time.Now()
	ep, err := r.enter(req.Model, req.Version)
	if err != nil {
		return nil, err
	}
	defer ep.leave()
	in, warned, err := ep.read(&req)
	if err != nil {
		ep.stats.rejected.Add(1)
		return nil, err
	}
	wanted, err := ep.wanted(req.Outputs)
	if err != nil {
		ep.stats.rejected.Add(1)
		return nil, err
	}
	out, err := r.compute(ctx, ep, in)
	if err != nil {
		ep.stats.failed.Add(1)
		return nil, fault.Wrap(err, "model %s", req.Model)
	}
	resp := &Response{Placement: ep.Placement, ID: req.ID, Rows: in.Rows, Latency: time.Since(start)}
	resp.Warnings = ep.warnings(warned, out)
	resp.Outputs = make([]Output, len(wanted))
	for i, at := range wanted {
		resp.Outputs[i] = Output{Column: &ep.sig.Outputs[at], Data: out.Cols[at]}
	}
	r.record(ep, &req, resp, in, out)
	return resp, nil
}

// compute runs the model when there is a place for one more batch.
func (r *Room) compute(ctx context.Context, ep *endpoint, in *modelpack.Frame) (*modelpack.Frame, error) {
	if err := r.slots.take(ctx); err != nil {
		return nil, err
	}
	defer r.slots.give()
	busy := time.Now()
	out, err := ep.model.Run(ctx, in)
	ep.stats.busy.Add(int64(time.Since(busy)))
	return out, err
}

// enter finds the live endpoint and holds it.
func (r *Room) enter(name, version string) (*endpoint, error) {
	for {
		ep := (*r.live.Load())[name]
		if ep == nil || version != "" && version != ep.version() {
			return nil, r.absent(name, version)
		}
		if ep.enter() {
			return ep, nil
		} // retired between the two lines: there is a newer table
	}
}

// read decodes and checks the rows and completes the names of the predictions.
func (e *endpoint) read(req *Request) (*modelpack.Frame, []violation, error) {
	in, err := req.Decode(e.sig)
	if err != nil {
		return nil, nil, err
	}
	if in.Rows < 1 || in.Rows > maxRows {
		return nil, nil, fault.New(fault.Invalid, "the request has %d rows; 1 to %d can be asked at once", in.Rows, maxRows)
	}
	if req.IDs != nil && len(req.IDs) != in.Rows || req.EventTimes != nil && len(req.EventTimes) != in.Rows {
		return nil, nil, fault.New(fault.Invalid, "the request has %d rows, %d prediction ids and %d event times", in.Rows, len(req.IDs), len(req.EventTimes))
	}
	if req.ID == "" {
		req.ID = ref.NewID()
	} else if len(req.ID) > 200 {
		return nil, nil, fault.New(fault.Invalid, "the id of the request is longer than 200 bytes")
	}
	if err := req.storable(); err != nil {
		return nil, nil, err
	}
	warned, err := examine(e.checks, in)
	return in, warned, err
}

// storable refuses texts that a database cannot hold: one of them in the log would block all answers behind it.
func (r *Request) storable() error {
	for _, s := range append([]string{r.ID, r.RequestID}, r.IDs...) {
		if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
			return fault.New(fault.Invalid, "the id %q holds NUL or bytes that are not UTF-8", s)
		}
	}
	return nil
}

// wanted gives the positions of the outputs that were asked for.
func (e *endpoint) wanted(names []string) ([]int, error) {
	if len(names) == 0 {
		return e.names.all, nil
	}
	var out []int
	for _, n := range names {
		at := e.sig.Output(n)
		if at < 0 {
			return nil, fault.New(fault.Invalid, "the model has no output %q; it has %s", n, e.names.outputs)
		}
		if slices.Contains(out, at) { // else a small request could ask for an answer beyond all memory
			return nil, fault.New(fault.Invalid, "output %q is asked for twice", n)
		}
		out = append(out, at)
	}
	return out, nil
}

// warnings joins those of the request with answers outside the limits of the outputs.
func (e *endpoint) warnings(warned []violation, out *modelpack.Frame) []string {
	for i := range e.names.limits {
		k := &e.names.limits[i]
		if !k.ranged || out.Cols[i] == nil {
			continue
		}
		if row, text := k.outside(out.Cols[i]); text != "" {
			warned = append(warned, violation{k.col, row, text})
		}
	}
	var texts []string
	for _, v := range warned {
		texts = append(texts, v.String())
	}
	return texts
}

// record counts the answer and hands it to the log.
func (r *Room) record(ep *endpoint, req *Request, resp *Response, in, out *modelpack.Frame) {
	now := r.clock()
	ep.stats.requests.Add(1)
	ep.stats.rows.Add(int64(in.Rows))
	ep.stats.last.Store(now.UnixMilli())
	status := "ok"
	if len(resp.Warnings) > 0 {
		ep.stats.warned.Add(1)
		status = "warn"
	}
	r.log.add(&entry{ep: ep, req: req, in: in, out: out, predicted: now, latency: resp.Latency, status: status})
}
