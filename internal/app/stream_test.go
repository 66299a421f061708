package app_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/app"
	"github.com/paraplu/paraplu/internal/tracking"
)

// TestStopEndsStreams: a server that stops ends the streams of its clients properly; a connection that is cut would be an
// error of the last read.
func TestStopEndsStreams(t *testing.T) {
	each(t, func(t *testing.T, cfg app.Config) {
		a := open(t, cfg)
		start(t, a)
		run, err := a.Tracking.CreateRun(ctx, tracking.NewRun{Name: "live"})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Get(a.URL() + "/api/v1/runs/live?run=" + run.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		in := bufio.NewReader(resp.Body)
		for line := ""; !strings.HasPrefix(line, "data: "); {
			if line, err = in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(in); err != nil {
			t.Errorf("the stream was cut: %v", err)
		}
	})
}
