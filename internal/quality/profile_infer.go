package quality

import (
	"context"
	"slices"
	"strings"
)

// inferable are the types that texts are tried for, the narrowest first.
var inferable = []string{"boolean", "integer", "number", "date", "timestamp"}

// inferHead is how many rows are tried first: most types are ruled out there.
const inferHead = 5000

// infer gives every text column the narrowest type that all its values have.
func (s *source) infer(ctx context.Context) error {
	for start := 0; start < len(s.fields); start += 40 {
		part := s.fields[start:min(start+40, len(s.fields))]
		fits := make([][]string, len(part))
		for i := range part {
			if part[i].physical == "VARCHAR" {
				fits[i] = inferable
			}
		}
		for _, from := range []string{"(SELECT * FROM " + dataView + " LIMIT " + count10(inferHead) + ")", dataView} {
			if err := s.fitting(ctx, from, part, fits); err != nil {
				return err
			}
		}
		for i := range part {
			part[i].guess(fits[i])
		}
	}
	return nil
}

// fitting leaves in fits the types that all values of a column have; a column without values has none.
func (s *source) fitting(ctx context.Context, from string, part []field, fits [][]string) error {
	var selects []string
	for i := range part {
		for _, kind := range fits[i] {
			selects = append(selects, "count("+part[i].raw+") - count("+inferCast(kind, part[i].text())+")")
		}
		if from == dataView && len(fits[i]) > 0 {
			selects = append(selects, "count("+part[i].raw+")")
		}
	}
	if len(selects) == 0 {
		return nil
	}
	res, err := s.session.Query(ctx, "SELECT "+strings.Join(selects, ", ")+" FROM "+from)
	if err != nil {
		return err
	}
	row := res.Rows[0]
	for i := range part {
		var left []string
		for _, kind := range fits[i] {
			if toInt(row[0]) == 0 {
				left = append(left, kind)
			}
			row = row[1:]
		}
		if from == dataView && len(fits[i]) > 0 {
			if toInt(row[0]) == 0 {
				left = nil
			}
			row = row[1:]
		}
		fits[i] = left
	}
	return nil
}

func inferCast(kind, text string) string {
	if kind == "boolean" {
		return "CASE WHEN lower(" + text + ") IN ('true', 'false') THEN 1 END"
	}
	return castText(&Property{Type: kind}, text)
}

// guess types a column: by the types that all its texts have, the narrowest first, or by what the file says.
func (f *field) guess(fits []string) {
	kind := "string"
	if f.physical == "VARCHAR" {
		kind = first(append(slices.Clone(fits), kind)...)
	} else {
		for _, name := range inferable {
			if suits(f.physical, name) && (name != "number" || !suits(f.physical, "integer")) {
				kind = name
				break
			}
		}
	}
	f.prop = &Property{Name: f.name, Column: f.name, Type: kind}
	f.kind = duckType(f.prop)
	if f.physical == "VARCHAR" {
		f.typed = castText(f.prop, f.raw)
	} else {
		f.typed = "CAST(" + f.raw + " AS " + f.kind + ")"
	}
}
