package inference

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"testing"
)

func gzipped(t testing.TB, b []byte) string {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func le32(vs ...float32) []byte {
	var b []byte
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

// binaryRequest is one row: three inputs binary, one in JSON.
func binaryRequest() (string, int) {
	header := `{"inputs":[{"name":"rain_forecast_mm","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":4}},` +
		`{"name":"temp_c","shape":[1],"datatype":"FP32","data":[11]},` +
		`{"name":"promo","shape":[1],"datatype":"INT64","parameters":{"binary_data_size":8}},` +
		`{"name":"weekday","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":7}}],"parameters":{"binary_data_output":true}}`
	body := append([]byte(header), le32(float32(math.NaN()))...)
	body = binary.LittleEndian.AppendUint64(body, 1)
	body = append(binary.LittleEndian.AppendUint32(body, 3), "sat"...)
	return string(body), len(header)
}

func TestBinaryTensors(t *testing.T) {
	h := Handler(sqlite(t, "umbrella", "iris"))
	body, n := binaryRequest()
	r := ask(t, h, "POST", "/v2/models/umbrella/infer", body, headerLength, strconv.Itoa(n), "Content-Type", "application/octet-stream")
	answer := read(t, r)
	size, err := strconv.Atoi(r.Header.Get(headerLength))
	if r.StatusCode != 200 || err != nil || len(answer) != size+4 {
		t.Fatal(r.StatusCode, answer)
	}
	var meta struct {
		Outputs []struct {
			Name       string
			Parameters struct {
				Size int `json:"binary_data_size"`
			}
			Data []any
		}
	}
	if err := json.Unmarshal([]byte(answer[:size]), &meta); err != nil || meta.Outputs[0].Parameters.Size != 4 || meta.Outputs[0].Data != nil {
		t.Fatalf("%s %v", answer[:size], err)
	}
	if y := math.Float32frombits(binary.LittleEndian.Uint32([]byte(answer[size:]))); y < 5 || y > 40 {
		t.Errorf("answer %v", y)
	}
}

func TestBinaryPrecedence(t *testing.T) {
	h := Handler(sqlite(t, "iris"))
	inputs := ""
	for _, n := range []string{"sepal_length", "sepal_width", "petal_length", "petal_width"} {
		if inputs != "" {
			inputs += ","
		}
		inputs += `{"name":"` + n + `","shape":[1],"datatype":"FP32","data":[3]}`
	}
	for name, c := range map[string]struct {
		tail   string
		binary bool
		bytes  int
	}{
		"none":             {`"outputs":[{"name":"label"}]`, false, 0},
		"all":              {`"parameters":{"binary_data_output":true}`, true, 8 + 12},
		"one of two":       {`"outputs":[{"name":"probabilities","parameters":{"binary_data":true}},{"name":"label"}]`, true, 12},
		"output overrides": {`"parameters":{"binary_data_output":true},"outputs":[{"name":"label","parameters":{"binary_data":false}}]`, false, 0},
	} {
		r := ask(t, h, "POST", "/v2/models/iris/infer", `{"inputs":[`+inputs+`],`+c.tail+`}`)
		body := read(t, r)
		length := r.Header.Get(headerLength)
		if r.StatusCode != 200 || (length != "") != c.binary {
			t.Fatalf("%s: %d %s %s", name, r.StatusCode, length, body)
		}
		if n, _ := strconv.Atoi(length); c.binary && len(body)-n != c.bytes {
			t.Errorf("%s: %d bytes behind the JSON, want %d", name, len(body)-n, c.bytes)
		}
	}
}

func TestBinaryMistakesAre400(t *testing.T) {
	h := Handler(sqlite(t, "umbrella"))
	good, n := binaryRequest()
	for name, c := range map[string]struct{ body, length string }{
		"header too long":   {good, strconv.Itoa(len(good) + 1)},
		"header negative":   {good, "-1"},
		"header not number": {good, "ten"},
		"cut":               {good[:len(good)-1], strconv.Itoa(n)},
		"more":              {good + "x", strconv.Itoa(n)},
		"raw, many inputs":  {good, "0"},
		"length of bytes":   {good[:len(good)-7] + "\xff\xff\xff\xffsat", strconv.Itoa(n)},
		"not UTF-8":         {good[:len(good)-1] + "\xff", strconv.Itoa(n)},
	} {
		r := ask(t, h, "POST", "/v2/models/umbrella/infer", c.body, headerLength, c.length)
		if body := read(t, r); r.StatusCode != 400 || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %s", name, r.StatusCode, body)
		}
	}
}

func FuzzInfer(f *testing.F) {
	h := Handler(sqlite(f, "umbrella"))
	good, n := binaryRequest()
	f.Add([]byte(good), strconv.Itoa(n))
	f.Add([]byte(`{"inputs":[{"name":"temp_c","shape":[1,2],"datatype":"FP32","data":[[1,null]]}]}`), "")
	f.Add([]byte(`{"inputs":[{"name":"weekday","shape":[2],"datatype":"BYTES","data":["a\"]",""]}]}`), "")
	f.Add([]byte(`{"inputs":[{"name":"promo","shape":[9223372036854775807,2],"datatype":"INT64","data":[1]}]}`), "0")
	f.Fuzz(func(t *testing.T, body []byte, length string) {
		var headers []string
		if length != "" {
			headers = []string{headerLength, length}
		}
		checkAnswer(t, ask(t, h, "POST", "/v2/models/umbrella/infer", string(body), headers...))
	})
}

func FuzzInvocations(f *testing.F) {
	h := Handler(sqlite(f, "umbrella"))
	for _, s := range []string{`{"dataframe_split":{"columns":["temp_c"],"data":[[1]]}}`, `{"instances":[[1,2,0,"sat"]]}`, `{"inputs":{"temp_c":[1,2]}}`,
		"temp_c,promo\n1,2\n", `{"dataframe_records":[{}],"params":{"id":1}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		checkAnswer(t, ask(t, h, "POST", "/invocations", string(body), "Content-Type", "application/json"))
		checkAnswer(t, ask(t, h, "POST", "/invocations", string(body), "Content-Type", "text/csv"))
	})
}
