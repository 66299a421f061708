package registry_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/registry"
)

// TestSearchGolden asks every question of testdata/search.golden ("models" or "versions", filter, then "| order" and
// "| max"), on both databases. Set UPDATE_GOLDEN=1 to write the answers anew.
func TestSearchGolden(t *testing.T) {
	const file = "testdata/search.golden"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	run(t, func(h *house) {
		for _, name := range []string{"umbrella", "Umbel", "parasol", "énorme"} {
			h.model(name)
		}
		for i, model := range []string{"umbrella", "parasol", "umbrella"} {
			v, err := h.CreateVersion(h.ctx, registry.VersionInput{Model: model, Source: fmt.Sprintf("s3://b/%d", i), RunID: fmt.Sprintf("run%d", i)})
			h.ok(err)
			h.ok(h.SetVersionTag(h.ctx, model, v.Number, "n", fmt.Sprint(i)))
		}
		h.ok(h.SetModelTag(h.ctx, "umbrella", "team", "rain"))
		h.ok(h.SetModelTag(h.ctx, "umbrella", "a b", "it's"))
		h.ok(h.SetModelTag(h.ctx, "parasol", "team", "Sun"))
		_, err := h.CreateModel(h.ctx, registry.ModelInput{Name: "ask", Tags: map[string]string{"mlflow.prompt.is_prompt": "true"}})
		h.ok(err)
		_, err = h.UpdateModel(h.ctx, "parasol", "newest")
		h.ok(err)
		var b strings.Builder
		for line := range strings.Lines(string(old)) {
			question, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> ")
			if ok {
				fmt.Fprintf(&b, "> %s\n%s\n", question, h.answer(question))
			}
		}
		if os.Getenv("UPDATE_GOLDEN") != "" {
			h.ok(os.WriteFile(file, []byte(b.String()), 0o644))
		} else if b.String() != string(old) {
			h.t.Errorf("answers changed:\n%s", b.String())
		}
	})
}

func (h *house) answer(question string) string {
	what, rest, _ := strings.Cut(question, " ")
	parts := strings.Split(rest, "|")
	s := registry.Search{Filter: parts[0]}
	for _, p := range parts[1:] {
		p = strings.TrimSpace(p)
		if _, err := fmt.Sscanf(p, "max %d", &s.MaxResults); err != nil {
			s.OrderBy = append(s.OrderBy, p)
		}
	}
	var out []string
	for range 9 {
		var names []string
		var err error
		if what == "models" {
			var ms []registry.Model
			ms, s.PageToken, err = h.SearchModels(h.ctx, s)
			for _, m := range ms {
				names = append(names, m.Name)
			}
		} else {
			var vs []registry.Version
			vs, s.PageToken, err = h.SearchVersions(h.ctx, s)
			for _, v := range vs {
				names = append(names, strings.TrimPrefix(v.Ref(), "model:"))
			}
		}
		if err != nil {
			return fault.KindOf(err).String() + ": " + err.Error() + "\n"
		}
		out = append(out, strings.Join(names, " "))
		if s.PageToken == "" {
			break
		}
	}
	return strings.Join(out, "\n") + "\n"
}

func TestPageTokens(t *testing.T) {
	run(t, func(h *house) {
		for _, bad := range []string{"x", "e30=", "eyJvZmZzZXQiOi0xfQ==", "bm8="} {
			_, _, err := h.SearchModels(h.ctx, registry.Search{PageToken: bad})
			h.refused(err, fault.Invalid, "Invalid page token")
		}
		for _, n := range []int{-1, 1001} {
			_, _, err := h.SearchModels(h.ctx, registry.Search{MaxResults: n})
			h.refused(err, fault.Invalid, "max_results")
		}
	})
}

// A page begins behind the last row of the page before, whatever came or went in between.
func TestPagesStandStillWhileRowsCome(t *testing.T) {
	run(t, func(h *house) {
		for _, name := range []string{"b", "c", "e"} {
			h.model(name)
		}
		page, next, err := h.SearchModels(h.ctx, registry.Search{OrderBy: []string{"name"}, MaxResults: 2})
		h.ok(err)
		if len(page) != 2 || page[1].Name != "c" {
			t.Fatalf("first page %v", page)
		}
		h.model("a")
		h.model("d")
		h.ok(h.DeleteModel(h.ctx, "c"))
		page, next, err = h.SearchModels(h.ctx, registry.Search{OrderBy: []string{"name"}, MaxResults: 2, PageToken: next})
		h.ok(err)
		if len(page) != 2 || page[0].Name != "d" || page[1].Name != "e" || next != "" {
			t.Errorf("second page %v, next %q", page, next)
		}
	})
}
