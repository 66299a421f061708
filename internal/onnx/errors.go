package onnx

import (
	"fmt"
	"strings"
)

// ParseError reports bytes that are not a well-formed ONNX message.
type ParseError struct {
	Offset int // position in the file at which reading stopped
	Reason string
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("onnx: byte %d: %s", e.Offset, e.Reason)
}

// InvalidError reports a well-formed model, or an input of [Program.Run], that
// breaks a rule. Node and Op are empty when no single node is at fault.
type InvalidError struct {
	Node   string
	Op     string
	Reason string

	// static marks a defect of the model that does not depend on the values fed.
	static bool
}

func (e *InvalidError) Error() string {
	switch {
	case e.Op == "" && e.Node == "":
		return "onnx: " + e.Reason
	case e.Node == "":
		return fmt.Sprintf("onnx: %s: %s", e.Op, e.Reason)
	default:
		return fmt.Sprintf("onnx: node %q (%s): %s", e.Node, e.Op, e.Reason)
	}
}

// UnsupportedError lists what a model needs and this package does not have:
// operators as "domain:Op v3" (main domain: "Op v13") followed by the variant in
// brackets when only that is missing, or with the imported operator set, as in
// "Einsum (opset 21)", when the operator is; and other features in words. The
// list is sorted and free of duplicates.
type UnsupportedError struct {
	Ops []string
}

func (e *UnsupportedError) Error() string {
	return "onnx: not supported: " + strings.Join(e.Ops, ", ")
}

// variantError is returned by operator builders and kernels for a legal variant
// of a known operator that is not implemented; Compile turns it into an
// UnsupportedError.
type variantError struct{ what string }

func (e *variantError) Error() string { return "not supported: " + e.what }

func unsupported(format string, args ...any) error {
	return &variantError{fmt.Sprintf(format, args...)}
}

func errType(t DType) error { return unsupported("input type %s", t) }

// invalid is the short form for errors inside operators; the node is added by
// the caller, which knows it.
func invalid(format string, args ...any) error {
	return &InvalidError{Reason: fmt.Sprintf(format, args...)}
}

// defect is invalid for what is wrong with the model whatever the input is.
func defect(format string, args ...any) error {
	return &InvalidError{Reason: fmt.Sprintf(format, args...), static: true}
}
