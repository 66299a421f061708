package quality

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// missingWords are texts that stand for "no value" in a column of something else.
var missingWords = []string{"n/a", "na", "nan", "null", "none", "-", "--", "?", "missing", "unknown", "#n/a", "nil", "."}

// momentFormats are date and time formats of exports, in JDK letters; ISO 8601 is known without one.
var momentFormats = []string{
	"MM/dd/yyyy", "dd/MM/yyyy", "dd.MM.yyyy", "yyyy/MM/dd", "dd-MM-yyyy", "MM-dd-yyyy", "yyyyMMdd",
	"MM/dd/yyyy hh:mm:ss a", "dd/MM/yyyy hh:mm:ss a", "MM/dd/yyyy hh:mm a", "MM/dd/yyyy HH:mm:ss", "dd/MM/yyyy HH:mm:ss", "MM/dd/yyyy HH:mm", "dd/MM/yyyy HH:mm",
	"dd.MM.yyyy HH:mm:ss", "dd.MM.yyyy HH:mm", "yyyy/MM/dd HH:mm:ss", "yyyy/MM/dd HH:mm", "yyyyMMdd HH:mm:ss", "yyyyMMddHHmmss",
}

// kind finds the narrowest type that all values of a column have.
func (g *guesser) kind(ctx context.Context, c *guess) error {
	f := c.f
	if f.physical != "VARCHAR" {
		f.guess(nil)
		c.property("logicalType: "+f.prop.Type, "the file says %s", strings.ToLower(f.physical))
		return nil
	}
	words := make([]string, len(missingWords))
	for i, w := range missingWords {
		words[i] = literal(w)
	}
	selects := []string{"count(" + f.raw + ")", "count_if(lower(trim(" + f.raw + ")) IN (" + strings.Join(words, ", ") + "))", "count_if(regexp_matches(" + f.raw + ", '^0[0-9]'))"}
	for _, kind := range inferable {
		selects = append(selects, "count(CASE WHEN lower(trim("+f.raw+")) NOT IN ("+strings.Join(words, ", ")+") THEN "+inferCast(kind, f.raw)+" END)")
	}
	for _, format := range momentFormats {
		twin, _ := strptime(format)
		selects = append(selects, "count_if(year(try_strptime("+f.raw+", "+literal(twin)+")) BETWEEN 1900 AND 2100)")
	}
	res, err := g.query(ctx, "SELECT "+strings.Join(selects, ", ")+" FROM "+dataView)
	if err != nil {
		return err
	}
	row := res.Rows[0]
	filled, coded, zeros := toInt(row[0]), toInt(row[1]), toInt(row[2])
	p := &Property{Name: f.name, Column: f.name, Type: "string"}
	var also []string
	for i, kind := range inferable {
		if n := toInt(row[3+i]); filled > coded && n == filled-coded && !(zeros > 0 && (kind == "integer" || kind == "number")) {
			p.Type = kind
			break
		}
	}
	if p.Type == "string" || p.Type == "integer" {
		for i, format := range momentFormats {
			if toInt(row[3+len(inferable)+i]) != filled-coded || filled == coded || p.Type == "integer" && format != "yyyyMMdd" {
				continue
			}
			if also = append(also, format); len(also) == 1 {
				p.Options.Format = format
			}
		}
		if len(also) > 0 {
			p.Type = map[bool]string{true: "timestamp", false: "date"}[strings.ContainsAny(also[0], "Hh")]
		}
	}
	return g.typed(ctx, c, p, filled, coded, zeros, also)
}

// typed settles the type, with what speaks for it.
func (g *guesser) typed(ctx context.Context, c *guess, p *Property, filled, coded, zeros int64, also []string) error {
	f := c.f
	f.prop, f.kind, f.cast = p, duckType(p), true
	if coded > 0 && p.Type != "string" || p.Type == "number" {
		none := inferOrFormat(p, f.raw) + " IS NULL"
		if p.Type == "number" { // NaN and infinity can be read, and are no values
			none = "NOT coalesce(isfinite(" + castText(p, f.raw) + "), false)"
		}
		res, err := g.query(ctx, "SELECT DISTINCT "+f.raw+" FROM "+dataView+" WHERE "+f.raw+" IS NOT NULL AND "+none+" ORDER BY 1")
		if err != nil {
			return err
		}
		for _, row := range res.Rows {
			c.facts.coded = append(c.facts.coded, fmt.Sprint(row[0]))
		}
	}
	f.typed = castText(p, f.raw)
	if p.Type == "number" { // NaN is written as a word
		f.typed = "CASE WHEN isfinite(" + f.typed + ") THEN " + f.typed + " END"
	}
	evidence := fmt.Sprintf("all %s are %s", plural(filled-coded, "value"), kindWords[p.Type])
	if zeros > 0 && p.Type == "string" {
		evidence = fmt.Sprintf("%s of %s begin with 0: a name, and no number; %s", count(zeros), plural(filled, "value"), evidence)
	}
	c.property("logicalType: "+p.Type, "%s", evidence)
	if len(also) > 0 {
		note := ""
		if len(also) > 1 {
			note = "; " + few(also[1:], 3) + " fits too, because no day is above 12: ask the source"
		}
		c.property("logicalTypeOptions: {format: "+strconv.Quote(also[0])+"}", "all values have this format%s", note)
	}
	return nil
}

var kindWords = map[string]string{"boolean": "true or false", "integer": "whole numbers", "number": "numbers", "date": "days", "timestamp": "times", "string": "texts, and nothing narrower"}

func inferOrFormat(p *Property, raw string) string {
	if p.Options.Format != "" {
		return castText(p, raw)
	}
	return inferCast(p.Type, raw)
}

// spikes looks for numbers that stand for "missing", so that ranges do not include them.
func (g *guesser) spikes(ctx context.Context, c *guess) error {
	f := c.f
	if !f.numeric() {
		return nil
	}
	v := "CAST(" + f.typed + " AS DOUBLE)"
	res, err := g.query(ctx, `WITH c AS (SELECT `+v+` AS v, count(*) AS n FROM `+dataView+` WHERE isfinite(`+v+`) GROUP BY 1),
		q AS (SELECT quantile_cont(`+v+`, 0.25) AS lo, quantile_cont(`+v+`, 0.75) AS hi FROM `+dataView+` WHERE isfinite(`+v+`) AND `+v+` NOT IN (`+sentinels+`))
		SELECT v, n FROM c, q WHERE v IN (`+sentinels+`) AND hi > lo AND (v < lo - 6 * (hi - lo) OR v > hi + 6 * (hi - lo)) ORDER BY n DESC`)
	if err != nil || len(res.Rows) == 0 {
		return err
	}
	var list []string
	var parts []string
	for _, row := range res.Rows {
		n, _ := toFloat(row[0])
		list = append(list, numLiteral(n))
		parts = append(parts, fmt.Sprintf("%s occurs %s", show(row[0]), plural(toInt(row[1]), "time")))
		written, err := g.query(ctx, "SELECT DISTINCT CAST("+f.raw+" AS VARCHAR) FROM "+dataView+" WHERE "+v+" = "+numLiteral(n)+" ORDER BY 1")
		if err != nil {
			return err
		}
		for _, w := range written.Rows {
			c.facts.coded = append(c.facts.coded, fmt.Sprint(w[0]))
		}
	}
	f.typed = "CASE WHEN " + v + " NOT IN (" + strings.Join(list, ", ") + ") THEN " + f.typed + " END"
	c.prefixes = append(c.prefixes, few(parts, 3)+", far from all other values")
	return nil
}

var plainScalar = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_./-]*$`)

// scalar writes a text for YAML, quoted where it could be taken for something else.
func scalar(s string) string {
	if plainScalar.MatchString(s) && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}

// slug makes an identifier of a name.
func slug(s string) string {
	out := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '_'
	}, strings.ToLower(s))
	for strings.Contains(out, "__") {
		out = strings.ReplaceAll(out, "__", "_")
	}
	return first(strings.Trim(out, "_"), "column")
}

func baseName(path string) string { return filepath.Base(path) }
