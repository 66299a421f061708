package ref

import (
	"strings"
	"testing"
	"time"
)

func TestParseName(t *testing.T) {
	d := Sum([]byte("x"))
	for in, want := range map[string]Name{
		"weather":                     {Base: "weather"},
		"weather@v3":                  {Base: "weather", Version: 3},
		"weather@" + string(d):        {Base: "weather", Digest: d},
		"models:/umbrella@production": {Base: "umbrella", Alias: "production"},
		"w@v03":                       {Base: "w", Alias: "v03"},
		"w@2015-06-01":                {Base: "w", AsOf: time.Date(2015, 6, 1, 23, 59, 59, 999_999_999, time.UTC)},
		"w@2015-06-01T12:30:00Z":      {Base: "w", AsOf: time.Date(2015, 6, 1, 12, 30, 0, 0, time.UTC)},
		"w@2015-06-01T12:30:00.5Z":    {Base: "w", AsOf: time.Date(2015, 6, 1, 12, 30, 0, 5e8, time.UTC)},
		"w@2015-13-01":                {Base: "w", Alias: "2015-13-01"},
	} {
		got, err := ParseName(in)
		if err != nil || got != want {
			t.Errorf("ParseName(%q) = %+v, %v; want %+v", in, got, err, want)
		}
		if s := got.String(); s != strings.TrimPrefix(in, "models:/") {
			t.Errorf("String() = %q, want %q", s, in)
		}
	}
	if n, err := ParseName("w@2015-06-01T12:30:00+02:00"); err != nil || n.String() != "w@2015-06-01T10:30:00Z" {
		t.Errorf("an instant with an offset: %v, %v", n, err)
	}
	for _, in := range []string{"", "@v1", "a b", "a@", "a@sha256:12", "../x", "-x", strings.Repeat("a", 129), "a@b/c"} {
		if n, err := ParseName(in); err == nil {
			t.Errorf("ParseName(%q) = %+v, want an error", in, n)
		}
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("weather@v3")
	f.Add("weather@2015-06-01")
	f.Add("weather@2015-06-01t12:30:00.000000001+02:00")
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			return
		}
		if again, err := ParseName(n.String()); err != nil || again != n {
			t.Fatalf("%q -> %+v -> %+v, %v", s, n, again, err)
		}
	})
}

func TestIDsSortByTimeEvenWhenTheClockJumpsBack(t *testing.T) {
	now := time.Now().Add(time.Hour)
	a := newID(now)
	b := newID(now.Add(-2 * time.Hour))
	c := newID(now.Add(time.Second))
	if len(a) != 26 || a[:9] > b[:9] || b >= c {
		t.Errorf("ids out of order: %s %s %s", a, b, c)
	}
	if d, e := NewID(), NewID(); d == e {
		t.Error("two equal ids")
	}
}

func TestDigest(t *testing.T) {
	h := NewHasher()
	h.Write([]byte("abc"))
	if h.Digest() != Sum([]byte("abc")) {
		t.Error("stream and bytes differ")
	}
	for _, s := range []string{"", "sha256:", "md5:aa", "sha256:" + strings.Repeat("G", 64)} {
		if _, err := ParseDigest(s); err == nil {
			t.Errorf("ParseDigest(%q) accepted", s)
		}
	}
}
