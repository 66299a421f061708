package modelpack

import (
	"bufio"
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/ref"
)

// billOfMaterials gives a CycloneDX 1.6 ML-BOM: the model with its card and file digests, the datasets that went in and
// the libraries of requirements.txt.
func billOfMaterials(m *Manifest, c Card, content map[string][]byte) ([]byte, error) {
	var metrics []any
	for _, t := range m.Tests {
		metrics = append(metrics, omitEmpty(map[string]any{"type": t.Metric, "value": number(t.Value), "slice": t.Slice}))
	}
	var datasetRefs, components []any
	for _, d := range m.Lineage.Datasets {
		id := "dataset:" + d.Name + "@" + d.Digest
		datasetRefs = append(datasetRefs, map[string]any{"ref": id})
		components = append(components, omitEmpty(map[string]any{
			"type": "data", "bom-ref": id, "name": d.Name, "version": d.Version, "data": []any{map[string]any{"type": "dataset", "name": d.Name}},
		}))
	}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		components = append(components, map[string]any{"type": "file", "bom-ref": "file:" + name, "name": name,
			"hashes": []any{map[string]any{"alg": "SHA-256", "content": ref.Sum(content[name]).Hex()}}})
	}
	components = append(components, libraries(content["requirements.txt"])...)
	approach := map[string]any{"approach": map[string]any{"type": "supervised"}, "task": m.Kind, "datasets": datasetRefs,
		"inputs": []any{map[string]any{"format": "number"}}, "outputs": []any{map[string]any{"format": "number"}}}
	model := map[string]any{
		"type": "machine-learning-model", "bom-ref": "model:" + m.Name, "name": m.Name, "version": m.Version, "description": c.Description,
		"hashes": []any{map[string]any{"alg": "SHA-256", "content": ref.Sum(content["model.onnx"]).Hex()}},
		"modelCard": omitEmpty(map[string]any{
			"modelParameters":      omitEmpty(approach),
			"quantitativeAnalysis": omitEmpty(map[string]any{"performanceMetrics": metrics}),
			"considerations":       omitEmpty(map[string]any{"useCases": texts(c.Decision), "technicalLimitations": c.Never}),
		}),
	}
	return Canonical(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		"metadata":   map[string]any{"timestamp": m.CreatedAt.Format(time.RFC3339), "component": omitEmpty(model)},
		"components": components,
	})
}

// libraries reads "name==version" lines.
func libraries(requirements []byte) []any {
	var out []any
	lines := bufio.NewScanner(bytes.NewReader(requirements))
	for lines.Scan() {
		name, version, ok := strings.Cut(strings.TrimSpace(lines.Text()), "==")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		purl := "pkg:pypi/" + strings.ToLower(name) + "@" + version
		out = append(out, map[string]any{"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl})
	}
	return out
}

func texts(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func omitEmpty(m map[string]any) map[string]any {
	maps.DeleteFunc(m, func(_ string, v any) bool {
		switch x := v.(type) {
		case string:
			return x == ""
		case []any:
			return len(x) == 0
		case []string:
			return len(x) == 0
		case map[string]any:
			return len(x) == 0
		}
		return v == nil
	})
	return m
}
