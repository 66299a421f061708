package onnx

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// message writes protobuf fields; the tests use it to make models that no exporter
// would write.
type message []byte

func (m message) varint(tag int, v uint64) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(tag)<<3), v)
}

func (m message) bytes(tag int, b []byte) message {
	m = binary.AppendUvarint(m, uint64(tag)<<3|wireBytes)
	return append(binary.AppendUvarint(m, uint64(len(b))), b...)
}

func (m message) str(tag int, s string) message { return m.bytes(tag, []byte(s)) }

func (m message) fixed32(tag int, v float32) message {
	m = binary.AppendUvarint(m, uint64(tag)<<3|wireI32)
	return binary.LittleEndian.AppendUint32(m, math.Float32bits(v))
}

// attrs maps attribute names to int, float32, string, []int64, []float32, []string
// or message (a tensor).
type attrs map[string]any

func attribute(name string, v any) message {
	m := message{}.str(1, name)
	switch v := v.(type) {
	case int:
		return m.varint(3, uint64(v)).varint(20, attrInt)
	case float32:
		return m.fixed32(2, v).varint(20, attrFloat)
	case string:
		return m.str(4, v).varint(20, attrString)
	case []int64:
		for _, i := range v {
			m = m.varint(8, uint64(i))
		}
		return m.varint(20, attrInts)
	case []float32:
		for _, f := range v {
			m = m.fixed32(7, f)
		}
		return m.varint(20, attrFloats)
	case []string:
		for _, s := range v {
			m = m.str(9, s)
		}
		return m.varint(20, attrStrings)
	case message:
		return m.bytes(5, v).varint(20, attrTensor)
	}
	panic("attribute kind")
}

func nodeOf(domain, op string, in, out []string, as attrs) message {
	m := message{}
	for _, s := range in {
		m = m.str(1, s)
	}
	for _, s := range out {
		m = m.str(2, s)
	}
	m = m.str(3, "n_"+op).str(4, op).str(7, domain)
	for _, name := range slices.Sorted(maps.Keys(as)) {
		m = m.bytes(5, attribute(name, as[name]))
	}
	return m
}

func tensorOf(name string, t DType, dims []int64, raw []byte) message {
	m := message{}
	for _, d := range dims {
		m = m.varint(1, uint64(d))
	}
	return m.varint(2, uint64(t)).str(8, name).bytes(9, raw)
}

func infoOf(name string, t DType, dims ...int64) message {
	shape := message{}
	for _, d := range dims {
		dim := message{}
		if d >= 0 {
			dim = dim.varint(1, uint64(d))
		}
		shape = shape.bytes(1, dim)
	}
	tensor := message{}.varint(1, uint64(t)).bytes(2, shape)
	return message{}.str(1, name).bytes(2, message{}.bytes(1, tensor))
}

// modelOf wraps graph fields: input X (float, n×2) and output Y of the given type.
func modelOf(out DType, fields func(g message) message) []byte {
	g := message{}.bytes(11, infoOf("X", Float32, -1, 2)).bytes(12, infoOf("Y", out))
	g = fields(g)
	return message{}.varint(1, 8).bytes(7, g).
		bytes(8, message{}.str(1, "").varint(2, 17)).
		bytes(8, message{}.str(1, mlDomain).varint(2, 3))
}

func oneNode(out DType, domain, op string, as attrs) []byte {
	return modelOf(out, func(g message) message {
		return g.bytes(1, nodeOf(domain, op, []string{"X"}, []string{"Y"}, as))
	})
}

// stump is a regressor with one inner node and two leaves, changed by the caller.
func stump(change attrs) []byte {
	as := attrs{
		"nodes_treeids": []int64{0, 0, 0}, "nodes_nodeids": []int64{0, 1, 2},
		"nodes_featureids": []int64{1, 0, 0}, "nodes_values": []float32{0.5, 0, 0},
		"nodes_modes":       []string{"BRANCH_LEQ", "LEAF", "LEAF"},
		"nodes_truenodeids": []int64{1, 0, 0}, "nodes_falsenodeids": []int64{2, 0, 0},
		"target_treeids": []int64{0, 0}, "target_nodeids": []int64{1, 2},
		"target_ids": []int64{0, 0}, "target_weights": []float32{10, 20},
		"n_targets": 1,
	}
	maps.Copy(as, change)
	return oneNode(Float32, mlDomain, "TreeEnsembleRegressor", as)
}
