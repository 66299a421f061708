package webhook

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/whole"
)

// keyFile is the key that encrypts secrets: secrets.key in a folder, 32 bytes in hexadecimal, mode 0600, made on first use.
type keyFile struct{ dir string }

func (k keyFile) path() string { return filepath.Join(k.dir, "secrets.key") }

// cipher reads the key. With create, a missing one is made; two processes that make it at once end with one key.
func (k keyFile) cipher(create bool) (cipher.AEAD, error) {
	text, err := os.ReadFile(k.path())
	if errors.Is(err, fs.ErrNotExist) && create {
		if err := k.create(); err != nil {
			return nil, fault.Wrap(err, "making the key for the secrets of webhooks")
		}
		text, err = os.ReadFile(k.path())
	}
	if err != nil {
		return nil, fault.Wrap(err, "reading the key for the secrets of webhooks")
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fault.New(fault.Invalid, "%s is not a key of 32 bytes in hexadecimal", k.path()).
			WithHint("restore it from a backup, or move it away and set the secrets of all webhooks anew")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (k keyFile) create() error {
	key := make([]byte, 32)
	rand.Read(key) //nolint:errcheck // never fails
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	return whole.Once(k.path(), []byte(hex.EncodeToString(key)+"\n"), 0o600)
}

func (k keyFile) sweep(before time.Time) error { return whole.Sweep(k.dir, before) }

// seal encrypts the secret of one webhook: nonce, then the encrypted text. It opens for that webhook only.
func (k keyFile) seal(id, secret string) ([]byte, error) {
	if secret == "" {
		return []byte{}, nil
	}
	aead, err := k.cipher(true)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) //nolint:errcheck // never fails
	return aead.Seal(nonce, nonce, []byte(secret), []byte(id)), nil
}

// open is the inverse of seal.
func (k keyFile) open(id string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	aead, err := k.cipher(false)
	if err != nil {
		return "", err
	}
	if len(sealed) > aead.NonceSize() {
		nonce, text := sealed[:aead.NonceSize()], sealed[aead.NonceSize():]
		if secret, err := aead.Open(nil, nonce, text, []byte(id)); err == nil {
			return string(secret), nil
		}
	}
	return "", fault.New(fault.Precondition, "the secret of the webhook was encrypted with another key than %s", k.path()).
		WithHint("copy the key file of the server that stored it, or set the secret anew")
}

// sign gives the signature of MLflow's webhooks: version, and the HMAC-SHA256 of id, time and body, in base64.
func sign(secret, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
