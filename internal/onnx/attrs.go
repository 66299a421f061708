package onnx

import (
	"fmt"
	"maps"
	"slices"
)

// nodeCtx is what an operator builder sees of its node. Attribute readers record
// the first error and the names read; finish reports both.
type nodeCtx struct {
	node    *node
	version int64 // since-version of the operator that is in force
	limits  Limits
	consts  map[string]*Tensor
	warn    func(string)

	read map[string]bool
	err  error
}

func (c *nodeCtx) get(name string, kind int) *attr {
	c.read[name] = true
	a := c.node.attrs[name]
	if a == nil {
		return nil
	}
	if a.kind != kind {
		if c.err == nil {
			c.err = defect("attribute %q has kind %d, want %d", name, a.kind, kind)
		}
		return nil
	}
	return a
}

func (c *nodeCtx) has(name string) bool { return c.node.attrs[name] != nil }

func (c *nodeCtx) int(name string, def int64) int64 {
	if a := c.get(name, attrInt); a != nil {
		return a.i
	}
	return def
}

func (c *nodeCtx) float(name string, def float32) float32 {
	if a := c.get(name, attrFloat); a != nil {
		return a.f
	}
	return def
}

func (c *nodeCtx) str(name, def string) string {
	if a := c.get(name, attrString); a != nil {
		return a.s
	}
	return def
}

func (c *nodeCtx) ints(name string) []int64 {
	if a := c.get(name, attrInts); a != nil {
		return a.ints
	}
	return nil
}

func (c *nodeCtx) floats(name string) []float32 {
	if a := c.get(name, attrFloats); a != nil {
		return a.floats
	}
	return nil
}

func (c *nodeCtx) strings(name string) []string {
	if a := c.get(name, attrStrings); a != nil {
		return a.strings
	}
	return nil
}

func (c *nodeCtx) tensor(name string) *Tensor {
	if a := c.get(name, attrTensor); a != nil {
		return a.t
	}
	return nil
}

// ignore marks attributes that cannot change a result.
func (c *nodeCtx) ignore(names ...string) {
	for _, n := range names {
		c.read[n] = true
	}
}

// finish reports a wrong attribute kind, or an attribute that the builder does
// not know and whose meaning would therefore be lost.
func (c *nodeCtx) finish() error {
	if c.err != nil {
		return c.err
	}
	for _, name := range slices.Sorted(maps.Keys(c.node.attrs)) {
		if !c.read[name] {
			return defect("unknown attribute %q", name)
		}
	}
	return nil
}

// present tells whether input i is connected.
func (c *nodeCtx) present(i int) bool {
	return i < len(c.node.inputs) && c.node.inputs[i] != ""
}

func (c *nodeCtx) warnf(format string, args ...any) {
	c.warn(fmt.Sprintf("%s (%s): ", c.node.label(), c.node.qualified()) + fmt.Sprintf(format, args...))
}
