package inference

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/intake"
	"github.com/paraplu/paraplu/internal/modelpack"
	"github.com/paraplu/paraplu/internal/onnx"
)

// parseCSV reads a table with a header line.
func parseCSV(body []byte) (*rows, error) {
	if err := intake.CSV(body, maxCells); err != nil {
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(body, []byte("\ufeff"))))
	header, err := in.Read()
	if err != nil {
		return nil, fault.New(fault.Invalid, "the CSV has no header line: %w", err)
	}
	var table [][]string
	for {
		record, err := in.Read()
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, fault.New(fault.Invalid, "CSV: %w", err)
		}
		table = append(table, record)
	}
	return &rows{count: len(table), names: header, text: true, cell: func(i, j int) any { return table[i][j] }}, nil
}

// fromText reads a CSV cell by the type of its column; what does not fit stays a text, which Set refuses.
func fromText(c *modelpack.Column, s string) any {
	switch c.DType() {
	case onnx.String:
		if s == "" && c.Nullable {
			return nil
		}
		return s
	case onnx.Bool:
		if b, err := strconv.ParseBool(strings.ToLower(s)); err == nil {
			return b
		}
		return s
	}
	s = strings.TrimSpace(s)
	if s == "" || strings.EqualFold(s, "nan") {
		return nil
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil && !strings.ContainsAny(s, "xXpPiInN_") {
		return json.Number(s)
	}
	return s
}
