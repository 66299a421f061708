package cli

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/series"
	"github.com/paraplu/paraplu/internal/tracking"
)

func lineOf(values ...float64) plotLine {
	points := make([]series.Point, len(values))
	for i, v := range values {
		points[i] = series.Point{Step: int64(i), Timestamp: int64(i), Value: v}
	}
	return plotLine{run: tracking.Run{ID: strings.Repeat("a", 32), Name: "line"}, chart: tracking.Chart{Points: points, Exact: true, Summary: series.Summarize(points)}}
}

func TestPicture(t *testing.T) {
	for name, c := range map[string]struct {
		p          picture
		has, hasNo string
	}{
		"colours tell lines apart": {picture{lines: []plotLine{lineOf(1, 2), lineOf(2, 1)}, colour: true}, "\x1b[33m⠒\x1b[0m", "a aaaa"},
		"letters do it without":    {picture{lines: []plotLine{lineOf(1, 2), lineOf(2, 1)}}, "b aaaaaaaaaaaa", "\x1b"},
		"one line needs neither":   {picture{lines: []plotLine{lineOf(1, 2, 3)}}, "⠒ aaaaaaaaaaaa", "\x1b"},
		"nothing but NaN":          {picture{lines: []plotLine{lineOf(math.NaN(), math.NaN())}}, "there is no number to draw", "┤"},
		"no logarithm of zero":     {picture{lines: []plotLine{lineOf(0, -1)}, log: true}, "there is no number to draw", "┤"},
		"logarithms":               {picture{lines: []plotLine{lineOf(1, 10, 100)}, log: true}, "10 ┤", "50"},
		"infinity is no number":    {picture{lines: []plotLine{lineOf(1, math.MaxFloat64, 2)}}, "2 ┤", "e+308"},
		"a point alone":            {picture{lines: []plotLine{lineOf(5)}}, "5 ┤", "NaN"},
		"a flat line":              {picture{lines: []plotLine{lineOf(0, 0, 0)}}, "last 0 of 3 points", "NaN"},
		"time":                     {picture{lines: []plotLine{lineOf(1, 2, 3)}, byTime: true}, "2ms", "step"},
	} {
		c.p.title, c.p.width, c.p.height = "loss", 40, 5
		text := c.p.draw()
		if !strings.Contains(text, c.has) || strings.Contains(text, c.hasNo) {
			t.Errorf("%s:\n%s", name, text)
		}
		if c.p.colour {
			continue
		}
		for _, line := range strings.Split(text, "\n") {
			if strings.ContainsAny(line, "┤│└") && utf8.RuneCountInString(line) > 40 {
				t.Errorf("%s: %q is wider than 40", name, line)
			}
		}
	}
}

// TestPictureReachesItsEdges: the first point lies at the left, the last at the right, the extremes above and below.
func TestPictureReachesItsEdges(t *testing.T) {
	c := newCanvas(10, 4)
	c.line(0, []at{{x: 0, y: 0}, {x: 1, y: 1}}, frame{0, 1, 0, 1})
	if c.cells[3*10].dots&0x40 == 0 || c.cells[9].dots&0x08 == 0 {
		t.Errorf("%+v", c.cells)
	}
}
