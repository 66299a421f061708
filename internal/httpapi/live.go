package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/tracking"
)

const (
	maxStreams = 64               // open at the same time
	liveEvery  = time.Second      // between two looks of a stream
	heartbeat  = 15 * time.Second // after so long without news a comment is sent, so that nobody on the way cuts the line
)

type liveInput struct {
	Runs    []string `query:"run,explode" required:"true" minItems:"1" maxItems:"50" doc:"Ids"`
	Metrics []string `query:"metric,explode" maxItems:"200" doc:"Only these; none = all"`
	Mark    string   `header:"Last-Event-ID" maxLength:"32768" doc:"Go on behind this event; browsers send it by themselves"`
}

// liveRoute adds the stream of news of runs. It is a stream of server-sent events: "run" with a RunState, "points" with
// LivePoints, and "problem" with a Problem, after which it ends.
func (s *server) liveRoute(humaAPI huma.API) {
	s.streams = make(chan struct{}, maxStreams)
	op := huma.Operation{OperationID: "live", Method: http.MethodGet, Path: Prefix + "/runs/live", Summary: "New points and states of runs, as they come"}
	schemas := humaAPI.OpenAPI().Components.Schemas
	one := func(v any) *huma.Schema { return schemas.Schema(reflect.TypeOf(v), true, "") }
	op.Responses = map[string]*huma.Response{"200": {Description: "Events: run, points, problem", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: &huma.Schema{OneOf: []*huma.Schema{one(api.RunState{}), one(api.LivePoints{}), one(problem{})}}}}}}
	huma.Register(humaAPI, op, func(ctx context.Context, in *liveInput) (*huma.StreamResponse, error) {
		l, err := s.open(ctx, in)
		if err != nil {
			return nil, s.failed(op, err)
		}
		return &huma.StreamResponse{Body: l.serve}, nil
	})
}

// live is one open stream.
type live struct {
	s    *server
	feed *tracking.Feed
	news []tracking.Change // of the first look, which was taken to tell errors before the stream begins
}

func (s *server) open(ctx context.Context, in *liveInput) (*live, error) {
	select {
	case s.streams <- struct{}{}:
	default:
		return nil, fault.New(fault.Unavailable, "%d streams are open, and no more can be", maxStreams).WithHint("close a page that shows runs")
	}
	feed, err := s.Steps.Tracking.Follow(ctx, in.Runs, in.Metrics, in.Mark)
	l := &live{s: s, feed: feed}
	if err == nil {
		l.news, err = feed.Poll(ctx)
	}
	if err != nil {
		<-s.streams
		return nil, err
	}
	return l, nil
}

// serve writes until the client leaves, the server stops, or something fails.
func (l *live) serve(hctx huma.Context) {
	defer func() { <-l.s.streams }()
	hctx.SetHeader("Content-Type", "text/event-stream")
	hctx.SetHeader("X-Accel-Buffering", "no")
	hctx.SetStatus(http.StatusOK)
	out := &events{w: hctx.BodyWriter()}
	io.WriteString(out.w, "retry: 2000\n\n") //nolint:errcheck // the flush tells
	out.write(l.news, l.feed.Mark)
	look, beat := time.NewTicker(cmp.Or(l.s.LiveEvery, liveEvery)), time.NewTicker(cmp.Or(l.s.Heartbeat, heartbeat))
	defer look.Stop()
	defer beat.Stop()
	for out.flush() {
		select {
		case <-hctx.Context().Done():
			return
		case <-l.s.Closing:
			return
		case <-beat.C:
			io.WriteString(out.w, ": still here\n\n") //nolint:errcheck // the flush tells
		case <-look.C:
			news, err := l.feed.Poll(hctx.Context())
			if err != nil {
				out.event("problem", problemOf(err).Problem, "")
				out.flush()
				return
			}
			out.write(news, l.feed.Mark)
		}
	}
}

type events struct {
	w   io.Writer
	err error
}

// flush sends what was written and tells whether the client still takes it.
func (e *events) flush() bool {
	w, ok := e.w.(http.ResponseWriter)
	return e.err == nil && ok && http.NewResponseController(w).Flush() == nil
}

// write sends the news of one look. The last event carries the mark: a client that has it has all before.
func (e *events) write(news []tracking.Change, mark func() string) {
	for i, c := range news {
		id := ""
		if i == len(news)-1 {
			id = mark()
		}
		if c.Key == "" {
			e.event("run", stateOf(c.Run), id)
			continue
		}
		p := api.LivePoints{Run: c.Run.ID, Key: c.Key, Count: c.Count, Partial: c.Partial}
		p.Steps, p.Times, p.Values = lists(c.Points)
		e.event("points", p, id)
	}
}

func (e *events) event(name string, v any, id string) {
	data, err := json.Marshal(v)
	if err == nil && id != "" {
		_, err = fmt.Fprintf(e.w, "id: %s\n", id)
	}
	if err == nil {
		_, err = fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", name, data)
	}
	if e.err == nil {
		e.err = err
	}
}
