// Package modelpack builds, signs, verifies and opens model packages: the one artefact that is released and served.
//
// A package is an OCI image manifest in the CNCF ModelPack layout; its name is the SHA-256 of the manifest's bytes. Its
// files are the model graph, what it may be asked (the signature), rows with the answers of the original library
// (parity), the data contract, the card, a bill of materials and package.json, the own manifest. An OpenSSF model
// signature refers to it. docs/spec/package.md is the format.
//
// Nothing in a package is believed: Load checks every digest, then the signature against the trusted keys, then the
// graph; Verify also asks the engine all parity rows again. What does not agree is refused, and the file or row is named.
//
// Tables: modelpack_package (one row a digest), modelpack_file (its layers), modelpack_referrer (signatures). The rows
// are an index; the truth is in the objects, which are named by their digests.
//
//	pack, created, err := packs.Build(ctx, modelpack.BuildInput{Product: "umbrella", Name: "umbrella", ExportDir: "build/export", Actor: "daisy"})
//	verification, err := packs.Verify(ctx, pack.Digest)
package modelpack
