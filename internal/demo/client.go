package demo

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/paraplu/paraplu/internal/fault"
)

// question is what is known when an order is placed: a row of build/replay.csv.
type question struct {
	day, decidedAt string
	rain           *float64 // nil: no forecast arrived
	weekday        string
	month          int64
	naive          float64
}

// readQuestions reads the decision-time features of the replay.
func readQuestions(path string) ([]question, error) {
	rows, err := readCSV(path)
	if err != nil {
		return nil, err
	}
	var out []question
	for i, r := range rows {
		q := question{day: r["day"], decidedAt: r["decided_at"], weekday: r["weekday"]}
		if text := r["rain_forecast_mm"]; text != "" {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, fault.New(fault.Invalid, "rain_forecast_mm: %w", err).At(path, i+2, 0)
			}
			q.rain = &v
		}
		if q.month, err = strconv.ParseInt(r["month"], 10, 64); err != nil {
			return nil, fault.New(fault.Invalid, "month: %w", err).At(path, i+2, 0)
		}
		if q.naive, err = strconv.ParseFloat(r["naive"], 64); err != nil {
			return nil, fault.New(fault.Invalid, "naive: %w", err).At(path, i+2, 0)
		}
		out = append(out, q)
	}
	return out, nil
}

func readCSV(path string) ([]map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(err, "reading %s", filepath.Base(path))
	}
	defer f.Close()
	all, err := csv.NewReader(f).ReadAll()
	if err != nil || len(all) == 0 {
		return nil, fault.New(fault.Invalid, "not a CSV table: %v", err).At(path, 1, 0)
	}
	out := make([]map[string]string, len(all)-1)
	for i, row := range all[1:] {
		out[i] = map[string]string{}
		for j, cell := range row {
			out[i][all[0][j]] = cell
		}
	}
	return out, nil
}

// infer asks the served model over the Open Inference Protocol. The id names the prediction, so asking twice leaves one.
func (s *story) infer(q question) (float64, error) {
	type tensor struct {
		Name     string `json:"name"`
		Shape    []int  `json:"shape"`
		Datatype string `json:"datatype"`
		Data     []any  `json:"data"`
	}
	var rain any
	if q.rain != nil {
		rain = *q.rain
	}
	body := map[string]any{
		"id":         s.p.Name + "-" + q.day,
		"parameters": map[string]any{"event_time": q.day},
		"inputs": []tensor{
			{"rain_forecast_mm", []int{1, 1}, "FP32", []any{rain}},
			{"weekday", []int{1, 1}, "BYTES", []any{q.weekday}},
			{"month", []int{1, 1}, "INT64", []any{q.month}},
		},
	}
	var answer struct {
		Outputs []struct {
			Data []float64 `json:"data"`
		} `json:"outputs"`
	}
	if err := s.post("/v2/models/"+s.endpoint()+"/infer", body, &answer); err != nil {
		return 0, err
	}
	if len(answer.Outputs) != 1 || len(answer.Outputs[0].Data) != 1 {
		return 0, fault.New(fault.Internal, "the answer has %d outputs", len(answer.Outputs))
	}
	return answer.Outputs[0].Data[0], nil
}

// invoke asks the same through MLflow's door.
func (s *story) invoke(q question) (float64, error) {
	var rain any
	if q.rain != nil {
		rain = *q.rain
	}
	body := map[string]any{"dataframe_records": []map[string]any{{"rain_forecast_mm": rain, "weekday": q.weekday, "month": q.month}},
		"params": map[string]any{"prediction_ids": []string{s.p.Name + "-" + q.day}, "event_times": []string{q.day}}}
	var answer struct {
		Predictions []any `json:"predictions"`
	}
	if err := s.post("/models/"+s.endpoint()+"/invocations", body, &answer); err != nil {
		return 0, err
	}
	if len(answer.Predictions) != 1 {
		return 0, fault.New(fault.Internal, "/invocations gave %d predictions", len(answer.Predictions))
	}
	return numberIn(answer.Predictions[0])
}

// numberIn finds the number in a prediction: a number, a list of one, or a record of one.
func numberIn(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case []any:
		if len(v) == 1 {
			return numberIn(v[0])
		}
	case map[string]any:
		if len(v) == 1 {
			for _, only := range v {
				return numberIn(only)
			}
		}
	}
	return 0, fault.New(fault.Internal, "%v is not one number", v)
}

// post sends JSON and reads JSON; an error status becomes an error with the body's words.
func (s *story) post(path string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.a.URL()+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fault.Wrap(err, "POST %s", path)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fault.Wrap(err, "POST %s", path)
	}
	if resp.StatusCode/100 != 2 {
		return fault.New(fault.Internal, "POST %s answered %s: %s", path, resp.Status, bytes.TrimSpace(text))
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}
	return nil
}
