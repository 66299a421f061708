package inference

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/onnx"
	"github.com/paraplu/paraplu/internal/serving"
)

const headerLength = "Inference-Header-Content-Length"

func (f *face) infer(w http.ResponseWriter, r *http.Request) error {
	body, err := f.body(r)
	if err != nil {
		return err
	}
	ask := serving.Request{Model: r.PathValue("model"), Version: r.PathValue("v"), RequestID: requestID(r)}
	header, err := jsonLength(r, len(body))
	if err != nil {
		return err
	}
	req := &inferRequest{}
	if header == 0 && r.Header.Get(headerLength) != "" {
		req.Parameters.BinaryOutput = true
		ask.Decode = rawInput(body)
	} else {
		var inputs []serving.Input
		if req, inputs, err = parseInfer(body, header); err != nil {
			return err
		}
		ask.ID, ask.Decode = req.ID, serving.Tensors(inputs)
		for _, o := range req.Outputs {
			ask.Outputs = append(ask.Outputs, o.Name)
		}
		if err := req.Parameters.fill(&ask); err != nil {
			return err
		}
	}
	resp, err := f.room.Infer(r.Context(), ask)
	if err != nil {
		return err
	}
	return writeInfer(w, req, resp)
}

func jsonLength(r *http.Request, body int) (int, error) {
	text := r.Header.Get(headerLength)
	if text == "" {
		return body, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > body {
		return 0, fault.New(fault.Invalid, "%s is %q, and the body has %d bytes", headerLength, text, body)
	}
	return n, nil
}

// writeInfer encodes the answer: JSON, and behind it the outputs that were asked for in binary.
func writeInfer(w http.ResponseWriter, req *inferRequest, resp *serving.Response) error {
	b := make([]byte, 0, 512)
	b = append(b, `{"model_name":`...)
	b = appendString(b, modelName(resp))
	b = append(b, `,"model_version":`...)
	b = appendString(b, resp.VersionLabel())
	if req.ID != "" {
		b = append(b, `,"id":`...)
		b = appendString(b, req.ID)
	}
	b = append(b, `,"parameters":{"prediction_id":`...)
	b = appendString(b, resp.ID)
	if len(resp.Warnings) > 0 {
		b = append(b, `,"warnings":`...)
		b = appendString(b, strings.Join(resp.Warnings, "; "))
	}
	b = append(b, `},"outputs":[`...)
	var raw []byte
	binaries := 0
	for i := range resp.Outputs {
		o := &resp.Outputs[i]
		if i > 0 {
			b = append(b, ',')
		}
		before := len(raw)
		inBinary := req.wantsBinary(i)
		if inBinary {
			raw = appendRaw(raw, o.Data)
			binaries++
		} else if req.Parameters.NaN == "error" && !allFinite(o.Data) {
			return fault.New(fault.Invalid, "output %q is NaN or infinite, which JSON cannot carry; ask for it in binary", o.Column.Name)
		}
		b = appendOutput(b, o, inBinary, len(raw)-before)
	}
	b = append(b, `]}`...)
	w.Header().Set("Content-Type", "application/json")
	if binaries > 0 {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set(headerLength, strconv.Itoa(len(b)))
		b = append(b, raw...)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.Write(b) //nolint:errcheck // the caller has gone
	return nil
}

func modelName(resp *serving.Response) string {
	if resp.Endpoint != "" {
		return resp.Endpoint
	}
	return resp.Model
}

// wantsBinary tells how output i of the answer was asked for; its own parameter wins over that of the request.
func (req *inferRequest) wantsBinary(i int) bool {
	if i < len(req.Outputs) {
		if p := req.Outputs[i].Parameters.Binary; p != nil {
			return *p
		}
	}
	return req.Parameters.BinaryOutput
}

func appendOutput(b []byte, o *serving.Output, inBinary bool, size int) []byte {
	b = append(b, `{"name":`...)
	b = appendString(b, o.Column.Name)
	b = append(b, `,"datatype":"`...)
	b = append(b, serving.Datatype(o.Column)...)
	b = append(b, `","shape":[`...)
	for i, d := range o.Data.Shape {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, d, 10)
	}
	if inBinary {
		b = append(b, `],"parameters":{"binary_data_size":`...)
		b = strconv.AppendInt(b, int64(size), 10)
		return append(b, `}}`...)
	}
	b = append(b, `],"data":[`...)
	for i := range o.Data.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, o.Data, i)
	}
	return append(b, `]}`...)
}

// appendValue writes one element as JSON; NaN and infinities are null.
func appendValue(b []byte, t *onnx.Tensor, i int) []byte {
	switch t.Type {
	case onnx.Float32:
		return appendFloat(b, float64(t.F32[i]), 32)
	case onnx.Float64:
		return appendFloat(b, t.F64[i], 64)
	case onnx.Int32:
		return strconv.AppendInt(b, int64(t.I32[i]), 10)
	case onnx.Int64:
		return strconv.AppendInt(b, t.I64[i], 10)
	case onnx.Bool:
		return strconv.AppendBool(b, t.Bool[i])
	}
	return appendString(b, t.Str[i])
}

func appendFloat(b []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(b, "null"...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, bits)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // strings always marshal
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

func allFinite(t *onnx.Tensor) bool {
	for _, v := range t.F32 {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return false
		}
	}
	for _, v := range t.F64 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

func appendRaw(b []byte, t *onnx.Tensor) []byte {
	for i := range t.Len() {
		switch t.Type {
		case onnx.Float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(t.F32[i]))
		case onnx.Float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(t.F64[i]))
		case onnx.Int32:
			b = binary.LittleEndian.AppendUint32(b, uint32(t.I32[i]))
		case onnx.Int64:
			b = binary.LittleEndian.AppendUint64(b, uint64(t.I64[i]))
		case onnx.Bool:
			v := byte(0)
			if t.Bool[i] {
				v = 1
			}
			b = append(b, v)
		case onnx.String:
			b = binary.LittleEndian.AppendUint32(b, uint32(len(t.Str[i])))
			b = append(b, t.Str[i]...)
		}
	}
	return b
}
