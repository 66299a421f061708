package quality

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxCategories bounds a vocabulary that is proposed as a list; each value must occur about twenty times.
const maxCategories = 20

// mostlyFilled is the share of empty values below which each of them is worth a notice.
const mostlyFilled = 0.01

// empty proposes what may be without a value.
func (g *guesser) empty(_ context.Context, c *guess) error {
	n, k := g.src.rows, c.facts.nulls
	id := slug(c.f.name)
	switch {
	case c.facts.filled == 0:
		c.rules = c.rules[:0]
		c.property("description: nothing but empty values was seen", "no value in %s", plural(n, "row"))
		return nil
	case k == 0:
		c.property("required: true", "no empty value in %s; with 95 %% confidence at most %s %% would be", plural(n, "row"), percent(atMost(0, n)))
		return nil
	}
	bound := roundUp(100 * atMost(k, n))
	evidence := fmt.Sprintf("%s of %s without a value (%s %%); with 95 %% confidence at most %s %%", count(k), plural(n, "row"), percent(float64(k)/float64(n)), percent(atMost(k, n)))
	if len(c.facts.coded) > 0 {
		if evidence = strings.Join(append(c.prefixes, evidence), "; "); len(c.prefixes) == 0 {
			evidence = few(c.facts.coded, 5) + ": words for \"missing\"; " + evidence
		}
		var list []string
		for _, s := range c.facts.coded {
			list = append(list, strconv.Quote(s))
		}
		c.quality(fmt.Sprintf("- {id: %s_missing, metric: missingValues, arguments: {missingValues: [null, %s]}, mustBeLessOrEqualTo: %s, unit: percent}", id, strings.Join(list, ", "), plain(bound)), "%s", evidence)
		return nil
	}
	c.quality(fmt.Sprintf("- {id: %s_filled, metric: nullValues, mustBeLessOrEqualTo: %s, unit: percent}", id, plain(bound)), "%s", evidence)
	if float64(k) < mostlyFilled*float64(n) {
		c.quality(fmt.Sprintf("- {id: %s_empty, metric: nullValues, mustBe: 0, severity: warning}", id), "empty values are rare, so each is named as a notice")
	}
	return nil
}

// percent prints a share with two digits.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'g', 2, 64) }

// atMost is the upper end of the interval for a share of which k of n were seen: exact for none, by Wilson else.
func atMost(k, n int64) float64 {
	if k == 0 {
		return 1 - math.Pow(1-confidence, 1/float64(n))
	}
	const z = 1.959964 // two-sided 95 %
	p, m := float64(k)/float64(n), float64(n)
	return min(1, (p+z*z/(2*m)+z*math.Sqrt(p*(1-p)/m+z*z/(4*m*m)))/(1+z*z/m))
}

// bounds proposes the range of numbers: what was seen, and a quarter of its width on each side. It does not go below zero when
// nothing did.
func (g *guesser) bounds(_ context.Context, c *guess) error {
	low, ok := toFloat(c.facts.low)
	high, ok2 := toFloat(c.facts.high)
	if !ok || !ok2 || !c.f.numeric() {
		return nil
	}
	margin := (high - low) / 4
	if margin == 0 {
		margin = max(1, math.Abs(high)/4)
	}
	least, most := outward(low-margin, margin, -1), outward(high+margin, margin, 1)
	if low >= 0 {
		least = max(0, least)
	}
	if high <= 0 {
		most = min(0, most)
	}
	if c.f.kind != "DOUBLE" {
		least, most = math.Floor(least), math.Ceil(most)
	}
	rule := fmt.Sprintf("logicalTypeOptions: {minimum: %s, maximum: %s}", plain(least), plain(most))
	evidence := fmt.Sprintf("%s … %s seen; a quarter of the range is left on each side", num(low), num(high))
	if c.f.kind != "DOUBLE" && c.facts.distinct == c.facts.filled && c.facts.filled > maxCategories && high-low < 2*float64(c.facts.filled) {
		rule, evidence = fmt.Sprintf("logicalTypeOptions: {minimum: %s}", plain(least)), fmt.Sprintf("%s … %s seen, every number once: it goes on counting", num(low), num(high))
	}
	c.insert(rule, evidence)
	if unit := unitOf(c.f.name); unit != "" {
		c.insert("customProperties: [{property: unit, value: "+scalar(unit)+"}]", "the name says so")
		c.quality(fmt.Sprintf("- {id: %s_unit, type: custom, engine: paraplu, implementation: {check: consistent_unit}}", slug(c.f.name)), "compares the quartiles with the delivery before, so that another unit is noticed")
	}
	return nil
}

// insert puts a key of the property before the rules of the quality list.
func (c *guess) insert(rule, evidence string) {
	c.rules = slices.Insert(c.rules, c.keys, Suggested{c.f.name, rule, evidence})
	c.keys++
}

// outward rounds away from the data, to two digits of the margin.
func outward(v, margin float64, sign float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(margin)))
	return sign * math.Ceil(sign*v/step) * step
}

// roundUp rounds to two significant digits, upwards.
func roundUp(v float64) float64 {
	if v <= 0 {
		return 0
	}
	step := math.Pow(10, math.Floor(math.Log10(v))-1)
	return math.Ceil(v/step) * step
}

// plain prints a number for YAML without the dust of binary fractions.
func plain(v float64) string {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	return strconv.FormatFloat(v, 'f', -1, 64)
}

var bracketed = regexp.MustCompile(`[(\[]([^)\]]+)[)\]]\s*$`)

// unitOf reads the unit off a name: rain_mm, "wind (m/s)".
func unitOf(name string) string {
	known := func(unit string) string {
		c := canonical(unit)
		if shifted[c] {
			return c
		}
		for _, s := range scales {
			if _, ok := s[c]; ok {
				return c
			}
		}
		return ""
	}
	if m := bracketed.FindStringSubmatch(name); m != nil {
		return known(m[1])
	}
	i := strings.LastIndexAny(name, "_ ")
	if tail := strings.ToLower(name[i+1:]); i > 0 && slices.Contains([]string{"mm", "cm", "km", "inch", "kg", "lb", "hpa", "degc", "degf", "celsius", "fahrenheit", "kmh", "mph", "knots", "kwh", "mwh", "percent", "pct", "c"}, tail) {
		return known(map[string]string{"hpa": "hPa", "kwh": "kWh", "mwh": "MWh"}[tail] + map[bool]string{true: "", false: tail}[tail == "hpa" || tail == "kwh" || tail == "mwh"])
	}
	return ""
}

// words proposes lengths, formats and vocabularies of texts.
func (g *guesser) words(ctx context.Context, c *guess) error {
	if c.f.prop.Type != "string" || c.facts.filled == 0 {
		return nil
	}
	v := c.f.text()
	selects := []string{"min(length(" + v + "))", "max(length(" + v + "))", "count_if(regexp_matches(" + v + ", '^[0-9]+$'))"}
	named := []string{"email", "uuid", "uri", "ipv4"}
	for _, format := range named {
		selects = append(selects, "count_if(regexp_matches("+v+", "+literal(formats[format])+"))")
	}
	res, err := g.query(ctx, "SELECT "+strings.Join(selects, ", ")+" FROM "+dataView+" WHERE "+v+" IS NOT NULL")
	if err != nil {
		return err
	}
	row := res.Rows[0]
	short, long, digits := toInt(row[0]), toInt(row[1]), toInt(row[2])
	if digits < c.facts.filled && c.vocabulary() { // names of digits are more than a file shows
		return nil
	}
	for i, format := range named {
		if toInt(row[3+i]) == c.facts.filled {
			c.insert("logicalTypeOptions: {format: "+format+"}", "all "+plural(c.facts.filled, "value")+" are")
			return nil
		}
	}
	switch {
	case digits == c.facts.filled && short == long:
		c.insert(fmt.Sprintf(`logicalTypeOptions: {pattern: "^[0-9]{%d}$"}`, short), fmt.Sprintf("all %s are %d digits", plural(c.facts.filled, "value"), short))
	case short == long:
		c.insert(fmt.Sprintf("logicalTypeOptions: {minLength: %d, maxLength: %d}", short, long), fmt.Sprintf("all values have %s", plural(short, "character")))
	default:
		c.insert(fmt.Sprintf("logicalTypeOptions: {minLength: 1, maxLength: %d}", 2*long), fmt.Sprintf("%d … %s seen; twice the longest is allowed", short, plural(long, "character")))
	}
	return nil
}

// vocabulary proposes the values of a column that has few, each often enough that another one would have been seen.
func (c *guess) vocabulary() bool {
	n := int64(len(c.facts.top))
	if n == 0 || c.facts.filled < 20*n {
		return false
	}
	var list, seen []string
	for _, t := range c.facts.top {
		text, err := strconv.Unquote(t.Value) // show quotes what cannot be seen
		if err != nil {
			text = t.Value
		}
		if strings.HasSuffix(text, "…") {
			return false
		}
		list, seen = append(list, strconv.Quote(text)), append(seen, fmt.Sprintf("%s %s", t.Value, count(t.Count)))
	}
	c.quality(fmt.Sprintf("- {id: %s_values, metric: invalidValues, arguments: {validValues: [%s]}, mustBe: 0}", slug(c.f.name), strings.Join(list, ", ")),
		"%s in %s: %s; a new one is refused", plural(n, "value"), plural(c.facts.filled, "row"), few(seen, 20))
	c.quality(fmt.Sprintf("- {id: %s_shares, type: custom, engine: paraplu, severity: warning, implementation: {check: drift, max: 0.1}}", slug(c.f.name)),
		"compares the shares with the delivery before, so that a silent change of the codes is noticed")
	return true
}
