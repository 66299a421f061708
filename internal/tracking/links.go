package tracking

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paraplu/paraplu/internal/fault"
	"github.com/paraplu/paraplu/internal/whole"
)

// Links signs addresses that are good without a log-in, for one thing and for some time. Their signature is HMAC-SHA256
// under a random key, which is made on first use and kept in a file (mode 0600): links stay good when a server starts again,
// and are the same for all servers of a workspace. It is safe for concurrent use.
type Links struct {
	dir   string
	clock func() time.Time
	mu    sync.Mutex
	key   []byte
}

// OpenLinks names the key folder; nothing is made before a key is needed.
func OpenLinks(dir string, clock func() time.Time) *Links { return &Links{dir: dir, clock: clock} }

// Sign gives the signature of what is granted until an instant (Unix seconds).
func (l *Links) Sign(expires int64, grant ...string) (string, error) {
	key, err := l.secret()
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(mac(key, expires, grant)), nil
}

// Check refuses (fault.Denied) a signature that is not that of the grant, or is good no more.
func (l *Links) Check(signature, expires string, grant ...string) error {
	until, err := strconv.ParseInt(expires, 10, 64)
	given, errHex := hex.DecodeString(signature)
	if err != nil || errHex != nil {
		return fault.New(fault.Denied, "The link is not valid.")
	}
	key, err := l.secret()
	if err != nil {
		return err
	}
	if !hmac.Equal(given, mac(key, until, grant)) {
		return fault.New(fault.Denied, "The link is not valid.")
	}
	if l.clock().Unix() >= until {
		return fault.New(fault.Denied, "The link has expired; ask for a new one.")
	}
	return nil
}

// mac authenticates each element with its length, so that no two grants have the same text.
func mac(key []byte, expires int64, grant []string) []byte {
	h := hmac.New(sha256.New, key)
	fmt.Fprintf(h, "%d", expires)
	for _, g := range grant {
		fmt.Fprintf(h, ";%d:%s", len(g), g)
	}
	return h.Sum(nil)
}

const linkKey = "links.key"

// secret reads the key, or makes it. Several processes may do so at once: one wins.
func (l *Links) secret() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.key != nil {
		return l.key, nil
	}
	file := filepath.Join(l.dir, linkKey)
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		var fresh [32]byte
		rand.Read(fresh[:]) //nolint:errcheck // crypto/rand.Read never fails
		if err = os.MkdirAll(l.dir, 0o700); err == nil {
			err = whole.Once(file, []byte(hex.EncodeToString(fresh[:])+"\n"), 0o600)
		}
		if err == nil {
			text, err = os.ReadFile(file) // the winner's
		}
	}
	if err != nil {
		return nil, fault.Wrap(err, "the key of links in %s", l.dir)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != 32 {
		return nil, fault.New(fault.Internal, "%s does not hold 64 hex digits", file).WithHint("remove it; links that were given out are void then")
	}
	l.key = key
	return key, nil
}

// sweep removes what killed processes left in the folder before the given instant.
func (l *Links) sweep(before time.Time) error { return whole.Sweep(l.dir, before) }
