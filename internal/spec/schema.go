package spec

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Schema gives the JSON Schema (draft 2020-12) of paraplu.yaml, for editors. It
// says all that one value can say; contradictions between values are found by
// [Parse] only. Every file that Parse accepts is valid by the schema.
func Schema() []byte {
	s := root.schema()
	head := object{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", FileName}}
	raw, err := append(head, s...).MarshalJSON()
	var b bytes.Buffer
	if err == nil {
		err = json.Indent(&b, raw, "", "  ")
	}
	if err != nil {
		panic("spec: the schema is always JSON: " + err.Error())
	}
	return append(bytes.TrimSpace(b.Bytes()), '\n')
}

// object is a JSON object that keeps its order.
type object []member

type member struct {
	key   string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := enc.Encode(m.key); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (s *shape) schema() object {
	switch s.kind {
	case kText:
		return append(s.text(), s.defaultText()...)
	case kNumber:
		return append(s.number("number"), s.defaultNumber()...)
	case kInteger:
		return append(s.number("integer"), s.defaultNumber()...)
	case kBool:
		o := object{{"type", "boolean"}}
		if s.def != "" {
			o = append(o, member{"default", s.def == "true"})
		}
		return o
	case kDuration:
		return append(object{{"type", "string"}, {"minLength", 1}, {"pattern", durationText.String()}}, s.defaultText()...)
	case kDate:
		return object{{"type", "string"}, {"pattern", dateText.String()}, {"format", "date"}}
	case kLimit:
		o := object{{"oneOf", []object{{{"type", "number"}}, {{"const", "auto"}}}}}
		if s.def == "auto" {
			return append(o, s.defaultText()...)
		}
		return append(o, s.defaultNumber()...)
	case kCommand:
		one := (&shape{format: formats[""]}).text()
		return object{{"oneOf", []object{one, {{"type", "array"}, {"items", one}, {"minItems", 1}}}}}
	case kList:
		o := object{{"type", "array"}, {"items", s.elem.plain().schema()}}
		if s.elem.kind == kText {
			o = append(o, member{"uniqueItems", true})
		}
		if s.def != "" {
			o = append(o, member{"default", []string{s.def}})
		}
		return o
	case kKeyed:
		return object{{"type", "object"}, {"propertyNames", s.keyRule()}, {"additionalProperties", s.elem.schema()}}
	case kTexts:
		return object{{"type", "object"}, {"propertyNames", s.keyRule()}, {"additionalProperties", (&shape{format: s.values}).text()}}
	case kAny:
		return object{{"type", "object"}, {"propertyNames", s.keyRule()}}
	}
	return s.object()
}

// object is the schema of fixed keys.
func (s *shape) object() object {
	var props object
	var required []string
	for _, f := range s.fields {
		o := f.shape.schema()
		if f.doc != "" {
			o = append(object{{"description", f.doc}}, o...)
		}
		props = append(props, member{f.name, o})
		if f.required {
			required = append(required, f.name)
		}
	}
	o := object{{"type", "object"}, {"additionalProperties", false}}
	if required != nil {
		o = append(o, member{"required", required})
	}
	return append(o, member{"properties", props})
}

func (s *shape) text() object {
	o := object{{"type", "string"}}
	if s.enum != nil {
		return append(o, member{"enum", s.enum})
	}
	return append(o, s.rule()...)
}

// keyRule is the schema of a key that the user chooses; always a string.
func (s *shape) keyRule() object { return append(object{{"type", "string"}}, s.rule()...) }

func (s *shape) rule() (o object) {
	if s.format.pattern != nil && s.format.pattern.String() != "" {
		o = append(o, member{"pattern", s.format.pattern.String()})
	}
	if s.format.not != nil {
		o = append(o, member{"not", object{{"pattern", s.format.not.String()}}})
	}
	return o
}

func (s *shape) number(kind string) object {
	o := object{{"type", kind}}
	if s.min != nil {
		o = append(o, member{"minimum", *s.min})
	}
	if s.max != nil {
		o = append(o, member{"maximum", *s.max})
	}
	return o
}

func (s *shape) defaultText() object {
	if s.def == "" {
		return nil
	}
	return object{{"default", s.def}}
}

func (s *shape) defaultNumber() object {
	n, err := strconv.ParseFloat(s.def, 64)
	if err != nil {
		return nil
	}
	return object{{"default", n}}
}

// plain is the shape without its default, for the items of a list.
func (s *shape) plain() *shape {
	c := *s
	c.def = ""
	return &c
}
