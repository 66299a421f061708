package demo

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/monitor"
)

// tolerance between the served answer and scikit-learn's, relative; the package declares the same.
const tolerance = 1e-4

const (
	replayFrom  = "2015-01-01"
	replayUntil = "2015-12-31"
)

func (s *story) serve() error {
	start := time.Now()
	if err := s.answers(s.current()); err != nil {
		return err
	}
	questions, err := s.questions()
	if err != nil {
		return err
	}
	s.n.command("curl %s/v2/models/%s/infer -d '{\"inputs\":[{\"name\":\"rain_forecast_mm\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[…]}, …]}'", s.a.URL(), s.endpoint())
	const days = 5
	if s.current() != s.first {
		s.n.result(true, "package %s answers now; the answers of the first days are in the log", s.current().Short())
		return s.served()
	}
	original, err := s.original(days)
	if err != nil {
		return err
	}
	worst := 0.0
	for _, q := range questions[:days] {
		got, err := s.infer(q)
		if err != nil {
			return err
		}
		again, err := s.invoke(q)
		if err != nil {
			return err
		}
		want := original[q.day]
		worst = math.Max(worst, math.Abs(got-want)/math.Max(1, math.Abs(want)))
		if d := math.Abs(got - again); d > 1e-9*math.Abs(got) {
			return fault.New(fault.Internal, "%s: the Open Inference Protocol says %v and /invocations %v", q.day, got, again)
		}
	}
	if worst > tolerance {
		return fault.New(fault.Internal, "the served answers differ from scikit-learn's by %.2g, more than %.0e", worst, tolerance)
	}
	s.n.did(start, "%d orders over the Open Inference Protocol and the same over /invocations; scikit-learn says the same within %.1e", days, worst)
	wrong := questions[0]
	wrong.weekday = "Caturday"
	if _, err := s.infer(wrong); err == nil {
		return fault.New(fault.Internal, "a weekday that does not exist was answered")
	} else {
		s.n.result(false, "a wrong question is refused at the door: %v", err)
	}
	s.note("served answer against scikit-learn", "act 7", "≤ %.1e", worst)
	return s.served()
}

// served tells how fast answers are.
func (s *story) served() error {
	if err := s.a.Serving.Flush(s.ctx); err != nil {
		return err
	}
	m, err := s.a.Serving.Model(s.endpoint(), "")
	if err != nil {
		return err
	}
	if m.Stats.Rows > 0 {
		s.n.result(true, "%d rows answered, %.1f µs each inside the pure-Go engine; every answer is in the prediction log", m.Stats.Rows, float64(m.Stats.Busy.Microseconds())/float64(m.Stats.Rows))
	}
	return nil
}

// questions gives the decision-time features of every day of 2015; they are computed when they are not there.
func (s *story) questions() ([]question, error) {
	path := filepath.Join(s.Dir, "build", "replay.csv")
	if _, err := os.Stat(path); err != nil {
		if err := s.python("simulate.py", "--until", "2016-01-01", "--out", "deliveries/whole-2015"); err != nil {
			return nil, err
		}
		if err := s.python("features.py", "--from", replayFrom, "--until", replayUntil, "--data", "deliveries/whole-2015", "--out", "build/replay.csv"); err != nil {
			return nil, err
		}
	}
	return readQuestions(path)
}

// original asks the scikit-learn model itself.
func (s *story) original(days int) (map[string]float64, error) {
	cmd := exec.CommandContext(s.ctx, s.a.Python(), "original.py", "--days", strconv.Itoa(days))
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), s.a.StepEnv()...)
	cmd.Stderr = s.log
	text, err := cmd.Output()
	if err != nil {
		return nil, fault.New(fault.StepFailed, "python original.py failed: %v", err).WithHint("see %s", s.log.Name())
	}
	out := map[string]float64{}
	return out, json.Unmarshal(text, &out)
}

func (s *story) operate() error {
	s.n.say("Every evening at 18:00 an order for tomorrow. Sales are reported on Tuesdays, for the week before: truth is late. Each Tuesday the monitors judge what is known.")
	incident, err := s.replay(func(in *monitor.Incident) bool { return in != nil })
	if err != nil {
		return err
	}
	if incident == nil {
		return fault.New(fault.Internal, "no incident was opened in 2015, although demand shifted")
	}
	return s.tell(*incident)
}

// tell prints an incident the way its owner reads it.
func (s *story) tell(in monitor.Incident) error {
	s.n.result(false, "incident %s for %s (backup %s): %s", in.ID, name(s.p, in.Owner), name(s.p, in.Backup), in.Title)
	s.n.say("in statistics   %s", in.Message.Statistics)
	s.n.say("in operations   %s", in.Message.Operations)
	s.n.say("in money        %s", in.Message.Money)
	drift, err := s.a.Monitor.Drift(s.ctx, s.p)
	if err != nil {
		return err
	}
	for _, d := range drift {
		s.n.say("input drift    %s: %s", d.Column, calm(d))
	}
	if in.State == monitor.IncidentOpen {
		s.n.command("paraplu incidents --ack %s --as %s", in.ID, in.Owner)
		if _, err := s.a.Monitor.AcknowledgeAt(s.ctx, in.ID, in.Owner, in.OpenedAt.Add(time.Hour)); err != nil {
			return err
		}
		s.n.result(true, "%s takes it; runbook %s", name(s.p, in.Owner), in.Runbook)
	}
	return nil
}

// calm says what the drift of an input tells: it is a diagnosis and never pages.
func calm(d monitor.Drift) string {
	switch {
	case d.Value == nil:
		return "not comparable: " + d.Why
	case d.Beyond:
		return fmt.Sprintf("PSI %.2f, beyond its limit of %.2f: look there too", d.Value.Float(), d.Limit.Float())
	}
	return fmt.Sprintf("PSI %.2f, limit %.2f: the inputs are calm, it is the world that changed", d.Value.Float(), d.Limit.Float())
}
