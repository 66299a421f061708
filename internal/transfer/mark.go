package transfer

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/registry"
	"github.com/paraplu/paraplu/internal/tracking"
)

// A mark is a digest of a thing as the source shows it. The order in which a source lists tags means nothing.

func markOf(parts ...any) string {
	b, err := json.Marshal(parts)
	if err != nil { // numbers are texts here, so all marshals
		panic(err)
	}
	return ref.Sum(b).Short()
}

func byKey(list []tracking.KV) []tracking.KV {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b tracking.KV) int { return cmp.Compare(a.Key, b.Key) })
	return list
}

// metricTexts also holds what JSON has no numbers for.
func metricTexts(list []tracking.Metric) []string {
	out := make([]string, len(list))
	for i, m := range list {
		out[i] = fmt.Sprintf("%q %x %d %d %s %q %q", m.Key, m.Value, m.TimestampMs, m.Step, m.RunID, m.DatasetName, m.DatasetDigest)
	}
	slices.Sort(out)
	return out
}

func markExperiment(e tracking.Experiment) string {
	return markOf(e.Name, e.Stage, byKey(e.Tags), e.ArtifactLocation)
}

func markRun(r tracking.Run) string {
	metrics := metricTexts(r.Metrics)
	var inputs []string
	for _, d := range r.Datasets {
		inputs = append(inputs, markOf(d.Dataset, byKey(d.Tags)))
	}
	slices.Sort(inputs)
	r.Metrics, r.Datasets, r.Tags, r.Params = nil, nil, byKey(r.Tags), byKey(r.Params)
	return markOf(r, metrics, inputs)
}

func markModel(m tracking.LoggedModel) string {
	metrics := metricTexts(m.Metrics)
	m.Metrics, m.Tags, m.Params = nil, byKey(m.Tags), byKey(m.Params)
	return markOf(m, metrics)
}

func markRegistered(m registry.Model) string {
	m.Latest = nil
	return markOf(m)
}

func markVersion(v registry.Version) string {
	v.Aliases = nil
	return markOf(v)
}
