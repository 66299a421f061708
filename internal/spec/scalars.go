package spec

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time written like 7d, 1h30m or 90s. A day is 24 hours,
// a week 7 days.
type Duration time.Duration

var durationUnits = []struct {
	name string
	unit time.Duration
}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}}

// durationText bounds the digits of each part, so that no sum overflows.
var durationText = regexp.MustCompile(`^([0-9]{1,3}w)?([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?([0-9]{1,5}ms)?$`)

// ParseDuration reads a duration; units go from large to small: w d h m s ms.
func ParseDuration(s string) (Duration, error) {
	parts := durationText.FindStringSubmatch(s)
	if parts == nil || s == "" {
		return 0, fmt.Errorf("%s is not a duration: write it like 7d, 1h30m or 90s", quote(s))
	}
	var sum time.Duration
	for i, u := range durationUnits {
		if digits := strings.TrimSuffix(parts[i+1], u.name); digits != "" {
			n, _ := strconv.Atoi(digits) // at most five digits
			sum += time.Duration(n) * u.unit
		}
	}
	return Duration(sum), nil
}

// Std is the duration of the standard library.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String gives the shortest text that reads back as the same duration.
func (d Duration) String() string {
	if d < Duration(time.Millisecond) {
		return "0s"
	}
	rest := time.Duration(d)
	var b strings.Builder
	for _, u := range durationUnits[1:] {
		if n := rest / u.unit; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			rest -= n * u.unit
		}
	}
	return b.String()
}

// MarshalText gives the same text as String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText gives.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// Date is a day written YYYY-MM-DD; "" is no day.
type Date string

var dateText = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

// ParseDate reads a day of the calendar.
func ParseDate(s string) (Date, error) {
	if !dateText.MatchString(s) {
		return "", fmt.Errorf("%s is not a date: write it like 2016-12-31", quote(s))
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", fmt.Errorf("%s is not a day of the calendar", s)
	}
	return Date(s), nil
}

// Time is the start of the day in UTC, or the zero time for no day.
func (d Date) Time() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Limit is a number, or auto: computed from the reference windows.
type Limit struct {
	Auto  bool
	Value float64
}

// String gives "auto" or the number.
func (l Limit) String() string {
	if l.Auto {
		return "auto"
	}
	return strconv.FormatFloat(l.Value, 'g', -1, 64)
}

// MarshalJSON gives "auto" or the number.
func (l Limit) MarshalJSON() ([]byte, error) {
	if l.Auto {
		return []byte(`"auto"`), nil
	}
	return json.Marshal(l.Value)
}

// UnmarshalJSON reads what MarshalJSON gives.
func (l *Limit) UnmarshalJSON(b []byte) error {
	if string(b) == `"auto"` {
		*l = Limit{Auto: true}
		return nil
	}
	l.Auto = false
	return json.Unmarshal(b, &l.Value)
}

// Command is one shell command, or several that run one after the other.
type Command []string

// String joins the commands by line breaks.
func (c Command) String() string { return strings.Join(c, "\n") }

// format is a rule for text, shared by reader and schema.
type format struct {
	what    string         // ends the sentence "… is not"
	pattern *regexp.Regexp // must match
	not     *regexp.Regexp // must not match; may be nil
}

// formats use only what RE2 and ECMA 262 have in common.
var formats = map[string]format{
	"": {"a text: it is blank", regexp.MustCompile(`\S`), nil},
	"name": {"a name: letters, digits, and after the first also _ - . (at most 128)",
		regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`), nil},
	"path": {"a path inside the product: write it relative to paraplu.yaml, with /, without ..",
		regexp.MustCompile(`\S`), regexp.MustCompile(`^[/~]|^[A-Za-z]:|://|\\|(^|/)\.\.(/|$)|^(\./*)+$|[\x00-\x1f]`)},
	"dotted": {"a dotted key such as train.rate",
		regexp.MustCompile(`^[^.\s]+(\.[^.\s]+)*$`), nil},
	"env": {"a name of an environment variable",
		regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), nil},
	"column":   {"a column name", regexp.MustCompile(`\S`), regexp.MustCompile(`[\x00-\x1f]`)},
	"activity": {"an activity", regexp.MustCompile(`\S`), regexp.MustCompile(`[\x00-\x1f]`)},
}

func (f format) accepts(s string) bool {
	return f.pattern.MatchString(s) && (f.not == nil || !f.not.MatchString(s))
}
