// Package intake counts what a request holds before anything is built from it. The size of a body does not bound what it
// costs: in a list of "{}," three bytes become a hundred in memory, so 64 MB would become gigabytes.
package intake

import (
	"bytes"
	"fmt"
)

// MaxObjects bounds the objects of a JSON body. One request has at most 100 000 rows.
const MaxObjects = 250_000

// JSON refuses a body with more than MaxObjects objects, or more values than given. It builds nothing and does not tell
// whether the JSON is sound.
func JSON(body []byte, values int) error {
	objects, items := 0, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = closing(body, i+1)
		case '{':
			objects++
		case '[', ',':
			items++
		}
	}
	if objects > MaxObjects {
		return fmt.Errorf("the body holds %d objects, more than %d; send several requests", objects, MaxObjects)
	}
	if items > values {
		return fmt.Errorf("the body holds %d values, more than %d; send several requests", items, values)
	}
	return nil
}

// closing gives the place of the quote that ends the text from i on, or the end.
func closing(body []byte, i int) int {
	for i < len(body) {
		n := bytes.IndexAny(body[i:], `"\`)
		if n < 0 {
			return len(body)
		}
		if i += n; body[i] == '"' {
			return i
		}
		i += 2
	}
	return len(body)
}

// CSV refuses a table of more cells than given.
func CSV(body []byte, cells int) error {
	if n := bytes.Count(body, []byte{','}) + bytes.Count(body, []byte{'\n'}); n > cells {
		return fmt.Errorf("the table holds %d cells, more than %d; send several requests", n, cells)
	}
	return nil
}
