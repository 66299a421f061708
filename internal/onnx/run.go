package onnx

import (
	"fmt"
	"slices"
)

// Inputs lists what Run expects, in declared order.
func (p *Program) Inputs() []ValueInfo { return cloneInfos(p.inputs) }

// Outputs lists what Run can compute, in declared order.
func (p *Program) Outputs() []ValueInfo { return cloneInfos(p.outputs) }

// OutputLabels gives the class labels of a ZipMap output, nil for others.
func (p *Program) OutputLabels(name string) *Labels { return p.labels[name] }

// Warnings lists behaviour of ONNX Runtime that this model depends on and that
// differs from what the training library is likely to do.
func (p *Program) Warnings() []string { return slices.Clone(p.warnings) }

// Run evaluates the wanted outputs, all when none is named, on a batch; the first
// dimension of the inputs is the number of rows. Only the inputs that the wanted
// outputs depend on must be present. The result does not share memory with the
// inputs. Errors name the node.
func (p *Program) Run(inputs map[string]*Tensor, want ...string) (map[string]*Tensor, error) {
	for name := range inputs {
		if s, ok := p.slots[name]; !ok || p.producer[s] >= 0 || p.consts[s] != nil {
			return nil, invalid("the model has no input %q", name)
		}
	}
	out, _, err := p.run(inputs, want)
	return out, err
}

// run is Run without the check for unknown names; it also returns the step that
// failed.
func (p *Program) run(inputs map[string]*Tensor, want []string) (map[string]*Tensor, *step, error) {
	vals := make([]*Tensor, len(p.consts))
	copy(vals, p.consts)
	for i := range p.inputs {
		v := &p.inputs[i]
		t := inputs[v.Name]
		if t == nil {
			continue
		}
		if err := v.accept(t, p.limits.MaxElements); err != nil {
			return nil, nil, invalid("input %q: %v", v.Name, err)
		}
		vals[p.slots[v.Name]] = t
	}
	needed, err := p.needed(want)
	if err != nil {
		return nil, nil, err
	}
	if st, err := p.execute(vals, needed); err != nil {
		return nil, st, err
	}
	out, err := p.collect(vals, want)
	return out, nil, err
}

// accept checks a tensor against the declaration of an input.
func (v *ValueInfo) accept(t *Tensor, limit int64) error {
	if t.Type != v.Type {
		return fmt.Errorf("got %s, want %s", t.Type, v.Type)
	}
	if v.Shape != nil {
		if len(t.Shape) != len(v.Shape) {
			return fmt.Errorf("got shape %v, want %v", t.Shape, v.Shape)
		}
		for i, d := range v.Shape {
			if d >= 0 && d != t.Shape[i] {
				return fmt.Errorf("got shape %v, want %v", t.Shape, v.Shape)
			}
		}
	}
	return t.check(limit)
}

// needed marks the steps that the wanted outputs depend on; nil means all.
func (p *Program) needed(want []string) ([]bool, error) {
	if len(want) == 0 {
		return nil, nil
	}
	needed := make([]bool, len(p.steps))
	for _, name := range want {
		if !slices.ContainsFunc(p.outputs, func(v ValueInfo) bool { return v.Name == name }) {
			return nil, invalid("the model has no output %q", name)
		}
		if i := p.producer[p.slots[name]]; i >= 0 {
			needed[i] = true
		}
	}
	for i := len(needed) - 1; i >= 0; i-- {
		if !needed[i] {
			continue
		}
		for _, s := range p.steps[i].in {
			if s >= 0 && p.producer[s] >= 0 {
				needed[p.producer[s]] = true
			}
		}
	}
	return needed, nil
}

// execute runs the steps in order and drops values that are dead. The elements
// alive at once are bounded, so that a long graph cannot pile up tensors that are
// each within the limit.
func (p *Program) execute(vals []*Tensor, needed []bool) (*step, error) {
	e := env{p.limits}
	live := int64(0)
	var scratch [16]*Tensor
	for i := range p.steps {
		if needed != nil && !needed[i] {
			continue
		}
		st := &p.steps[i]
		args := scratch[:0]
		for _, s := range st.in {
			if s < 0 {
				args = append(args, nil)
				continue
			}
			if vals[s] == nil {
				return st, invalid("input %q is missing", p.inputName(s))
			}
			args = append(args, vals[s])
		}
		nIn := len(args)
		for range st.out {
			args = append(args, nil)
		}
		in, out := args[:nIn:nIn], args[nIn:]
		if err := st.kernel(&e, in, out); err != nil {
			if _, ok := err.(*variantError); ok {
				err = fmt.Errorf("onnx: node %q (%s): %w", st.node.label(), st.node.qualified(), err)
			} else {
				err = st.node.invalid(err)
			}
			return st, err
		}
		for j, s := range st.out {
			if s >= 0 {
				vals[s] = out[j]
				live += int64(out[j].Len())
			}
		}
		if live > 4*p.limits.MaxElements {
			return st, st.node.invalid(invalid("more than %d elements alive", 4*p.limits.MaxElements))
		}
		for _, s := range st.release {
			if vals[s] != nil {
				live -= int64(vals[s].Len())
				vals[s] = nil
			}
		}
	}
	return nil, nil
}

func (p *Program) inputName(slot int) string {
	for _, v := range p.inputs {
		if p.slots[v.Name] == slot {
			return v.Name
		}
	}
	return "?"
}

func (p *Program) collect(vals []*Tensor, want []string) (map[string]*Tensor, error) {
	if len(want) == 0 {
		for i := range p.outputs {
			want = append(want, p.outputs[i].Name)
		}
	}
	out := make(map[string]*Tensor, len(want))
	for _, name := range want {
		s := p.slots[name]
		if vals[s] == nil {
			return nil, invalid("input %q is missing", name)
		}
		if p.shared[s] {
			out[name] = vals[s].Clone()
		} else {
			out[name] = vals[s]
		}
	}
	return out, nil
}
