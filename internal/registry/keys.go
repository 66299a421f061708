package registry

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/ref"
	"github.com/paraplu/paraplu/internal/whole"
)

// keyring is a folder with one Ed25519 key a member: <member>.pem, PKCS #8, mode 0600.
type keyring struct{ dir string }

// key reads a member's key, or makes it on first use. Two processes that make it at once end with one key.
func (k keyring) key(member string) (ed25519.PrivateKey, error) {
	if err := ref.CheckName(member); err != nil {
		return nil, fault.New(fault.Invalid, "member: %w", err)
	}
	file := filepath.Join(k.dir, member+".pem")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if err := k.create(file); err != nil {
			return nil, fault.Wrap(err, "making the signing key of %s in %s", member, k.dir)
		}
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fault.Wrap(err, "reading the signing key of %s", member)
	}
	return parseKey(file, text)
}

func parseKey(file string, text []byte) (ed25519.PrivateKey, error) {
	if block, _ := pem.Decode(text); block != nil {
		if any, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := any.(ed25519.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, fault.New(fault.Invalid, "%s is not an Ed25519 key in PEM form (PKCS #8)", file).
		WithHint("restore it from a backup, or move it away to sign with a new key from now on")
}

// create makes a new key; of two writers at once the first wins.
func (k keyring) create(file string) error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	return whole.Once(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

// sweep removes what killed processes left in the folder before the given instant.
func (k keyring) sweep(before time.Time) error { return whole.Sweep(k.dir, before) }
