package dataset

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
	"strings"
)

// maxHeader bounds how much of a file is kept to read its header, in bytes.
const maxHeader = 1 << 20

// counter counts the records of a CSV or JSON-lines file while its bytes pass by. A line end inside quotes does not end a
// record; empty lines are no records.
type counter struct {
	kind    string // extension: csv, tsv, jsonl, ndjson; "" = not a table we count
	records int64
	quoted  bool
	filled  bool // the current line holds something
	header  []byte
	done    bool // header is complete
}

func newCounter(path string) *counter {
	c := &counter{}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".csv", ".tsv", ".jsonl", ".ndjson":
		c.kind = ext[1:]
	}
	return c
}

func (c *counter) write(b []byte) {
	switch c.kind {
	case "":
		return
	case "csv", "tsv":
		c.csv(b)
	default:
		c.lines(b)
	}
}

func (c *counter) csv(b []byte) {
	for len(b) > 0 {
		i := bytes.IndexAny(b, "\"\n")
		if i < 0 {
			c.keep(b)
			return
		}
		c.keep(b[:i+1])
		switch {
		case b[i] == '"':
			c.quoted, c.filled = !c.quoted, true
		case !c.quoted:
			c.end()
		}
		b = b[i+1:]
	}
}

func (c *counter) lines(b []byte) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			c.filled = c.filled || len(bytes.TrimSpace(b)) > 0
			return
		}
		c.filled = c.filled || len(bytes.TrimSpace(b[:i])) > 0
		c.end()
		b = b[i+1:]
	}
}

// keep notes that bytes belong to the current record, and collects the header.
func (c *counter) keep(b []byte) {
	c.filled = c.filled || len(bytes.TrimRight(b, "\r\n")) > 0
	if !c.done && len(c.header)+len(b) <= maxHeader {
		c.header = append(c.header, b...)
	}
}

func (c *counter) end() {
	if c.filled {
		c.records++
		c.done = true
	}
	c.filled = false
}

// result gives the rows without the header, and the header; ok is false when the file is not a countable table.
func (c *counter) result() (rows int64, columns []string, ok bool) {
	if c.kind == "" || c.quoted {
		return 0, nil, false
	}
	n := c.records
	if c.filled {
		n++
	}
	if c.kind != "csv" && c.kind != "tsv" {
		return n, nil, true
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(c.header, []byte("\ufeff"))))
	if c.kind == "tsv" {
		r.Comma = '\t'
	}
	columns, err := r.Read()
	if err != nil {
		return 0, nil, false
	}
	return n - 1, columns, true
}
