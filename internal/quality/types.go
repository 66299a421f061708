package quality

import (
	"fmt"
	"strconv"
	"strings"
)

func count10(i int) string { return strconv.Itoa(i) }

// duckType gives the type in which the values of a property are computed.
func duckType(p *Property) string {
	switch p.Type {
	case "number":
		return "DOUBLE"
	case "integer":
		switch p.Options.Format {
		case "i128", "u128":
			return "HUGEINT"
		case "u64":
			return "UBIGINT"
		}
		return "BIGINT"
	case "date":
		return "DATE"
	case "timestamp":
		return "TIMESTAMP"
	case "time":
		return "TIME"
	case "boolean":
		return "BOOLEAN"
	}
	return "VARCHAR"
}

// castText gives SQL that turns a text into the type of the property, and NULL when it is none. It is stricter than a
// plain cast: 3.7 is no integer, 2012/01/02 is no ISO date. Values that the contract declares as missing become NULL.
func castText(p *Property, raw string) string {
	var sql string
	switch kind := duckType(p); kind {
	case "BIGINT", "HUGEINT", "UBIGINT":
		sql = "CASE WHEN regexp_full_match(" + raw + `, '\s*[+-]?[0-9]+\s*') THEN TRY_CAST(` + raw + " AS " + kind + ") END"
	case "DOUBLE":
		sql = "CASE WHEN NOT contains(" + raw + ", '_') THEN TRY_CAST(" + raw + " AS DOUBLE) END"
	case "DATE", "TIMESTAMP", "TIME":
		sql = castMoment(p, raw, kind)
	case "BOOLEAN":
		sql = "TRY_CAST(" + raw + " AS BOOLEAN)"
	default:
		sql = raw
	}
	if missing := missingValues(p); len(missing) > 0 {
		sql = "CASE WHEN " + raw + " NOT IN (" + strings.Join(missing, ", ") + ") THEN " + sql + " END"
	}
	return sql
}

func castMoment(p *Property, raw, kind string) string {
	if p.Options.Format != "" {
		if format, err := strptime(p.Options.Format); err == nil {
			if kind == "TIME" {
				return "TRY_CAST(try_strptime(" + raw + ", " + literal(format) + ") AS TIME)"
			}
			return "TRY_CAST(try_strptime(" + raw + ", " + literal(format) + ") AS " + kind + ")"
		}
	}
	switch kind {
	case "DATE":
		return "TRY_CAST(try_strptime(" + raw + ", '%Y-%m-%d') AS DATE)"
	case "TIMESTAMP":
		return "CASE WHEN " + raw + " LIKE '____-__-__%' THEN TRY_CAST(" + raw + " AS TIMESTAMP) END"
	}
	return "TRY_CAST(" + raw + " AS TIME)"
}

// missingValues gives the quoted texts that the rules of a property declare to mean "no value".
func missingValues(p *Property) []string {
	var out []string
	for _, q := range p.Rules {
		values := q.Arguments.Missing
		if q.Kind == "custom" && q.Custom.Check == "missing" {
			values = q.Custom.Values
		}
		for _, v := range values {
			if !v.Null && v.Text != "" {
				out = append(out, literal(v.Text))
			}
		}
	}
	return out
}

// suits tells whether a physical type of a Parquet file holds values of the logical type.
func suits(physical, logical string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(physical), "(")
	switch logical {
	case "number":
		return isWhole(base) || base == "DOUBLE" || base == "FLOAT" || base == "DECIMAL"
	case "integer":
		return isWhole(base)
	case "string":
		return base == "VARCHAR" || strings.HasPrefix(base, "ENUM") || base == "UUID"
	case "date":
		return base == "DATE"
	case "timestamp":
		return strings.HasPrefix(base, "TIMESTAMP")
	case "time":
		return strings.HasPrefix(base, "TIME") && !strings.HasPrefix(base, "TIMESTAMP")
	case "boolean":
		return base == "BOOLEAN"
	}
	return true
}

func isWhole(base string) bool {
	return strings.HasSuffix(base, "INT") || base == "INTEGER"
}

// wanted names a type for people: "date (yyyy-MM-dd)", "integer".
func wanted(p *Property) string {
	switch {
	case p.Type == "date":
		return fmt.Sprintf("date (%s)", first(p.Options.Format, "yyyy-MM-dd"))
	case p.Type == "timestamp" && p.Options.Format == "":
		return "timestamp (ISO 8601)"
	case p.Options.Format != "" && (p.Type == "timestamp" || p.Type == "time"):
		return fmt.Sprintf("%s (%s)", p.Type, p.Options.Format)
	}
	return p.Type
}
