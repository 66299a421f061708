package quality

import (
	"fmt"
	"math"
	"strings"
)

// scales are units of one dimension, each with its size in the first one.
var scales = []map[string]float64{
	{"mm": 1, "cm": 10, "m": 1000, "km": 1e6, "inch": 25.4, "ft": 304.8, "mile": 1609344},
	{"m/s": 1, "km/h": 1 / 3.6, "mph": 0.44704, "knots": 0.514444},
	{"g": 1, "kg": 1000, "t": 1e6, "lb": 453.592, "oz": 28.3495},
	{"hPa": 1, "Pa": 0.01, "kPa": 10, "bar": 1000, "mmHg": 1.33322, "inHg": 33.8639},
	{"s": 1, "ms": 0.001, "min": 60, "h": 3600, "d": 86400},
	{"fraction": 1, "percent": 0.01},
	{"kWh": 1, "Wh": 0.001, "MWh": 1000, "MJ": 1 / 3.6, "kJ": 1 / 3600.},
	{"l": 1, "ml": 0.001, "m3": 1000, "gal": 3.78541},
	{"EUR": 1, "cent": 0.01}, {"USD": 1, "cent": 0.01},
}

// aliases are other spellings of units.
var aliases = map[string]string{
	"celsius": "degC", "c": "degC", "°c": "degC", "degc": "degC", "cel": "degC", "fahrenheit": "degF", "f": "degF", "°f": "degF", "degf": "degF", "kelvin": "K", "k": "K",
	"in": "inch", "inches": "inch", `"`: "inch", "millimetre": "mm", "metre": "m", "feet": "ft", "foot": "ft", "mi": "mile", "kmh": "km/h", "kph": "km/h", "mps": "m/s", "kn": "knots", "kt": "knots",
	"%": "percent", "pct": "percent", "ratio": "fraction", "share": "fraction", "1": "fraction", "mbar": "hPa", "litre": "l", "liter": "l", "m³": "m3", "sec": "s", "hour": "h", "hours": "h", "day": "d", "days": "d", "ct": "cent", "cents": "cent",
}

func canonical(unit string) string {
	if c, ok := aliases[strings.ToLower(strings.TrimSpace(unit))]; ok {
		return c
	}
	return strings.TrimSpace(unit)
}

// conversion turns a number in another unit into the declared one.
type conversion struct {
	name string
	to   func(float64) float64
}

// conversions are the mix-ups that happen with a unit, the common ones first.
func conversions(unit string) []conversion {
	var out []conversion
	times := func(k float64) func(float64) float64 { return func(v float64) float64 { return v * k } }
	switch u := canonical(unit); u {
	case "degC":
		out = append(out, conversion{"degrees Fahrenheit", func(v float64) float64 { return (v - 32) / 1.8 }}, conversion{"kelvin", func(v float64) float64 { return v - 273.15 }})
	case "degF":
		out = append(out, conversion{"degrees Celsius", func(v float64) float64 { return v*1.8 + 32 }}, conversion{"kelvin", func(v float64) float64 { return (v-273.15)*1.8 + 32 }})
	case "K":
		out = append(out, conversion{"degrees Celsius", func(v float64) float64 { return v + 273.15 }}, conversion{"degrees Fahrenheit", func(v float64) float64 { return (v-32)/1.8 + 273.15 }})
	default:
		for _, s := range scales {
			if own, ok := s[u]; ok {
				for _, name := range sorted(keys(s)) {
					if name != u {
						out = append(out, conversion{name, times(s[name] / own)})
					}
				}
			}
		}
	}
	return append(out, conversion{"tenths of " + first(unit, "the unit"), times(0.1)}, conversion{"hundredths of " + first(unit, "the unit"), times(0.01)})
}

// likelyUnit names the unit in which v would lie best within low … high, "" if there is none.
func likelyUnit(unit string, v float64, low, high *float64) (name string, converted float64) {
	if low == nil || high == nil || *high <= *low {
		return "", 0
	}
	best := math.Inf(1)
	for _, c := range conversions(unit) {
		w := c.to(v)
		if w < *low || w > *high {
			continue
		}
		if d := distance(w, *low, *high, shifted[canonical(unit)]); d < best-1e-9 {
			best, name, converted = d, c.name, w
		}
	}
	return name, converted
}

// shifted are units whose zero is a convention.
var shifted = map[string]bool{"degC": true, "degF": true, "K": true}

// distance tells how far v is from the middle of a range: in ratios for positive ranges, else linearly.
func distance(v, low, high float64, linear bool) float64 {
	if low > 0 && v > 0 && !linear {
		return math.Abs(math.Log(v/math.Sqrt(low*high))) / math.Log(high/low)
	}
	return math.Abs(v-(low+high)/2) / (high - low)
}

// unitHint explains a statistic outside its range by the unit that it probably has.
func (x *run) unitHint(r *rule, unit string, low, high *float64) string {
	if r.secret || len(r.last) == 0 {
		return ""
	}
	v, ok := toFloat(r.last[0])
	if !ok {
		return ""
	}
	name, converted := likelyUnit(unit, v, low, high)
	if name == "" {
		return ""
	}
	return fmt.Sprintf("the unit has probably changed: %s read as %s is %s", num(v), name, strings.TrimSpace(num(converted)+" "+unit))
}
