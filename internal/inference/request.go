package inference

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/intake"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
	"github.com/paraplu/paraplu/internal/serving"
)

// inferRequest is the JSON part of an inference request.
type inferRequest struct {
	ID         string        `json:"id"`
	Parameters parameters    `json:"parameters"`
	Inputs     []inferInput  `json:"inputs"`
	Outputs    []inferOutput `json:"outputs"`
}

// parameters are those of a request that mean something here; others are ignored.
type parameters struct {
	BinaryOutput  bool     `json:"binary_data_output"`
	EventTime     string   `json:"event_time"`
	EventTimes    []string `json:"event_times"`
	PredictionIDs []string `json:"prediction_ids"`
	NaN           string   `json:"nan"` // "null" or "error"
}

type inferInput struct {
	Name       string  `json:"name"`
	Shape      []int64 `json:"shape"`
	Datatype   string  `json:"datatype"`
	Parameters struct {
		BinarySize *int64 `json:"binary_data_size"`
	} `json:"parameters"`
	Data json.RawMessage `json:"data"`
}

type inferOutput struct {
	Name       string `json:"name"`
	Parameters struct {
		Binary *bool `json:"binary_data"`
	} `json:"parameters"`
}

const maxElements = 16 << 20 // of one tensor

// parseInfer reads a request of JSON with, behind it, the raw tensors. header is the length of the JSON.
func parseInfer(body []byte, header int) (*inferRequest, []serving.Input, error) {
	if err := intake.JSON(body[:header], maxElements); err != nil {
		return nil, nil, fault.New(fault.Invalid, "%w", err)
	}
	var req inferRequest
	if err := json.Unmarshal(body[:header], &req); err != nil {
		return nil, nil, badJSON(err)
	}
	if len(req.Inputs) == 0 {
		return nil, nil, fault.New(fault.Invalid, `the request has no "inputs"`)
	}
	if p := req.Parameters.NaN; p != "" && p != "null" && p != "error" {
		return nil, nil, fault.New(fault.Invalid, `parameter "nan" is %q; it can be "null" or "error"`, p)
	}
	inputs := make([]serving.Input, len(req.Inputs))
	rest := body[header:]
	for i := range req.Inputs {
		in := &req.Inputs[i]
		n, err := in.elements()
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "input %q: %w", in.Name, err)
		}
		var t *onnx.Tensor
		if size := in.Parameters.BinarySize; size != nil {
			switch {
			case in.Data != nil:
				err = errors.New(`it has both "data" and "binary_data_size"`)
			case *size < 0 || *size > int64(len(rest)):
				err = errors.New("binary_data_size is " + strconv.FormatInt(*size, 10) + ", and the body has " + strconv.Itoa(len(rest)) + " bytes left")
			default:
				t, err = rawTensor(rest[:*size], in.Datatype, in.Shape, n)
				rest = rest[*size:]
			}
		} else {
			t, err = jsonTensor(in.Data, in.Datatype, in.Shape, n)
		}
		if err != nil {
			return nil, nil, fault.New(fault.Invalid, "input %q: %w", in.Name, err)
		}
		inputs[i] = serving.Input{Name: in.Name, Datatype: in.Datatype, Data: t}
	}
	if len(rest) > 0 {
		return nil, nil, fault.New(fault.Invalid, "the body has %d bytes more than its inputs say", len(rest))
	}
	return &req, inputs, nil
}

func badJSON(err error) error {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fault.New(fault.Invalid, "the request is not JSON: byte %d: %w", syntax.Offset, err)
	}
	return fault.New(fault.Invalid, "the request is not one of the inference protocol: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// elements multiplies the shape.
func (in *inferInput) elements() (int, error) {
	if len(in.Shape) == 0 {
		return 0, errors.New(`it has no "shape"`)
	}
	n := int64(1)
	for _, d := range in.Shape {
		if d < 0 {
			return 0, errors.New("its shape has the negative dimension " + strconv.FormatInt(d, 10))
		}
		if d > maxElements || n*d > maxElements {
			return 0, errors.New("its shape has too many elements")
		}
		n *= d
	}
	return int(n), nil
}

// fill puts what belongs to the log into the request.
func (p *parameters) fill(req *serving.Request) (err error) {
	if p.EventTime != "" {
		if req.EventTime, err = eventTime(p.EventTime); err != nil {
			return err
		}
	}
	for _, s := range p.EventTimes {
		t, err := eventTime(s)
		if err != nil {
			return err
		}
		req.EventTimes = append(req.EventTimes, t)
	}
	req.IDs = p.PredictionIDs
	for _, id := range req.IDs {
		if id == "" || len(id) > 200 {
			return fault.New(fault.Invalid, `parameter "prediction_ids" holds an id that is empty or longer than 200 bytes`)
		}
	}
	return nil
}

// eventTime reads RFC 3339, or a day, which is its first instant in UTC.
func eventTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, "2006-01-02T15:04:05", time.DateTime} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1 && t.Year() <= 9999 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "event time %q is neither RFC 3339 (2015-03-02T18:00:00Z) nor a date (2015-03-02)", s)
}

// rawInput is a request without JSON: the body is the one tensor of a model with one input.
func rawInput(body []byte) serving.Decoder {
	return func(sig *modelpack.Signature) (*modelpack.Frame, error) {
		if len(sig.Inputs) != 1 {
			return nil, fault.New(fault.Invalid, "a raw request needs a model with one input; this one has %d", len(sig.Inputs))
		}
		c := &sig.Inputs[0]
		datatype := serving.Datatype(c)
		n, err := rawElements(body, datatype)
		if err != nil || n == 0 || int64(n)%c.Width() != 0 {
			return nil, fault.New(fault.Invalid, "input %q: %d bytes are not rows of [%d] %s", c.Name, len(body), c.Width(), datatype)
		}
		shape := []int64{int64(n) / c.Width(), c.Width()}
		t, err := rawTensor(body, datatype, shape, n)
		if err != nil {
			return nil, fault.New(fault.Invalid, "input %q: %w", c.Name, err)
		}
		return serving.Tensors([]serving.Input{{Name: c.Name, Datatype: datatype, Data: t}})(sig)
	}
}
