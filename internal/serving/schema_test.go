package serving

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/onnx"
)

func TestSignatureIsTheLaw(t *testing.T) {
	f := sqlite(t)
	f.serve(t, "umbrella")
	base := func() []Input {
		return []Input{
			{"rain_forecast_mm", "FP32", onnx.NewF32([]int64{1, 1}, []float32{1})},
			{"temp_c", "FP32", onnx.NewF32([]int64{1}, []float32{11})},
			{"promo", "INT64", onnx.NewI64([]int64{1}, []int64{0})},
			{"weekday", "BYTES", onnx.NewStr([]int64{1}, []string{"sat"})},
		}
	}
	for name, c := range map[string]struct {
		change func([]Input) []Input
		want   string
	}{
		"missing input":  {func(in []Input) []Input { return in[:3] }, `input "weekday" (BYTES, shape [rows, 1]) is missing`},
		"unknown input":  {func(in []Input) []Input { in[0].Name = "snow"; return in }, `no input "snow"; it has (rain_forecast_mm, temp_c, promo, weekday)`},
		"twice":          {func(in []Input) []Input { return append(in, in[0]) }, `"rain_forecast_mm" is given twice`},
		"datatype":       {func(in []Input) []Input { in[1].Datatype = "FP64"; return in }, `"temp_c" has the datatype FP64; want FP32`},
		"shape":          {func(in []Input) []Input { in[0].Data.Shape = []int64{1, 1, 1}; return in }, `shape [1 1 1]; want [rows, 1] or [rows]`},
		"rows":           {func(in []Input) []Input { in[3].Data = onnx.NewStr([]int64{2}, []string{"sat", "sun"}); return in }, `"weekday" has 2 rows, "rain_forecast_mm" has 1`},
		"null":           {func(in []Input) []Input { in[1].Data.F32[0] = float32(math.NaN()); return in }, `input "temp_c", row 1: the value is missing`},
		"below":          {func(in []Input) []Input { in[0].Data.F32[0] = -0.1; return in }, `"rain_forecast_mm", row 1: -0.1 is below the minimum 0 mm`},
		"above":          {func(in []Input) []Input { in[2].Data.I64[0] = 2; return in }, `"promo", row 1: 2 is above the maximum 1`},
		"infinite":       {func(in []Input) []Input { in[0].Data.F32[0] = float32(math.Inf(1)); return in }, `+Inf is above the maximum 200 mm`},
		"category":       {func(in []Input) []Input { in[3].Data.Str[0] = "Samstag"; return in }, `"Samstag" is not one of the known categories: mon, tue`},
		"no rows at all": {func(in []Input) []Input { return empty(in) }, "0 rows"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.Infer(context.Background(), Request{Model: "umbrella", Decode: Tensors(c.change(base()))})
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
	for _, req := range []Request{{Model: "umbrella", Outputs: []string{"sun"}, Decode: Tensors(base())}} {
		if _, err := f.Infer(context.Background(), req); !fault.Is(err, fault.Invalid) {
			t.Errorf("unknown output: %v", err)
		}
	}
	for req, kind := range map[[2]string]fault.Kind{{"rain", ""}: fault.NotFound, {"umbrella", "9"}: fault.NotFound} {
		if _, err := f.Infer(context.Background(), Request{Model: req[0], Version: req[1], Decode: Tensors(base())}); !fault.Is(err, kind) {
			t.Errorf("%v: %v", req, err)
		}
	}
	if m := f.Models(); m[0].Stats.Rejected != 13 || m[0].Stats.Requests != 0 {
		t.Errorf("%+v", m[0].Stats)
	}
}

func empty(in []Input) []Input {
	for i := range in {
		t := *in[i].Data
		t.Shape, t.F32, t.I64, t.Str = []int64{0}, nil, nil, nil
		in[i].Data = &t
	}
	return in
}
