package inference

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/onnx"
)

// integers gives bits and sign of the integer datatypes.
var integers = map[string]struct {
	bits   int
	signed bool
}{
	"INT8": {8, true}, "INT16": {16, true}, "INT32": {32, true}, "INT64": {64, true},
	"UINT8": {8, false}, "UINT16": {16, false}, "UINT32": {32, false}, "UINT64": {64, false},
}

// newTensor makes a tensor for n elements of a datatype; all integers are kept as int64.
func newTensor(datatype string, shape []int64, n int) (*onnx.Tensor, error) {
	t := &onnx.Tensor{Shape: shape}
	switch datatype {
	case "FP32":
		t.Type, t.F32 = onnx.Float32, make([]float32, n)
	case "FP64":
		t.Type, t.F64 = onnx.Float64, make([]float64, n)
	case "BOOL":
		t.Type, t.Bool = onnx.Bool, make([]bool, n)
	case "BYTES":
		t.Type, t.Str = onnx.String, make([]string, n)
	case "FP16", "BF16":
		return nil, fmt.Errorf("datatype %s is not offered; send FP32", datatype)
	default:
		if _, ok := integers[datatype]; !ok {
			return nil, fmt.Errorf("datatype %q is not one of the protocol", datatype)
		}
		t.Type, t.I64 = onnx.Int64, make([]int64, n)
	}
	return t, nil
}

// jsonTensor reads "data": a flat or nested list in row-major order.
func jsonTensor(data json.RawMessage, datatype string, shape []int64, n int) (*onnx.Tensor, error) {
	if len(data) == 0 || data[0] != '[' {
		return nil, errors.New(`it has no list "data"`)
	}
	if n > len(data) {
		return nil, fmt.Errorf("shape %v needs %d elements, and data is shorter", shape, n)
	}
	t, err := newTensor(datatype, shape, n)
	if err != nil {
		return nil, err
	}
	at, depth := 0, 0
	for i := 0; i < len(data); {
		switch c := data[i]; c {
		case '[':
			if depth++; depth > len(shape) && depth > 1 {
				return nil, fmt.Errorf("data is nested deeper than its shape %v", shape)
			}
			i++
		case ']':
			depth--
			i++
		case ',', ' ', '\n', '\t', '\r':
			i++
		case '{':
			return nil, errors.New("data holds an object; want plain values")
		default:
			end := tokenEnd(data, i)
			if at == n {
				return nil, fmt.Errorf("data has more than the %d elements of shape %v", n, shape)
			}
			if err := setToken(t, datatype, at, data[i:end]); err != nil {
				return nil, fmt.Errorf("element %d: %w", at, err)
			}
			at, i = at+1, end
		}
	}
	if at != n {
		return nil, fmt.Errorf("data has %d elements, shape %v needs %d", at, shape, n)
	}
	return t, nil
}

// tokenEnd finds the end of a scalar in sound JSON.
func tokenEnd(data []byte, i int) int {
	if data[i] == '"' {
		for i++; i < len(data) && data[i] != '"'; i++ {
			if data[i] == '\\' {
				i++
			}
		}
		return min(i+1, len(data))
	}
	for i < len(data) && !strings.ContainsRune(",] \n\t\r", rune(data[i])) {
		i++
	}
	return i
}

func setToken(t *onnx.Tensor, datatype string, at int, token []byte) (err error) {
	isNull := string(token) == "null"
	switch t.Type {
	case onnx.Float32:
		var f float64
		f, err = parseFloat(token, isNull, 32)
		t.F32[at] = float32(f)
	case onnx.Float64:
		t.F64[at], err = parseFloat(token, isNull, 64)
	case onnx.Int64:
		t.I64[at], err = parseInt(token, datatype)
	case onnx.Bool:
		t.Bool[at] = string(token) == "true"
		if !t.Bool[at] && string(token) != "false" {
			err = fmt.Errorf("%s is not true or false", short(token))
		}
	case onnx.String:
		if token[0] != '"' {
			return fmt.Errorf("%s is not a string", short(token))
		}
		err = json.Unmarshal(token, &t.Str[at])
	}
	return err
}

// parseFloat takes null as NaN.
func parseFloat(token []byte, isNull bool, bits int) (float64, error) {
	if isNull {
		return math.NaN(), nil
	}
	if c := token[0]; c != '-' && (c < '0' || c > '9') {
		return 0, fmt.Errorf("%s is not a number", short(token))
	}
	f, err := strconv.ParseFloat(string(token), bits)
	if err != nil {
		return 0, fmt.Errorf("%s does not fit into FP%d", short(token), bits)
	}
	return f, nil
}

// parseInt is exact for 64 bits and refuses fractions.
func parseInt(token []byte, datatype string) (int64, error) {
	kind := integers[datatype]
	if kind.signed {
		if v, err := strconv.ParseInt(string(token), 10, kind.bits); err == nil {
			return v, nil
		}
	} else if v, err := strconv.ParseUint(string(token), 10, kind.bits); err == nil && v <= math.MaxInt64 {
		return int64(v), nil
	}
	return 0, fmt.Errorf("%s is not an %s", short(token), datatype)
}

func short(token []byte) string {
	if len(token) > 40 {
		return string(bytes.ToValidUTF8(token[:37], nil)) + "…"
	}
	return string(token)
}

// rawTensor reads little-endian elements; BYTES are a 32-bit length and the bytes of UTF-8 each.
func rawTensor(b []byte, datatype string, shape []int64, n int) (*onnx.Tensor, error) {
	if have, err := rawElements(b, datatype); err != nil {
		return nil, err
	} else if have != n {
		return nil, fmt.Errorf("%d bytes hold %d elements of %s, shape %v needs %d", len(b), have, datatype, shape, n)
	}
	t, err := newTensor(datatype, shape, n)
	if err != nil {
		return nil, err
	}
	for i := range n {
		switch t.Type {
		case onnx.Float32:
			t.F32[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		case onnx.Float64:
			t.F64[i] = math.Float64frombits(binary.LittleEndian.Uint64(b[8*i:]))
		case onnx.Bool:
			if b[i] > 1 {
				return nil, fmt.Errorf("element %d: the byte %d is not a BOOL", i, b[i])
			}
			t.Bool[i] = b[i] == 1
		case onnx.Int64:
			if t.I64[i], err = rawInt(b, i, datatype); err != nil {
				return nil, err
			}
		case onnx.String:
			size := binary.LittleEndian.Uint32(b)
			t.Str[i] = string(b[4 : 4+size])
			if !utf8.ValidString(t.Str[i]) {
				return nil, fmt.Errorf("element %d is not UTF-8", i)
			}
			b = b[4+size:]
		}
	}
	return t, nil
}

func rawInt(b []byte, i int, datatype string) (int64, error) {
	switch datatype {
	case "INT8":
		return int64(int8(b[i])), nil
	case "UINT8":
		return int64(b[i]), nil
	case "INT16":
		return int64(int16(binary.LittleEndian.Uint16(b[2*i:]))), nil
	case "UINT16":
		return int64(binary.LittleEndian.Uint16(b[2*i:])), nil
	case "INT32":
		return int64(int32(binary.LittleEndian.Uint32(b[4*i:]))), nil
	case "UINT32":
		return int64(binary.LittleEndian.Uint32(b[4*i:])), nil
	}
	v := binary.LittleEndian.Uint64(b[8*i:])
	if datatype == "UINT64" && v > math.MaxInt64 {
		return 0, fmt.Errorf("element %d: %d is beyond 63 bits", i, v)
	}
	return int64(v), nil
}

var sizes = map[string]int{"BOOL": 1, "INT8": 1, "UINT8": 1, "INT16": 2, "UINT16": 2, "INT32": 4, "UINT32": 4, "INT64": 8, "UINT64": 8,
	"FP16": 2, "BF16": 2, "FP32": 4, "FP64": 8}

// rawElements counts the elements in some bytes and checks that they end where the bytes end.
func rawElements(b []byte, datatype string) (int, error) {
	if datatype != "BYTES" {
		size, ok := sizes[datatype]
		if !ok {
			return 0, fmt.Errorf("datatype %q is not one of the protocol", datatype)
		}
		if len(b)%size != 0 {
			return 0, fmt.Errorf("%d bytes are not a whole number of %s", len(b), datatype)
		}
		return len(b) / size, nil
	}
	n := 0
	for len(b) > 0 {
		if len(b) < 4 || int64(binary.LittleEndian.Uint32(b)) > int64(len(b)-4) {
			return 0, fmt.Errorf("element %d of BYTES reaches beyond the data", n)
		}
		b = b[4+binary.LittleEndian.Uint32(b):]
		n++
	}
	return n, nil
}
