package cli

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/tracking"
)

// picture draws lines with the dots of Braille characters, two wide and four high in each. Without colours several lines
// could not be told apart, so then they are drawn with letters.
type picture struct {
	title         string
	lines         []plotLine
	byTime, log   bool
	colour        bool
	width, height int // of the whole in characters, of the drawing in lines
}

type plotLine struct {
	run   tracking.Run
	chart tracking.Chart
}

// at is a place of a line: along the axis and up, both as numbers that are drawn evenly. skip breaks the line.
type at struct {
	x, y float64
	skip bool
}

// places gives a line's points. Time counts from the first point, so that runs of different days lie over each other.
func (p *picture) places(l plotLine) []at {
	out := make([]at, len(l.chart.Points))
	for i, q := range l.chart.Points {
		out[i] = at{x: float64(q.Step), y: q.Value}
		if p.byTime {
			out[i].x = float64(q.Timestamp - l.chart.Points[0].Timestamp)
		}
		if p.log {
			out[i].y = math.Log10(q.Value) // NaN and -Inf of what is not positive
		}
		out[i].skip = math.IsNaN(out[i].y) || math.IsInf(out[i].y, 0) || math.Abs(q.Value) == math.MaxFloat64
	}
	return out
}

// frame is the part of the plane that is drawn.
type frame struct{ left, right, low, high float64 }

func frameOf(lines [][]at) (f frame, some bool) {
	for _, line := range lines {
		for _, a := range line {
			switch {
			case a.skip:
			case !some:
				f, some = frame{a.x, a.x, a.y, a.y}, true
			default:
				f = frame{min(f.left, a.x), max(f.right, a.x), min(f.low, a.y), max(f.high, a.y)}
			}
		}
	}
	if f.left == f.right {
		f.right++
	}
	if f.low == f.high { // a flat line lies in the middle
		pad := max(math.Abs(f.low)/10, 1e-9)
		f.low, f.high = f.low-pad, f.high+pad
	}
	return f, some
}

func (p *picture) letters() bool { return !p.colour && len(p.lines) > 1 }

func letter(i int) string { return string(rune('a' + i%26)) }

// paint gives a text in the colour of a line.
func (p *picture) paint(line int, text string) string {
	if !p.colour {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", []int{36, 33, 35, 32, 34, 31}[line%6], text)
}

func (p *picture) draw() string {
	lines := make([][]at, len(p.lines))
	for i, l := range p.lines {
		lines[i] = p.places(l)
	}
	f, some := frameOf(lines)
	if !some {
		return p.title + ": there is no number to draw\n" + p.legend()
	}
	labels := make([]string, p.height)
	widest := 0
	for i := range labels {
		if i == 0 || i == p.height-1 || i == p.height/2 {
			labels[i] = p.value(f.high - (f.high-f.low)*float64(i)/float64(p.height-1))
			widest = max(widest, len(labels[i]))
		}
	}
	c := newCanvas(max(p.width-widest-2, 10), p.height)
	for i, line := range lines {
		c.line(i, line, f)
	}
	var b strings.Builder
	b.WriteString(p.title)
	if p.log {
		b.WriteString(" (logarithmic)")
	}
	b.WriteString("\n")
	for y := range p.height {
		edge := "│"
		if labels[y] != "" {
			edge = "┤"
		}
		row := fmt.Sprintf("%*s %s%s", widest, labels[y], edge, p.row(c, y))
		b.WriteString(strings.TrimRight(row, " ") + "\n")
	}
	left, right := p.along(f.left), p.along(f.right)
	gap := max(c.width-utf8.RuneCountInString(left)-utf8.RuneCountInString(right), 1)
	fmt.Fprintf(&b, "%*s └%s\n%*s  %s%s%s\n", widest, "", strings.Repeat("─", c.width), widest, "", left, strings.Repeat(" ", gap), right)
	return b.String() + p.legend()
}

// value prints a place of the upward axis.
func (p *picture) value(y float64) string {
	if p.log {
		y = math.Pow(10, y)
	}
	return fmt.Sprintf("%.4g", y)
}

// along prints a place of the axis to the right.
func (p *picture) along(x float64) string {
	if p.byTime {
		return time.Duration(x * float64(time.Millisecond)).Round(time.Millisecond).String()
	}
	return fmt.Sprintf("step %.0f", x)
}

func (p *picture) row(c *canvas, y int) string {
	var b strings.Builder
	for x := range c.width {
		switch cell := c.cells[y*c.width+x]; {
		case cell.dots == 0:
			b.WriteByte(' ')
		case p.letters():
			b.WriteString(letter(cell.line))
		default:
			b.WriteString(p.paint(cell.line, string(rune(0x2800+int(cell.dots)))))
		}
	}
	return b.String()
}

// canvas is width × height characters.
type canvas struct {
	width, height int
	cells         []cellDots
}

// cellDots is a character: its dots, and the line that was drawn last.
type cellDots struct {
	dots byte
	line int
}

func newCanvas(width, height int) *canvas {
	return &canvas{width, height, make([]cellDots, width*height)}
}

// dots of a Braille character by row and column.
var dots = [4][2]byte{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}

func (c *canvas) dot(line, x, y int) {
	cell := &c.cells[y/4*c.width+x/2]
	cell.dots |= dots[y%4][x%2]
	cell.line = line
}

// line draws from place to place.
func (c *canvas) line(n int, line []at, f frame) {
	w, h := float64(2*c.width-1), float64(4*c.height-1)
	place := func(a at) (float64, float64) {
		return math.Round((a.x - f.left) / (f.right - f.left) * w), math.Round((f.high - a.y) / (f.high - f.low) * h)
	}
	for i, a := range line {
		if a.skip {
			continue
		}
		x1, y1 := place(a)
		x0, y0 := x1, y1
		if i > 0 && !line[i-1].skip {
			x0, y0 = place(line[i-1])
		}
		steps := max(math.Abs(x1-x0), math.Abs(y1-y0), 1)
		for s := 0.0; s <= steps; s++ {
			c.dot(n, int(math.Round(x0+(x1-x0)*s/steps)), int(math.Round(y0+(y1-y0)*s/steps)))
		}
	}
}
