package mlflow

import (
	"errors"
	"net/http"

	"github.com/paraplu/paraplu/internal/fault"
)

// errorBody is an error on the wire.
type errorBody struct {
	Code    string `json:"error_code"`
	Message string `json:"message"`
	status  int
	retry   bool // the client may repeat the call soon
}

// codes maps a kind of fault to MLflow's error code and its HTTP status.
var codes = map[fault.Kind]errorBody{
	fault.Invalid:         {Code: "INVALID_PARAMETER_VALUE", status: http.StatusBadRequest},
	fault.NotFound:        {Code: "RESOURCE_DOES_NOT_EXIST", status: http.StatusNotFound},
	fault.Exists:          {Code: "RESOURCE_ALREADY_EXISTS", status: http.StatusBadRequest},
	fault.Conflict:        {Code: "TEMPORARILY_UNAVAILABLE", status: http.StatusServiceUnavailable, retry: true},
	fault.Denied:          {Code: "PERMISSION_DENIED", status: http.StatusForbidden},
	fault.Unauthenticated: {Code: "UNAUTHENTICATED", status: http.StatusUnauthorized},
	fault.Precondition:    {Code: "INVALID_STATE", status: http.StatusBadRequest}, // 500 in MLflow, which its client repeats for minutes
	fault.Unavailable:     {Code: "TEMPORARILY_UNAVAILABLE", status: http.StatusServiceUnavailable, retry: true},
	fault.Exhausted:       {Code: "RESOURCE_EXHAUSTED", status: http.StatusInsufficientStorage}, // a full disk; 429 in MLflow, which its client repeats
	fault.Canceled:        {Code: "CANCELLED", status: 499},
	fault.Unsupported:     {Code: "NOT_IMPLEMENTED", status: http.StatusNotImplemented},
	fault.StepFailed:      {Code: "INTERNAL_ERROR", status: http.StatusInternalServerError},
}

// errorOf gives the wire form of an error. What is not a fault is a defect of ours: its text stays in the log.
func errorOf(err error) errorBody {
	body, ok := codes[fault.KindOf(err)]
	if !ok {
		return errorBody{Code: "INTERNAL_ERROR", Message: "The server met an error; its log has the details.", status: http.StatusInternalServerError}
	}
	body.Message = err.Error()
	var f *fault.Error
	if errors.As(err, &f) && f.Hint != "" {
		body.Message += " (" + f.Hint + ")"
	}
	return body
}

func writeError(w http.ResponseWriter, body errorBody) {
	if body.retry {
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Del("Content-Length")
	w.Header().Del("Content-Disposition")
	w.Header().Del("ETag")
	writeJSON(w, body.status, body)
}

func invalid(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }
