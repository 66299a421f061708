package intake

import (
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	for _, c := range []struct {
		body   string
		values int
		ok     bool
	}{
		{`{"rows":[1,2,3]}`, 3, true},
		{`{"rows":[1,2,3,4]}`, 3, false},
		{`[[],[]]`, 4, true},
		{`[[],[],[]]`, 4, false},
		{`{"a":"[,,,,[[[","b":"\",,,\\",",":1}`, 2, true},
		{`{"a":"open ,,,,,`, 0, true},
		{`{"a":"open \`, 0, true},
		{``, 0, true},
		{`[` + strings.Repeat(`{},`, MaxObjects-1) + `{}]`, MaxObjects, true},
		{`[` + strings.Repeat(`{},`, MaxObjects) + `{}]`, MaxObjects + 1, false},
	} {
		if err := JSON([]byte(c.body), c.values); (err == nil) != c.ok {
			t.Errorf("%.60s: %v", c.body, err)
		}
	}
}

func TestCSV(t *testing.T) {
	if err := CSV([]byte("a,b\n1,2\n"), 4); err != nil {
		t.Error(err)
	}
	if err := CSV([]byte(",,,,,"), 4); err == nil {
		t.Error("six cells were let through for four")
	}
}

func BenchmarkJSON(b *testing.B) {
	body := []byte(`{"inputs":[` + strings.Repeat(`{"name":"rain_forecast_mm","shape":[1,1],"datatype":"FP32","data":[4.25]},`, 100) + `{}]}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := JSON(body, 1000); err != nil {
			b.Fatal(err)
		}
	}
}
