package ref

import (
	"fmt"
	"strings"
	"time"
)

// Name is a reference to a version of something: "weather", "weather@v3", "weather@sha256:…", "weather@2015-06-01",
// "umbrella@production".
type Name struct {
	Base    string    // the thing itself
	Version int       // n of "@vN", 0 if absent
	Digest  Digest    // of "@sha256:…", "" if absent
	AsOf    time.Time // UTC: of "@2015-06-01T12:00:00Z" that instant, of "@2015-06-01" the last one of the UTC day; zero if absent
	Alias   string    // any other text after "@", "" if absent
}

// lastOfDay is from midnight to the last instant of a UTC day.
const lastOfDay = 24*time.Hour - time.Nanosecond

// ParseName reads "base", "base@vN", "base@sha256:…", "base@DATE", "base@INSTANT" (RFC 3339) or "base@alias", with an
// optional "models:/" in front.
func ParseName(s string) (Name, error) {
	base, sel, has := strings.Cut(strings.TrimPrefix(s, "models:/"), "@")
	if err := CheckName(base); err != nil {
		return Name{}, err
	}
	n := Name{Base: base}
	switch {
	case !has:
	case sel == "":
		return Name{}, fmt.Errorf("%q: nothing after @; write %s@v1, %s@sha256:… or %s@alias", s, base, base, base)
	case strings.HasPrefix(sel, "sha256:"):
		d, err := ParseDigest(sel)
		if err != nil {
			return Name{}, err
		}
		n.Digest = d
	default:
		if v, ok := version(sel); ok {
			n.Version = v
		} else if at, ok := asOf(sel); ok {
			n.AsOf = at
		} else if err := CheckName(sel); err != nil {
			return Name{}, err
		} else {
			n.Alias = sel
		}
	}
	return n, nil
}

// String prints what ParseName reads.
func (n Name) String() string {
	switch {
	case n.Version > 0:
		return fmt.Sprintf("%s@v%d", n.Base, n.Version)
	case n.Digest != "":
		return n.Base + "@" + string(n.Digest)
	case !n.AsOf.IsZero():
		return n.Base + "@" + printAsOf(n.AsOf)
	case n.Alias != "":
		return n.Base + "@" + n.Alias
	}
	return n.Base
}

func asOf(s string) (time.Time, bool) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.Add(lastOfDay), true
	}
	at, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	return at.UTC(), err == nil && !at.IsZero() && at.UTC().Year() >= 0 && at.UTC().Year() <= 9999
}

func printAsOf(at time.Time) string {
	if day := at.Truncate(24 * time.Hour); at.Equal(day.Add(lastOfDay)) {
		return day.Format(time.DateOnly)
	}
	return at.Format(time.RFC3339Nano)
}

func version(s string) (int, bool) {
	if len(s) < 2 || len(s) > 10 || s[0] != 'v' || s[1] == '0' {
		return 0, false
	}
	v := 0
	for i := 1; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		v = v*10 + int(s[i]-'0')
	}
	return v, true
}

// CheckName tells whether s may name a product, dataset, model or member:
// 1 to 128 of letters, digits, '_', '-' and '.', starting with a letter or digit.
func CheckName(s string) error {
	if s == "" {
		return fmt.Errorf("a name is empty")
	}
	if len(s) > 128 {
		return fmt.Errorf("name %.20q… is longer than 128 bytes", s)
	}
	for i, r := range s {
		alnum := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alnum && (i == 0 || r != '_' && r != '-' && r != '.') {
			return fmt.Errorf("name %q: %q is not allowed at position %d (letters, digits, and after the first also _ - .)", s, r, i+1)
		}
	}
	return nil
}
