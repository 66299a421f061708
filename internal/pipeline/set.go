package pipeline

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/paraplu/paraplu/internal/fault"
)

// ParseSet reads overrides of parameters, "train.depth=4"; a value has YAML's types.
func ParseSet(list []string) (map[string]any, error) {
	out := map[string]any{}
	for _, item := range list {
		key, text, ok := strings.Cut(item, "=")
		if !ok || key == "" {
			return nil, fault.New(fault.Invalid, "%q is not KEY=VALUE", item).WithHint("--set train.depth=4")
		}
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			return nil, fault.New(fault.Invalid, "the value of %s: %w", key, err)
		}
		out[key] = v
	}
	return out, nil
}
