package spec_test

import (
	"fmt"

	"github.com/paraplu/paraplu/internal/spec"
)

func ExampleParse() {
	_, err := spec.Parse("paraplu.yaml", []byte(`product: {name: umbrella}
team:
  members: [{name: daisy, role: data scientist}]
data:
  weather: {path: data/weather.csv, owner: daysi}
monitor: {windw: 7d}
`))
	fmt.Println(err)
	// Output:
	// paraplu.yaml:5:37: data.weather.owner: "daysi" is not a member of the team; did you mean "daisy"?
	// paraplu.yaml:6:11: monitor: unknown key "windw"; did you mean "window"?
}
