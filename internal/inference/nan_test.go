package inference

import "testing"

func TestPythonJSON(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":[1,NaN]}`:           `{"a":[1,null]}`,
		`[Infinity,-Infinity,-1]`: `["Infinity","-Infinity",-1]`,
		`["NaN","a\"NaN",NaN]`:    `["NaN","a\"NaN",null]`,
		`["\\",NaN]`:              `["\\",null]`,
		`["Infinity`:              `["Infinity`,
		`NaN\`:                    `null\`,
		`{"plain":1}`:             `{"plain":1}`,
	} {
		if got := string(pythonJSON([]byte(in))); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
