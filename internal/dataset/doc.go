// Package dataset keeps the versions of data: named, numbered, immutable and addressed by their content.
//
// A version is the list of its files, its manifest. The digest of the canonical manifest is the digest of the version, so
// the same bytes under the same paths are the same version on every machine. Files are objects of the blob store; the
// manifest itself is an object too. Each file is read once: hashed, counted and stored in the same pass. What was read or
// checked out is remembered by what lstat tells of it, in a file beside the objects, and not read again until that changes.
//
// Adding what is already the newest version changes nothing and says so. Everything is put as objects first; one
// transaction then writes the rows and the fact dataset.published. A process that is killed in between leaves objects
// that nothing refers to, and the same command completes.
//
//	v, created, err := room.Add(ctx, dataset.AddInput{Product: "umbrella", Name: "weather", Path: "data/weather.csv", Actor: "daisy"})
//	err = room.Checkout(ctx, v, "elsewhere/weather.csv")
//
// Tables: dataset_version, dataset_file, dataset_alias, dataset_origin.
package dataset
