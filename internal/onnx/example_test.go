package onnx_test

import (
	"fmt"
	"os"

	"github.com/paraplu/paraplu/internal/onnx"
)

func Example() {
	data, err := os.ReadFile("testdata/zoo/logistic_multi.onnx")
	if err != nil {
		fmt.Println(err)
		return
	}
	prog, err := onnx.Load(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := prog.Run(map[string]*onnx.Tensor{
		"X": onnx.NewF32([]int64{2, 4}, []float32{3, 90, 0, 4, -3, 10, 0, 0}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out["output_label"].Str)
	fmt.Println(out["output_probability"].Shape, prog.OutputLabels("output_probability").Strings())
	// Output:
	// [höch low]
	// [2 3] [höch low mid]
}
