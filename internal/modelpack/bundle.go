package modelpack

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/paraplu/paraplu/internal/ref"
)

// OpenSSF Model Signing 1.0 (github.com/sigstore/model-transparency): one Sigstore bundle with a DSSE envelope over an
// in-toto statement that lists every file of the model directory. Standard library only; key mode needs no network.
const (
	signaturePath = "model.sig"
	typeStatement = "https://in-toto.io/Statement/v1"
	typePayload   = "application/vnd.in-toto+json"
	typePredicate = "https://model_signing/signature/v1.0"
	signedMethod  = "files"
	signedHash    = "sha256"
)

type bundle struct {
	MediaType    string       `json:"mediaType"`
	Verification verification `json:"verificationMaterial"`
	Envelope     envelope     `json:"dsseEnvelope"`
}

type verification struct {
	PublicKey *struct {
		Hint string `json:"hint"`
	} `json:"publicKey,omitempty"`
	TlogEntries []json.RawMessage `json:"tlogEntries"`
}

type envelope struct {
	Payload     []byte      `json:"payload"` // base64 in JSON
	PayloadType string      `json:"payloadType"`
	Signatures  []dsseEntry `json:"signatures"`
}

type dsseEntry struct {
	Sig   []byte `json:"sig"` // ASN.1
	KeyID string `json:"keyid"`
}

type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     predicate `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	Serialization serialization `json:"serialization"`
	Resources     []resource    `json:"resources"`
	Package       string        `json:"paraplu.package,omitempty"` // own field: the digest of the image manifest
}

type serialization struct {
	Method   string   `json:"method"`
	HashType string   `json:"hash_type"`
	Symlinks bool     `json:"allow_symlinks"`
	Ignore   []string `json:"ignore_paths"`
}

type resource struct {
	Name      string `json:"name"`
	Algorithm string `json:"algorithm"`
	Digest    string `json:"digest"` // hex
}

// sign makes the bundle of a package. The signature is deterministic (RFC 6979), so signing again gives equal bytes.
func sign(key *ecdsa.PrivateKey, name string, pack ref.Digest, files []File) ([]byte, error) {
	sorted := slices.Clone(files)
	slices.SortFunc(sorted, func(a, b File) int {
		return slices.Compare(strings.Split(a.Path, "/"), strings.Split(b.Path, "/"))
	})
	st := statement{Type: typeStatement, PredicateType: typePredicate, Predicate: predicate{
		Serialization: serialization{Method: signedMethod, HashType: signedHash,
			Ignore: []string{signaturePath, ".git", ".gitattributes", ".github", ".gitignore"}},
		Package: string(pack),
	}}
	for _, f := range sorted {
		st.Predicate.Resources = append(st.Predicate.Resources, resource{Name: f.Path, Algorithm: signedHash, Digest: f.Digest.Hex()})
	}
	root, err := rootDigest(st.Predicate.Resources)
	if err != nil {
		return nil, err
	}
	st.Subject = []subject{{Name: name, Digest: map[string]string{"sha256": root}}}
	payload, err := Canonical(st)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(pae(payload))
	sig, err := key.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	pub, err := publicPEM(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	b := bundle{MediaType: mediaBundle, Envelope: envelope{Payload: payload, PayloadType: typePayload, Signatures: []dsseEntry{{Sig: sig}}}}
	b.Verification.TlogEntries = []json.RawMessage{}
	b.Verification.PublicKey = &struct {
		Hint string `json:"hint"`
	}{hint(pub)}
	return Canonical(b)
}

// pae is the pre-authentication encoding of DSSE: what is signed.
func pae(payload []byte) []byte {
	return fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(typePayload), typePayload, len(payload), payload)
}

// rootDigest hashes the raw digests in listed order.
func rootDigest(rs []resource) (string, error) {
	h := sha256.New()
	for _, r := range rs {
		raw, err := hex.DecodeString(r.Digest)
		if err != nil || len(raw) != sha256.Size || r.Algorithm != signedHash {
			return "", fmt.Errorf("the signature lists %s with %s %q, not with a sha256", r.Name, r.Algorithm, r.Digest)
		}
		h.Write(raw)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkBundle verifies a bundle over the files of a package and gives the hint of the key that signed.
func checkBundle(data []byte, trusted map[string]*ecdsa.PublicKey, pack ref.Digest, files []File) (string, error) {
	var b bundle
	if err := json.Unmarshal(data, &b); err != nil {
		return "", fmt.Errorf("not a Sigstore bundle: %w", err)
	}
	if b.MediaType != mediaBundle || b.Envelope.PayloadType != typePayload || len(b.Envelope.Signatures) != 1 {
		return "", fmt.Errorf("not a bundle %s with one signature over %s", mediaBundle, typePayload)
	}
	who, err := verifySignature(&b, trusted)
	if err != nil {
		return "", err
	}
	var st statement
	if err := json.Unmarshal(b.Envelope.Payload, &st); err != nil {
		return "", fmt.Errorf("the signed statement is not JSON: %w", err)
	}
	return who, st.check(pack, files)
}

func verifySignature(b *bundle, trusted map[string]*ecdsa.PublicKey) (string, error) {
	message, sig := pae(b.Envelope.Payload), b.Envelope.Signatures[0].Sig
	if pk := b.Verification.PublicKey; pk != nil && pk.Hint != "" {
		key, ok := trusted[pk.Hint]
		if !ok {
			return "", fmt.Errorf("signed by the key %.12s…, which is not trusted here", pk.Hint)
		}
		trusted = map[string]*ecdsa.PublicKey{pk.Hint: key}
	}
	for who, key := range trusted {
		if sum := sumFor(key.Curve, message); sum != nil && ecdsa.VerifyASN1(key, sum, sig) {
			return who, nil
		}
	}
	return "", fmt.Errorf("the signature does not match any trusted key")
}

func sumFor(curve elliptic.Curve, message []byte) []byte {
	switch curve {
	case elliptic.P256():
		s := sha256.Sum256(message)
		return s[:]
	case elliptic.P384():
		s := sha512.Sum384(message)
		return s[:]
	case elliptic.P521():
		s := sha512.Sum512(message)
		return s[:]
	}
	return nil
}

// check compares the statement with the files in both directions.
func (st *statement) check(pack ref.Digest, files []File) error {
	if st.Type != typeStatement || st.PredicateType != typePredicate || len(st.Subject) != 1 {
		return fmt.Errorf("the signed statement is not one %s about one subject", typePredicate)
	}
	p := st.Predicate
	if p.Serialization.Method != signedMethod || p.Serialization.HashType != signedHash {
		return fmt.Errorf("signed by method %q with %q; only whole files with sha256 are read", p.Serialization.Method, p.Serialization.HashType)
	}
	root, err := rootDigest(p.Resources)
	if err != nil {
		return err
	}
	if st.Subject[0].Digest["sha256"] != root {
		return fmt.Errorf("the root digest of the signed statement is wrong")
	}
	if p.Package != "" && p.Package != string(pack) {
		return fmt.Errorf("the signature is that of the package %s", p.Package)
	}
	signed := map[string]string{}
	for _, r := range p.Resources {
		signed[r.Name] = r.Digest
	}
	for _, f := range files {
		if d, ok := signed[f.Path]; !ok {
			return fmt.Errorf("%s is not covered by the signature", f.Path)
		} else if d != f.Digest.Hex() {
			return fmt.Errorf("%s is not the file that was signed", f.Path)
		}
		delete(signed, f.Path)
	}
	for name := range signed {
		return fmt.Errorf("%s was signed and is missing", name)
	}
	return nil
}
