package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
)

// Inputs are everything that decides what a step writes. Equal inputs have equal digests.
type Inputs struct {
	Cmd    []string              `json:"cmd"`
	Deps   map[string]ref.Digest `json:"deps,omitempty"`   // path → content
	Params map[string]any        `json:"params,omitempty"` // dotted key → value
	Env    map[string]string     `json:"env,omitempty"`    // declared variables
	Locks  map[string]ref.Digest `json:"locks,omitempty"`  // requirements files → content
	Outs   []string              `json:"outs,omitempty"`   // sorted
}

// Digest is the fingerprint.
func (in *Inputs) Digest() ref.Digest {
	b, err := json.Marshal(in) // keys of maps are sorted
	if err != nil {
		panic("pipeline: inputs are always JSON: " + err.Error())
	}
	return ref.Sum(b)
}

// environmentFiles are the locks of a Python environment; the first that exists counts.
var environmentFiles = []string{"requirements.lock", "requirements.txt"}

// inputsOf reads the inputs of a step; content gives the digest of a dependency, fs.ErrNotExist when it is not there.
func (p *Plan) inputsOf(s spec.Step, content func(dep string) (ref.Digest, error)) (*Inputs, error) {
	in := &Inputs{
		Cmd: s.Cmd, Env: s.Env, Outs: slices.Sorted(slices.Values(s.Outputs())),
		Deps: map[string]ref.Digest{}, Params: map[string]any{}, Locks: map[string]ref.Digest{},
	}
	var missing []string
	for _, dep := range s.Deps {
		d, err := content(dep)
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, dep)
			continue
		} else if err != nil {
			return nil, fault.Wrap(err, "step %s", s.Name)
		}
		in.Deps[dep] = d
	}
	if len(missing) > 0 {
		return nil, p.missing(s, missing)
	}
	for _, key := range s.Params {
		v, ok := p.params.lookup(key)
		if !ok {
			at := p.product.Place("pipeline.steps." + s.Name + ".params")
			return nil, fault.New(fault.NotFound, "step %s reads the parameter %s, which is not in %s%s", s.Name, key,
				strings.Join(p.product.Pipeline.Params, ", "), p.params.near(key)).At(p.product.File, at.Line, at.Col)
		}
		in.Params[key] = v
	}
	for _, lock := range environmentFiles {
		if out, err := p.ws.state(lock); err == nil {
			in.Locks[lock] = out.Digest
			break
		}
	}
	return in, nil
}

// missing names the files a step needs and who should write them.
func (p *Plan) missing(s spec.Step, deps []string) error {
	var lines []string
	for _, dep := range deps {
		if by, ok := p.product.Pipeline.Producer(dep); ok {
			lines = append(lines, fmt.Sprintf("%s, which the step %s should write", dep, by.Name))
		} else {
			lines = append(lines, fmt.Sprintf("%s, which no step writes", dep))
		}
	}
	at := p.product.Place("pipeline.steps." + s.Name + ".deps")
	return fault.New(fault.NotFound, "step %s needs a file that does not exist: %s", s.Name, strings.Join(lines, "; ")).
		At(p.product.File, at.Line, at.Col).WithHint("add the file, or correct deps in %s", spec.FileName)
}

// changes says what differs from the inputs of an earlier success, for people; nil when nothing does.
func (in *Inputs) changes(old *Inputs) (list []string) {
	if a, b := strings.Join(old.Cmd, "; "), strings.Join(in.Cmd, "; "); a != b {
		list = append(list, fmt.Sprintf("command changed (%s → %s)", short(a), short(b)))
	}
	list = append(list, digests("", old.Deps, in.Deps)...)
	was, is := map[string]any{}, map[string]any{}
	flatten(was, old.Params)
	flatten(is, in.Params)
	for _, k := range keys(was, is) {
		a, had := was[k]
		b, has := is[k]
		switch {
		case !had:
			list = append(list, fmt.Sprintf("param %s is new (%s)", k, show(b)))
		case !has:
			list = append(list, fmt.Sprintf("param %s is no longer read", k))
		case !same(a, b):
			list = append(list, fmt.Sprintf("param %s changed (%s → %s)", k, show(a), show(b)))
		}
	}
	for _, k := range keys(old.Env, in.Env) {
		if a, b := old.Env[k], in.Env[k]; a != b {
			list = append(list, fmt.Sprintf("env %s changed (%s → %s)", k, show(a), show(b)))
		}
	}
	list = append(list, digests("environment ", old.Locks, in.Locks)...)
	if !slices.Equal(old.Outs, in.Outs) {
		list = append(list, fmt.Sprintf("outs changed (%s → %s)", short(strings.Join(old.Outs, ", ")), short(strings.Join(in.Outs, ", "))))
	}
	return list
}

func digests(prefix string, old, now map[string]ref.Digest) (list []string) {
	for _, k := range keys(old, now) {
		a, had := old[k]
		b, has := now[k]
		switch {
		case !had:
			list = append(list, prefix+k+" is a new dependency")
		case !has:
			list = append(list, prefix+k+" is no longer a dependency")
		case a != b:
			list = append(list, fmt.Sprintf("%s%s changed (%.8s → %.8s)", prefix, k, a.Hex(), b.Hex()))
		}
	}
	return list
}

func keys[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

// flatten writes nested sections as dotted keys.
func flatten(into map[string]any, m map[string]any) {
	var walk func(key string, v any)
	walk = func(key string, v any) {
		if sub, ok := v.(map[string]any); ok {
			for k, x := range sub {
				walk(key+"."+k, x)
			}
			return
		}
		into[key] = v
	}
	for k, v := range m {
		walk(k, v)
	}
}

// same compares values that may have gone through JSON: 1 equals 1.0.
func same(a, b any) bool { return reflect.DeepEqual(a, b) || show(a) == show(b) }

func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return short(string(b))
}

func short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}

// sentence joins reasons, the first three in full.
func sentence(reasons []string) string {
	if len(reasons) > 3 {
		return strings.Join(reasons[:3], "; ") + fmt.Sprintf("; and %d more", len(reasons)-3)
	}
	return strings.Join(reasons, "; ")
}
