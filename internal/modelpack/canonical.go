package modelpack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Canonical gives the one JSON text of a value, so that equal content has an equal digest: keys sorted by their bytes,
// no white space, UTF-8 without needless escapes, numbers as Go prints them (no fraction where an integer does).
func Canonical(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(tree); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// strict decodes exactly one JSON value and refuses unknown keys.
func strict(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("text after the end of the JSON value")
	}
	return nil
}
