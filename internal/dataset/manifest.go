package dataset

import (
	"encoding/json"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

const manifestSchema = "paraplu/manifest/1"

// manifest is the stored list of files. Its encoding is canonical: fixed order of keys, files sorted by path, no spaces.
type manifest struct {
	Schema string `json:"schema"`
	Folder bool   `json:"folder"`
	Files  []File `json:"files"`
}

func encode(v Version) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(manifest{Schema: manifestSchema, Folder: v.Folder, Files: v.Files}); err != nil {
		panic(err) // strings and numbers always encode
	}
	return []byte(b.String())
}

// Delta is what changed from one version to another.
type Delta struct {
	Added          []File
	Removed        []File
	Changed        []Change
	Same           int // files with the same content
	RowsBefore     int64
	RowsAfter      int64 // -1 = unknown
	BytesBefore    int64
	BytesAfter     int64
	ColumnsAdded   []string
	ColumnsRemoved []string
}

// Change is one file with other content.
type Change struct {
	Before File `json:"before"`
	After  File `json:"after"`
}

// Empty tells whether nothing changed.
func (d Delta) Empty() bool { return len(d.Added)+len(d.Removed)+len(d.Changed) == 0 }

// Diff compares two versions by their files. A single file is compared with a single file whatever their names are.
func Diff(a, b Version) Delta {
	d := Delta{RowsBefore: a.Rows, RowsAfter: b.Rows, BytesBefore: a.Bytes, BytesAfter: b.Bytes}
	if a.Columns != nil && b.Columns != nil {
		d.ColumnsAdded, d.ColumnsRemoved = missing(b.Columns, a.Columns), missing(a.Columns, b.Columns)
	}
	if !a.Folder && !b.Folder && len(a.Files) == 1 && len(b.Files) == 1 {
		d.compare(a.Files[0], b.Files[0])
		return d
	}
	i, j := 0, 0
	for i < len(a.Files) || j < len(b.Files) {
		switch {
		case j == len(b.Files) || i < len(a.Files) && a.Files[i].Path < b.Files[j].Path:
			d.Removed = append(d.Removed, a.Files[i])
			i++
		case i == len(a.Files) || b.Files[j].Path < a.Files[i].Path:
			d.Added = append(d.Added, b.Files[j])
			j++
		default:
			d.compare(a.Files[i], b.Files[j])
			i, j = i+1, j+1
		}
	}
	return d
}

func (d *Delta) compare(before, after File) {
	if before.Digest == after.Digest {
		d.Same++
		return
	}
	d.Changed = append(d.Changed, Change{before, after})
}

// missing gives what is in a and not in b, in the order of a.
func missing(a, b []string) []string {
	in := map[string]bool{}
	for _, s := range b {
		in[s] = true
	}
	var out []string
	for _, s := range a {
		if !in[s] {
			out = append(out, s)
		}
	}
	return out
}

// badPath tells why a path cannot be part of a version, "" if it can.
func badPath(p string) string {
	switch {
	case strings.ContainsFunc(p, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		return "its name holds a control character"
	case strings.ToValidUTF8(p, "") != p:
		return "its name is not UTF-8"
	case strings.Contains(p, `\`):
		return `its name holds a backslash, which is a folder on other systems`
	}
	return ""
}

func refuse(path, why string) *fault.Error {
	return fault.New(fault.Invalid, "%s cannot be part of a dataset: %s", path, why)
}
