package spec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/paraplu/paraplu/internal/fault"
	"go.yaml.in/yaml/v3"
)

// FileName is the name of the file that Load reads.
const FileName = "paraplu.yaml"

const (
	maxSize  = 1 << 20 // bytes of a file
	maxDepth = 32      // levels of nesting
)

// Load reads dir/paraplu.yaml and also checks that the files it names for people
// (contracts, runbooks) exist. A missing file is fault.NotFound, problems are an *[Errors].
func Load(dir string) (*Product, error) {
	file := filepath.Join(dir, FileName)
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "%s does not exist", file).WithHint("paraplu init, or go to the folder of the product")
	} else if err != nil {
		return nil, fault.New(fault.Unavailable, "reading %s: %w", file, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "reading %s: %w", file, err)
	}
	p, found := parse(file, data)
	if p != nil {
		p.Dir = dir
		found.Problems = append(found.Problems, missingFiles(p)...)
	}
	if err := found.sorted(); err != nil {
		return nil, err
	}
	return p, nil
}

// Parse reads the text of a paraplu.yaml without touching the disk. The name is
// used in errors, its folder becomes Product.Dir. Problems are an *[Errors].
func Parse(filename string, data []byte) (*Product, error) {
	p, found := parse(filename, data)
	if err := found.sorted(); err != nil {
		return nil, err
	}
	p.Dir = filepath.Dir(filename)
	return p, nil
}

// parse gives what could be read beside the problems; nil if nothing could.
func parse(filename string, data []byte) (*Product, *Errors) {
	found := &Errors{File: filename}
	node, problem := document(data)
	if problem != nil {
		found.Problems = []Problem{*problem}
		return nil, found
	}
	r := &reader{places: map[string]Place{}}
	if !r.tame("", node, 0) {
		found.Problems = r.problems
		return nil, found
	}
	p := &Product{File: filename, places: r.places}
	r.places[""] = place(node)
	r.read("", node, root, reflect.ValueOf(p).Elem())
	for i := 0; i+1 < len(node.Content); i += 2 {
		p.Sections = append(p.Sections, node.Content[i].Value)
	}
	finish(p)
	found.Problems = append(r.problems, check(p)...)
	return p, found
}

// document gives the root node of the one YAML document in data.
func document(data []byte) (*yaml.Node, *Problem) {
	at := func(line, col int, format string, args ...any) (*yaml.Node, *Problem) {
		return nil, &Problem{Place: Place{line, col}, What: fmt.Sprintf(format, args...)}
	}
	if len(data) > maxSize {
		return at(0, 0, "the file is larger than %d KiB; that is no paraplu.yaml", maxSize>>10)
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return at(1, 1, "the file is UTF-16: save it as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		line, col := invalidByte(data)
		return at(line, col, "the file is not UTF-8: the byte 0x%02x here belongs to another encoding", byteAt(data, line, col))
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || err == nil && empty(&doc) {
		return at(1, 1, "the file is empty; it needs at least product: {name: …}")
	} else if err != nil {
		return nil, syntax(data, err)
	}
	if err := dec.Decode(&second); err == nil {
		return at(second.Line, second.Column, "a second YAML document starts here: one file describes one product")
	} else if !errors.Is(err, io.EOF) {
		return nil, syntax(data, err)
	}
	return doc.Content[0], nil
}

func empty(doc *yaml.Node) bool {
	return len(doc.Content) == 0 || doc.Content[0].ShortTag() == "!!null" && doc.Content[0].Value == ""
}

func place(n *yaml.Node) Place { return Place{n.Line, n.Column} }

// invalidByte finds the first byte that is not UTF-8; both count from 1, col in bytes.
func invalidByte(data []byte) (line, col int) {
	line, col = 1, 1
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		if col += n; r == '\n' {
			line, col = line+1, 1
		}
		i += n
	}
	return line, col
}

func byteAt(data []byte, line, col int) byte {
	return bytes.SplitN(data, []byte("\n"), line+1)[line-1][col-1]
}

var yamlError = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)$`)

// syntax turns an error of the YAML library into a problem with a place. A tab in
// the indentation is its most common and least helpful one.
func syntax(data []byte, err error) *Problem {
	p := &Problem{Place: Place{1, 1}, What: "not valid YAML: " + err.Error()}
	if m := yamlError.FindStringSubmatch(strings.SplitN(err.Error(), "\n", 2)[0]); m != nil {
		p.What = "not valid YAML: " + m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.Line = n
		}
	}
	for i, line := range strings.Split(string(data), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if col := strings.IndexByte(indent, '\t'); col >= 0 && i+1 >= p.Line-1 && i+1 <= p.Line+1 && strings.TrimSpace(line) != "" {
			return &Problem{Place: Place{i + 1, col + 1}, What: "a tab in the indentation: YAML allows only spaces"}
		}
	}
	return p
}
