package modelpack

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/whole"
)

// Keys is a folder of keys: signing.pem, the own private key (P-256, PKCS #8, mode 0600, made on first use); signing.pub.pem
// beside it to give away; and trusted/*.pem, public keys of others whose packages are accepted too.
type Keys struct{ dir string }

// OpenKeys names the key folder; nothing is made before a key is needed.
func OpenKeys(dir string) *Keys { return &Keys{dir: dir} }

const privateName, publicName, trustedName = "signing.pem", "signing.pub.pem", "trusted"

// signer gives the private key and makes one when there is none. Several processes may do so at once: one wins.
func (k *Keys) signer() (*ecdsa.PrivateKey, error) {
	path := filepath.Join(k.dir, privateName)
	key, err := readPrivate(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return nil, fault.Wrap(err, "making the folder of the signing key")
	}
	if err := whole.Once(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		return nil, fault.Wrap(err, "making the signing key")
	}
	return readPrivate(path) // the winner's
}

// sweep removes what killed processes left in the folder before the given instant.
func (k *Keys) sweep(before time.Time) error { return whole.Sweep(k.dir, before) }

func readPrivate(path string) (*ecdsa.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Denied, "%s can be read by others (mode %#o)", path, info.Mode().Perm()).WithHint("chmod 600 %s", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fault.New(fault.Invalid, "%s holds no PEM key", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%s: %w", path, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fault.New(fault.Invalid, "%s is not an ECDSA key", path)
	}
	return key, nil
}

// PublicPEM gives the own public key to give away, as PEM text, and keeps it beside the private one.
func (k *Keys) PublicPEM() ([]byte, error) {
	key, err := k.signer()
	if err != nil {
		return nil, err
	}
	text, err := publicPEM(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(k.dir, publicName)
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return text, nil
	}
	return text, fault.Wrap(whole.Replace(path, text, 0o644), "keeping the public key beside the signing key")
}

func publicPEM(key *ecdsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// hint names a public key inside a bundle: SHA-256 of its PEM text with the final newline.
func hint(pemText []byte) string {
	s := sha256.Sum256(pemText)
	return hex.EncodeToString(s[:])
}

// trusted gives the keys whose signatures are accepted, by hint: the own one, if it exists, and those of the folder trusted.
func (k *Keys) trusted() (map[string]*ecdsa.PublicKey, error) {
	out := map[string]*ecdsa.PublicKey{}
	own, err := readPrivate(filepath.Join(k.dir, privateName))
	if err == nil {
		text, err := publicPEM(&own.PublicKey)
		if err != nil {
			return nil, err
		}
		out[hint(text)] = &own.PublicKey
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(k.dir, trustedName, "*.pem"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(data)
		if block == nil {
			return nil, fault.New(fault.Invalid, "%s holds no PEM key", path)
		}
		parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s: %w", path, err)
		}
		key, ok := parsed.(*ecdsa.PublicKey)
		if !ok {
			return nil, fault.New(fault.Invalid, "%s is not an ECDSA key", path)
		}
		text, err := publicPEM(key)
		if err != nil {
			return nil, err
		}
		out[hint(text)] = key
	}
	return out, nil
}
