package inference

import (
	"mime"
	"net/http"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/serving"
)

// ping is MLflow's health check.
func (f *face) ping(w http.ResponseWriter, _ *http.Request) error {
	status := http.StatusNotFound
	for _, m := range f.room.Models() {
		if m.Ready {
			status = http.StatusOK
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write([]byte("\n")) //nolint:errcheck // the caller has gone
	return nil
}

// invocations is MLflow's scoring call: JSON in one of four forms, or CSV.
func (f *face) invocations(w http.ResponseWriter, r *http.Request) error {
	kind, ok := mediaType(r.Header.Get("Content-Type"))
	if !ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusUnsupportedMediaType)
		w.Write([]byte("This predictor only supports the content types text/csv, application/csv and application/json, in UTF-8.\n")) //nolint:errcheck // the caller has gone
		return nil
	}
	model, err := f.single(r)
	if err != nil {
		return err
	}
	body, err := f.body(r)
	if err != nil {
		return err
	}
	ask := serving.Request{Model: model, RequestID: requestID(r)}
	if kind == "json" {
		rows, params, err := parseInvocation(body)
		if err != nil {
			return err
		}
		ask.ID, ask.Decode = params.ID, rows.decode
		if err := params.fill(&ask); err != nil {
			return err
		}
	} else {
		rows, err := parseCSV(body)
		if err != nil {
			return err
		}
		ask.Decode = rows.decode
	}
	resp, err := f.room.Infer(r.Context(), ask)
	if err != nil {
		return err
	}
	writePredictions(w, resp)
	return nil
}

// mediaType gives "json" or "csv"; UTF-8 is the only charset, and no other parameter is known.
func mediaType(header string) (string, bool) {
	kind, params, err := mime.ParseMediaType(header)
	if err != nil {
		return "", false
	}
	for k, v := range params {
		if k != "charset" || !strings.EqualFold(v, "utf-8") {
			return "", false
		}
	}
	switch kind {
	case "application/json":
		return "json", true
	case "text/csv", "application/csv":
		return "csv", true
	}
	return "", false
}

// single gives the model of the path, of ?model=, or the only one there is.
func (f *face) single(r *http.Request) (string, error) {
	if m := r.PathValue("model"); m != "" {
		return m, nil
	}
	if m := r.URL.Query().Get("model"); m != "" {
		return m, nil
	}
	models := f.room.Models()
	switch len(models) {
	case 0:
		return "", fault.New(fault.NotFound, "no model is deployed")
	case 1:
		return models[0].Name, nil
	}
	var names []string
	for _, m := range models {
		names = append(names, m.Name)
	}
	return "", fault.New(fault.Invalid, "several models answer here (%s): say which with /invocations?model=%s", strings.Join(names, ", "), names[0])
}

// writePredictions writes one value a row for a model with one output, and one object a row for more.
func writePredictions(w http.ResponseWriter, resp *serving.Response) {
	b := append(make([]byte, 0, 256), `{"predictions":[`...)
	for row := range resp.Rows {
		if row > 0 {
			b = append(b, ',')
		}
		if len(resp.Outputs) > 1 {
			b = append(b, '{')
		}
		for i := range resp.Outputs {
			o := &resp.Outputs[i]
			if i > 0 {
				b = append(b, ',')
			}
			if len(resp.Outputs) > 1 {
				b = append(appendString(b, o.Column.Name), ':')
			}
			b = appendCell(b, o, row)
		}
		if len(resp.Outputs) > 1 {
			b = append(b, '}')
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(b, `]}`...)) //nolint:errcheck // the caller has gone
}

func appendCell(b []byte, o *serving.Output, row int) []byte {
	width := int(o.Data.Shape[1])
	if len(o.Column.Shape) == 0 {
		return appendValue(b, o.Data, row)
	}
	b = append(b, '[')
	for j := range width {
		if j > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, o.Data, row*width+j)
	}
	return append(b, ']')
}

// writeMLflowError is MLflow's form.
func writeMLflowError(w http.ResponseWriter, status int, id string, err error) {
	code := map[int]string{
		http.StatusBadRequest: "BAD_REQUEST", http.StatusNotFound: "RESOURCE_DOES_NOT_EXIST", http.StatusServiceUnavailable: "TEMPORARILY_UNAVAILABLE",
		http.StatusInternalServerError: "INTERNAL_ERROR", http.StatusRequestEntityTooLarge: "REQUEST_LIMIT_EXCEEDED",
	}[status]
	if code == "" {
		code = strings.ToUpper(fault.KindOf(err).String())
	}
	writeJSON(w, status, map[string]string{"error_code": code, "message": message(status, id, err)})
}
