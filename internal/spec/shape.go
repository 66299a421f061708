package spec

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// kind is the form of a value in the file.
type kind uint8

const (
	kText kind = iota
	kNumber
	kInteger
	kBool
	kDuration
	kDate
	kLimit
	kCommand
	kStruct // mapping with fixed keys
	kList   // sequence
	kKeyed  // mapping of names to structs, a slice in Go
	kTexts  // mapping of names to text
	kAny    // mapping of names to anything
)

// shape is one row of the table that both reader and schema follow. It is built
// once from the Go types and their tags.
type shape struct {
	kind     kind
	pointer  bool     // the Go value is a pointer, nil when absent
	format   format   // of text, of list items, of the keys of a mapping
	values   format   // of the values of kTexts
	enum     []string // allowed texts
	min, max *float64
	def      string // default as text, "" for none
	fields   []field
	elem     *shape // of lists and keyed mappings
	key      int    // of structs in a keyed mapping: Go field that takes the name
	isPath   bool   // text is cleaned as a path
}

type field struct {
	name, doc string
	index     int
	required  bool
	shape     *shape
}

var root = shapeOf(reflect.TypeFor[Product](), "")

var scalarTypes = map[reflect.Type]kind{
	reflect.TypeFor[Duration](): kDuration,
	reflect.TypeFor[Date]():     kDate,
	reflect.TypeFor[Limit]():    kLimit,
	reflect.TypeFor[Command]():  kCommand,
}

func shapeOf(t reflect.Type, tag reflect.StructTag) *shape {
	s := &shape{def: tag.Get("default"), format: formats[tag.Get("format")], values: formats[""]}
	s.isPath = tag.Get("format") == "path"
	s.min, s.max = bound(tag, "min="), bound(tag, "max=")
	if enum := tag.Get("enum"); enum != "" {
		s.enum = strings.Split(enum, "|")
	}
	if tag.Get("values") == "free" {
		s.values = format{pattern: regexp.MustCompile(``)}
	}
	if s.pointer = t.Kind() == reflect.Pointer; s.pointer {
		t = t.Elem()
	}
	if k, ok := scalarTypes[t]; ok {
		s.kind = k
		return s
	}
	switch t.Kind() {
	case reflect.String:
		s.kind = kText
	case reflect.Float64:
		s.kind = kNumber
	case reflect.Int:
		s.kind = kInteger
	case reflect.Bool:
		s.kind = kBool
	case reflect.Map:
		if s.kind = kTexts; t.Elem().Kind() == reflect.Interface {
			s.kind = kAny
		}
	case reflect.Struct:
		s.kind = kStruct
		s.fields, s.key = fieldsOf(t, s)
	case reflect.Slice:
		s.elem = shapeOf(t.Elem(), tag)
		if s.kind = kList; flag(tag, "keyed") {
			s.kind, s.format = kKeyed, s.elem.format
		}
	default:
		panic("spec: no shape for " + t.String())
	}
	return s
}

// fieldsOf lists the keys of a struct in the order of the Go fields, and the
// field that takes the name in a keyed mapping, whose format becomes that of s.
func fieldsOf(t reflect.Type, s *shape) (fields []field, key int) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported(), name == "-", flag(f.Tag, "-"):
		case flag(f.Tag, "key"):
			key, s.format = i, formats[f.Tag.Get("format")]
		default:
			fields = append(fields, field{
				name: name, doc: f.Tag.Get("doc"), index: i,
				required: flag(f.Tag, "required"), shape: shapeOf(f.Type, f.Tag),
			})
		}
	}
	return fields, key
}

func flag(tag reflect.StructTag, name string) bool {
	return slices.Contains(strings.Split(tag.Get("spec"), ","), name)
}

func bound(tag reflect.StructTag, name string) *float64 {
	for part := range strings.SplitSeq(tag.Get("spec"), ",") {
		if text, ok := strings.CutPrefix(part, name); ok {
			n, err := strconv.ParseFloat(text, 64)
			if err != nil {
				panic("spec: bad bound " + part)
			}
			return &n
		}
	}
	return nil
}

// names lists the keys of a struct.
func (s *shape) names() []string {
	out := make([]string, len(s.fields))
	for i, f := range s.fields {
		out[i] = f.name
	}
	return out
}

// homes finds the sections in which a key is known, as dotted paths.
func (s *shape) homes(key, path string) (found []string) {
	switch s.kind {
	case kStruct:
		for _, f := range s.fields {
			if f.name == key && path != "" {
				found = append(found, path)
			}
			found = append(found, f.shape.homes(key, join(path, f.name))...)
		}
	case kKeyed:
		found = s.elem.homes(key, path+".*")
	case kList:
		found = s.elem.homes(key, path+"[]")
	}
	return found
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
