package modelpack

import (
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
)

// schemaVersion is that of package.json. A higher one is refused: its meaning is not known.
const schemaVersion = 1

// Manifest is package.json, in canonical JSON: what is inside, where it came from and who answers for it.
type Manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	Product       string            `json:"product"`
	Name          string            `json:"name"`
	Version       string            `json:"version,omitempty"`
	Kind          string            `json:"kind"` // regression, classification, …
	Engine        EngineNeeds       `json:"engine"`
	Signature     Signature         `json:"signature"`
	Files         []ManifestFile    `json:"files"` // all but package.json and model.sig, by path
	Parity        ParityDecl        `json:"parity"`
	Tests         []TestResult      `json:"tests,omitempty"`
	Contract      string            `json:"contract,omitempty"` // path of the data contract
	Lineage       Lineage           `json:"lineage"`
	Owners        map[string]string `json:"owners,omitempty"` // "model": "daisy"
	CreatedAt     time.Time         `json:"createdAt"`
}

// EngineNeeds says where the graph can run.
type EngineNeeds struct {
	Prefer string           `json:"prefer"`
	Allow  []string         `json:"allow"`
	Opsets map[string]int64 `json:"opsets"`
	Ops    []string         `json:"ops"`
}

// ManifestFile names the content of one file.
type ManifestFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hex
}

// ParityDecl says where the parity rows are and how near an engine must come.
type ParityDecl struct {
	Path   string        `json:"path"`
	Rows   int           `json:"rows"`
	Checks []ParityCheck `json:"checks"`
}

// ParityCheck is the tolerance of one output.
type ParityCheck struct {
	Output string `json:"output"`
	Tolerance
}

// TestResult is one measured quality of the model with its limit.
type TestResult struct {
	ID       string   `json:"id"`
	Metric   string   `json:"metric"`
	Slice    string   `json:"slice,omitempty"`
	Value    float64  `json:"value"`
	AtMost   *float64 `json:"mustBeLessOrEqualTo,omitempty"`
	AtLeast  *float64 `json:"mustBeGreaterOrEqualTo,omitempty"`
	Baseline string   `json:"baseline,omitempty"`
}

// Passed tells whether the value is within its limits.
func (t TestResult) Passed() bool {
	return (t.AtMost == nil || t.Value <= *t.AtMost) && (t.AtLeast == nil || t.Value >= *t.AtLeast)
}

// Lineage says what the model was made of.
type Lineage struct {
	Run       string            `json:"run,omitempty"`
	Execution string            `json:"execution,omitempty"`
	Commit    string            `json:"commit,omitempty"`
	Datasets  []DatasetRef      `json:"datasets,omitempty"`
	Params    map[string]string `json:"params,omitempty"`
	Parent    ref.Digest        `json:"parent,omitempty"` // the package that this one replaces
}

// DatasetRef names a dataset version that went in.
type DatasetRef struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Digest  string `json:"digest"`
	Role    string `json:"role,omitempty"` // train, holdout, …
}

// Card is the human part of CARD.md; facts are added from the manifest.
type Card struct {
	Title       string
	Description string
	Decision    string   // what people do with the answer
	Never       []string // uses that are out of bounds
	Fallback    string   // what to do without the model
	Risk        string   // low, medium, high
	Text        string   // more Markdown, written by a person
}

// ParseManifest reads package.json. Unknown keys are an error: a newer writer raises schemaVersion.
func ParseManifest(data []byte) (*Manifest, error) {
	var m Manifest
	if err := strict(data, &m); err != nil {
		return nil, fault.New(fault.Invalid, "package.json: %w", err)
	}
	if m.SchemaVersion != schemaVersion {
		return nil, fault.New(fault.Unsupported, "package.json has the schema version %d, and this Paraplu knows %d", m.SchemaVersion, schemaVersion).
			WithHint("use a newer paraplu")
	}
	if err := m.Signature.check(); err != nil {
		return nil, fault.New(fault.Invalid, "package.json: %w", err)
	}
	return &m, nil
}
