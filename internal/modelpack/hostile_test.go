package modelpack

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paraplu/paraplu/internal/db"
	"github.com/paraplu/paraplu/internal/db/dbtest"
	"github.com/paraplu/paraplu/internal/event"
	"github.com/paraplu/paraplu/internal/fault"
)

// edit copies an export folder and rewrites one file of it.
func edit(t testing.TB, name, file string, old, new string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, file)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), old) {
		t.Fatalf("%s does not hold %q", file, old)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(b), old, new)), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestExportThatCannotBeAPackage(t *testing.T) {
	f := newFixture(t, dbtest.SQLite(t, event.Migrations(), Migrations()))
	const rowOne = `"umbrellas": 11.660809962161768`
	for name, c := range map[string]struct {
		dir  string
		kind fault.Kind
		want string
	}{
		"no folder":           {filepath.Join(t.TempDir(), "none"), fault.NotFound, "there is no export folder"},
		"empty folder":        {t.TempDir(), fault.Invalid, "has no model.onnx"},
		"not ONNX":            {edit(t, "umbrella", "model.onnx", "TreeEnsembleRegressor", "x"), fault.Invalid, "not a sound ONNX file"},
		"unknown operator":    {edit(t, "umbrella", "model.onnx", "OneHotEncoder", "OneHotXncoder"), fault.Unsupported, "ai.onnx.ml:OneHotXncoder"},
		"parity differs":      {edit(t, "umbrella", "parity.jsonl", rowOne, `"umbrellas": 12`), fault.Precondition, "worst is parity.jsonl line 1 with"},
		"parity is null":      {edit(t, "umbrella", "parity.jsonl", rowOne, `"umbrellas": null`), fault.Precondition, "expected null, got 11.66"},
		"parity is text":      {edit(t, "umbrella", "parity.jsonl", rowOne, `"umbrellas": "many"`), fault.Invalid, `parity.jsonl:1: column "umbrellas": got "many", want a number`},
		"parity column":       {edit(t, "umbrella", "parity.jsonl", rowOne, rowOne+`, "sun": 1`), fault.Invalid, `parity.jsonl:1: column "sun" is not in the signature`},
		"parity not JSON":     {edit(t, "umbrella", "parity.jsonl", rowOne, `"umbrellas": NaN`), fault.Invalid, "parity.jsonl:1: not a parity row"},
		"parity other key":    {edit(t, "umbrella", "parity.jsonl", `"outputs"`, `"answers"`), fault.Invalid, `unknown field "answers"`},
		"label flips":         {edit(t, "iris", "parity.jsonl", `"label": 0`, `"label": 1`), fault.Precondition, `output "label" differs`},
		"vector too short":    {edit(t, "iris", "parity.jsonl", `"probabilities": [`, `"probabilities": [0.5, `), fault.Invalid, "want a list of 3 values"},
		"input not in graph":  {edit(t, "umbrella", "signature.json", `"temp_c"`, `"temp_f"`), fault.Invalid, `the signature has the input "temp_f", and the graph has only`},
		"input type":          {edit(t, "umbrella", "signature.json", `"type": "long",`, `"type": "string", "min":0,`), fault.Invalid, "min and max do not apply to string"},
		"output not in graph": {edit(t, "iris", "signature.json", `"label"`, `"class"`), fault.Invalid, `the signature has the output "class"`},
		"unknown key":         {edit(t, "umbrella", "signature.json", `"unit": "mm"`, `"unti": "mm"`), fault.Invalid, `unknown field "unti"`},
		"nullable long":       {edit(t, "umbrella", "signature.json", `"type": "long",`+"\n      "+`"nullable": false`, `"type": "long", "nullable": true`), fault.Invalid, "declare it double"},
		"tolerance of nobody": {edit(t, "umbrella", "signature.json", `"tolerance": {`, `"tolerance": { "sun": {"kind":"max_abs","limit":1},`), fault.Invalid, `"sun", which is not an output`},
		"tolerance kind":      {edit(t, "umbrella", "signature.json", `"max_rel"`, `"max_real"`), fault.Invalid, `kind "max_real" is not`},
		"policy of an output": {edit(t, "umbrella", "signature.json", `"unit": "pieces"`, `"unit": "pieces", "out_of_range": "reject"`), fault.Invalid, "an answer is not rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			in := input("umbrella")
			in.ExportDir = c.dir
			_, _, err := f.Build(context.Background(), in)
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v (%v)\nwant %s", err, fault.KindOf(err), c.want)
			}
		})
	}
	packs, err := f.List(context.Background(), "")
	if err != nil || len(packs) != 0 {
		t.Errorf("%d packages are left (%v)", len(packs), err)
	}
}

func TestLinksOutOfTheFolderAreRefused(t *testing.T) {
	f := newFixture(t, dbtest.SQLite(t, event.Migrations(), Migrations()))
	dir := edit(t, "umbrella", "requirements.txt", "scikit-learn", "scikit-learn")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "MLmodel")); err != nil {
		t.Fatal(err)
	}
	in := input("umbrella")
	in.ExportDir = dir
	if _, _, err := f.Build(context.Background(), in); err == nil {
		t.Error("a link out of the folder was followed")
	}
}

// A bundle is accepted only for exactly the package it was made for, unchanged.
func TestBundlesOfOtherContentAreRefused(t *testing.T) {
	f := newFixture(t, dbtest.SQLite(t, event.Migrations(), Migrations()))
	ctx := context.Background()
	p, q := f.build(t, input("umbrella")), f.build(t, input("iris"))
	good, err := f.blobs.ReadAll(ctx, p.Signatures[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	other, err := f.blobs.ReadAll(ctx, q.Signatures[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := f.keys.trusted()
	if err != nil {
		t.Fatal(err)
	}
	payload := func(change func(string) string) []byte {
		var b bundle
		if err := json.Unmarshal(good, &b); err != nil {
			t.Fatal(err)
		}
		b.Envelope.Payload = []byte(change(string(b.Envelope.Payload)))
		out, err := json.Marshal(b)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, c := range map[string]struct {
		bundle []byte
		files  []File
		want   string
	}{
		"good":          {good, p.Files, ""},
		"of another":    {other, p.Files, "package"},
		"file missing":  {good, p.Files[1:], "was signed and is missing"},
		"file more":     {good, append([]File{{Path: "x"}}, p.Files...), "x is not covered"},
		"file changed":  {good, append([]File{{Path: p.Files[0].Path, Digest: p.Files[1].Digest}}, p.Files[1:]...), "is not the file that was signed"},
		"payload":       {payload(func(s string) string { return strings.Replace(s, "umbrella", "umbrelle", 1) }), p.Files, "does not match any trusted key"},
		"not JSON":      {[]byte("x"), p.Files, "not a Sigstore bundle"},
		"no signature":  {[]byte(`{"mediaType":"` + mediaBundle + `"}`), p.Files, "one signature"},
		"broken base64": {[]byte(strings.Replace(string(good), base64.StdEncoding.EncodeToString([]byte(`{"_t`))[:4], "****", 1)), p.Files, "not a Sigstore bundle"},
	} {
		_, err := checkBundle(c.bundle, trusted, p.Digest, c.files)
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	err = f.db.Update(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM modelpack_referrer WHERE package = ?`, p.Digest)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Verify(ctx, p.Digest); !fault.Is(err, fault.Precondition) || !strings.Contains(err.Error(), "not signed") {
		t.Errorf("unsigned: %v", err)
	}
}

func TestImagePathsStayInside(t *testing.T) {
	for _, path := range []string{"../x", "/x", "a/../../x", "", ".", "a\\b", "C:x"} {
		im := image{ArtifactType: mediaArtifact, Layers: []descriptor{{Digest: "sha256:" + "0", Annotations: map[string]string{annotPath: path}}}}
		data, err := Canonical(im)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := parseImage(data); err == nil || !strings.Contains(err.Error(), "path") {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func FuzzParity(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "iris", "signature.json"))
	if err != nil {
		f.Fatal(err)
	}
	sig, err := ParseSignature(b)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"inputs":{"sepal_length":1e400},"outputs":{"label":1,"probabilities":[1,"NaN",null]}}`))
	f.Add([]byte("{\"inputs\":{},\"outputs\":{\"label\":9223372036854775808,\"probabilities\":[1,2,3]}}\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseParity(sig, data)
		if err == nil && (p.In.Rows != p.Want.Rows || len(p.In.Cols) != len(sig.Inputs)) {
			t.Errorf("%+v", p)
		}
		if err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v", err)
		}
	})
}

func FuzzDocuments(f *testing.F) {
	b, err := os.ReadFile(filepath.Join("testdata", "umbrella", "signature.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"artifactType":"` + mediaArtifact + `","layers":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := ParseSignature(data); err == nil {
			again, err := Canonical(s)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ParseSignature(again); err != nil {
				t.Errorf("what was accepted is refused after printing: %v\n%s", err, again)
			}
		}
		parseImage(data)                                                     //nolint:errcheck // must not panic
		ParseManifest(data)                                                  //nolint:errcheck // must not panic
		checkBundle(data, nil, "", []File{{Path: "a", Digest: "sha256:00"}}) //nolint:errcheck // must not panic
	})
}
