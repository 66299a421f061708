package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/spec"
)

const golden = "../../web/openapi.json"

// TestDescriptionOfThePages holds web/openapi.json and the code together: the types of the pages are made from it.
func TestDescriptionOfThePages(t *testing.T) {
	api := newAPI(http.NewServeMux(), &server{})
	got, err := json.MarshalIndent(api.OpenAPI(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("web/openapi.json is not what the code says; run: cd web && npm run api")
	}
}

func TestTheDescriptionIsServed(t *testing.T) {
	rec := httptest.NewRecorder()
	Handler(Deps{}).ServeHTTP(rec, httptest.NewRequest("GET", "/api/v1/openapi.json", nil))
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			OperationID string `json:"operationId"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Paths["/api/v1/products/{product}"]["get"].OperationID != "product" {
		t.Errorf("%s", rec.Body)
	}
}

func TestProblemOfAnError(t *testing.T) {
	_, broken := spec.Parse("paraplu.yaml", []byte("product: {name: umbrella, titel: x}\ncanvass: {}\n"))
	for name, c := range map[string]struct {
		err          error
		status       int
		kind, detail string
	}{
		"a fault":       {fault.New(fault.Precondition, "gate parity is red").WithHint("paraplu gates"), 412, "precondition", "gate parity is red"},
		"a place":       {fault.New(fault.Invalid, "no day").At("sales.csv", 3, 7), 400, "invalid", "sales.csv:3:7: no day"},
		"many places":   {broken, 400, "invalid", "did you mean"},
		"our own":       {fault.New(fault.Internal, "row 3 is damaged"), 500, "internal", "row 3 is damaged"},
		"a plain error": {errors.New("pq: password=secret"), 500, "internal", "the log of the server says more"},
	} {
		p := problemOf(c.err)
		if p.Status != c.status || p.Kind != c.kind || !strings.Contains(p.Detail, c.detail) || strings.Contains(p.Detail, "secret") {
			t.Errorf("%s: %+v", name, p.Problem)
		}
	}
	if p := problemOf(broken); len(p.Errors) != 2 || p.Errors[0].Hint == "" || p.Place == nil || p.Place.Line != 1 {
		t.Errorf("%+v", p.Problem)
	}
	if p := problemOf(fault.New(fault.Invalid, "no day").At("sales.csv", 3, 7)); p.Place == nil || p.Place.Column != 7 {
		t.Errorf("%+v", p.Problem)
	}
}
