package steps

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
	"github.com/paraplu/paraplu/internal/quality"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/spec"
	"github.com/paraplu/paraplu/internal/stat"
)

// maxHoldout bounds the hold-out table that is read into memory, in bytes.
const maxHoldout = 256 << 20

// Holdout is the table of predictions on days that training did not see: columns day, prediction, truth, baseline, and the
// features of the day.
type Holdout struct {
	Path       string
	Digest     ref.Digest
	Days       []string
	Prediction []float64
	Truth      []float64
	Baseline   []float64
	columns    map[string]int
	rows       [][]string
}

// Len is the number of days.
func (h *Holdout) Len() int { return len(h.Days) }

// ReadHoldout reads the table; an error names the file, line and column.
func ReadHoldout(path string) (*Holdout, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, fault.New(fault.NotFound, "the hold-out table %s does not exist", path).WithHint("paraplu run")
	} else if err != nil {
		return nil, fault.Wrap(err, "reading the hold-out table")
	}
	defer f.Close()
	hash := ref.NewHasher()
	r := csv.NewReader(io.TeeReader(io.LimitReader(f, maxHoldout), hash))
	head, err := r.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the hold-out table has no header: %w", err).At(path, 1, 0)
	}
	h := &Holdout{Path: path, columns: map[string]int{}}
	for i, name := range head {
		h.columns[name] = i
	}
	for _, need := range []string{"day", "prediction", "truth", "baseline"} {
		if _, ok := h.columns[need]; !ok {
			return nil, fault.New(fault.Invalid, "the hold-out table has no column %q; it has %q", need, head).At(path, 1, 0)
		}
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, fault.New(fault.Invalid, "%w", err).At(path, 0, 0)
		}
		if err := h.add(row); err != nil {
			line, col := r.FieldPos(0)
			return nil, fault.New(fault.Invalid, "%w", err).At(path, line, col)
		}
	}
	if h.Len() == 0 {
		return nil, fault.New(fault.Invalid, "the hold-out table has no rows").At(path, 2, 0)
	}
	h.Digest = hash.Digest()
	return h, nil
}

func (h *Holdout) add(row []string) error {
	for name, into := range map[string]*[]float64{"prediction": &h.Prediction, "truth": &h.Truth, "baseline": &h.Baseline} {
		text := row[h.columns[name]]
		v, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("column %s: %q is not a finite number", name, text)
		}
		*into = append(*into, v)
	}
	h.Days = append(h.Days, row[h.columns["day"]])
	h.rows = append(h.rows, row)
	return nil
}

// trainedOn gives columns of the feature table on the days before the hold-out: what the model was trained on. Cells that
// are no numbers are left out; a product without a feature table has none.
func trainedOn(p *spec.Product, before string, columns []string) (map[string][]float64, error) {
	out := map[string][]float64{}
	if p.Model.Features == "" {
		return out, nil
	}
	f, err := os.Open(p.Path(p.Model.Features))
	if err != nil {
		return nil, fault.Wrap(err, "reading the feature table")
	}
	defer f.Close()
	r := csv.NewReader(io.LimitReader(f, maxHoldout))
	head, err := r.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the feature table has no header: %w", err).At(f.Name(), 1, 0)
	}
	day := slices.Index(head, "day")
	for {
		row, err := r.Read()
		if err == io.EOF {
			return out, nil
		} else if err != nil {
			return nil, fault.New(fault.Invalid, "%w", err).At(f.Name(), 0, 0)
		}
		if day >= 0 && row[day] >= before {
			continue
		}
		for _, c := range columns {
			if i := slices.Index(head, c); i >= 0 {
				if v, err := strconv.ParseFloat(row[i], 64); err == nil {
					out[c] = append(out[c], v)
				}
			}
		}
	}
}

// Score asks a package for the days of the table.
func (h *Holdout) Score(ctx context.Context, l *modelpack.Loaded) ([]float64, error) {
	sig := l.Signature()
	frame := &modelpack.Frame{Rows: h.Len(), Cols: make([]*onnx.Tensor, len(sig.Inputs))}
	for c := range sig.Inputs {
		in := &sig.Inputs[c]
		at, ok := h.columns[in.Name]
		if !ok {
			return nil, fault.New(fault.Precondition, "the hold-out table %s has no column %q, which package %s needs", h.Path, in.Name, l.Digest.Short())
		}
		frame.Cols[c] = in.NewTensor(h.Len())
		for i, row := range h.rows {
			if err := in.Set(frame.Cols[c], i, jsonValue(in.Type, row[at])); err != nil {
				return nil, fault.New(fault.Invalid, "column %s: %w", in.Name, err).At(h.Path, i+2, 0)
			}
		}
	}
	out, err := l.Binding.Runner(l.Program)(ctx, frame)
	if err != nil {
		return nil, err
	}
	answers := make([]float64, h.Len())
	for i := range answers {
		v, ok := modelpack.Number(out.Cols[0], i)
		if !ok {
			return nil, fault.New(fault.Unsupported, "package %s answers %s, which is not a number", l.Digest.Short(), sig.Outputs[0].Type)
		}
		answers[i] = v
	}
	return answers, nil
}

// jsonValue turns a CSV cell into what Column.Set reads; an empty cell of a number is missing.
func jsonValue(kind, cell string) any {
	switch {
	case kind == "string":
		return cell
	case kind == "boolean":
		return cell == "true" || cell == "True" || cell == "1"
	case cell == "":
		return nil
	}
	return json.Number(cell)
}

// Money is what a column of orders cost on the hold-out, by the product's value expression.
type Money struct {
	Cost     float64       `json:"cost"`     // of the model, in the unit of the canvas
	Baseline float64       `json:"baseline"` // of the rule that it is held against
	Saving   float64       `json:"saving"`   // Baseline − Cost
	Interval stat.Interval `json:"interval"` // of Saving: 95 %, weeks drawn whole
	WAPE     float64       `json:"wape"`
	Days     int           `json:"days"`
}

// value computes the money of predictions against a baseline, both over the truth of the hold-out.
func (s *Steps) value(ctx context.Context, p *spec.Product, h *Holdout, prediction, baseline []float64) (Money, error) {
	cost, err := s.costs(ctx, p, h, prediction)
	if err != nil {
		return Money{}, err
	}
	base, err := s.costs(ctx, p, h, baseline)
	if err != nil {
		return Money{}, err
	}
	saving := make([]float64, len(cost))
	m := Money{WAPE: stat.WAPE(prediction, h.Truth), Days: h.Len()}
	for i := range cost {
		saving[i] = base[i] - cost[i]
		m.Cost += cost[i]
		m.Baseline += base[i]
	}
	m.Saving = m.Baseline - m.Cost
	const rounds, level, seed = 2000, 0.95, 20150101
	m.Interval = stat.BlockBootstrap(h.Len(), min(7, h.Len()), rounds, level, seed, func(rows []int) float64 {
		sum := 0.0
		for _, i := range rows {
			sum += saving[i]
		}
		return sum
	})
	return m, nil
}

// costs evaluates the value expression of the canvas for every day, in DuckDB.
func (s *Steps) costs(ctx context.Context, p *spec.Product, h *Holdout, prediction []float64) ([]float64, error) {
	v := p.Canvas.Value
	t := quality.Table{Columns: []quality.Column{{Name: "i", Type: "BIGINT"}, {Name: "prediction", Type: "DOUBLE"}, {Name: "truth", Type: "DOUBLE"},
		{Name: "baseline", Type: "DOUBLE"}, {Name: "too_few", Type: "DOUBLE"}, {Name: "too_many", Type: "DOUBLE"}}}
	for i := range prediction {
		t.Rows = append(t.Rows, []any{int64(i), prediction[i], h.Truth[i], h.Baseline[i], v.TooFew, v.TooMany})
	}
	res, err := s.Analytics.Query(ctx, map[string]quality.Table{"holdout": t}, `SELECT i, (`+v.Expression+`)::DOUBLE FROM holdout ORDER BY i`)
	if err != nil {
		at := p.Place("canvas.value.expression")
		return nil, fault.New(fault.Invalid, "the value expression cannot be computed: %w", err).At(p.File, at.Line, at.Col)
	}
	out := make([]float64, 0, len(prediction))
	for _, row := range res.Rows {
		c, ok := row[1].(float64)
		if !ok {
			return nil, fault.New(fault.Invalid, "the value expression gives no number for %s", h.Days[len(out)]).At(p.File, p.Place("canvas.value.expression").Line, 0)
		}
		out = append(out, c)
	}
	return slices.Clip(out), nil
}
