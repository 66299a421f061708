package spec

import (
	"fmt"
	"strings"
)

// Reference gives one Markdown table per section with every key, for the page
// docs/spec/paraplu-yaml.md.
func Reference() string {
	var b strings.Builder
	for _, f := range root.fields {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", f.name, f.doc)
		s, prefix := f.shape, ""
		if s.kind == kKeyed {
			s, prefix = s.elem, "*name*."
		}
		s.rows(&b, prefix)
		b.WriteByte('\n')
	}
	return b.String()
}

func (s *shape) rows(b *strings.Builder, prefix string) {
	for _, f := range s.fields {
		key, def := prefix+f.name, f.shape.def
		if f.required {
			def = "required"
		} else if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", key, f.shape.form(), def, f.doc)
		switch f.shape.kind {
		case kStruct:
			f.shape.rows(b, key+".")
		case kKeyed:
			f.shape.elem.rows(b, key+".*name*.")
		case kList:
			f.shape.elem.rows(b, key+"[].")
		}
	}
}

// form names the value in the table.
func (s *shape) form() string {
	name := map[kind]string{
		kText: "text", kNumber: "number", kInteger: "whole number", kBool: "true, false", kDuration: "duration", kDate: "date",
		kLimit: "number or `auto`", kCommand: "command or list", kStruct: "keys", kKeyed: "names with keys", kTexts: "names with texts", kAny: "names with values",
	}[s.kind]
	switch {
	case s.kind == kList:
		return "list of " + s.elem.plain().form()
	case s.enum != nil:
		return "`" + strings.Join(s.enum, "`, `") + "`"
	case s.kind == kText && s.isPath:
		return "path"
	}
	return name
}
