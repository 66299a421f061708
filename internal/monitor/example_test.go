package monitor_test

import (
	"fmt"

	"github.com/paraplu/paraplu/internal/monitor"
)

func ExampleNext() {
	state := monitor.IncidentOpen
	for _, signal := range []monitor.Signal{monitor.Acknowledge, monitor.Mitigate, monitor.Resolve} {
		state, _, _ = monitor.Next(state, signal)
		fmt.Println(state)
	}
	// Output:
	// acknowledged
	// mitigated
	// resolved
}
