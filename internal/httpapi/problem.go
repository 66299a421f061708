package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/paraplu/paraplu/internal/api"
	"github.com/paraplu/paraplu/internal/fault"
)

// problem is api.Problem as huma wants an error to be.
type problem struct{ api.Problem }

func (p *problem) Error() string  { return p.Detail }
func (p *problem) GetStatus() int { return p.Status }

// ContentType gives the media type of problems.
func (p *problem) ContentType(string) string { return mediaType }

const mediaType = "application/problem+json"

// problemOf turns any error into what the client sees. Of an internal error only that it happened: the log has the rest.
func problemOf(err error) *problem {
	kind := fault.KindOf(err)
	p := &problem{api.Problem{Status: kind.Status(), Kind: kind.String(), Detail: err.Error(), Hint: fault.HintOf(err)}}
	p.Title = title(p.Status)
	var f *fault.Error
	if !errors.As(err, &f) && kind == fault.Internal {
		p.Detail, p.Hint = "this is a defect of Paraplu; the log of the server says more", "please report it"
	}
	if f != nil && f.File != "" {
		p.Place = &api.Place{File: f.File, Line: f.Line, Column: f.Col}
	}
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) {
		for _, e := range many.Unwrap() {
			if errors.As(e, &f) {
				p.Errors = append(p.Errors, wrong(f))
			}
		}
	}
	return p
}

func wrong(f *fault.Error) api.Wrong {
	w := api.Wrong{Message: f.Msg, Hint: f.Hint}
	if f.File != "" {
		w.Where = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Col)
	}
	return w
}

func title(status int) string {
	if t := http.StatusText(status); t != "" {
		return t
	}
	return "Client Closed Request"
}

// newError is what huma itself finds wrong: a body that is no JSON, unknown or missing keys, too large.
func newError(status int, msg string, errs ...error) huma.StatusError {
	p := &problem{api.Problem{Status: status, Kind: fault.Invalid.String(), Detail: msg}}
	switch {
	case status == http.StatusUnprocessableEntity:
		p.Status = fault.Invalid.Status()
	case status == http.StatusRequestEntityTooLarge:
		p.Kind, p.Hint = fault.Exhausted.String(), "send fewer rows in a request"
	case status >= 500:
		p.Kind = fault.Internal.String()
	}
	p.Title = title(p.Status)
	for _, err := range errs {
		var d huma.ErrorDetailer
		switch {
		case err == nil:
		case errors.As(err, &d):
			detail := d.ErrorDetail()
			p.Errors = append(p.Errors, api.Wrong{Where: detail.Location, Message: detail.Message})
		default:
			p.Errors = append(p.Errors, api.Wrong{Message: err.Error()})
		}
	}
	if len(p.Errors) > 0 {
		first := p.Errors[0]
		p.Detail = first.Message
		if first.Where != "" {
			p.Detail = first.Where + ": " + first.Message
		}
	}
	return p
}

// writeProblem answers where no operation does.
func writeProblem(w http.ResponseWriter, err error) {
	p := problemOf(err)
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p.Problem) //nolint:errcheck // the client is gone
}
