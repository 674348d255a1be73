package signing

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/matrix-org/gomatrixserverlib"
	"github.com/matrix-org/gomatrixserverlib/spec"

	"github.com/chappe-im/chappe/internal/files"
)

// A Key is what this server signs with. Other servers know it by its ID,
// and remember it: it must outlive the process.
type Key struct {
	ID      gomatrixserverlib.KeyID
	Private ed25519.PrivateKey
}

// String gives the ID alone, so that the key itself gets into no log.
func (k Key) String() string { return string(k.ID) }

// Sign gives the signature of a message in unpadded base64.
func (k Key) Sign(message []byte) string {
	return spec.Base64Bytes(ed25519.Sign(k.Private, message)).Encode()
}

// Public gives the half that others check signatures with.
func (k Key) Public() ed25519.PublicKey {
	return k.Private.Public().(ed25519.PublicKey)
}

// Algorithm begins the ID of every key there is.
//
// https://spec.matrix.org/v1.15/appendices/#signing-details
const Algorithm = "ed25519"

var keyVersion = regexp.MustCompile(`^[a-zA-Z0-9_]+$`)

// LoadOrCreate reads the signing key from a file, or makes one and the file,
// readable by its owner only, if there is none. The format is that of Synapse, so
// that a key may come from there: one line with the algorithm, the version and the
// seed in unpadded base64.
func LoadOrCreate(path string) (Key, error) {
	key, err := Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return createKey(path)
	}
	return key, err
}

// Load reads the signing key from a file. It fails with fs.ErrNotExist if there is
// none.
func Load(path string) (Key, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Key{}, fmt.Errorf("read the signing key: %w", err)
	}
	key, err := parseKey(string(content))
	if err != nil {
		return Key{}, fmt.Errorf("signing key in %s: %w", path, err)
	}
	return key, nil
}

func createKey(path string) (Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return Key{}, fmt.Errorf("make a signing key: %w", err)
	}
	version := "a_" + rand.Text()[:8]
	line := fmt.Sprintf("%s %s %s\n", Algorithm, version, spec.Base64Bytes(private.Seed()).Encode())
	if err := files.Write(path, []byte(line), 0o600); err != nil {
		return Key{}, fmt.Errorf("write the signing key: %w", err)
	}
	return newKey(version, private), nil
}

func newKey(version string, private ed25519.PrivateKey) Key {
	return Key{ID: gomatrixserverlib.KeyID(Algorithm + ":" + version), Private: private}
}

// parseKey reads the file's content. Its errors do not repeat any of it.
func parseKey(content string) (Key, error) {
	words := strings.Fields(content)
	if len(words) != 3 {
		return Key{}, errors.New("the file does not hold exactly one key: Algorithm, version, seed")
	}
	if words[0] != Algorithm {
		return Key{}, errors.New("the Algorithm is not " + Algorithm)
	}
	if !keyVersion.MatchString(words[1]) {
		return Key{}, errors.New("the version has other characters than a-z, A-Z, 0-9 and _")
	}
	seed, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(words[2], "="))
	if err != nil || len(seed) != ed25519.SeedSize {
		return Key{}, fmt.Errorf("the seed is not %d bytes in base64", ed25519.SeedSize)
	}
	return newKey(words[1], ed25519.NewKeyFromSeed(seed)), nil
}
