package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/paraplu/paraplu/internal/fault"
)

// readMetrics reads the numbers of JSON files; nested keys are joined by dots. With several files the name of the file
// comes before the key. Texts and truth values are left out.
func readMetrics(ws *workspace, files []string) (map[string]float64, error) {
	all := map[string]float64{}
	for _, file := range files {
		data, err := os.ReadFile(ws.abs(file))
		if err != nil {
			return nil, err
		}
		var m map[string]any
		dec := json.NewDecoder(bytes.NewReader(data))
		if err := dec.Decode(&m); err != nil {
			return nil, fault.New(fault.Invalid, "the metrics file %s is not a JSON object: %w", file, err).
				WithHint("write numbers only; JSON has no NaN and no Infinity")
		}
		prefix := ""
		if len(files) > 1 {
			prefix = file + ":"
		}
		collect(all, prefix, m)
	}
	return all, nil
}

func collect(into map[string]float64, prefix string, m map[string]any) {
	for k, v := range m {
		switch v := v.(type) {
		case float64:
			into[prefix+k] = v
		case map[string]any:
			collect(into, prefix+k+".", v)
		case []any:
			for i, x := range v {
				collect(into, prefix, map[string]any{fmt.Sprintf("%s[%d]", k, i): x})
			}
		}
	}
}
