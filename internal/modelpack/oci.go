package modelpack

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/ref"
)

// Media types of OCI and of the CNCF ModelPack specification 0.0.7.
const (
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaArtifact = "application/vnd.cncf.model.manifest.v1+json"
	mediaConfig   = "application/vnd.cncf.model.config.v1+json"
	mediaWeight   = "application/vnd.cncf.model.weight.v1.raw"
	mediaSettings = "application/vnd.cncf.model.weight.config.v1.raw"
	mediaDoc      = "application/vnd.cncf.model.doc.v1.raw"
	mediaCode     = "application/vnd.cncf.model.code.v1.raw"
	mediaDataset  = "application/vnd.cncf.model.dataset.v1.raw"
	mediaBundle   = "application/vnd.dev.sigstore.bundle.v0.3+json"
	annotPath     = "org.cncf.model.filepath"
	annotMeta     = "org.cncf.model.file.metadata+json"
)

// mediaTypes of the files of a package; docs/spec/package.md is this table for people.
var mediaTypes = map[string]string{
	"model.onnx":         mediaWeight,
	"package.json":       mediaSettings,
	"signature.json":     mediaSettings,
	"MLmodel":            mediaSettings,
	"requirements.txt":   mediaSettings,
	"input_example.json": mediaSettings,
	"parity.jsonl":       mediaDataset,
	"contract.yaml":      mediaDoc,
	"CARD.md":            mediaDoc,
	"bom.cdx.json":       mediaDoc,
	"env.lock":           mediaCode,
}

// File is one file of a package.
type File struct {
	Path      string     `json:"path"`
	Digest    ref.Digest `json:"digest"`
	Size      int64      `json:"size"` // bytes
	MediaType string     `json:"media_type"`
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      ref.Digest        `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type image struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type fileMeta struct {
	Name     string    `json:"name"`
	Mode     uint32    `json:"mode"`
	UID      uint32    `json:"uid"`
	GID      uint32    `json:"gid"`
	Size     int64     `json:"size"`
	ModTime  time.Time `json:"mtime"`
	Typeflag byte      `json:"typeflag"`
}

// config gives the closed ModelPack configuration of a package.
func config(m *Manifest, card Card, files []File) ([]byte, error) {
	diffs := make([]ref.Digest, len(files))
	for i, f := range files {
		diffs[i] = f.Digest
	}
	desc := map[string]any{"createdAt": m.CreatedAt, "name": m.Name}
	optional(desc, "version", m.Version)
	optional(desc, "title", card.Title)
	optional(desc, "description", card.Description)
	optional(desc, "revision", m.Lineage.Commit)
	optional(desc, "family", m.Product)
	return Canonical(map[string]any{
		"descriptor": desc,
		"config": map[string]any{
			"architecture": m.Kind, "format": "onnx",
			"capabilities": map[string]any{"inputTypes": []string{"other"}, "outputTypes": []string{"other"}},
		},
		"modelfs": map[string]any{"type": "layers", "diffIds": diffs},
	})
}

func optional(into map[string]any, key, value string) {
	if value != "" {
		into[key] = value
	}
}

// layout gives the bytes of the image manifest; their digest is the name of the package.
func layout(m *Manifest, cfg []byte, files []File) ([]byte, error) {
	im := image{
		SchemaVersion: 2, MediaType: mediaManifest, ArtifactType: mediaArtifact,
		Config:      descriptor{MediaType: mediaConfig, Digest: ref.Sum(cfg), Size: int64(len(cfg))},
		Annotations: map[string]string{"org.opencontainers.image.title": m.Name, "org.opencontainers.image.created": m.CreatedAt.Format(time.RFC3339Nano)},
	}
	for _, f := range files {
		meta, err := Canonical(fileMeta{Name: path.Base(f.Path), Mode: 0o644, Size: f.Size, ModTime: m.CreatedAt, Typeflag: '0'})
		if err != nil {
			return nil, err
		}
		im.Layers = append(im.Layers, descriptor{MediaType: f.MediaType, Digest: f.Digest, Size: f.Size,
			Annotations: map[string]string{annotPath: f.Path, annotMeta: string(meta)}})
	}
	return Canonical(im)
}

// parseImage reads an image manifest and gives its files; it refuses paths that leave the package, and doubles.
func parseImage(data []byte) (*image, []File, error) {
	var im image
	if err := json.Unmarshal(data, &im); err != nil {
		return nil, nil, fmt.Errorf("the image manifest is not JSON: %w", err)
	}
	if im.ArtifactType != mediaArtifact {
		return nil, nil, fmt.Errorf("the image is a %q, not a model package (%s)", im.ArtifactType, mediaArtifact)
	}
	files := make([]File, 0, len(im.Layers))
	for _, l := range im.Layers {
		p := l.Annotations[annotPath]
		if !fs.ValidPath(p) || p == "." || strings.ContainsAny(p, "\\:\x00") {
			return nil, nil, fmt.Errorf("a layer has the path %q, which is not one inside the package", p)
		}
		if _, err := ref.ParseDigest(string(l.Digest)); err != nil {
			return nil, nil, fmt.Errorf("layer %s: %w", p, err)
		}
		if slices.ContainsFunc(files, func(f File) bool { return f.Path == p }) {
			return nil, nil, fmt.Errorf("the path %s is in the package twice", p)
		}
		files = append(files, File{Path: p, Digest: l.Digest, Size: l.Size, MediaType: l.MediaType})
	}
	return &im, files, nil
}
