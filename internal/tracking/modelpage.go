package tracking

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/paraplu/paraplu/internal/fault"
)

// modelCursor is the content of a page token; it is checked against the request.
type modelCursor struct {
	ExperimentIDs []string     `json:"experiment_ids"`
	Filter        string       `json:"filter_string,omitempty"`
	OrderBy       []ModelOrder `json:"order_by,omitempty"`
	Offset        int64        `json:"offset"`
}

// token gives the page token that modelOffset reads.
func (c modelCursor) token() (string, error) {
	b, err := json.Marshal(c)
	return base64.StdEncoding.EncodeToString(b), err
}

// modelOffset reads the page token of a search. Its errors print both requests as MLflow's do.
func modelOffset(s ModelSearch) (int64, error) {
	if s.PageToken == "" {
		return 0, nil
	}
	var c modelCursor
	b, err := base64.StdEncoding.DecodeString(s.PageToken)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	switch {
	case err != nil || c.Offset < 0:
		return 0, fault.New(fault.Invalid, "Invalid page token: %s", cut(s.PageToken, 200))
	case !reflect.DeepEqual(c.ExperimentIDs, s.ExperimentIDs):
		return 0, fault.New(fault.Invalid, "Experiment IDs in the page token do not match the requested experiment IDs. Expected: %s. Found: %s",
			pythonList(s.ExperimentIDs), pythonList(c.ExperimentIDs))
	case c.Filter != s.Filter:
		return 0, fault.New(fault.Invalid, "Filter string in the page token does not match the requested filter string. Expected: %s. Found: %s",
			orNone(s.Filter), orNone(c.Filter))
	case len(c.OrderBy)+len(s.OrderBy) > 0 && !reflect.DeepEqual(c.OrderBy, s.OrderBy):
		return 0, fault.New(fault.Invalid, "Order by in the page token does not match the requested order by. Expected: %s. Found: %s",
			pythonOrder(s.OrderBy), pythonOrder(c.OrderBy))
	}
	return c.Offset, nil
}

// pythonList prints a list of texts as Python does.
func pythonList(list []string) string {
	if list == nil {
		return "None"
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = Quote(s)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// pythonOrder prints an order as the dictionaries that MLflow keeps.
func pythonOrder(terms []ModelOrder) string {
	if terms == nil {
		return "None"
	}
	out := make([]string, len(terms))
	for i, t := range terms {
		up := "True"
		if t.Descending {
			up = "False"
		}
		out[i] = fmt.Sprintf("{'field_name': %s, 'ascending': %s, 'dataset_name': %s, 'dataset_digest': %s}",
			Quote(t.Field), up, quotedOrNone(t.DatasetName), quotedOrNone(t.DatasetDigest))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func orNone(s string) string {
	if s == "" {
		return "None"
	}
	return s
}

func quotedOrNone(s string) string {
	if s == "" {
		return "None"
	}
	return Quote(s)
}
